"""Gaps: when a session was not heard, and what its channels' history gave for them.

Every function here is called by the writer thread, in the transaction that it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from recorder.models import Message
from recorder.record.changes import edit_of
from recorder.store.journal import Journal, OpenSession
from recorder.store.reading import Reader

# Discord's clock and ours may differ by that much.
_TOLERANCE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many gaps there are in all recordings, and in how many something is still missing."""

    gaps: int
    unread: int
    problem: str | None
    """Why the history could not be read, where that is so."""


def counts(reader: Reader) -> Counts:
    """How the gaps of all recordings stand."""
    with reader.connect() as connection:
        return Counts(
            *connection.execute(
                "SELECT count(*), coalesce(sum(fetched IS NULL OR problem IS NOT NULL), 0), "
                "max(problem) FROM session_gaps WHERE ended_at IS NOT NULL"
            ).fetchone()
        )


def begin(journal: Journal, reason: str, now: datetime | None) -> None:
    """Note that no running session is heard from now on.

    Parameters
    ----------
    now
        ``None`` after a crash: then it began after the last thing that is known.
    """
    journal.flush()
    for session in journal.running.values():
        is_open = journal.connection.execute(
            "SELECT 1 FROM session_gaps WHERE session_id = ? AND ended_at IS NULL", (session.id,)
        ).fetchone()
        if session.active and not is_open:
            since = now.isoformat() if now else _last_known(journal, session)
            _insert(journal, session.id, since, None, reason)


def end(journal: Journal, now: datetime) -> None:
    """Note that the recorder is back."""
    journal.connection.execute(
        "UPDATE session_gaps SET ended_at = max(started_at, ?) WHERE ended_at IS NULL",
        (now.isoformat(),),
    )


def fill(
    journal: Journal, session_id: str, channel_id: str, messages: Sequence[Message], watermark: int
) -> list[datetime]:
    """Take in a part of a channel's history that joins on to its watermark.

    Parameters
    ----------
    messages
        What was said while the session was recording, the oldest first.
    watermark
        Up to this Discord id the history has been compared then.

    Returns
    -------
    list of datetime
        When those were said that the session lacked and that lie in no known gap.
    """
    session = journal.session(session_id)
    outside = []
    for message in messages:
        if journal.append_live(session, message) is None:
            _compare(journal, session, message)
        elif not _count(journal, session_id, message.timestamp):
            outside.append(message.timestamp)
    journal.flush()
    journal.add_channel(session_id, channel_id)
    raise_watermark(journal, session_id, channel_id, watermark)
    return outside


def raise_watermark(journal: Journal, session_id: str, channel_id: str, watermark: int) -> None:
    """Note up to where a channel's history is known; never less than before."""
    journal.connection.execute(
        "UPDATE session_channels SET watermark = max(coalesce(watermark, 0), ?) "
        "WHERE session_id = ? AND channel_id = ?",
        (watermark, session_id, channel_id),
    )


def close(
    journal: Journal, session_id: str, outside: Sequence[datetime], problem: str | None
) -> None:
    """Note that the history was read for all gaps of a session, and what else was missing."""
    journal.connection.execute(
        "UPDATE session_gaps SET fetched = coalesce(fetched, 0), problem = ? "
        "WHERE session_id = ? AND ended_at IS NOT NULL "
        "AND (fetched IS NULL OR problem IS NOT NULL)",
        (problem, session_id),
    )
    if outside:
        first, last = min(outside).isoformat(), max(outside).isoformat()
        _insert(journal, session_id, first, last, "not received", len(outside))


def _insert(
    journal: Journal,
    session_id: str,
    started_at: str,
    ended_at: str | None,
    reason: str,
    fetched: int | None = None,
) -> None:
    journal.connection.execute(
        "INSERT INTO session_gaps (session_id, started_at, ended_at, reason, fetched) "
        "VALUES (?, ?, ?, ?, ?)",
        (session_id, started_at, ended_at, reason, fetched),
    )


def _last_known(journal: Journal, session: OpenSession) -> str:
    """When the last thing happened of which the session knows."""
    (known,) = journal.connection.execute(
        "SELECT max((SELECT max(started_at) FROM session_intervals WHERE session_id = :id), "
        "coalesce((SELECT timestamp FROM messages WHERE session_id = :id "
        "ORDER BY message_index DESC LIMIT 1), ''))",
        {"id": session.id},
    ).fetchone()
    return str(known)


def _count(journal: Journal, session_id: str, timestamp: datetime) -> bool:
    """Count a message to the gap that it lies in; false when there is none."""
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
    """Record that a message was edited while nobody listened."""
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
