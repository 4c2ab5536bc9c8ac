"""Merging: copy the messages and intervals of several sessions into a new one."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from recorder.models import Deletion, Interval, Json, KeptFile, Session
from recorder.record import session_events
from recorder.record.changes import current
from recorder.store import sessions, tags
from recorder.store.database import stored_time
from recorder.store.journal import Journal
from recorder.store.message_rows import changes_of, message_in
from recorder.store.open_session import OpenSession
from recorder.store.reading import Reader
from recorder.store.session_rows import tags_of


def message_ids(reader: Reader, sources: Sequence[Session]) -> array[int]:
    """Return the row ids of the messages of several sessions, in order of time."""
    marks = ", ".join("?" * len(sources))
    with reader.connect() as connection:
        rows = connection.execute(
            f"SELECT id FROM messages WHERE session_id IN ({marks}) "
            "ORDER BY timestamp, message_id, id",
            [source.id for source in sources],
        )
        return array("q", (row_id for (row_id,) in rows))


class Merge:
    """A merge in progress: the draft of a session, and what is copied into it so far.

    Messages are copied by time, each Discord message once. The origin of a message stands in
    its ``merged_from``; its tags are copied.
    """

    def __init__(self, journal: Journal, sources: Sequence[Session], session_id: str) -> None:
        self.sources = tuple(sources)
        self.session_id = session_id
        self._names = {source.id: source.name for source in sources}
        self._source_tags = {
            (source.id, tag.message_index): tag.name
            for source in sources
            for tag in tags_of(journal.db, source.id)
        }
        self._indexes: dict[int, int] = {}
        self._tagged: list[tuple[str, int]] = []

    def copy(self, journal: Journal, row_ids: Sequence[int]) -> None:
        """Copy a slice of the messages, in this order."""
        target = journal.session(self.session_id)
        rows = journal.connection.execute(
            "SELECT m.id, m.session_id, m.message_index, m.message_id, l.line FROM messages m "
            f"JOIN lines l ON l.id = m.id WHERE m.id IN ({', '.join('?' * len(row_ids))})",
            tuple(row_ids),
        )
        by_id = {row_id: values for row_id, *values in rows}
        for row_id in row_ids:
            if row_id not in by_id:  # deleted in the meantime
                continue
            session_id, index, message_id, line = by_id[row_id]
            copied = self._indexes.get(message_id) if message_id is not None else None
            if copied is None:
                source: Json = {"session": self._names[session_id], "message_index": index}
                _copy(journal, session_id, line, message_id, source, target)
                copied = target.message_count
                if message_id is not None:
                    self._indexes[message_id] = copied
            if (session_id, index) in self._source_tags:
                self._tagged.append((self._source_tags[session_id, index], copied))
        journal.flush()
        journal.leave_unwritten(target.file_path)  # the file is rewritten after the last slice

    def finish(self, journal: Journal, sources: Sequence[Session], now: datetime) -> None:
        """Record the merge, and copy the tags; `sources` are as they are now."""
        target = journal.session(self.session_id)
        ended = max(source.stopped_at or now for source in sources)
        merged = sessions.session(journal, self.session_id)
        intervals = _intervals(journal, sources)
        event = session_events.merge(merged, sources, intervals, ended, now)
        journal.append_event(target, event)
        for name, index in dict.fromkeys(self._tagged):
            tags.add(journal, self.session_id, name, index, now)
        journal.leave_unwritten(target.file_path)


def _copy(
    journal: Journal,
    session_id: str,
    line: str,
    message_id: int | None,
    source: Json,
    target: OpenSession,
) -> None:
    """Append a message in its current state."""
    message = message_in(line)
    changes = [] if message_id is None else changes_of(journal.connection, session_id, message_id)
    now = current(message, changes)
    reactions: dict[str, Json] = {"reactions": {**now.reactions}} if now.reactions else {}
    extra = {**now.message.extra, **reactions, "merged_from": source}
    journal.append(target, replace(now.message, extra=extra))
    for change in changes:
        if isinstance(change, Deletion | KeptFile):
            journal.append_change(target, change)


def _intervals(journal: Journal, sources: Sequence[Session]) -> list[Interval]:
    """Return the times in which the sources were recording; overlapping intervals are joined."""
    marks = ", ".join("?" * len(sources))
    spans = journal.connection.execute(
        "SELECT started_at, coalesce(ended_at, started_at) FROM session_intervals "
        f"WHERE session_id IN ({marks}) ORDER BY started_at",
        [source.id for source in sources],
    ).fetchall()
    return [Interval(stored_time(began), stored_time(ended)) for began, ended in _joined(spans)]


def _joined(spans: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    joined: list[tuple[str, str]] = []
    for begin, end in spans:
        if joined and stored_time(begin) <= stored_time(joined[-1][1]):
            joined[-1] = (joined[-1][0], max(joined[-1][1], end, key=stored_time))
        else:
            joined.append((begin, end))
    return joined
