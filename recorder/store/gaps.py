"""Gaps: times when a session was running but missed messages, and their backfill from history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from recorder.models import Message
from recorder.record.changes import edit_of
from recorder.store.journal import Journal
from recorder.store.open_session import OpenSession
from recorder.store.reading import Reader

# Discord's clock and ours may differ by that much.
_TOLERANCE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class GapCounts:
    """The number of gaps in all sessions, and of those that are not filled yet."""

    gaps: int
    unfilled: int
    problem: str | None
    """Why the history could not be read, if that is so for a gap."""


def count_gaps(reader: Reader) -> GapCounts:
    """Count the gaps of all sessions."""
    (row,) = reader.query(
        "SELECT count(*) AS gaps, coalesce(sum(fetched IS NULL OR problem IS NOT NULL), 0) "
        "AS unfilled, max(problem) AS problem FROM session_gaps WHERE ended_at IS NOT NULL"
    )
    return GapCounts(**row)


def begin(journal: Journal, reason: str, now: datetime | None) -> None:
    """Begin a gap in every active session that has no open one.

    Parameters
    ----------
    now
        ``None`` after a crash: the gap begins after the last known event of each session.
    """
    journal.flush()
    open_gaps = journal.db.table("session_gaps")
    for session in journal.running.values():
        if session.active and not open_gaps.count_where(
            "session_id = ? AND ended_at IS NULL", (session.id,)
        ):
            since = now.isoformat() if now else _last_known(journal, session)
            open_gaps.insert({"session_id": session.id, "started_at": since, "reason": reason})


def end(journal: Journal, now: datetime) -> None:
    """End the open gaps."""
    journal.connection.execute(
        "UPDATE session_gaps SET ended_at = max(started_at, ?) WHERE ended_at IS NULL",
        (now.isoformat(),),
    )


def fill(
    journal: Journal, session_id: str, channel_id: str, messages: Sequence[Message], watermark: int
) -> list[datetime]:
    """Take in a page of a channel's history that follows its watermark.

    Parameters
    ----------
    messages
        The messages of the page that were sent while the session was recording, oldest first.
    watermark
        The Discord id up to which the history is compared after this page.

    Returns
    -------
    list of datetime
        The times of new messages that lie in no known gap.
    """
    session = journal.session(session_id)
    unexpected = []
    for message in messages:
        if journal.append_live(session, message) is None:
            _compare(journal, session, message)
        elif not _count(journal, session_id, message.timestamp):
            unexpected.append(message.timestamp)
    journal.flush()
    journal.add_channel(session_id, channel_id)
    raise_watermark(journal, session_id, channel_id, watermark)
    return unexpected


def raise_watermark(journal: Journal, session_id: str, channel_id: str, watermark: int) -> None:
    """Store the id up to which a channel's history is known; it never decreases."""
    journal.connection.execute(
        "UPDATE session_channels SET watermark = max(coalesce(watermark, 0), ?) "
        "WHERE session_id = ? AND channel_id = ?",
        (watermark, session_id, channel_id),
    )


def close(
    journal: Journal, session_id: str, unexpected: Sequence[datetime], problem: str | None
) -> None:
    """Store the outcome of reading the history for the ended gaps of a session.

    Parameters
    ----------
    unexpected
        The times of new messages that lie in no known gap: they become a gap of their own.
    """
    journal.connection.execute(
        "UPDATE session_gaps SET fetched = coalesce(fetched, 0), problem = ? "
        "WHERE session_id = ? AND ended_at IS NOT NULL "
        "AND (fetched IS NULL OR problem IS NOT NULL)",
        (problem, session_id),
    )
    if unexpected:
        journal.db.table("session_gaps").insert(
            {
                "session_id": session_id,
                "started_at": min(unexpected).isoformat(),
                "ended_at": max(unexpected).isoformat(),
                "reason": "not received",
                "fetched": len(unexpected),
            }
        )


def _last_known(journal: Journal, session: OpenSession) -> str:
    """Return the time of the last known event of a session."""
    (known,) = journal.connection.execute(
        "SELECT max((SELECT max(started_at) FROM session_intervals WHERE session_id = :id), "
        "coalesce((SELECT timestamp FROM messages WHERE session_id = :id "
        "ORDER BY message_index DESC LIMIT 1), ''))",
        {"id": session.id},
    ).fetchone()
    return str(known)


def _count(journal: Journal, session_id: str, timestamp: datetime) -> bool:
    """Count a fetched message in its gap; return whether there is one."""
    counted = journal.connection.execute(
        "UPDATE session_gaps SET fetched = coalesce(fetched, 0) + 1 WHERE id = "
        "(SELECT max(id) FROM session_gaps WHERE session_id = ? AND started_at <= ? "
        "AND ended_at >= ?)",
        (
            session_id,
            (timestamp + _TOLERANCE).isoformat(),
            (timestamp - _TOLERANCE).isoformat(),
        ),
    )
    return counted.rowcount > 0


def _compare(journal: Journal, session: OpenSession, message: Message) -> None:
    """Record an edit that was missed."""
    edited = message.extra.get("edited_timestamp")
    if not isinstance(edited, str):
        return
    journal.flush()
    (known,) = journal.connection.execute(
        "SELECT edited_at FROM messages WHERE session_id = ? AND message_id = ?",
        (session.id, message.message_id),
    ).fetchone()
    if known is None or known < edited:
        journal.change_live(session, edit_of(message, datetime.fromisoformat(edited)))
