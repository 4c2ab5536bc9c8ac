"""Who does not want to be recorded, and what is kept of somebody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from recorder.models import Session
from recorder.store.journal import Journal
from recorder.store.reading import Reader


@dataclass(frozen=True, slots=True)
class Kept:
    """How much is kept of somebody, in how many sessions."""

    messages: int
    sessions: int


def opt_out(journal: Journal, place_id: str, user_id: str, now: datetime) -> bool:
    """Record nothing of somebody in a guild or DM channel from now on; false if so already."""
    journal.connection.execute(
        "INSERT OR IGNORE INTO opted_out (place_id, user_id, since) VALUES (?, ?, ?)",
        (place_id, user_id, now.isoformat()),
    )
    changed = (place_id, user_id) not in journal.opted_out
    journal.opted_out.add((place_id, user_id))
    return changed


def opt_in(journal: Journal, place_id: str, user_id: str) -> bool:
    """Record somebody again from now on; false if they are recorded already."""
    journal.connection.execute(
        "DELETE FROM opted_out WHERE place_id = ? AND user_id = ?", (place_id, user_id)
    )
    changed = (place_id, user_id) in journal.opted_out
    journal.opted_out.discard((place_id, user_id))
    return changed


def has_opted_out(reader: Reader, place_id: str, user_id: str) -> datetime | None:
    """Since when somebody is not recorded in a guild or DM channel."""
    with reader.connect() as connection:
        row = connection.execute(
            "SELECT since FROM opted_out WHERE place_id = ? AND user_id = ?", (place_id, user_id)
        ).fetchone()
    return datetime.fromisoformat(row[0]) if row else None


def kept_of(reader: Reader, user_id: str, sessions: Sequence[Session]) -> Kept:
    """What of somebody is kept in these sessions."""
    messages = held = 0
    with reader.connect() as connection:
        for session in sessions:
            (count,) = connection.execute(
                "SELECT count(*) FROM messages WHERE session_id = ? AND author_id = ?",
                (session.id, user_id),
            ).fetchone()
            messages, held = messages + count, held + (count > 0)
    return Kept(messages, held)
