"""Appending lines to the record: their chain and files, the sessions' counts, transactions."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlite_utils import Database

from recorder.models import SessionEvent
from recorder.record import chain, jsonl
from recorder.store.batch_insert import BatchInsert, Row
from recorder.store.database import Connection
from recorder.store.event_rows import add_channel, apply_event
from recorder.store.message_rows import MESSAGE_COLUMNS
from recorder.store.message_states import MessageStates
from recorder.store.open_session import OpenSession, load_open_session

LINE_COLUMNS = ("id", "session_id", "line_number", "byte_offset", "line", "about", "key", "hash")
_INSERT_LINES = BatchInsert("lines", LINE_COLUMNS)
_INSERT_MESSAGES = BatchInsert("messages", MESSAGE_COLUMNS)


@dataclass(slots=True)
class WrittenLines:
    """Consecutive committed lines of one file, from `offset` on."""

    offset: int
    lines: list[bytes] = field(default_factory=list)


class LineJournal:
    """The writes of the writer thread as far as they are lines; the caller holds the transaction.

    Parameters
    ----------
    connection
        From :func:`recorder.store.database.open_for_writing`.
    reserve_file
        Creates an empty file under a path in the data folder; returns ``False`` when there is
        one already.

    Attributes
    ----------
    db
        The same connection for work that is not hot.
    running
        The active and paused sessions by their channel.
    channels
        Every channel that any session holds messages of.
    scrub_due
        Whether to clear erased content from every byte of the database after the commit.
    """

    def __init__(self, connection: Connection, reserve_file: Callable[[str], bool]) -> None:
        self.connection = connection
        self.db = Database(connection, execute_plugins=False)
        self.reserve_file = reserve_file
        self.running: dict[str, OpenSession] = {}
        rows = self.db.query("SELECT DISTINCT channel_id FROM session_channels")
        self.channels = {row["channel_id"] for row in rows}
        self.scrub_due = True  # a crash may have left something
        self._last_id = 0
        self._lines: list[Row] = []
        self._messages: list[Row] = []
        self._changed: dict[str, OpenSession] = {}
        self._written: dict[str, WrittenLines] = {}
        # Of recently changed messages, so that a further change costs the same as the first.
        self._states = MessageStates()
        self._load()

    def reload(self, session_ids: Collection[str]) -> None:
        """Read sessions again after their lines were changed; their files are rewritten later."""
        self._changed.clear()
        self._states.clear()
        for channel_id, session in self.running.items():
            if session.id in session_ids:
                self._written.pop(session.file_path, None)
                self.running[channel_id] = load_open_session(self.db, session.id)

    def _load(self) -> None:
        """Read the running sessions and the last id."""
        rows = self.db.query(
            "SELECT id, channel_id FROM recording_sessions WHERE status <> 'stopped'"
        )
        self.running = {
            row["channel_id"]: load_open_session(self.db, row["id"]) for row in list(rows)
        }
        newest = self.connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'lines'")
        self._last_id = (newest.fetchone() or (0,))[0]

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Undo everything inside, in the database and in this object, when it raises."""
        self.flush()
        before = {path: len(written.lines) for path, written in self._written.items()}
        self.connection.execute("SAVEPOINT begun")
        try:
            yield
            self.flush()
        except Exception:  # whatever it was: it goes on to who began, and nothing of it stays
            if self.connection.in_transaction:  # a full disk ends it by itself
                self.connection.execute("ROLLBACK TO begun")
                self.connection.execute("RELEASE begun")
                self._forget_since(before)
            raise
        self.connection.execute("RELEASE begun")

    def _forget_since(self, lines: dict[str, int]) -> None:
        self._lines, self._messages = [], []
        self._changed.clear()
        self._states.clear()
        for path in list(self._written):
            if path in lines:
                del self._written[path].lines[lines[path] :]
            else:
                del self._written[path]
        self._load()

    def append_event(
        self, session: OpenSession, event: SessionEvent, *, has_effect: bool = True
    ) -> None:
        """Append an event of a recording, and derive the session's rows from it."""
        line = jsonl.encode_event(event)
        self._append_line(session, line, line.encode())
        self.flush()
        if has_effect:
            apply_event(self.db, session.id, event)

    def flush(self) -> None:
        """Insert the pending rows, and update the sessions' counts."""
        if self._lines:
            _INSERT_LINES.run(self.connection, self._lines)
            self._lines = []
        if self._messages:
            _INSERT_MESSAGES.run(self.connection, self._messages)
            self._messages = []
        for session in self._changed.values():
            self.connection.execute(
                "UPDATE recording_sessions SET message_count = ?, line_count = ?, byte_size = ?, "
                "head = ?, in_order = ? WHERE id = ?",
                (
                    session.message_count,
                    session.line_count,
                    session.byte_size,
                    session.head,
                    session.in_order,
                    session.id,
                ),
            )
        self._changed.clear()

    def take_written(self) -> dict[str, WrittenLines]:
        """Return the lines appended since the last call, by file; call it after the commit."""
        written, self._written = self._written, {}
        return written

    def leave_unwritten(self, file_path: str) -> None:
        """Drop the lines appended to a file that is rewritten as a whole later."""
        self._written.pop(file_path, None)

    def set_synced(self, offsets: dict[str, int]) -> None:
        """Store the offset up to which each file is synced to the disk."""
        self.connection.executemany(
            "UPDATE recording_sessions SET synced_bytes = ? WHERE file_path = ?",
            [(offset, file_path) for file_path, offset in offsets.items()],
        )

    def _append_line(
        self, session: OpenSession, line: str, data: bytes, about: int | None = None
    ) -> int:
        key = os.urandom(chain.KEY_BYTES)
        session.head = chain.link(session.head, chain.digest(key, data))
        session.line_count += 1
        self._last_id += 1
        self._lines.append(
            (
                self._last_id,
                session.id,
                session.line_count,
                session.byte_size,
                line,
                about,
                key,
                session.head,
            )
        )
        written = self._written.get(session.file_path)
        if written is None:
            written = self._written[session.file_path] = WrittenLines(session.byte_size)
        written.lines.append(data)
        session.byte_size += len(data) + 1
        self._changed[session.id] = session
        return self._last_id

    def has(self, session_id: str, message_id: int) -> bool:
        """Return whether a session holds a Discord message."""
        self.flush()
        return (
            self.connection.execute(
                "SELECT 1 FROM messages WHERE session_id = ? AND message_id = ?",
                (session_id, message_id),
            ).fetchone()
            is not None
        )

    def add_channel(self, session_id: str, channel_id: str) -> None:
        """Store that a session holds messages of a channel, or may hold them."""
        self.channels.add(channel_id)
        add_channel(self.db, session_id, channel_id)

    def session(self, session_id: str) -> OpenSession:
        """Return the state of a session for appending, read from the database if need be."""
        for session in self.running.values():
            if session.id == session_id:
                return session
        return self._changed.get(session_id) or load_open_session(self.db, session_id)
