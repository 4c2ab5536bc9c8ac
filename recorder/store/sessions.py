"""The life of a session: created, paused, resumed, stopped, renamed, deleted.

Every function here is called by the writer thread, in the transaction that it holds.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlite_utils import Database

from recorder.errors import Conflict, NotFound
from recorder.models import Channel, Session, Status
from recorder.record import chain
from recorder.record.names import name_key
from recorder.record.snowflake import snowflake_at
from recorder.store import merging
from recorder.store.gaps import raise_watermark
from recorder.store.journal import Journal
from recorder.store.reading import SESSION_SQL, session_of

# Without vowels and look-alikes: a session id is a word of the full-text index, not of English.
_ID_LETTERS = "23456789bcdfghjkmnpqrstvwxyz"
_ID_LENGTH = 9


def session(journal: Journal, session_id: str) -> Session:
    """The session with this id as it is within the running transaction.

    Raises
    ------
    NotFound
        There is none any more.
    """
    journal.flush()
    row = journal.connection.execute(SESSION_SQL + "WHERE s.id = ?", (session_id,)).fetchone()
    if row is None:
        raise NotFound("This session was deleted in the meantime.")
    return session_of(row)


def running(journal: Journal, channel_id: str) -> Session:
    """The active or paused session of a channel.

    Raises
    ------
    Conflict
        Nothing is being recorded there.
    """
    open_session = journal.running.get(channel_id)
    if open_session is None:
        raise Conflict(
            "Nothing is being recorded in this channel. Begin with `record start <name>`."
        )
    return session(journal, open_session.id)


def create(
    journal: Journal,
    name: str,
    channel: Channel,
    user_id: str,
    file_path: Callable[[], str],
    now: datetime,
    *,
    is_auto: bool = False,
) -> Session:
    """Start a session in a channel; one of auto-recording makes room for it.

    Parameters
    ----------
    file_path
        Reserves its file and gives the path, once nothing stands against the session.

    Raises
    ------
    Conflict
        The channel has a running session, or the name is taken.
    """
    _require_free_name(journal, name, channel.guild_id, channel.id)
    _make_room(journal, channel.id, now)
    session_id = _insert(
        journal, name, channel.guild_id, channel.id, user_id, file_path(), now, "active", is_auto
    )
    return _run(journal, session_id, channel.id, now)


def reopen(journal: Journal, session_id: str, channel: Channel, now: datetime) -> Session:
    """Go on with a stopped session, in a channel of its guild.

    Raises
    ------
    Conflict
        It is running, or another one runs in the channel.
    NotFound
        The session is gone.
    """
    current = session(journal, session_id)
    if current.status != "stopped":
        raise Conflict(f"{current.name} is running already ({current.status}).")
    _make_room(journal, channel.id, now)
    journal.connection.execute(
        "UPDATE recording_sessions SET status = 'active', stopped_at = NULL, channel_id = ? "
        "WHERE id = ?",
        (channel.id, session_id),
    )
    return _run(journal, session_id, channel.id, now)


def merge(
    journal: Journal,
    name: str,
    sources: Sequence[Session],
    channel: Channel,
    user_id: str,
    file_path: Callable[[], str],
    now: datetime,
) -> Session:
    """Put the messages of several sessions into a new, stopped one; they stay as they are.

    Raises
    ------
    Conflict
        The name is taken.
    NotFound
        A source is gone.
    """
    _require_free_name(journal, name, channel.guild_id, channel.id)
    sources = [session(journal, source.id) for source in sources]
    began = min(source.started_at for source in sources)
    session_id = _insert(
        journal, name, channel.guild_id, channel.id, user_id, file_path(), began, "stopped"
    )
    merging.copy_messages(journal, sources, journal.open_session(session_id))
    merging.copy_intervals(journal, sources, session_id)
    ended = max(source.stopped_at or now for source in sources)
    journal.connection.execute(
        "UPDATE recording_sessions SET stopped_at = ? WHERE id = ?", (ended.isoformat(), session_id)
    )
    return session(journal, session_id)


def insert_imported(
    journal: Journal,
    name: str,
    guild_id: str | None,
    channel_id: str | None,
    file_path: Callable[[], str],
    started_at: datetime,
) -> str:
    """Insert a stopped session without messages, that nobody started, and give its id.

    Raises
    ------
    Conflict
        The name is taken.
    """
    _require_free_name(journal, name, guild_id, channel_id)
    return _insert(journal, name, guild_id, channel_id, None, file_path(), started_at, "stopped")


def find_imported(
    journal: Journal, name: str, guild_id: str | None, channel_id: str | None
) -> str | None:
    """The id of the session of this name in a guild, or in a DM channel, that was imported."""
    row = journal.connection.execute(
        "SELECT id FROM recording_sessions WHERE coalesce(guild_id, channel_id, '') = ? "
        "AND name_key = ? AND user_id IS NULL AND status = 'stopped'",
        (guild_id or channel_id or "", name_key(name)),
    ).fetchone()
    return None if row is None else str(row[0])


def end_imported(journal: Journal, session_id: str, oldest: datetime, newest: datetime) -> None:
    """Note when an imported session was recorded: from its oldest message to its newest.

    What came in before counts, too.
    """
    before = session(journal, session_id)
    if before.stopped_at is not None:
        oldest, newest = min(oldest, before.started_at), max(newest, before.stopped_at)
    journal.connection.execute("DELETE FROM session_intervals WHERE session_id = ?", (session_id,))
    _begin_interval(journal, session_id, oldest)
    _end_interval(journal, session_id, newest)
    journal.connection.execute(
        "UPDATE recording_sessions SET started_at = ?, stopped_at = ? WHERE id = ?",
        (oldest.isoformat(), newest.isoformat(), session_id),
    )


def pause(journal: Journal, channel_id: str, now: datetime) -> Session:
    """Pause the channel's session.

    Raises
    ------
    Conflict
        Nothing is being recorded there, or it is paused already.
    """
    current = running(journal, channel_id)
    if current.status == "paused":
        raise Conflict(f"{current.name} is paused already. Go on with `record resume`.")
    _set_status(journal, current.id, "paused")
    _end_interval(journal, current.id, now)
    journal.running[channel_id].active = False
    return session(journal, current.id)


def resume(journal: Journal, channel_id: str, now: datetime) -> Session:
    """Go on with the channel's paused session.

    Raises
    ------
    Conflict
        Nothing is being recorded there, or it is not paused.
    """
    current = running(journal, channel_id)
    if current.status == "active":
        raise Conflict(f"{current.name} is not paused; it is being recorded.")
    _set_status(journal, current.id, "active")
    _begin_interval(journal, current.id, now)
    journal.running[channel_id].active = True
    return session(journal, current.id)


def stop(journal: Journal, channel_id: str, now: datetime) -> Session:
    """Stop the channel's session.

    Raises
    ------
    Conflict
        Nothing is being recorded there.
    """
    current = running(journal, channel_id)
    _end_interval(journal, current.id, now)
    journal.connection.execute(
        "UPDATE recording_sessions SET status = 'stopped', stopped_at = ? WHERE id = ?",
        (now.isoformat(), current.id),
    )
    del journal.running[channel_id]
    return session(journal, current.id)


def rename(journal: Journal, session_id: str, name: str) -> Session:
    """Give a session another name; its file keeps its own.

    Raises
    ------
    Conflict
        The name is taken.
    NotFound
        The session is gone.
    """
    current = session(journal, session_id)
    if name_key(name) != name_key(current.name):
        _require_free_name(journal, name, current.guild_id, current.channel_id)
    journal.connection.execute(
        "UPDATE recording_sessions SET name = ?, name_key = ? WHERE id = ?",
        (name, name_key(name), session_id),
    )
    return session(journal, session_id)


def delete(journal: Journal, session_id: str, files: Sequence[str] = ()) -> Session:
    """Delete a session with all that belongs to it; its file follows after the commit.

    Raises
    ------
    Conflict
        It is running.
    NotFound
        The session is gone.
    """
    current = session(journal, session_id)
    if current.status != "stopped":
        raise Conflict(f"{current.name} is still running. Stop it first with `record stop`.")
    journal.connection.execute("DELETE FROM messages WHERE session_id = ?", (session_id,))
    journal.connection.execute("DELETE FROM recording_sessions WHERE id = ?", (session_id,))
    journal.connection.executemany(
        "INSERT OR IGNORE INTO file_removals VALUES (?)",
        [(path,) for path in (current.file_path, *files)],
    )
    return current


def file_is_known(journal: Journal, file_path: str) -> bool:
    """Whether a session has this file, or one that differs from it in case alone."""
    return (
        journal.connection.execute(
            "SELECT 1 FROM recording_sessions WHERE lower(file_path) = lower(:path) "
            "UNION ALL SELECT 1 FROM file_removals WHERE lower(file_path) = lower(:path)",
            {"path": file_path},
        ).fetchone()
        is not None
    )


def files_to_remove(journal: Journal) -> list[str]:
    """Files of deleted sessions that may still be on the disk."""
    return [path for (path,) in journal.connection.execute("SELECT file_path FROM file_removals")]


def files_removed(journal: Journal, file_paths: list[str]) -> None:
    """Note that these files are gone."""
    journal.connection.executemany(
        "DELETE FROM file_removals WHERE file_path = ?", [(path,) for path in file_paths]
    )


def _insert(
    journal: Journal,
    name: str,
    guild_id: str | None,
    channel_id: str | None,
    user_id: str | None,
    file_path: str,
    started_at: datetime,
    status: Status,
    is_auto: bool = False,
) -> str:
    session_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
    Database(journal.connection).table("recording_sessions").insert(
        {
            "id": session_id,
            "name": name,
            "user_id": user_id,
            "channel_id": channel_id,
            "started_at": started_at.isoformat(),
            "message_count": 0,
            "file_path": file_path,
            "status": status,
            "name_key": name_key(name),
            "guild_id": guild_id,
            "is_auto": is_auto,
            "head": chain.genesis(session_id),
        }
    )
    return session_id


def _make_room(journal: Journal, channel_id: str, now: datetime) -> None:
    """Stop the session of auto-recording that runs in a channel; refuse another one."""
    if channel_id not in journal.running:
        return
    current = running(journal, channel_id)
    if not current.is_auto:
        raise Conflict(
            f"{current.name} is already being recorded in this channel "
            f"({current.status}). Stop it first with `record stop`."
        )
    stop(journal, channel_id, now)


def _run(journal: Journal, session_id: str, channel_id: str, now: datetime) -> Session:
    journal.add_channel(session_id, channel_id)
    raise_watermark(journal, session_id, channel_id, snowflake_at(now))
    _begin_interval(journal, session_id, now)
    journal.running[channel_id] = journal.open_session(session_id)
    return session(journal, session_id)


def name_is_free(journal: Journal, name: str, guild_id: str | None, channel_id: str | None) -> bool:
    """Whether no session of a guild, or of a DM channel, has this name."""
    taken = journal.connection.execute(
        "SELECT 1 FROM recording_sessions WHERE coalesce(guild_id, channel_id, '') = ? "
        "AND name_key = ?",
        (guild_id or channel_id or "", name_key(name)),
    ).fetchone()
    return taken is None


def _require_free_name(
    journal: Journal, name: str, guild_id: str | None, channel_id: str | None
) -> None:
    if not name_is_free(journal, name, guild_id, channel_id):
        raise Conflict(
            f'The name "{name}" is taken (upper and lower case count as the same). '
            "Choose another one."
        )


def _set_status(journal: Journal, session_id: str, status: str) -> None:
    journal.connection.execute(
        "UPDATE recording_sessions SET status = ? WHERE id = ?", (status, session_id)
    )


def _begin_interval(journal: Journal, session_id: str, now: datetime) -> None:
    journal.connection.execute(
        "INSERT INTO session_intervals (session_id, started_at) VALUES (?, ?)",
        (session_id, now.isoformat()),
    )


def _end_interval(journal: Journal, session_id: str, now: datetime) -> None:
    journal.connection.execute(
        "UPDATE session_intervals SET ended_at = max(started_at, ?) "
        "WHERE session_id = ? AND ended_at IS NULL",
        (now.isoformat(), session_id),
    )
