"""The content of a message for the page: its text, files, embeds, polls and the like.

The messages of a session may come from an untrusted file: the type of each value is checked
before it is used as text, number or link.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from markupsafe import Markup

from recorder.formats.html.kept_files import KeptFiles
from recorder.formats.html.markdown_html import markdown, web_url
from recorder.formatting import date_and_clock, size
from recorder.models import Json, Message, further_text
from recorder.record.json_values import parse_time


@dataclass(frozen=True, slots=True)
class File:
    """An attached file, or an image of an embed.

    Parameters
    ----------
    address
        The address as recorded.
    url
        The address, if it can be a link.
    image
        The image itself as a ``data:`` URI.
    kept
        The link to the kept copy.
    """

    name: str
    address: str = ""
    url: str | None = None
    image: str | None = None
    kept: str | None = None
    size: str | None = None
    description: str | None = None
    is_spoiler: bool = False


@dataclass(frozen=True, slots=True)
class NamedLink:
    """A name with a link, if there is one."""

    name: str
    url: str | None


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an embed."""

    name: Markup
    value: Markup
    inline: bool


@dataclass(frozen=True, slots=True)
class Embed:
    """A box below a message."""

    colour: str | None = None
    provider: str | None = None
    author: NamedLink | None = None
    title: Markup | None = None
    url: str | None = None
    description: Markup | None = None
    fields: tuple[Field, ...] = ()
    files: tuple[File, ...] = ()
    footer: str | None = None


@dataclass(frozen=True, slots=True)
class Poll:
    """A question with its answers."""

    question: str
    answers: tuple[str, ...]
    expires: str | None


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a message."""

    text: Markup
    forwarded: Content | None = None
    files: tuple[File, ...] = ()
    embeds: tuple[Embed, ...] = ()
    components: tuple[Markup, ...] = ()
    stickers: tuple[NamedLink, ...] = ()
    poll: Poll | None = None


class ContentBuilder:
    """A builder of :class:`Content` from recorded messages."""

    def __init__(self, timezone: ZoneInfo, kept: KeptFiles) -> None:
        self._timezone = timezone
        self._kept = kept

    def build(self, message: Message) -> Content:
        """Return the content of `message`."""
        extra = message.extra
        if not extra and not message.attachments:
            return Content(markdown(message.content, self._timezone))
        names = _object(extra.get("mentions"))
        return self._content(message.content, message.attachments, extra, names)

    def _content(
        self,
        text: str,
        urls: Sequence[str],
        extra: Mapping[str, Json],
        names: Mapping[str, Json],
    ) -> Content:
        forwarded = _object(extra.get("forwarded"))
        poll = _object(extra.get("poll"))
        stickers = _objects(extra.get("stickers"))
        components = _objects(extra.get("components"))
        return Content(
            text=markdown(text, self._timezone, names),
            forwarded=self._forwarded(forwarded, names) if forwarded else None,
            files=self._files(urls, _objects(extra.get("files"))),
            embeds=tuple(self._embed(embed, names) for embed in _objects(extra.get("embeds"))),
            components=tuple(
                markdown(_text(component, "content"), self._timezone, names)
                for component in components
            ),
            stickers=tuple(
                NamedLink(_text(sticker, "name"), web_url(sticker.get("url")))
                for sticker in stickers
            ),
            poll=self._poll(poll) if poll else None,
        )

    def _forwarded(self, forwarded: Mapping[str, Json], names: Mapping[str, Json]) -> Content:
        urls = [url for url in _list(forwarded.get("attachments")) if isinstance(url, str)]
        # A forwarded message has no forwarded message itself.
        shown = {key: value for key, value in forwarded.items() if key != "forwarded"}
        return self._content(_text(forwarded, "content"), urls, shown, names)

    def _files(self, urls: Sequence[str], files: Sequence[Mapping[str, Json]]) -> tuple[File, ...]:
        attached = []
        for url, file in zip_longest(urls, files):
            name = _text(file or {}, "name") or _file_name(url or "")
            bytes = (file or {}).get("size")
            attached.append(
                File(
                    name=name,
                    address=url or "",
                    url=web_url(url),
                    image=self._kept.image(url) if url else None,
                    kept=self._kept.link(url) if url else None,
                    size=size(bytes) if isinstance(bytes, int) and bytes >= 0 else None,
                    description=_text(file or {}, "description") or None,
                    is_spoiler=name.startswith("SPOILER_"),
                )
            )
        return tuple(attached)

    def _embed(self, embed: Mapping[str, Json], names: Mapping[str, Json]) -> Embed:
        if embed.get("type") == "poll_result":  # its fields are for programs
            shown = "\n".join(further_text({"embeds": [dict(embed)]}))
            return Embed(description=Markup.escape(shown))
        colour = embed.get("color")
        author = _object(embed.get("author"))
        images = [_text(_object(embed.get(key)), "url") for key in ("image", "thumbnail", "video")]
        footer = _text(_object(embed.get("footer")), "text")
        return Embed(
            colour=f"#{colour:06x}"
            if isinstance(colour, int) and 0 <= colour <= 0xFFFFFF
            else None,
            provider=_text(_object(embed.get("provider")), "name") or None,
            author=NamedLink(_text(author, "name"), web_url(author.get("url"))) if author else None,
            title=self._marked(embed, "title", names),
            url=web_url(embed.get("url")),
            description=self._marked(embed, "description", names),
            fields=tuple(
                Field(
                    self._marked(field, "name", names) or Markup(),
                    self._marked(field, "value", names) or Markup(),
                    field.get("inline") is True,
                )
                for field in _objects(embed.get("fields"))
            ),
            files=self._files([url for url in images if url], ()),
            footer=" • ".join(filter(None, (footer, self._time(embed.get("timestamp"))))) or None,
        )

    def _poll(self, poll: Mapping[str, Json]) -> Poll:
        answers = tuple(str(answer) for answer in _list(poll.get("answers")) if answer)
        return Poll(_text(poll, "question"), answers, self._time(poll.get("expires")))

    def _marked(
        self, data: Mapping[str, Json], key: str, names: Mapping[str, Json]
    ) -> Markup | None:
        text = _text(data, key)
        return markdown(text, self._timezone, names) if text else None

    def _time(self, value: Json) -> str | None:
        try:
            return date_and_clock(parse_time(value), self._timezone) if value else None  # type: ignore[arg-type]
        except (ValueError, TypeError):
            return None


def _text(data: Mapping[str, Json], key: str) -> str:
    value = data.get(key)
    return value if isinstance(value, str) else ""


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _object(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def _objects(value: Json) -> list[dict[str, Json]]:
    return [item for item in _list(value) if isinstance(item, dict)]


def _file_name(url: str) -> str:
    try:
        path = urlsplit(url).path
    except ValueError:
        path = url
    return unquote(path.rpartition("/")[2]) or "file"
