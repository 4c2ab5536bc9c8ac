"""Sessions that were imported from files: stopped, and without a starter."""

from __future__ import annotations

from datetime import datetime

from recorder.record.names import name_key
from recorder.store import sessions
from recorder.store.journal import Journal


def insert(
    journal: Journal,
    name: str,
    guild_id: str | None,
    channel_id: str | None,
    *,
    stem: str,
    started_at: datetime,
) -> str:
    """Insert a stopped session without messages and without a starter; return its id.

    Raises
    ------
    Conflict
        The name is taken.
    """
    sessions.require_free_name(journal, name, guild_id, channel_id)
    return sessions.insert(
        journal,
        name=name,
        guild_id=guild_id,
        channel_id=channel_id,
        user_id=None,
        file_path=sessions.free_file_path(journal, stem),
        started_at=started_at,
        status="stopped",
    )


def find(journal: Journal, name: str, guild_id: str | None, channel_id: str | None) -> str | None:
    """Return the id of the imported session of this name in a guild or DM channel."""
    rows = journal.db.query(
        "SELECT id FROM recording_sessions WHERE coalesce(guild_id, channel_id, '') = ? "
        "AND name_key = ? AND user_id IS NULL AND status = 'stopped'",
        (guild_id or channel_id or "", name_key(name)),
    )
    return next((row["id"] for row in rows), None)


def end(journal: Journal, session_id: str, oldest: datetime, newest: datetime) -> None:
    """Store the times of the oldest and newest message as those of the recording.

    Messages of earlier imports count, too.
    """
    before = sessions.session(journal, session_id)
    if before.stopped_at is not None:
        oldest, newest = min(oldest, before.started_at), max(newest, before.stopped_at)
    journal.db.table("session_intervals").delete_where("session_id = ?", (session_id,))
    sessions.begin_interval(journal, session_id, oldest)
    sessions.end_interval(journal, session_id, newest)
    sessions.update(
        journal, session_id, started_at=oldest.isoformat(), stopped_at=newest.isoformat()
    )
