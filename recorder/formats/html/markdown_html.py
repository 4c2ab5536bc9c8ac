"""Discord's Markdown as HTML: every text is escaped, every link is http(s)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from recorder.formats.html.markdown_nodes import (
    Code,
    CodeBlock,
    Command,
    Emoji,
    Heading,
    Link,
    List,
    Mention,
    Node,
    Nodes,
    Quote,
    Styled,
    Timestamp,
)
from recorder.formats.html.markdown_parser import parse
from recorder.formatting import clock, local_time

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BLOCK = re.compile(r"</?(?:h\d|li|ul|ol|pre|blockquote|small)\b[^>]*>")
_WEB = re.compile(r"https?://[^\s/]", re.IGNORECASE)
_TAGS = {"bold": "b", "italic": "i", "underline": "u", "strike": "s"}
_UNKNOWN = {"@&": "@unknown-role", "@": "@unknown-user", "#": "#unknown-channel"}
_MONTHS = (
    "January February March April May June July August September October November December"
).split()
_WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()


def markdown(text: str, timezone: ZoneInfo, names: Mapping[str, object] | None = None) -> Markup:
    """Return a text in Discord's Markdown as HTML.

    Parameters
    ----------
    timezone
        For the timestamps in it.
    names
        The displayed names of mentions by their raw token, such as ``<@42>``.
    """
    return Markup(_Writer(timezone, names or {}).nodes(parse(text)))


def excerpt(text: str, timezone: ZoneInfo) -> str:
    """Return a text in Discord's Markdown on one line, without styles."""
    return Markup(_BLOCK.sub(" ", markdown(text, timezone))).striptags()


def web_url(url: object) -> str | None:
    """Return `url` if it is one of http or https, else ``None``."""
    return url if isinstance(url, str) and _WEB.match(url) else None


def day(time: datetime) -> str:
    """Return ``Saturday, November 8, 2025``, whatever the system's language."""
    return f"{_WEEKDAYS[time.weekday()]}, {_date(time)}"


def link(url: str, inner: Markup, **attributes: str) -> Markup:
    """Return a link that sends its target no referrer."""
    further = Markup("").join(
        Markup(' {}="{}"').format(key, value) for key, value in attributes.items()
    )
    opening = Markup('<a href="{}" target="_blank" rel="noopener noreferrer"{}>')
    return opening.format(url, further) + inner + Markup("</a>")


def _date(time: datetime) -> str:
    return f"{_MONTHS[time.month - 1]} {time.day}, {time.year}"


class _Writer:
    """A writer of nodes as HTML; all texts go through :func:`escape`."""

    def __init__(self, timezone: ZoneInfo, names: Mapping[str, object]) -> None:
        self._timezone = timezone
        self._names = names

    def nodes(self, nodes: Nodes) -> str:
        return "".join(
            [escape(node) if isinstance(node, str) else self._node(node) for node in nodes]
        )

    def _node(self, node: Node) -> str:  # noqa: PLR0911 (a case for each kind of node)
        match node:
            case str():
                return escape(node)
            case Styled("spoiler", children):
                return f'<span class="spoiler" tabindex="0">{self.nodes(children)}</span>'
            case Styled(style, children):
                tag = _TAGS[style]
                return f"<{tag}>{self.nodes(children)}</{tag}>"
            case Code(text):
                return f"<code>{escape(text)}</code>"
            case CodeBlock(text, language):
                label = f' data-language="{escape(language)}"' if language else ""
                return f"<pre{label}><code>{escape(text)}</code></pre>"
            case Link(url, children):
                shown = self.nodes(children)
                if not web_url(url):
                    return shown
                masked = {} if children == (url,) else {"title": url}
                return link(url, Markup(shown), **masked)
            case Heading(0, children):
                return f"<small>{self.nodes(children)}</small>"
            case Heading(level, children):
                # Below the page's own h1 and the days' h2.
                return f"<h{level + 2}>{self.nodes(children)}</h{level + 2}>"
            case Quote(children):
                return f"<blockquote>{self.nodes(children)}</blockquote>"
            case List(start, items):
                tag = "ul" if start is None else "ol"
                begin = "" if start in (None, 1) else f' start="{start}"'
                inner = "".join(f"<li>{self.nodes(item)}</li>" for item in items)
                return f"<{tag}{begin}>{inner}</{tag}>"
            case _:
                return self._leaf(node)

    def _leaf(self, node: Mention | Emoji | Command | Timestamp) -> str:
        match node:
            case Mention(token):
                name = str(self._names.get(token) or _unknown(token))
                return f'<span class="mention" title="{escape(token)}">{escape(name)}</span>'
            case Emoji(name):
                return f'<span class="emoji">:{escape(name)}:</span>'
            case Command(name):
                return f'<span class="mention">{escape(name)}</span>'
            case Timestamp(seconds, style):
                return self._timestamp(seconds, style)

    def _timestamp(self, seconds: int, style: str) -> str:
        try:
            time = local_time(_EPOCH + timedelta(seconds=seconds), self._timezone)
        except OverflowError:
            return "Invalid date"
        hour = clock(time, self._timezone)
        full = f"{day(time)} {hour}"
        shown = {
            "t": hour,
            "T": f"{hour[:-3]}:{time.second:02}{hour[-3:]}",
            "d": f"{time.date()}",
            "D": _date(time),
            "F": full,
        }.get(style, f"{_date(time)} {hour}")
        relative = " data-relative" if style == "R" else ""
        when = time.isoformat(timespec="seconds")
        return f'<time datetime="{when}" title="{full}"{relative}>{shown}</time>'


def _unknown(token: str) -> str:
    if token[0] == "@":  # everyone, here
        return token
    return next(shown for sign, shown in _UNKNOWN.items() if token.startswith(f"<{sign}"))
