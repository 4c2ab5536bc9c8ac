"""The state of a session that lines are appended to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlite_utils import Database

from recorder.errors import NotFound
from recorder.store.database import stored_time


@dataclass(slots=True)
class OpenSession:
    """A session that lines are appended to, with what the next line depends on.

    Parameters
    ----------
    scope_id
        The guild, or the DM channel.
    head
        The hash of the last line.
    started_at
        When its first message may have been sent.
    newest_time
        The latest time of a message, as long as they are in order.
    in_order
        Whether no message came after a later one.
    channels
        Every channel that the session holds messages of, or may hold.
    """

    id: str
    scope_id: str
    file_path: str
    active: bool
    is_draft: bool
    message_count: int
    line_count: int
    byte_size: int
    head: bytes
    newest_message_id: int
    started_at: datetime
    newest_time: datetime
    in_order: bool
    channels: set[str] = field(default_factory=set)


def load_open_session(db: Database, session_id: str) -> OpenSession:
    """Read the state of a session for appending.

    Raises
    ------
    NotFound
        There is no such session.
    """
    rows = db.query(
        "SELECT id, coalesce(guild_id, channel_id, '') AS scope_id, file_path, "
        "status = 'active' AS active, is_draft, message_count, line_count, byte_size, head, "
        "started_at, "
        "coalesce((SELECT max(message_id) FROM messages WHERE session_id = :id "
        "AND message_id IS NOT NULL), 0) AS newest_message_id, "
        "(SELECT timestamp FROM messages WHERE session_id = :id "
        "ORDER BY message_index DESC LIMIT 1) AS newest_time, in_order "
        "FROM recording_sessions WHERE id = :id",
        {"id": session_id},
    )
    for row in rows:
        channels = db.query(
            "SELECT channel_id FROM session_channels WHERE session_id = ?", (session_id,)
        )
        for flag in ("active", "is_draft", "in_order"):
            row[flag] = bool(row[flag])
        row["started_at"] = stored_time(row["started_at"])
        newest = row["newest_time"]
        row["newest_time"] = stored_time(newest) if newest else datetime.min.replace(tzinfo=UTC)
        return OpenSession(**row, channels={channel["channel_id"] for channel in channels})
    raise NotFound(f"There is no session {session_id}.")
