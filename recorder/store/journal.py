"""Appending to the record: lines, the messages made from them, and the sessions' counts."""

from __future__ import annotations

import os
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from recorder.errors import InvalidInput, NotFound
from recorder.models import Annotation, Change, Edit, Message, Reaction
from recorder.record import chain, jsonl
from recorder.record.changes import current
from recorder.store.message_rows import (
    MESSAGE_COLUMNS,
    UPDATE_MESSAGE,
    Row,
    changes_of,
    message_in,
    message_row,
    withheld,
)

LINE_COLUMNS = ("id", "session_id", "line_number", "byte_offset", "line", "about", "key", "hash")
# Rows go in by statements of 256, 64, 16, 4 and 1 of them: twice as quick as one a row, and
# few enough texts for the connection's statement cache.
_ROWS_A_STATEMENT = (256, 64, 16, 4, 1)
_REMEMBERED_MODELS = 1_000


def _insert_statements(table: str, columns: tuple[str, ...]) -> dict[int, str]:
    row = f"({', '.join('?' * len(columns))})"
    return {
        rows: f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * rows)}"
        for rows in _ROWS_A_STATEMENT
    }


_INSERT_LINES = _insert_statements("lines", LINE_COLUMNS)
_INSERT_MESSAGES = _insert_statements("messages", MESSAGE_COLUMNS)


@dataclass(slots=True)
class OpenSession:
    """A session that lines are appended to, with what the next line needs."""

    id: str
    place_id: str
    file_path: str
    active: bool
    message_count: int
    line_count: int
    byte_size: int
    head: bytes
    newest_message_id: int
    channels: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Recorded:
    """The acknowledgement: where a message stands, for good."""

    session_id: str
    message_index: int


@dataclass(slots=True)
class WrittenLines:
    """Committed lines of one file that follow each other, from `offset` on."""

    offset: int
    lines: list[bytes] = field(default_factory=list)


