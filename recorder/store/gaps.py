"""Gaps: times when a session was running but missed messages, and their backfill from history."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from recorder.models import Message, UnrecordedEdit
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
    """Count the ended gaps of all sessions."""
    (row,) = reader.query(
        "SELECT count(*) AS gaps, coalesce(sum(NOT complete OR problem IS NOT NULL), 0) "
        "AS unfilled, max(problem) AS problem FROM session_gaps WHERE ended_at IS NOT NULL"
    )
    return GapCounts(**row)


def begin(
    journal: Journal,
    reason: str,
    since: datetime | None,
    session_ids: Collection[str] | None = None,
) -> None:
    """Begin a gap in every active session that has no open one, or in some of them.

    Parameters
    ----------
    since
        ``None`` after a crash: the gap begins after the last known event of each session.
    """
    journal.flush()
    for session in journal.running.values():
        if session.active and (session_ids is None or session.id in session_ids):
            open_gap(journal, session, reason, since)


def open_gap(journal: Journal, session: OpenSession, reason: str, since: datetime | None) -> None:
    """Begin a gap in a session that has no open one; `since` as in :func:`begin`."""
    table = journal.db.table("session_gaps")
    if not table.count_where("session_id = ? AND ended_at IS NULL", (session.id,)):
        started_at = since.isoformat() if since else _last_known(journal, session)
        table.insert({"session_id": session.id, "started_at": started_at, "reason": reason})


def end(journal: Journal, now: datetime, but: Collection[str] = ()) -> None:
    """End the open gaps of active and stopped sessions; those of suspended sessions stay open.

    Parameters
    ----------
    but
        The ids of further sessions whose gaps stay open.
    """
    journal.connection.execute(
        "UPDATE session_gaps SET ended_at = max(started_at, :now) WHERE ended_at IS NULL "
        "AND session_id IN (SELECT id FROM recording_sessions WHERE status <> 'paused') "
        "AND session_id NOT IN (SELECT value FROM json_each(:but))",
        {"now": now.isoformat(), "but": json.dumps(list(but))},
    )


def end_of_session(journal: Journal, session_id: str, now: datetime) -> None:
    """End the open gap of a session, and leave it to be filled."""
    journal.connection.execute(
        "UPDATE session_gaps SET ended_at = max(started_at, ?) "
        "WHERE session_id = ? AND ended_at IS NULL",
        (now.isoformat(), session_id),
    )


def end_suspension(journal: Journal, session_id: str, now: datetime) -> None:
    """End the open gap of a suspended session for good: its messages are not fetched."""
    journal.connection.execute(
        "UPDATE session_gaps SET ended_at = max(started_at, ?), complete = 1, "
        "fetched = coalesce(fetched, 0), problem = reason "
        "WHERE session_id = ? AND ended_at IS NULL",
        (now.isoformat(), session_id),
    )


@dataclass(frozen=True, slots=True)
class FilledPage:
    """The outcome of a page of history.

    Parameters
    ----------
    unexpected
        The times of new messages that lie in no known gap.
    absent
        The Discord ids of recorded messages that are missing from the page, and not known to
        be deleted.
    """

    unexpected: tuple[datetime, ...]
    absent: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A page of a channel's history, from after one Discord id up to another.

    Parameters
    ----------
    messages
        The messages that were sent while the session was recording, oldest first.
    present
        The ids of all messages on the page.
    after, watermark
        The page has every message with an id greater than `after`, up to `watermark`.
    """

    channel_id: str
    messages: Sequence[Message]
    present: frozenset[int]
    after: int
    watermark: int


