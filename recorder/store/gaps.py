"""Gaps: times when a session was running but missed messages, and their backfill from history."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from recorder.models import Change, Gap, Message, UnrecordedEdit
from recorder.record import session_events
from recorder.record.changes import edit_of
from recorder.store import copied_messages
from recorder.store.database import stored_time
from recorder.store.journal import Journal
from recorder.store.open_session import OpenSession
from recorder.store.reading import Reader
from recorder.store.session_rows import GAP_COLUMNS, gap_from

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
    now: datetime,
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
            open_gap(journal, session, reason, since, now)


def open_gap(
    journal: Journal, session: OpenSession, reason: str, since: datetime | None, now: datetime
) -> None:
    """Begin a gap in a session that has no open one; `since` as in :func:`begin`."""
    if not _numbered_gaps(journal, session.id, "ended_at IS NULL"):
        _add(journal, session, Gap(since or _last_known(journal, session), None, reason), now)


def end(journal: Journal, now: datetime, but: Collection[str] = ()) -> None:
    """End the open gaps of active and stopped sessions; those of suspended sessions stay open.

    Parameters
    ----------
    but
        The ids of further sessions whose gaps stay open.
    """
    rows = journal.db.query(
        "SELECT DISTINCT session_id FROM session_gaps WHERE ended_at IS NULL "
        "AND session_id IN (SELECT id FROM recording_sessions WHERE status <> 'paused')"
    )
    for session_id in [row["session_id"] for row in rows]:
        if session_id not in but:
            end_of_session(journal, journal.session(session_id), now)


def end_of_session(journal: Journal, session: OpenSession, now: datetime) -> None:
    """End the open gap of a session, and leave it to be filled."""
    _change(
        journal,
        session,
        "ended_at IS NULL",
        lambda gap: replace(gap, ended_at=max(gap.started_at, now)),
        now,
    )


def end_suspension(journal: Journal, session: OpenSession, now: datetime) -> None:
    """End the open gap of a suspended session for good: its messages are not fetched."""
    _change(
        journal,
        session,
        "ended_at IS NULL",
        lambda gap: replace(
            gap,
            ended_at=max(gap.started_at, now),
            complete=True,
            fetched=gap.fetched or 0,
            problem=gap.reason,
        ),
        now,
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


def fill(journal: Journal, session_id: str, page: HistoryPage, now: datetime) -> FilledPage:
    """Record the new messages and edits of a page, and move the channel's watermark."""
    session = journal.session(session_id)
    new = []
    for message in page.messages:
        if not journal.was_recording(session_id, message.timestamp):
            continue  # it ended since the page was read
        if journal.append_live(session, message) is None:
            _compare(journal, session, message)
        else:
            new.append(message.timestamp)
    unexpected = _count(journal, session, new, now)
    journal.add_channel(session_id, page.channel_id)
    if page.present:
        compared(journal, session, page.channel_id, page.watermark, now)
    recorded = journal.connection.execute(
        "SELECT message_id FROM messages WHERE session_id = ? AND message_id > ? "
        "AND message_id <= ? AND channel_id = ? AND deleted_at IS NULL",
        (session_id, page.after, page.watermark, page.channel_id),
    )
    absent = tuple(message_id for (message_id,) in recorded if message_id not in page.present)
    return FilledPage(unexpected, absent)


def compared(
    journal: Journal,
    session: OpenSession,
    channel_id: str,
    watermark: int,
    now: datetime,
    *,
    threads: bool = False,
) -> None:
    """Raise the id up to which a channel's history, or its archived threads, are known."""
    column = "threads_watermark" if threads else "watermark"
    known = journal.connection.execute(
        f"SELECT {column} FROM session_channels WHERE session_id = ? AND channel_id = ?",
        (session.id, channel_id),
    ).fetchone()
    if known is None or (known[0] or 0) < watermark:
        event = session_events.compared(channel_id, watermark, now, threads=threads)
        journal.append_event(session, event)


