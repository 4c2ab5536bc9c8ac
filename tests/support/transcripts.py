"""HTML transcripts of sessions that are in no database, and a parser that checks them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from support.conversations import session
from support.recordings import NOW, UTC_ZONE

from recorder.formats.exported_session import ExportedSession
from recorder.formats.html.page import render
from recorder.models import Gap, Interval, Message, RecordedMessage, Session, Tag
from recorder.store.reading import Reader

VOID = {"meta", "input", "img", "br"}


class Balanced(HTMLParser):
    """A parser that requires each element to be closed in its order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag

    def feed_all(self, page: str) -> None:
        self.feed(page)
        self.close()
        assert not self.open


def recorded(*messages: Message) -> list[RecordedMessage]:
    return [RecordedMessage(index, message) for index, message in enumerate(messages, 1)]


def exported(
    messages: Iterable[RecordedMessage],
    *,
    title: str = "plans",
    tags: Sequence[Tag] = (),
    intervals: Sequence[Interval] = (),
    gaps: Sequence[Gap] = (),
    kept_files: Mapping[str, str] | None = None,
    folder: Path = Path("nowhere"),
    by_id: Mapping[int, RecordedMessage] | None = None,
    timezone: ZoneInfo = UTC_ZONE,
) -> ExportedSession:
    """Return a session that is in no database."""

    class Recorded(Reader):
        def messages(self, *_: object, **__: object) -> Iterator[RecordedMessage]:
            return iter(messages)

        def message(
            self, session_id: str, message_id: int, as_of: datetime | None = None
        ) -> RecordedMessage | None:
            return (by_id or {}).get(message_id)

        def tags(self, session: Session) -> list[Tag]:
            return list(tags)

        def intervals(self, session: Session) -> list[Interval]:
            return list(intervals)

        def gaps(self, session: Session) -> list[Gap]:
            return list(gaps)

        def kept_files(self, session: Session) -> dict[str, str]:
            return dict(kept_files or {})

    return ExportedSession(session(100_000, title), Recorded(folder), timezone, NOW)


def page(messages: Iterable[RecordedMessage], **further: Any) -> str:
    return "".join(render(exported(messages, **further)))
