"""Reading recordings: short read-only looks at the database, never in the writer's way."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from recorder.errors import InvalidInput, NotFound, StorageError
from recorder.models import Annotation, AutoRecording, Gap, Interval, RecordedMessage, Session, Tag
from recorder.record.changes import current
from recorder.record.jsonl import clean_text
from recorder.record.names import name_key
from recorder.store.database import DATABASE_NAME, open_for_reading, sqlite_errors, stored_time
from recorder.store.lines import PAGE, FileState, file_states, lines_from
from recorder.store.message_rows import changes_of, message_in

SESSION_SQL = """
SELECT s.id, s.name, s.guild_id, s.channel_id, s.user_id, s.started_at, s.stopped_at, s.status,
    s.message_count, s.byte_size, s.file_path,
    coalesce((SELECT round(sum(julianday(ended_at) - julianday(started_at)) * 86400, 3)
        FROM session_intervals WHERE session_id = s.id AND ended_at IS NOT NULL), 0.0),
    (SELECT max(started_at) FROM session_intervals WHERE session_id = s.id AND ended_at IS NULL),
    s.line_count || ':' || lower(hex(s.head)), s.is_auto
FROM recording_sessions s
"""


def session_of(row: tuple[Any, ...]) -> Session:
    """The session in a row of :data:`SESSION_SQL`.

    Raises
    ------
    DamagedRow
        It holds something else where a time should stand.
    """
    return Session(
        id=row[0],
        name=row[1],
        guild_id=row[2],
        channel_id=row[3],
        user_id=row[4],
        started_at=stored_time(row[5]),
        stopped_at=_time(row[6]),
        status=row[7],
        message_count=row[8],
        byte_size=row[9],
        file_path=row[10],
        recorded_seconds=row[11],
        running_since=_time(row[12]),
        head=row[13],
        is_auto=bool(row[14]),
    )


def tags_of(connection: sqlite3.Connection, session_id: str) -> list[Tag]:
    """The tags of a session, in the order of the messages that they mark."""
    rows = connection.execute(
        "SELECT tag, timestamp, message_index FROM session_tags WHERE session_id = ? "
        "ORDER BY message_index, rowid",
        (session_id,),
    )
    return [Tag(tag, stored_time(time), index) for tag, time, index in rows]


def auto_places(connection: sqlite3.Connection) -> list[AutoRecording]:
    """The channels and guilds in which auto-recording is on."""
    rows = connection.execute("SELECT place_id, guild_id, user_id FROM auto_recording")
    return [AutoRecording(*row) for row in rows]


class Reader:
    """What has been recorded, for everything that only reads.

    Parameters
    ----------
    folder
        The data folder. Nothing is opened before something is asked for.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def connect(self) -> Iterator[sqlite3.Connection]:
        """A read-only connection for a short while.

        Raises
        ------
        NotFound, StorageError
            There is no database, or it cannot be read.
        """
        connection = open_for_reading(self.folder)
        try:
            with sqlite_errors(self.folder / DATABASE_NAME):
                yield connection
        finally:
            connection.close()

    def unsynced(self) -> list[FileState]:
        """The files that may lack something that the database has."""
        with self.connect() as connection:
            states = file_states(connection)
        return [state for state in states if state.synced_bytes < state.byte_size]

    def copy_to(self, path: Path) -> None:
        """Copy the database as it is now to a new file, also while it is being written to.

        Raises
        ------
        OSError
            There is such a file, or it cannot be made.
        StorageError
            The database cannot be read, or the copy cannot be written.
        """
        with self.connect() as connection:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            try:
                with closing(sqlite3.connect(path)) as target:
                    connection.backup(target)
            except sqlite3.OperationalError as error:
                raise StorageError(
                    f"The copy {path} cannot be written ({error}). "
                    "Make room there, or name another place."
                ) from error

    def sessions(self, guild_id: str | None = None, channel_id: str | None = None) -> list[Session]:
        """Sessions of a guild, or of a DM channel, or all; the newest first."""
        where = ""
        parameters: tuple[str, ...] = ()
        if guild_id is not None:
            where, parameters = "WHERE s.guild_id = ?", (guild_id,)
        elif channel_id is not None:
            where, parameters = "WHERE s.guild_id IS NULL AND s.channel_id = ?", (channel_id,)
        return self._sessions(f"{where} ORDER BY s.started_at DESC, s.rowid DESC", *parameters)

    def session(self, session_id: str) -> Session:
        """The session with this id.

        Raises
        ------
        NotFound
            There is none.
        """
        found = self._sessions("WHERE s.id = ?", session_id)
        if not found:
            raise NotFound(f"There is no session with the id {session_id}.")
        return found[0]

    def named(self, name: str, guild_id: str | None, channel_id: str | None) -> Session:
        """The session of this name in a guild, or in a DM channel when there is no guild.

        Raises
        ------
        NotFound
            There is none.
        """
        found = self._sessions(
            "WHERE coalesce(s.guild_id, s.channel_id, '') = ? AND s.name_key = ?",
            guild_id or channel_id or "",
            name_key(name),
        )
        if not found:
            raise no_such_session(name)
        return found[0]

    def matching(
        self, text: str, guild_id: str | None, channel_id: str | None, limit: int
    ) -> list[Session]:
        """Sessions of a guild, or of a DM channel, whose name holds `text`; the newest first."""
        return self._sessions(
            "WHERE coalesce(s.guild_id, s.channel_id, '') = ? AND instr(s.name_key, ?) "
            "ORDER BY s.started_at DESC LIMIT ?",
            guild_id or channel_id or "",
            name_key(text),
            str(limit),
        )

    def find(self, name_or_id: str) -> Session:
        """The session of this name or id, wherever it was recorded.

        Raises
        ------
        NotFound
            There is none.
        InvalidInput
            Several guilds have one of this name; the text gives their ids.
        """
        found = self._sessions("WHERE s.id = ?", clean_text(name_or_id)) or self._sessions(
            "WHERE s.name_key = ?", name_key(name_or_id)
        )
        if not found:
            raise NotFound(f'There is no session "{name_or_id}". See `recorder list`.')
        if len(found) > 1:
            ids = ", ".join(session.id for session in found)
            raise InvalidInput(
                f'Several servers have a session "{name_or_id}". Say which by its id: {ids}.'
            )
        return found[0]

    def running(self, channel_id: str) -> Session | None:
        """The active or paused session of a channel."""
        found = self._sessions("WHERE s.channel_id = ? AND s.status <> 'stopped'", channel_id)
        return found[0] if found else None

    def running_sessions(self) -> list[Session]:
        """The active and paused sessions."""
        return self._sessions("WHERE s.status <> 'stopped'")

    def watermarks(self, session: Session) -> dict[str, int]:
        """By channel, the Discord id up to which its history was compared."""
        with self.connect() as connection:
            return dict(
                connection.execute(
                    "SELECT channel_id, watermark FROM session_channels "
                    "WHERE session_id = ? AND watermark IS NOT NULL",
                    (session.id,),
                )
            )

    def running_auto(self) -> list[Session]:
        """The sessions of auto-recording that run."""
        return self._sessions("WHERE s.is_auto AND s.status <> 'stopped'")

    def channels(self, sessions: Sequence[Session]) -> dict[str, tuple[str, ...]]:
        """By session id, every channel that the session holds messages of, or may hold."""
        held: dict[str, list[str]] = {session.id: [] for session in sessions}
        one = sessions[0].id if len(sessions) == 1 else None
        with self.connect() as connection:
            for session_id, channel_id in connection.execute(
                "SELECT session_id, channel_id FROM session_channels"
                + (" WHERE session_id = ?" if one else ""),
                (one,) if one else (),
            ):
                if session_id in held:
                    held[session_id].append(channel_id)
        return {session_id: tuple(sorted(channels)) for session_id, channels in held.items()}

    def tags(self, session: Session) -> list[Tag]:
        """The tags of a session, in the order of the messages that they mark."""
        with self.connect() as connection:
            return tags_of(connection, session.id)

    def tag(self, session: Session, name: str) -> Tag:
        """Return a tag of a session by its name, compared without case.

        Raises
        ------
        NotFound
            There is no such tag.
        """
        key = name.casefold()
        tag = next((tag for tag in self.tags(session) if tag.name.casefold() == key), None)
        if tag is None:
            raise NotFound(
                f'There is no tag "{name}" in {session.name}. The command "tags" lists its tags.'
            )
        return tag

    def intervals(self, session: Session) -> list[Interval]:
        """When a session was really recording, in order."""
        with self.connect() as connection:
            rows = connection.execute(
                "SELECT started_at, ended_at FROM session_intervals WHERE session_id = ? "
                "ORDER BY started_at, id",
                (session.id,),
            )
            return [Interval(stored_time(start), _time(end)) for start, end in rows]

    def gaps(self, session: Session) -> list[Gap]:
        """When a session was not heard though it was recording, in order."""
        with self.connect() as connection:
            rows = connection.execute(
                "SELECT started_at, ended_at, reason, fetched, problem FROM session_gaps "
                "WHERE session_id = ? ORDER BY started_at, id",
                (session.id,),
            )
            return [Gap(stored_time(start), _time(end), *others) for start, end, *others in rows]

    def kept_files(self, session: Session) -> dict[str, str]:
        """By URL without query, where the attached files of a session lie in the data folder."""
        with self.connect() as connection:
            return dict(
                connection.execute(
                    "SELECT a.url, a.file_path FROM messages m "
                    "CROSS JOIN json_each(m.attachments) u JOIN attachments a "
                    "ON a.url = substr(u.value, 1, instr(u.value || '?', '?') - 1) "
                    "WHERE m.session_id = ? AND m.attachments IS NOT NULL "
                    "AND a.file_path IS NOT NULL",
                    (session.id,),
                )
            )

    def auto_places(self) -> list[AutoRecording]:
        """The channels and guilds in which auto-recording is on."""
        with self.connect() as connection:
            return auto_places(connection)

    def messages(
        self,
        session_id: str,
        first: int = 1,
        last: int | None = None,
        as_of: datetime | None = None,
    ) -> Iterator[RecordedMessage]:
        """Messages of a session by their index, from `first` to `last`, page by page.

        Parameters
        ----------
        as_of
            Show them as they stood then, and leave out later ones.
        """
        while last is None or first <= last:
            limit = PAGE if last is None else min(PAGE, last - first + 1)
            with self.connect() as connection:
                rows = connection.execute(
                    "SELECT m.message_index, l.line, (SELECT group_concat(tag, char(10)) "
                    "FROM session_tags t WHERE t.session_id = m.session_id "
                    "AND t.message_index = m.message_index), EXISTS (SELECT 1 FROM lines c "
                    "WHERE c.session_id = m.session_id AND c.about = m.message_id) "
                    "FROM messages m JOIN lines l ON l.id = m.id "
                    "WHERE m.session_id = ? AND m.message_index >= ? "
                    "ORDER BY m.message_index LIMIT ?",
                    (session_id, first, limit),
                ).fetchall()
                page = [_recorded(connection, session_id, as_of, *row) for row in rows]
            yield from (
                recorded for recorded in page if not as_of or recorded.message.timestamp <= as_of
            )
            if len(page) < limit:
                return
            first += limit

    def message(
        self, session_id: str, message_id: int, as_of: datetime | None = None
    ) -> RecordedMessage | None:
        """The message of a session that has this Discord id; `as_of` as in :meth:`messages`."""
        with self.connect() as connection:
            row = connection.execute(
                "SELECT message_index FROM messages WHERE session_id = ? AND message_id = ?",
                (session_id, message_id),
            ).fetchone()
        if row is None:
            return None
        return next(self.messages(session_id, row[0], row[0], as_of), None)

    def lines(self, session_id: str) -> Iterator[str]:
        """The lines of a session's file, without newlines."""
        with self.connect() as connection:
            for line in lines_from(connection, session_id):
                yield line.line

    def _sessions(self, where: str, *parameters: str) -> list[Session]:
        with self.connect() as connection:
            return [session_of(r) for r in connection.execute(SESSION_SQL + where, parameters)]


def no_such_session(name: str) -> NotFound:
    """The one answer for a session that is not there or that the asker may not know of."""
    return NotFound(f'There is no session "{name}" here. See `record list`.')


def _recorded(
    connection: sqlite3.Connection,
    session_id: str,
    as_of: datetime | None,
    index: int,
    line: str,
    tags: str | None,
    is_changed: bool,
) -> RecordedMessage:
    message = message_in(line)
    changes = []
    if is_changed and message.message_id is not None:
        changes = changes_of(connection, session_id, message.message_id)
        if as_of:  # who wrote an answer is true at any time, whenever it was said
            changes = [c for c in changes if c.timestamp <= as_of or isinstance(c, Annotation)]
    now = current(message, changes)
    names = tuple(tags.split("\n")) if tags else ()
    return RecordedMessage(index, now.message, names, now.edited_at, now.deleted_at, now.reactions)


def _time(text: str | None) -> datetime | None:
    return None if text is None else stored_time(text)