def fill(journal: Journal, session_id: str, page: HistoryPage) -> FilledPage:
    """Record the new messages and edits of a page, and move the channel's watermark."""
    session = journal.session(session_id)
    unexpected = []
    for message in page.messages:
        if journal.append_live(session, message) is None:
            _compare(journal, session, message)
        elif not _count(journal, session_id, message.timestamp):
            unexpected.append(message.timestamp)
    journal.flush()
    journal.add_channel(session_id, page.channel_id)
    raise_watermark(journal, session_id, page.channel_id, page.watermark)
    recorded = journal.connection.execute(
        "SELECT message_id FROM messages WHERE session_id = ? AND message_id > ? "
        "AND message_id <= ? AND channel_id = ? AND deleted_at IS NULL",
        (session_id, page.after, page.watermark, page.channel_id),
    )
    absent = tuple(message_id for (message_id,) in recorded if message_id not in page.present)
    return FilledPage(tuple(unexpected), absent)


def raise_watermark(journal: Journal, session_id: str, channel_id: str, watermark: int) -> None:
    """Store the id up to which a channel's history is known; it never decreases."""
    journal.connection.execute(
        "UPDATE session_channels SET watermark = max(coalesce(watermark, 0), ?) "
        "WHERE session_id = ? AND channel_id = ?",
        (watermark, session_id, channel_id),
    )


def raise_threads_watermark(
    journal: Journal, session_id: str, channel_id: str, watermark: int
) -> None:
    """Store the id up to which all archived threads of a channel are compared."""
    journal.connection.execute(
        "UPDATE session_channels SET threads_watermark = max(coalesce(threads_watermark, 0), ?) "
        "WHERE session_id = ? AND channel_id = ?",
        (watermark, session_id, channel_id),
    )


def close(
    journal: Journal,
    session_id: str,
    unexpected: Sequence[datetime],
    problem: str | None,
    *,
    final: bool = False,
    until: datetime | None = None,
) -> None:
    """Store the outcome of reading the history for the ended gaps of a session.

    Parameters
    ----------
    unexpected
        The times of new messages that lie in no known gap: they become a gap of their own.
    problem
        Why the history could not be read as a whole; the gaps are filled again later.
    final
        The history can never be read: no further attempt is made.
    until
        When reading began: a gap that ended later is left to be filled.
    """
    journal.connection.execute(
        "UPDATE session_gaps SET problem = :problem, complete = :complete, "
        "fetched = iif(:problem IS NULL, coalesce(fetched, 0), fetched) "
        "WHERE session_id = :session AND ended_at <= coalesce(:until, ended_at) AND NOT complete",
        {
            "problem": problem,
            "complete": final or problem is None,
            "session": session_id,
            "until": until and until.isoformat(),
        },
    )
    if unexpected:
        journal.db.table("session_gaps").insert(
            {
                "session_id": session_id,
                "started_at": min(unexpected).isoformat(),
                "ended_at": max(unexpected).isoformat(),
                "reason": "not received",
                "fetched": len(unexpected),
                "complete": 1,
            }
        )


def _last_known(journal: Journal, session: OpenSession) -> str:
    """Return the time of the last known event of a session."""
    (known,) = journal.connection.execute(
        "SELECT max("
        "coalesce((SELECT max(started_at) FROM session_intervals WHERE session_id = :id), ''), "
        "coalesce((SELECT timestamp FROM messages WHERE session_id = :id "
        "ORDER BY message_index DESC LIMIT 1), ''))",
        {"id": session.id},
    ).fetchone()
    return str(known)


def _count(journal: Journal, session_id: str, timestamp: datetime) -> bool:
    """Count a fetched message in its gap; return whether there is one that can be filled."""
    counted = journal.connection.execute(
        "UPDATE session_gaps SET fetched = coalesce(fetched, 0) + 1 WHERE id = "
        "(SELECT max(id) FROM session_gaps WHERE session_id = ? AND started_at <= ? "
        "AND ended_at >= ? AND NOT (complete AND problem IS NOT NULL))",
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
        time = datetime.fromisoformat(edited)
        edit = edit_of(message, time)
        if journal.was_recording(session.id, time):
            journal.change_live(session, edit)
        else:
            journal.append_change(session, UnrecordedEdit(time, edit.channel_id, edit.message_id))
