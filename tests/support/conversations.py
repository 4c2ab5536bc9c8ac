"""Sessions and messages that are in no database."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from recorder.models import Gap, Interval, Message, MessageType, RecordedMessage, Session, Tag
from recorder.record import jsonl
from recorder.store.reading import Reader

START = datetime(2025, 11, 8, 15, 45, tzinfo=UTC)
NOW = START + timedelta(days=1)


class Conversation(Reader):
    """A reader of messages that are in no database."""

    def __init__(self, source: Callable[[], Iterable[Message]]) -> None:
        super().__init__(Path("nowhere"))
        self._source = source

    def messages(
        self,
        session_id: str,
        first: int = 1,
        last: int | None = None,
        as_of: datetime | None = None,
    ) -> Iterator[RecordedMessage]:
        numbered = enumerate(self._source(), 1)
        return (RecordedMessage(i, message) for i, message in islice(numbered, first - 1, last))

    def message(
        self, session_id: str, message_id: int, as_of: datetime | None = None
    ) -> RecordedMessage | None:
        return None

    def gaps(self, session: Session) -> list[Gap]:
        return []

    def kept_files(self, session: Session) -> dict[str, str]:
        return {}

    def tags(self, session: Session) -> list[Tag]:
        return []

    def intervals(self, session: Session) -> list[Interval]:
        return []

    def lines(self, session_id: str) -> Iterator[str]:
        return (jsonl.encode(message) for message in self._source())


def session(count: int, name: str = "oauth-implementation") -> Session:
    return Session(
        id="1",
        name=name,
        guild_id="7",
        channel_id="70",
        user_id="123",
        started_at=START,
        stopped_at=START + timedelta(seconds=4980),
        status="stopped",
        message_count=count,
        byte_size=0,
        file_path="sessions/oauth-implementation_2025-11-08.jsonl",
        recorded_seconds=4979.99997,  # what a difference of SQLite's julianday looks like
        running_since=None,
        head="",
    )


def message(
    content: str,
    minute: int = 0,
    author: str = "STRYK",
    type: MessageType = "user_message",
    **further: object,
) -> Message:
    plain = Message(START + timedelta(minutes=minute), author, "123", content, type)
    return replace(plain, **further)  # type: ignore[arg-type]
