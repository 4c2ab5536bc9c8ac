"""Read access to recordings: short read-only connections that never block the writer."""

from __future__ import annotations

import json
import os
import sqlite3
from array import array
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from sqlite_utils import Database

from recorder.errors import InvalidInput, NotFound, StorageError
from recorder.models import (
    AutoRecording,
    Gap,
    Interval,
    RecordedMessage,
    Session,
    SessionEvent,
    Tag,
)
from recorder.record.json_values import clean_text
from recorder.record.names import name_key
from recorder.store.database import (
    DATABASE_NAME,
    Connection,
    open_for_reading,
    sqlite_errors,
)
from recorder.store.lines import PAGE, FileState, file_states, lines_from
from recorder.store.message_rows import decoded
from recorder.store.recorded_messages import ids_in_order, recorded, recorded_rows
from recorder.store.session_rows import (
    GAP_COLUMNS,
    VISIBLE_SESSION_SQL,
    auto_recordings,
    gap_from,
    session_from,
    sessions_with,
    tags_of,
    times,
)

Parameter: TypeAlias = str | int | float | None


class Reader:
    """Read access to the recordings of a data folder.

    Parameters
    ----------
    folder
        The data folder. Each method opens the database for a short time of its own.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Open a read-only connection for a short time.

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

    @contextmanager
    def database(self) -> Iterator[Database]:
        """Open a read-only connection, as :meth:`connect` does, with rows by name."""
        with self.connect() as connection:
            yield Database(connection, recursive_triggers=False, execute_plugins=False)

    def query(self, sql: str, *parameters: Parameter) -> list[dict[str, Any]]:
        """Return the rows of a query by their columns' names."""
        with self.database() as db:
            return list(db.query(sql, parameters))

    def unsynced(self) -> list[FileState]:
        """Return the files that may lack something that the database has."""
        with self.connect() as connection:
            states = file_states(connection)
        return [state for state in states if state.synced_bytes < state.byte_size]

    def copy_to(self, path: Path) -> None:
        """Copy the database to a new file, also while it is being written to.

        Raises
        ------
        OSError
            The file exists, or cannot be created.
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
        """Return the sessions of a guild, of a DM channel, or all; the newest first."""
        where = ""
        parameters: tuple[str, ...] = ()
        if guild_id is not None:
            where, parameters = "WHERE s.guild_id = ?", (guild_id,)
        elif channel_id is not None:
            where, parameters = "WHERE s.guild_id IS NULL AND s.channel_id = ?", (channel_id,)
        return self._sessions(f"{where} ORDER BY s.started_at DESC, s.rowid DESC", *parameters)

    def session(self, session_id: str) -> Session:
        """Return the session with this id.

        Raises
        ------
        NotFound
            There is none.
        """
        sessions = self._sessions("WHERE s.id = ?", session_id)
        if not sessions:
            raise NotFound(f"There is no session with the id {session_id}.")
        return sessions[0]

    def named(self, name: str, guild_id: str | None, channel_id: str | None) -> Session | None:
        """Return the session of this name in a guild, or in a DM channel without a guild."""
        sessions = self._sessions(
            "WHERE coalesce(s.guild_id, s.channel_id, '') = ? AND s.name_key = ?",
            guild_id or channel_id or "",
            name_key(name),
        )
        return sessions[0] if sessions else None

    def matching(
        self, text: str, guild_id: str | None, channel_id: str | None, limit: int
    ) -> list[Session]:
        """Return sessions of a guild or DM channel with `text` in their name; the newest first."""
        return self._sessions(
            "WHERE coalesce(s.guild_id, s.channel_id, '') = ? AND instr(s.name_key, ?) "
            "ORDER BY s.started_at DESC LIMIT ?",
            guild_id or channel_id or "",
            name_key(text),
            str(limit),
        )

    def find(self, name_or_id: str) -> Session:
        """Return the session of this name or id, of any guild.

        Raises
        ------
        NotFound
            There is none.
        InvalidInput
            Several guilds have a session of this name; the text lists their ids.
        """
        sessions = self._sessions("WHERE s.id = ?", clean_text(name_or_id)) or self._sessions(
            "WHERE s.name_key = ?", name_key(name_or_id)
        )
        if not sessions:
            raise NotFound(f'There is no session "{name_or_id}". See `recorder list`.')
        if len(sessions) > 1:
            ids = ", ".join(session.id for session in sessions)
            raise InvalidInput(
                f'Several servers have a session "{name_or_id}". Say which by its id: {ids}.'
            )
        return sessions[0]

    def running(self, channel_id: str) -> Session | None:
        """Return the active or paused session of a channel."""
        sessions = self._sessions("WHERE s.channel_id = ? AND s.status <> 'stopped'", channel_id)
        return sessions[0] if sessions else None

    def is_recording(self, channel_id: str) -> bool:
        """Return whether an active session runs in a channel."""
        running = self.running(channel_id)
        return running is not None and running.status == "active"

    def running_sessions(self) -> list[Session]:
        """Return the active and paused sessions."""
        return self._sessions("WHERE s.status <> 'stopped'")

    def sessions_in(self, channel_id: str) -> list[Session]:
        """Return the sessions that were started in a channel or thread itself."""
        return self._sessions("WHERE s.channel_id = ?", channel_id)

    def watermarks(self, session: Session) -> dict[str, int]:
        """Return by channel the Discord id up to which its history was compared."""
        rows = self.query(
            "SELECT channel_id, watermark FROM session_channels "
            "WHERE session_id = ? AND watermark IS NOT NULL",
            session.id,
        )
        return {row["channel_id"]: row["watermark"] for row in rows}

    def threads_watermarks(self, session: Session) -> dict[str, int]:
        """Return by channel the id up to which its archived threads were compared."""
        rows = self.query(
            "SELECT channel_id, threads_watermark FROM session_channels "
            "WHERE session_id = ? AND threads_watermark IS NOT NULL",
            session.id,
        )
        return {row["channel_id"]: row["threads_watermark"] for row in rows}

    def newest_message_ids(self, session: Session, channel_id: str, count: int) -> list[int]:
        """Return the Discord ids of the newest messages of a channel, the newest first."""
        rows = self.query(
            "SELECT message_id FROM messages WHERE session_id = ? AND channel_id = ? "
            "AND message_id IS NOT NULL ORDER BY message_id DESC LIMIT ?",
            session.id,
            channel_id,
            count,
        )
        return [row["message_id"] for row in rows]

    def own_messages(self, message_ids: Sequence[int]) -> set[int]:
        """Return those of `message_ids` that are messages of the recorder itself."""
        rows = self.query(
            "SELECT message_id FROM own_messages JOIN json_each(?) ON value = message_id",
            json.dumps(list(message_ids)),
        )
        return {row["message_id"] for row in rows}

    def unfilled_sessions(self) -> list[Session]:
        """Return the active sessions, and others with ended gaps that are not complete."""
        return self._sessions(
            "WHERE s.status = 'active' OR EXISTS (SELECT 1 FROM session_gaps g "
            "WHERE g.session_id = s.id AND g.ended_at IS NOT NULL AND NOT g.complete)"
        )

    def suspended_sessions(self) -> list[Session]:
        """Return the sessions that are paused since the bot lacks a permission."""
        return self._sessions(
            "WHERE s.status = 'paused' AND EXISTS (SELECT 1 FROM session_gaps g "
            "WHERE g.session_id = s.id AND g.ended_at IS NULL)"
        )

    def running_auto(self) -> list[Session]:
        """Return the running sessions of auto-recording."""
        return self._sessions("WHERE s.is_auto AND s.status <> 'stopped'")

    def channels(self, sessions: Sequence[Session]) -> dict[str, tuple[str, ...]]:
        """Return by session id every channel that the session holds, or may hold, messages of."""
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

    def channels_of(self, session_id: str) -> tuple[str, ...]:
        """Return the channels of a session, as :meth:`channels` does; none if it is missing."""
        with self.connect() as connection:
            rows = connection.execute(
                "SELECT channel_id FROM session_channels WHERE session_id = ? ORDER BY channel_id",
                (session_id,),
            )
            return tuple(channel_id for (channel_id,) in rows)

    def scopes(self, session_ids: Collection[str]) -> set[str | None]:
        """Return the guilds and DM channels of these sessions."""
        with self.connect() as connection:
            sessions = sessions_with(connection, list(session_ids))
        return {session.guild_id or session.channel_id for session in sessions}

    def tags(self, session: Session) -> list[Tag]:
        """Return the tags of a session, in the order of their messages."""
        with self.database() as db:
            return tags_of(db, session.id)

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
        """Return the times in which a session was recording, in order."""
        rows = self.query(
            "SELECT started_at, ended_at, channel_id FROM session_intervals WHERE session_id = ? "
            "ORDER BY started_at, id",
            session.id,
        )
        return [Interval(**row | times(row)) for row in rows]

    def gaps(self, session: Session) -> list[Gap]:
        """Return the times in which a running session missed messages, in order."""
        rows = self.query(
            f"SELECT {GAP_COLUMNS} FROM session_gaps WHERE session_id = ? "
            "ORDER BY started_at, number",
            session.id,
        )
        return [gap_from(row) for row in rows]

    def kept_files(self, session: Session) -> dict[str, str]:
        """Return the paths of a session's kept files, by URL without query."""
        rows = self.query(
            "SELECT a.url, a.file_path FROM messages m "
            "CROSS JOIN json_each(m.attachments) u JOIN attachments a "
            "ON a.url = substr(u.value, 1, instr(u.value || '?', '?') - 1) "
            "WHERE m.session_id = ? AND m.attachments IS NOT NULL AND a.file_path IS NOT NULL",
            session.id,
        )
        return {row["url"]: row["file_path"] for row in rows}

    def auto_recordings(self) -> list[AutoRecording]:
        """Return the channels and guilds in which auto-recording is on."""
        with self.database() as db:
            return auto_recordings(db)

    def messages(
        self,
        session_id: str,
        first: int = 1,
        last: int | None = None,
        as_of: datetime | None = None,
    ) -> Iterator[RecordedMessage]:
        """Yield messages of a session in order of time, page by page.

        Parameters
        ----------
        first, last
            The positions of the first and the last message, from 1. A position differs from
            the message index only where a message was recorded after a later one.
        as_of
            Yield them in their state at that time, without later messages.
        """
        with self.connect() as connection:
            ids = array("q", ids_in_order(connection, session_id, first, last))
        for start in range(0, len(ids), PAGE):
            with self.connect() as connection:
                rows = recorded_rows(connection, ids[start : start + PAGE])
                page = [recorded(connection, session_id, as_of, *row) for row in rows]
            for message in page:
                if as_of is None or message.message.timestamp <= as_of:
                    yield message

    def position(self, session_id: str, message_index: int) -> int:
        """Return the position of a message in order of time, from 1."""
        with self.connect() as connection:
            row = connection.execute(
                "SELECT id FROM messages WHERE session_id = ? AND message_index = ?",
                (session_id, message_index),
            ).fetchone()
            ids = array("q", ids_in_order(connection, session_id, 1, None))
        return ids.index(row[0]) + 1 if row else message_index

    def message(
        self, session_id: str, message_id: int, as_of: datetime | None = None
    ) -> RecordedMessage | None:
        """Return the message with this Discord id; `as_of` as in :meth:`messages`."""
        with self.connect() as connection:
            found = connection.execute(
                "SELECT id FROM messages WHERE session_id = ? AND message_id = ?",
                (session_id, message_id),
            ).fetchone()
            rows = recorded_rows(connection, found) if found else []
            for message in (recorded(connection, session_id, as_of, *row) for row in rows):
                if as_of is None or message.message.timestamp <= as_of:
                    return message
        return None

    def lines(self, session_id: str) -> Iterator[str]:
        """Yield the lines of a session's file, without newlines."""
        with self.connect() as connection:
            for line in lines_from(connection, session_id):
                yield line.line

    def events(self, session: Session) -> list[SessionEvent]:
        """Return the events of a recording itself, in the order of its lines."""
        rows = self.query(
            "SELECT l.line FROM lines l LEFT JOIN messages m ON m.id = l.id "
            "WHERE l.session_id = ? AND l.about IS NULL AND m.id IS NULL ORDER BY l.line_number",
            session.id,
        )
        entries = (decoded(row["line"]) for row in rows)
        return [entry for entry in entries if isinstance(entry, SessionEvent)]

    def _sessions(self, where: str, *parameters: str) -> list[Session]:
        return [session_from(row) for row in self.query(VISIBLE_SESSION_SQL + where, *parameters)]


def no_such_session(name: str) -> NotFound:
    """Return the error for a session that does not exist or may not be seen."""
    return NotFound(f'There is no session "{name}" here. See `record list`.')