class Journal:
    """All that the writer thread writes; its caller holds the transaction.

    Parameters
    ----------
    connection
        From :func:`recorder.store.database.open_for_writing`.

    Attributes
    ----------
    running
        The active and paused sessions by their channel.
    channels
        Every channel that any session holds messages of.
    opted_out
        Who wants nothing recorded of them: guild or DM channel, and person.
    on_attachments
        Called with each message that was recorded and has files, where those are kept.
    scrub_due
        Whether what was erased shall be gone from every byte of the database after the commit.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.running: dict[str, OpenSession] = {}
        rows = connection.execute("SELECT DISTINCT channel_id FROM session_channels")
        self.channels = {channel_id for (channel_id,) in rows}
        self.opted_out: set[tuple[str, str]] = set()
        self.on_attachments: Callable[[Message], None] | None = None
        self.scrub_due = True  # a crash may have left something
        self._last_id = 0
        self._lines: list[Row] = []
        self._messages: list[Row] = []
        self._changed: dict[str, OpenSession] = {}
        self._written: dict[str, WrittenLines] = {}
        self._models: OrderedDict[tuple[str, int], str] = OrderedDict()
        self._load()

    def reload(self, session_ids: Collection[str]) -> None:
        """Read these sessions anew after their lines were changed; their files follow whole."""
        self._changed.clear()
        for channel_id, session in self.running.items():
            if session.id in session_ids:
                self._written.pop(session.file_path, None)
                self.running[channel_id] = self.open_session(session.id)

    def _load(self) -> None:
        """Read from the database what a next line needs."""
        rows = self.connection.execute(
            "SELECT id, channel_id FROM recording_sessions WHERE status <> 'stopped'"
        ).fetchall()
        self.running = {
            channel_id: self.open_session(session_id) for session_id, channel_id in rows
        }
        self.opted_out = set(self.connection.execute("SELECT place_id, user_id FROM opted_out"))
        newest = self.connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'lines'")
        self._last_id = (newest.fetchone() or (0,))[0]

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Undo what was begun inside, in the database and here, when it ends in an error."""
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
        for path in list(self._written):
            if path in lines:
                del self._written[path].lines[lines[path] :]
            else:
                del self._written[path]
        self._load()

    def open_session(self, session_id: str) -> OpenSession:
        """The state of a session for appending.

        Raises
        ------
        NotFound
            There is none.
        """
        row = self.connection.execute(
            "SELECT coalesce(guild_id, channel_id, ''), file_path, status, message_count, "
            "line_count, byte_size, head, "
            "(SELECT max(message_id) FROM messages WHERE session_id = :id "
            "AND message_id IS NOT NULL) FROM recording_sessions WHERE id = :id",
            {"id": session_id},
        ).fetchone()
        if row is None:
            raise NotFound(f"There is no session {session_id}.")
        place_id, file_path, status, message_count, line_count, byte_size, head, newest = row
        channels = self.connection.execute(
            "SELECT channel_id FROM session_channels WHERE session_id = ?", (session_id,)
        )
        return OpenSession(
            id=session_id,
            place_id=place_id,
            file_path=file_path,
            active=status == "active",
            message_count=message_count,
            line_count=line_count,
            byte_size=byte_size,
            head=head,
            newest_message_id=newest or 0,
            channels={channel_id for (channel_id,) in channels.fetchall()},
        )

    def record(self, message: Message) -> Recorded | None:
        """Append `message` to the session that runs in its channel, or in its thread's.

        ``None`` when none runs there, when it is paused, or when it has the message already.
        """
        session = self.running.get(message.channel_id or "")
        if session is None and message.parent_id is not None:
            session = self.running.get(message.parent_id)
        if session is None or not session.active:
            return None
        return self.append_live(session, message)

    def append_live(self, session: OpenSession, message: Message) -> Recorded | None:
        """As :meth:`append`, for what comes from Discord itself.

        The model that its bot has named goes into its line, and of who opted out nothing but
        that something was said.
        """
        if self.opted_out and (session.place_id, message.author_id) in self.opted_out:
            message = withheld(message, {"opted_out": True})
        if self._models and message.message_id is not None and message.channel_id is not None:
            model = self._models.pop((message.channel_id, message.message_id), None)
            message = message if model is None else replace(message, model=model)
        recorded = self.append(session, message)
        if recorded and message.attachments and message.message_id and self.on_attachments:
            self.on_attachments(message)
        return recorded

    def append(self, session: OpenSession, message: Message) -> Recorded | None:
        """Append `message` to `session`; ``None`` when the session has it already.

        Raises
        ------
        InvalidInput
            It holds what cannot be recorded; nothing was changed.
        """
        message_id = message.message_id
        is_newest = message_id is not None and message_id > session.newest_message_id
        if message_id is not None and not is_newest and self.has(session.id, message_id):
            return None
        line = jsonl.encode(message)
        try:
            data = line.encode()
        except UnicodeEncodeError:
            message = jsonl.without_surrogates(message)
            line = jsonl.encode(message)
            data = line.encode()
        row = message_row(session.id, session.message_count + 1, current(message))
        # Up to here an error of the message's own changes nothing; from here on there is none.
        channel_id = message.channel_id
        if channel_id is not None and channel_id not in session.channels:
            session.channels.add(channel_id)
            self.add_channel(session.id, channel_id)
        if is_newest and message_id is not None:
            session.newest_message_id = message_id
        session.message_count += 1
        self._messages.append((self._append_line(session, line, data), *row))
        return Recorded(session.id, session.message_count)

    def change(self, change: Change) -> None:
        """Append what happened to a message, in every session that holds it.

        The model of a message that is still to come goes into its line.

        Raises
        ------
        InvalidInput
            It holds what cannot be recorded.
        """
        if not jsonl.is_id(change.message_id):
            raise InvalidInput(f"{change.message_id} is not the id of a message.")
        self.flush()
        found = self.connection.execute(
            "SELECT m.session_id FROM session_channels c JOIN messages m "
            "ON m.session_id = c.session_id AND m.message_id = ? WHERE c.channel_id = ?",
            (change.message_id, change.channel_id),
        ).fetchall()
        for (session_id,) in found:
            self.change_live(self.session(session_id), change)
        if not found and isinstance(change, Annotation):
            self._models[change.channel_id, change.message_id] = change.model
            if len(self._models) > _REMEMBERED_MODELS:
                self._models.popitem(last=False)

    def change_live(self, session: OpenSession, change: Change) -> None:
        """As :meth:`append_change`, for what comes from Discord itself."""
        message = self.append_change(session, change)
        if message and isinstance(change, Edit) and change.attachments and self.on_attachments:
            self.on_attachments(message)

    def append_change(self, session: OpenSession, change: Change) -> Message | None:
        """Append the line of a change, and bring the message it speaks of up to date.

        Gives the message as it is then; ``None``, and nothing is appended, when it changes
        nothing, or when the session lacks the message.

        Raises
        ------
        InvalidInput
            It holds what cannot be recorded; nothing was changed.
        """
        self.flush()
        row = self.connection.execute(
            "SELECT l.line, m.id, m.message_index FROM messages m JOIN lines l ON l.id = m.id "
            "WHERE m.session_id = ? AND m.message_id = ?",
            (session.id, change.message_id),
        ).fetchone()
        if row is None:
            return None
        message = message_in(row[0])
        if self._is_withheld(session, message, change):
            return None
        before = changes_of(self.connection, session.id, change.message_id)
        line = jsonl.encode_change(change)
        try:
            data = line.encode()
        except UnicodeEncodeError:
            change = jsonl.change_without_surrogates(change)
            line = jsonl.encode_change(change)
            data = line.encode()
        after = current(message, [*before, change])
        if after == current(message, before):
            return None
        values = message_row(session.id, row[2], after)
        self._append_line(session, line, data, about=change.message_id)
        self.flush()
        self.connection.execute(UPDATE_MESSAGE, (*values, row[1]))
        return after.message

    def _is_withheld(self, session: OpenSession, message: Message, change: Change) -> bool:
        """Whether a change would tell of somebody who does not want it."""
        if isinstance(change, Edit):
            author = (session.place_id, message.author_id)
            return message.withheld is not None or author in self.opted_out
        return isinstance(change, Reaction) and (
            (session.place_id, change.user_id) in self.opted_out
        )

    def flush(self) -> None:
        """Write the rows that wait, and the sessions' counts."""
        if self._lines:
            self._insert(_INSERT_LINES, self._lines)
            self._lines = []
        if self._messages:
            self._insert(_INSERT_MESSAGES, self._messages)
            self._messages = []
        for session in self._changed.values():
            self.connection.execute(
                "UPDATE recording_sessions SET message_count = ?, line_count = ?, byte_size = ?, "
                "head = ? WHERE id = ?",
                (
                    session.message_count,
                    session.line_count,
                    session.byte_size,
                    session.head,
                    session.id,
                ),
            )
        self._changed.clear()

    def take_written(self) -> dict[str, WrittenLines]:
        """What was appended since the last call, by file; to be asked for after the commit."""
        written, self._written = self._written, {}
        return written

    def leave_unwritten(self, file_path: str) -> None:
        """Forget what was appended to a file that is written whole later."""
        self._written.pop(file_path, None)

    def set_synced(self, offsets: dict[str, int]) -> None:
        """Store up to where each file is known to be on disk."""
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

    def _insert(self, statements: dict[int, str], rows: list[Row]) -> None:
        start = 0
        for count, statement in statements.items():
            while len(rows) - start >= count:
                values = [value for row in rows[start : start + count] for value in row]
                self.connection.execute(statement, values)
                start += count

    def has(self, session_id: str, message_id: int) -> bool:
        """Whether a session holds a Discord message."""
        self.flush()
        return (
            self.connection.execute(
                "SELECT 1 FROM messages WHERE session_id = ? AND message_id = ?",
                (session_id, message_id),
            ).fetchone()
            is not None
        )

    def add_channel(self, session_id: str, channel_id: str) -> None:
        """Note that a session holds messages of a channel, or may hold them."""
        self.channels.add(channel_id)
        self.connection.execute(
            "INSERT OR IGNORE INTO session_channels (session_id, channel_id) VALUES (?, ?)",
            (session_id, channel_id),
        )

    def session(self, session_id: str) -> OpenSession:
        """The state of a session for appending; the one that is there already, if any."""
        for session in self.running.values():
            if session.id == session_id:
                return session
        return self._changed.get(session_id) or self.open_session(session_id)
