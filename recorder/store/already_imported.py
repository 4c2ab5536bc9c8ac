"""The content of a session before an import, so that importing a file twice changes nothing."""

from __future__ import annotations

from collections import Counter

from recorder.models import Change, Entry, Message, SessionEvent
from recorder.record import jsonl
from recorder.record.session_events import imported_event
from recorder.store.journal import Journal
from recorder.store.open_session import OpenSession


class AlreadyImported:
    """The messages and changes that a session holds.

    Parameters
    ----------
    journal
        Its transaction is running.
    session
        In its state before anything is appended.
    """

    def __init__(self, journal: Journal, session: OpenSession) -> None:
        self._journal = journal
        self._session_id = session.id
        self._channels = frozenset(session.channels)
        self._last_line = session.line_count
        self._counts: Counter[int] | None = None

    def has_channel(self, channel_id: str | None) -> bool:
        """Return whether the session holds messages of a channel."""
        return channel_id in self._channels

    def has(self, record: Entry) -> bool:
        """Return whether the session holds a message or change."""
        if isinstance(record, SessionEvent):
            return self._has_event(record)
        if not isinstance(record, Message):
            return self._has_change(record)
        if record.message_id is not None:
            return self._journal.has(self._session_id, record.message_id)
        return self._without_id()[_key(record)] > 0

    def take(self, record: Entry) -> bool:
        """Return whether the session holds it, counting down equal messages without an id."""
        is_held = self.has(record)
        if is_held and isinstance(record, Message) and record.message_id is None:
            self._without_id()[_key(record)] -= 1
        return is_held

    def _without_id(self) -> Counter[int]:
        """Return the number of equal messages without an id, by the hash of their content."""
        if self._counts is None:
            rows = self._journal.connection.execute(
                "SELECT timestamp, author_id, content FROM messages "
                "WHERE session_id = ? AND message_id IS NULL",
                (self._session_id,),
            )
            self._counts = Counter(hash(row) for row in rows)
        return self._counts

    def _has_change(self, change: Change) -> bool:
        row = self._journal.connection.execute(
            "SELECT 1 FROM lines WHERE session_id = ? AND about = ? AND line_number <= ? "
            "AND line = ?",
            (
                self._session_id,
                change.message_id,
                self._last_line,
                jsonl.encode_change(change),
            ),
        ).fetchone()
        return row is not None

    def _has_event(self, event: SessionEvent) -> bool:
        lines = [jsonl.encode_event(event), jsonl.encode_event(imported_event(event))]
        row = self._journal.connection.execute(
            "SELECT 1 FROM lines WHERE session_id = ? AND about IS NULL AND line_number <= ? "
            "AND line IN (?, ?)",
            (self._session_id, self._last_line, *lines),
        ).fetchone()
        return row is not None


def _key(message: Message) -> int:
    return hash((message.timestamp.isoformat(), message.author_id, message.content))
