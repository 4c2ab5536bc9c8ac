"""Text of others inside a Discord message: shown as it is, and nothing more than shown.

Discord takes a backslash before any sign that is neither a letter, a digit nor white space.
Everything here takes time in proportion to the length of the text.
"""

from __future__ import annotations

import re

_LINE_ENDS = re.compile(r"\r\n|[\r\v\f\x85\u2028\u2029]")
# Controls and marks that nobody sees, among them those that turn the direction of writing.
# Joiners stay: emoji and many scripts need them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_SCHEME = "(?:https?|steam)"
_IN_ADDRESS = r"(?:[^\W_]|[.~:/?#!$&+,;=%-]|_(?=[A-Za-z0-9]))"
_SPECIAL = re.compile(
    # A web address, and what tells whether it can stay: only harmless signs, such as ")."
    # at the end of a sentence, up to the next space; or an underscore, which is no harmless one.
    rf"(?P<address>{_SCHEME}://[^\W_]"
    rf"(?:{_IN_ADDRESS}|@(?!everyone|here)|\({_IN_ADDRESS}*+\))*+)"
    r"(?:(?P<harmless>[^\s<>*_`~|\\@\[\]]{0,50}+(?!\S))|(?P<underscore>(?=_)))?"
    rf"|(?P<scheme>{_SCHEME}(?=://\S))"
    r"|(?P<ping>@(?=everyone|here|[!&]?\d))"  # Discord pings in spite of a backslash
    r"|(?P<link>\](?=\())"
    r"|[\\*`<]"
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # within a word it can end nothing
    r"|~(?=~)|(?<=~)~|\|(?=\|)|(?<=\|)\|"
)
_LINE_START = re.compile(r"^([^\S\n]*)(?:([#>]|[-+](?=[\s#]|$))|(\d+)([.)])(?=\s|$))", re.MULTILINE)


def plain(text: str) -> str:
    """`text` so that Discord shows it as it is, on as many lines as it has.

    No formatting, link text, heading, quote, list or code block begins in it, nobody is
    mentioned, and the direction of writing stays. What has nothing special comes back
    unchanged. ``AllowedMentions.none()`` is still what keeps a message from pinging.
    """
    return _escaped(_seen(text))


def one_line(text: str, limit: int) -> str:
    """`text` on one line as :func:`plain` gives it, cut with an ellipsis.

    Parameters
    ----------
    limit
        How many characters the result may have at most, escapes included; 1 or more.
    """
    lines = (line.strip() for line in _seen(text).split("\n"))
    line = " ".join(line for line in lines if line)
    if len(line) <= limit and len(shown := _escaped(line)) <= limit:
        return shown
    kept = line[: limit - 1]
    while len(shown := _escaped(f"{kept.rstrip()}…")) > limit:
        kept = kept[: -max(1, (len(shown) - limit) // 2)]
    return shown


def _seen(text: str) -> str:
    """`text` without what nobody sees, and with newlines as its only line ends."""
    text = _UNSEEN.sub("", _LINE_ENDS.sub("\n", text))
    return _SURROGATE.sub("\ufffd", text)


def _escaped(text: str) -> str:
    return _LINE_START.sub(_line_start, _SPECIAL.sub(_special, text))


def _special(match: re.Match[str]) -> str:
    found = match[0]
    if match["underscore"] is not None:  # it could end what some word began: no link, then
        return found.replace("://", r"\://").replace("~", r"\~")
    if match["address"]:  # Discord takes all up to a space for the address, backslashes too
        return found if match["harmless"] is not None else f"<{found}>"
    if match["ping"]:
        return f"{found}\u200b"
    return f"{found}\\" if match["link"] or match["scheme"] else f"\\{found}"


def _line_start(match: re.Match[str]) -> str:
    space, sign, number, dot = match.groups()
    return f"{space}\\{sign}" if sign else f"{space}{number}\\{dot}"
