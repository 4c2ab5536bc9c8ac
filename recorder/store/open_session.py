"""The state of a session that lines are appended to."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlite_utils import Database

from recorder.errors import NotFound


@dataclass(slots=True)
class OpenSession:
    """A session that lines are appended to, with what the next line depends on.

    Parameters
    ----------
    scope_id
        The guild, or the DM channel.
    head
        The hash of the last line.
    channels
        Every channel that the session holds messages of, or may hold.
    """

    id: str
    scope_id: str
    file_path: str
    active: bool
    message_count: int
    line_count: int
    byte_size: int
    head: bytes
    newest_message_id: int
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
        "status = 'active' AS active, message_count, line_count, byte_size, head, "
        "coalesce((SELECT max(message_id) FROM messages WHERE session_id = :id "
        "AND message_id IS NOT NULL), 0) AS newest_message_id "
        "FROM recording_sessions WHERE id = :id",
        {"id": session_id},
    )
    for row in rows:
        channels = db.query(
            "SELECT channel_id FROM session_channels WHERE session_id = ?", (session_id,)
        )
        row["active"] = bool(row["active"])
        return OpenSession(**row, channels={channel["channel_id"] for channel in channels})
    raise NotFound(f"There is no session {session_id}.")
