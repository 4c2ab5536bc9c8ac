"""What a message shows, ready for the page: text, embeds, files, polls and the like.

Whatever a recording holds may come from a stranger's file: each value is looked at before it
is taken for a text, a number or a link.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit
from zoneinfo import ZoneInfo

from markupsafe import Markup

from recorder.errors import DataFolderError
from recorder.formats.html.markup import markdown, web_url
from recorder.formatting import date_and_clock, size
from recorder.models import Json, Message, further_text
from recorder.record.jsonl import parse_time
from recorder.store.folder import open_to_read, path_inside

LARGEST_IMAGE = 1024 * 1024
"""Bytes of a kept image that is put into the page."""
LARGEST_IMAGES = 8 * LARGEST_IMAGE
"""Bytes of all of them together."""

_IMAGES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}


@dataclass(frozen=True, slots=True)
class File:
    """An attached file, or a picture of an embed.

    Parameters
    ----------
    url
        Where it lies, if that can be a link.
    address
        Where it lies, as it was recorded.
    image
        The picture itself, as a ``data:`` URI.
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
class Named:
    """A text and where it leads, if anywhere."""

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
    author: Named | None = None
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
    """What a message shows."""

    text: Markup
    forwarded: Content | None = None
    files: tuple[File, ...] = ()
    embeds: tuple[Embed, ...] = ()
    components: tuple[Markup, ...] = ()
    stickers: tuple[Named, ...] = ()
    poll: Poll | None = None


class KeptFiles:
    """Files that the recorder kept; small pictures go into the page while there is room.

    Parameters
    ----------
    files
        By URL without its query, the path below `folder`.
    folder
        The data folder.
    """

    def __init__(self, files: Mapping[str, Path], folder: Path) -> None:
        self._files = files
        self._folder = folder
        self._room = LARGEST_IMAGES

    def link(self, url: str) -> str | None:
        """Where the kept file lies, as seen from the folder ``exports``."""
        path = self._path(url)
        return None if path is None else quote(f"../{path.relative_to(self._folder).as_posix()}")

    def image(self, url: str) -> str | None:
        """The picture as a ``data:`` URI; ``None`` if it is none, not kept or too large."""
        path = self._path(url)
        if path is None:
            return None
        most = min(LARGEST_IMAGE, self._room)
        try:
            with open_to_read(path) as file:
                data = file.read(most + 1)
        except OSError:  # it is gone: then the link has to do
            return None
        kind = next((kind for magic, kind in _IMAGES.items() if data.startswith(magic)), None)
        if kind is None or len(data) > most:
            return None
        self._room -= len(data)
        return f"data:{kind};base64,{base64.b64encode(data).decode()}"

    def _path(self, url: str) -> Path | None:
        """Where the file lies; ``None`` as well for what the database says to lie elsewhere."""
        path = self._files.get(url.partition("?")[0])
        if path is None:
            return None
        try:
            return path_inside(self._folder, str(path), "attachments")
        except DataFolderError:
            return None


class Contents:
    """Makes what the page shows from what was recorded."""

    def __init__(self, timezone: ZoneInfo, kept: KeptFiles) -> None:
        self._timezone = timezone
        self._kept = kept

    def of(self, message: Message) -> Content:
        """What `message` shows."""
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
                Named(_text(sticker, "name"), web_url(sticker.get("url"))) for sticker in stickers
            ),
            poll=self._poll(poll) if poll else None,
        )

    def _forwarded(self, forwarded: Mapping[str, Json], names: Mapping[str, Json]) -> Content:
        urls = [url for url in _list(forwarded.get("attachments")) if isinstance(url, str)]
        # Discord forwards a message, never a forwarded one within.
        shown = {key: value for key, value in forwarded.items() if key != "forwarded"}
        return self._content(_text(forwarded, "content"), urls, shown, names)

    def _files(self, urls: Sequence[str], files: Sequence[Mapping[str, Json]]) -> tuple[File, ...]:
        found = []
        for url, file in zip_longest(urls, files):
            name = _text(file or {}, "name") or _file_name(url or "")
            bytes = (file or {}).get("size")
            found.append(
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
        return tuple(found)

    def _embed(self, embed: Mapping[str, Json], names: Mapping[str, Json]) -> Embed:
        if embed.get("type") == "poll_result":  # its fields are meant for programs
            shown = "\n".join(further_text({"embeds": [dict(embed)]}))
            return Embed(description=Markup.escape(shown))
        colour = embed.get("color")
        author = _object(embed.get("author"))
        pictures = [
            _text(_object(embed.get(key)), "url") for key in ("image", "thumbnail", "video")
        ]
        footer = _text(_object(embed.get("footer")), "text")
        return Embed(
            colour=f"#{colour:06x}"
            if isinstance(colour, int) and 0 <= colour <= 0xFFFFFF
            else None,
            provider=_text(_object(embed.get("provider")), "name") or None,
            author=Named(_text(author, "name"), web_url(author.get("url"))) if author else None,
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
            files=self._files([url for url in pictures if url], ()),
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
