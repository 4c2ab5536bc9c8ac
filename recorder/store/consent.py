"""Opting out of being recorded, and how much is recorded of a user."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recorder.store import ledger
from recorder.store.journal import Journal
from recorder.store.reading import Reader


@dataclass(frozen=True, slots=True)
class RecordedOfUser:
    """The number of a user's messages, and of the sessions that hold them."""

    messages: int
    sessions: int


def opt_out(journal: Journal, scope_id: str, user_id: str, now: datetime) -> bool:
    """Stop recording a user in a guild or DM channel; return ``False`` if that was so before."""
    if journal.is_opted_out(scope_id, user_id, now):
        return False
    journal.db.table("opted_out").upsert(
        {"place_id": scope_id, "user_id": user_id, "since": now.isoformat(), "until": None},
        pk=("place_id", "user_id", "since"),
    )
    ledger.append_opted_out(journal, scope_id, user_id, now.isoformat(), None)
    journal.load_opted_out()
    return True


def opt_in(journal: Journal, scope_id: str, user_id: str, now: datetime) -> bool:
    """Record a user again; return ``False`` if they are recorded already.

    A message that was sent before stays without content, also when it is fetched later.
    """
    if not journal.is_opted_out(scope_id, user_id, now):
        return False
    rows = journal.connection.execute(
        "UPDATE opted_out SET until = ? WHERE place_id = ? AND user_id = ? AND until IS NULL "
        "RETURNING since",
        (now.isoformat(), scope_id, user_id),
    ).fetchall()
    for (since,) in rows:
        ledger.append_opted_out(journal, scope_id, user_id, since, now.isoformat())
    journal.load_opted_out()
    return True


def opted_out_since(reader: Reader, scope_id: str, user_id: str) -> datetime | None:
    """Return when a user opted out in a guild or DM channel; ``None`` if they did not."""
    rows = reader.query(
        "SELECT since FROM opted_out WHERE place_id = ? AND user_id = ? AND until IS NULL",
        scope_id,
        user_id,
    )
    return datetime.fromisoformat(rows[0]["since"]) if rows else None


def recorded_of(reader: Reader, user_id: str, scope_id: str) -> RecordedOfUser:
    """Count the messages of a user in a guild or DM channel."""
    (row,) = reader.query(
        "SELECT count(*) AS messages, count(DISTINCT session_id) AS sessions FROM messages "
        "WHERE author_id = ? AND session_id IN (SELECT id FROM recording_sessions "
        "WHERE coalesce(guild_id, channel_id) = ? AND NOT is_draft)",
        user_id,
        scope_id,
    )
    return RecordedOfUser(row["messages"], row["sessions"])
