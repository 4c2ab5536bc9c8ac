"""Escaping of text by other authors, so that Discord shows it literally.

Discord accepts a backslash before any character except letters, digits and white space.
All functions here run in time linear in the length of the text.
"""

from __future__ import annotations

import re

_LINE_ENDS = re.compile(r"\r\n|[\r\v\f\x85\u2028\u2029]")
# Control characters and invisible marks, among them those that change the writing direction.
# Joiners stay: emoji and many scripts need them.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_SCHEME = "(?:https?|steam)"
_IN_ADDRESS = r"(?:[^\W_]|[.~:/?#!$&+,;=%-]|_(?=[A-Za-z0-9]))"
_SPECIAL = re.compile(
    # A web address, which stays unchanged if only harmless characters, such as ")." at the end
    # of a sentence, follow up to the next space; an underscore is not harmless.
    rf"(?P<address>{_SCHEME}://[^\W_]"
    rf"(?:{_IN_ADDRESS}|@(?!everyone|here)|\({_IN_ADDRESS}*+\))*+)"
    r"(?:(?P<harmless>[^\s<>*_`~|\\@\[\]]{0,50}+(?!\S))|(?P<underscore>(?=_)))?"
    rf"|(?P<scheme>{_SCHEME}(?=://\S))"
    r"|(?P<ping>@(?=everyone|here|[!&]?\d))"  # Discord pings in spite of a backslash
    r"|(?P<link>\](?=\())"
    r"|[\\*`<]"
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # within a word it is no markup
    r"|~(?=~)|(?<=~)~|\|(?=\|)|(?<=\|)\|"
)
_LINE_START = re.compile(r"^([^\S\n]*)(?:([#>]|[-+](?=[\s#]|$))|(\d+)([.)])(?=\s|$))", re.MULTILINE)


def plain(text: str) -> str:
    """Return `text` escaped so that Discord shows it literally, with its line breaks.

    No formatting, link text, heading, quote, list or code block starts in the result, it
    mentions nobody, and the writing direction does not change. Text without special
    characters is returned unchanged. Messages still need ``AllowedMentions.none()``.
    """
    return _escape(_visible(text))


def one_line(text: str, limit: int) -> str:
    """Return `text` escaped as by :func:`plain`, on one line, truncated with an ellipsis.

    Parameters
    ----------
    limit
        The greatest length of the result, escapes included; 1 or more.
    """
    lines = (line.strip() for line in _visible(text).split("\n"))
    line = " ".join(line for line in lines if line)
    if len(line) <= limit and len(escaped := _escape(line)) <= limit:
        return escaped
    kept = line[: limit - 1]
    while len(escaped := _escape(f"{kept.rstrip()}…")) > limit:
        kept = kept[: -max(1, (len(escaped) - limit) // 2)]
    return escaped


def argument(name: str) -> str:
    """Return a name escaped as an argument of a prefix command, in quotes if it has a space."""
    return plain(f'"{name}"' if " " in name else name)


def _visible(text: str) -> str:
    """Return `text` without invisible characters, and with newlines as its only line ends."""
    text = _INVISIBLE.sub("", _LINE_ENDS.sub("\n", text))
    return _SURROGATE.sub("\ufffd", text)


def _escape(text: str) -> str:
    return _LINE_START.sub(_escape_line_start, _SPECIAL.sub(_escape_special, text))


def _escape_special(match: re.Match[str]) -> str:
    text = match[0]
    if match["underscore"] is not None:  # it could close markup opened before: make it no link
        return text.replace("://", r"\://").replace("~", r"\~")
    if match["address"]:  # Discord extends an address to the next space, backslashes included
        return text if match["harmless"] is not None else f"<{text}>"
    if match["ping"]:
        return f"{text}\u200b"
    return f"{text}\\" if match["link"] or match["scheme"] else f"\\{text}"


def _escape_line_start(match: re.Match[str]) -> str:
    space, sign, number, dot = match.groups()
    return f"{space}\\{sign}" if sign else f"{space}{number}\\{dot}"
