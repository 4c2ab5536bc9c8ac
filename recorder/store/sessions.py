"""The life cycle of a session: create, pause, resume, stop, reopen, merge, rename, delete.

The writer thread calls every function here, within its transaction.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from recorder.errors import Conflict, NotFound
from recorder.models import Channel, Session, SessionEvent, Status
from recorder.record import chain, session_events
from recorder.record.names import name_key
from recorder.store import attachments, ledger
from recorder.store.gaps import end_of_session, end_suspension, open_gap
from recorder.store.journal import Journal
from recorder.store.open_session import load_open_session
from recorder.store.session_rows import SESSION_SQL, session_from

# Without vowels and look-alikes: a session id is a word of the full-text index, not of English.
_ID_LETTERS = "23456789bcdfghjkmnpqrstvwxyz"
_ID_LENGTH = 9
_MOMENT = timedelta(milliseconds=1)  # of the time in Discord's ids


def session(journal: Journal, session_id: str) -> Session:
    """Return a session in its state within the running transaction.

    Raises
    ------
    NotFound
        The session was deleted.
    """
    journal.flush()
    for row in journal.db.query(SESSION_SQL + "WHERE s.id = ?", (session_id,)):
        return session_from(row)
    raise NotFound("This session was deleted in the meantime.")


def running(journal: Journal, channel_id: str) -> Session:
    """Return the active or paused session of a channel.

    Raises
    ------
    Conflict
        No session is running there.
    """
    open_session = journal.running.get(channel_id)
    if open_session is None or open_session.is_draft:
        raise Conflict(
            "Nothing is being recorded in this channel. Begin with `record start <name>`."
        )
    return session(journal, open_session.id)


def create(
    journal: Journal,
    name: str,
    channel: Channel,
    user_id: str,
    *,
    stem: str,
    now: datetime,
    is_auto: bool = False,
) -> Session:
    """Start a session in a channel, and stop a session of auto-recording that runs there.

    Parameters
    ----------
    stem
        The name of its file without suffix; when it is taken, a number is appended.

    Raises
    ------
    Conflict
        Another session is running in the channel, or the name is taken.
    """
    require_free_name(journal, name, channel.guild_id, channel.id)
    now = stop_auto_session(journal, channel.id, now)
    session_id = insert(
        journal,
        name=name,
        guild_id=channel.guild_id,
        channel_id=channel.id,
        user_id=user_id,
        file_path=free_file_path(journal, stem),
        started_at=now,
        status="stopped",
        is_auto=is_auto,
        is_draft=True,
    )
    return begin(journal, session_id, now)


def reopen(journal: Journal, session_id: str, channel: Channel, now: datetime) -> Session:
    """Continue a stopped session in a channel of its guild.

    Raises
    ------
    Conflict
        It is running, or another session is running in the channel.
    NotFound
        It was deleted.
    """
    reopenable(journal, session_id, channel)
    now = stop_auto_session(journal, channel.id, now)
    return _run(journal, session_id, channel.id, session_events.resume(channel, now))


def reopenable(journal: Journal, session_id: str, channel: Channel) -> Session:
    """Return a stopped session that can be continued in a channel; errors as in :func:`reopen`."""
    current = session(journal, session_id)
    if current.status != "stopped":
        raise Conflict(f"{current.name} is running already ({current.status}).")
    require_free_channel(journal, channel.id)
    return current


def pause(journal: Journal, channel_id: str, now: datetime) -> Session:
    """Pause the session of a channel.

    Raises
    ------
    Conflict
        No session is running there, or it is paused already.
    """
    current = running(journal, channel_id)
    if current.status == "paused":
        raise Conflict(f"{current.name} is paused already. Go on with `record resume`.")
    open_session = journal.running[channel_id]
    journal.append_event(open_session, session_events.pause(now))
    end_of_session(journal, open_session, now)
    open_session.active = False
    return session(journal, current.id)


def resume(journal: Journal, channel_id: str, now: datetime) -> Session:
    """Continue the paused session of a channel.

    Raises
    ------
    Conflict
        No session is running there, or it is not paused.
    """
    current, open_session = paused(journal, channel_id), journal.running[channel_id]
    end_suspension(journal, open_session, now)
    channel = Channel(channel_id, "", current.guild_id)
    journal.append_event(open_session, session_events.resume(channel, now))
    open_session.active = True
    return session(journal, current.id)


def paused(journal: Journal, channel_id: str) -> Session:
    """Return the paused session of a channel; errors as in :func:`resume`."""
    current = running(journal, channel_id)
    if current.status == "active":
        raise Conflict(f"{current.name} is not paused; it is being recorded.")
    return current


def suspend(journal: Journal, channel_id: str, reason: str, now: datetime) -> Session | None:
    """Pause the active session of a channel with a gap, since the bot lacks a permission.

    Returns ``None`` when there is none.
    """
    open_session = journal.running.get(channel_id)
    if open_session is None or not open_session.active:
        return None
    end_of_session(journal, open_session, now)
    open_gap(journal, open_session, reason, now, now)
    journal.append_event(open_session, session_events.pause(now, reason))
    open_session.active = False
    return session(journal, open_session.id)


def stop(journal: Journal, channel_id: str, now: datetime) -> Session:
    """Stop the session of a channel.

    Raises
    ------
    Conflict
        No session is running there.
    """
    current, open_session = running(journal, channel_id), journal.running[channel_id]
    if current.status == "paused":
        end_suspension(journal, open_session, now)
    else:
        end_of_session(journal, open_session, now)
    journal.append_event(open_session, session_events.stop(now))
    del journal.running[channel_id]
    return session(journal, current.id)


def rename(journal: Journal, session_id: str, name: str, now: datetime) -> Session:
    """Rename a session; its file keeps its name.

    Raises
    ------
    Conflict
        The name is taken.
    NotFound
        The session was deleted.
    """
    current = session(journal, session_id)
    if name_key(name) != name_key(current.name):
        require_free_name(journal, name, current.guild_id, current.channel_id)
    journal.append_event(journal.session(session_id), session_events.rename(name, now))
    return session(journal, session_id)


def delete(journal: Journal, session_id: str) -> Session:
    """Delete a stopped session and its rows; its files are removed after the commit.

    Raises
    ------
    Conflict
        It is running.
    NotFound
        It was deleted already.
    """
    current = session(journal, session_id)
    if current.status != "stopped":
        raise Conflict(f"{current.name} is still running. Stop it first with `record stop`.")
    ledger.append_deletion(journal, session_id)
    files = attachments.forget(journal.db, attachments.urls_of(journal.db, session_id))
    journal.db.table("messages").delete_where("session_id = ?", (session_id,))
    journal.db.table("recording_sessions").delete(session_id)
    remove_files(journal, [current.file_path, *files])
    return current


def remove_files(journal: Journal, file_paths: Sequence[str]) -> None:
    """Have files removed after the commit; paths are relative to the data folder."""
    journal.db.table("file_removals").upsert_all(
        [{"file_path": path} for path in file_paths], pk="file_path"
    )


def name_is_free(journal: Journal, name: str, guild_id: str | None, channel_id: str | None) -> bool:
    """Return whether no session of a guild or DM channel has this name."""
    return not journal.db.table("recording_sessions").count_where(
        "coalesce(guild_id, channel_id, '') = ? AND name_key = ?",
        (guild_id or channel_id or "", name_key(name)),
    )


def require_free_name(
    journal: Journal, name: str, guild_id: str | None, channel_id: str | None
) -> None:
    """Raise an error if a session of a guild or DM channel has this name.

    Raises
    ------
    Conflict
        The name is taken.
    """
    if not name_is_free(journal, name, guild_id, channel_id):
        raise Conflict(
            f'The name "{name}" is taken (upper and lower case count as the same). '
            "Choose another one."
        )


def free_file_path(journal: Journal, stem: str) -> str:
    """Reserve ``sessions/<stem>.jsonl``; when it is taken, with ``-2``, ``-3``… appended."""
    for number in itertools.count(1):
        path = f"sessions/{stem}{f'-{number}' if number > 1 else ''}.jsonl"
        if not _file_is_known(journal, path) and journal.reserve_file(path):
            return path
    raise AssertionError("itertools.count ended")


def _file_is_known(journal: Journal, file_path: str) -> bool:
    """Return whether a session has this file, or one that differs from it in case alone."""
    return any(
        journal.db.table(table).count_where("lower(file_path) = lower(?)", (file_path,))
        for table in ("recording_sessions", "file_removals")
    )


def insert(
    journal: Journal,
    *,
    name: str,
    guild_id: str | None,
    channel_id: str | None,
    user_id: str | None,
    file_path: str,
    started_at: datetime,
    status: Status,
    is_auto: bool = False,
    is_draft: bool = False,
) -> str:
    """Insert the row of a session, and return its id."""
    session_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
    journal.db.table("recording_sessions").insert(
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
            "is_draft": is_draft,
            "head": chain.genesis(session_id),
        }
    )
    return session_id


def stop_auto_session(journal: Journal, channel_id: str, now: datetime) -> datetime:
    """Stop the session of auto-recording that runs in a channel; refuse any other.

    Returns the time of its end as :func:`end_of_auto_session` does.
    """
    now = end_of_auto_session(journal, channel_id, now)
    if channel_id in journal.running:
        stop(journal, channel_id, now)
    return now


def end_of_auto_session(journal: Journal, channel_id: str, now: datetime) -> datetime:
    """Return `now`, or the time up to which the auto-recording of a channel holds messages."""
    require_free_channel(journal, channel_id)
    if channel_id in journal.running:
        current = journal.running[channel_id]
        now = max(now, current.started_at, current.newest_time + _MOMENT)
    return now


def require_free_channel(journal: Journal, channel_id: str) -> None:
    """Require that no session runs in a channel, except one of auto-recording."""
    if channel_id not in journal.running:
        return
    if journal.running[channel_id].is_draft:
        raise Conflict("A recording is just being started in this channel. Try again.")
    current = running(journal, channel_id)
    if not current.is_auto:
        raise Conflict(
            f"{current.name} is already being recorded in this channel "
            f"({current.status}). Stop it first with `record stop`."
        )


def begin(journal: Journal, session_id: str, now: datetime) -> Session:
    """Start recording a draft from `now` on."""
    draft = session(journal, session_id)
    started = session_events.start(replace(draft, started_at=now), now)
    return _run(journal, session_id, draft.channel_id or "", started)


def _run(journal: Journal, session_id: str, channel_id: str, event: SessionEvent) -> Session:
    """Record a session in a channel from an event on."""
    journal.append_event(journal.session(session_id), event)
    journal.channels.add(channel_id)
    journal.running[channel_id] = load_open_session(journal.db, session_id)
    return session(journal, session_id)