def close(
    journal: Journal,
    session_id: str,
    unexpected: Sequence[datetime],
    problem: str | None,
    *,
    now: datetime,
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
    session = journal.session(session_id)

    def outcome(gap: Gap) -> Gap:
        if until is not None and gap.ended_at is not None and gap.ended_at > until:
            return gap
        fetched = gap.fetched if problem is not None else gap.fetched or 0
        return replace(gap, fetched=fetched, problem=problem, complete=final or problem is None)

    _change(journal, session, "ended_at IS NOT NULL AND NOT complete", outcome, now)
    if unexpected:
        began, ended, count = min(unexpected), max(unexpected), len(unexpected)
        gap = Gap(began, ended, "not received", fetched=count, complete=True)
        _add(journal, session, gap, now)


def _numbered_gaps(journal: Journal, session_id: str, where: str) -> list[tuple[int, Gap]]:
    rows = journal.db.query(
        f"SELECT number, {GAP_COLUMNS} FROM session_gaps WHERE session_id = ? AND {where} "
        "ORDER BY number",
        (session_id,),
    )
    return [(row.pop("number"), gap_from(row)) for row in rows]


def _add(journal: Journal, session: OpenSession, gap: Gap, now: datetime) -> None:
    number = journal.db.table("session_gaps").count_where("session_id = ?", (session.id,)) + 1
    journal.append_event(session, session_events.gap(number, gap, now))


def _change(
    journal: Journal,
    session: OpenSession,
    where: str,
    change: Callable[[Gap], Gap],
    now: datetime,
) -> None:
    """Change the gaps of a session that meet a condition."""
    for number, gap in _numbered_gaps(journal, session.id, where):
        if (changed := change(gap)) != gap:
            journal.append_event(session, session_events.gap(number, changed, now))


def _last_known(journal: Journal, session: OpenSession) -> datetime:
    """Return the time of the last known event of a session."""
    (known,) = journal.connection.execute(
        "SELECT max("
        "coalesce((SELECT max(started_at) FROM session_intervals WHERE session_id = :id), ''), "
        "coalesce((SELECT timestamp FROM messages WHERE session_id = :id "
        "ORDER BY message_index DESC LIMIT 1), ''))",
        {"id": session.id},
    ).fetchone()
    return stored_time(known)


def _count(
    journal: Journal, session: OpenSession, times: Sequence[datetime], now: datetime
) -> tuple[datetime, ...]:
    """Count fetched messages in their gaps; return the times that lie in none to be filled."""
    if not times:
        return ()
    gaps = _numbered_gaps(
        journal, session.id, "ended_at IS NOT NULL AND NOT (complete AND problem IS NOT NULL)"
    )
    counts = dict.fromkeys((number for number, _ in gaps), 0)
    unexpected = []
    for time in times:
        numbers = [number for number, gap in gaps if _contains(gap, time)]
        if numbers:
            counts[numbers[-1]] += 1
        else:
            unexpected.append(time)
    for number, gap in gaps:
        if counts[number]:
            counted = replace(gap, fetched=(gap.fetched or 0) + counts[number])
            journal.append_event(session, session_events.gap(number, counted, now))
    return tuple(unexpected)


def _contains(gap: Gap, time: datetime) -> bool:
    ended = gap.ended_at or gap.started_at
    return gap.started_at <= time + _TOLERANCE and time - _TOLERANCE <= ended


def _compare(journal: Journal, session: OpenSession, message: Message) -> None:
    """Record an edit that was missed, also of the first message of a thread that shows it."""
    edited = message.extra.get("edited_timestamp")
    if not isinstance(edited, str):
        return
    journal.flush()
    (known,) = journal.connection.execute(
        "SELECT edited_at FROM messages WHERE session_id = ? AND message_id = ?",
        (session.id, message.message_id),
    ).fetchone()
    if known is None or known < edited:
        edit = edit_of(message, datetime.fromisoformat(edited))
        _record_missed(journal, session, edit)
        copies = copied_messages.first_messages(journal.connection, edit.message_id)
        for session_id, copy_id, _ in copies:
            copied = copied_messages.copied(edit, copy_id)
            _record_missed(journal, journal.session(session_id), copied)


def _record_missed(journal: Journal, session: OpenSession, edit: Change) -> None:
    """Record an edit, or only that there was one, if the session was not recording then."""
    if journal.was_recording(session.id, edit.timestamp):
        journal.change_live(session, edit)
    else:
        unrecorded = UnrecordedEdit(edit.timestamp, edit.channel_id, edit.message_id)
        journal.append_change(session, unrecorded)
