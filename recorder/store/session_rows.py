"""Rows of sessions, tags, gaps and auto-recordings, and the values that they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from recorder.models import AutoRecording, Gap, Session, Tag
from recorder.store.database import Connection, stored_time

_SESSION_COLUMNS = """
SELECT s.id, s.name, s.guild_id, s.channel_id, s.user_id, s.started_at, s.stopped_at, s.status,
    s.message_count, s.byte_size, s.file_path,
    coalesce((SELECT round(sum(julianday(ended_at) - julianday(started_at)) * 86400, 3)
        FROM session_intervals WHERE session_id = s.id AND ended_at IS NOT NULL), 0.0)
        AS recorded_seconds,
    (SELECT max(started_at) FROM session_intervals WHERE session_id = s.id AND ended_at IS NULL)
        AS running_since,
    s.line_count || ':' || lower(hex(s.head)) AS head, s.is_auto
"""
SESSION_SQL = f"{_SESSION_COLUMNS} FROM recording_sessions s "
"""Selects all sessions; a condition on ``s`` follows."""
VISIBLE_SESSION_SQL = (
    f"{_SESSION_COLUMNS} FROM (SELECT rowid, * FROM recording_sessions WHERE NOT is_draft) s "
)
"""The same without drafts."""


def session_from(row: dict[str, Any]) -> Session:
    """Return the session in a row of :data:`SESSION_SQL`.

    Raises
    ------
    DamagedRow
        A column holds no time where it should.
    """
    return Session(
        **row
        | {
            "started_at": stored_time(row["started_at"]),
            "stopped_at": _optional_time(row["stopped_at"]),
            "running_since": _optional_time(row["running_since"]),
            "is_auto": bool(row["is_auto"]),
        }
    )


GAP_COLUMNS = "started_at, ended_at, reason, fetched, problem, complete"


def gap_from(row: dict[str, Any]) -> Gap:
    """Return the gap in a row of :data:`GAP_COLUMNS`."""
    return Gap(**row | times(row) | {"complete": bool(row["complete"])})


def sessions_with(connection: Connection, ids: Sequence[str]) -> list[Session]:
    """Return the sessions with these ids, in any order, without drafts."""
    db = Database(connection, recursive_triggers=False, execute_plugins=False)
    rows = db.query(f"{VISIBLE_SESSION_SQL} WHERE s.id IN ({', '.join('?' * len(ids))})", ids)
    return [session_from(row) for row in rows]


def tags_of(db: Database, session_id: str) -> list[Tag]:
    """Return the tags of a session, in the order of their messages."""
    rows = db.query(
        "SELECT tag AS name, timestamp, message_index FROM session_tags WHERE session_id = ? "
        "ORDER BY message_index, rowid",
        (session_id,),
    )
    return [Tag(**row | {"timestamp": stored_time(row["timestamp"])}) for row in rows]


def auto_recordings(db: Database) -> list[AutoRecording]:
    """Return the channels and guilds in which auto-recording is on."""
    rows = db.query("SELECT place_id, guild_id, user_id FROM auto_recording")
    return [AutoRecording(**row) for row in rows]


def times(row: dict[str, Any]) -> dict[str, datetime | None]:
    """Return the start and end of an interval or gap."""
    return {
        "started_at": stored_time(row["started_at"]),
        "ended_at": _optional_time(row["ended_at"]),
    }


def _optional_time(text: str | None) -> datetime | None:
    return None if text is None else stored_time(text)
