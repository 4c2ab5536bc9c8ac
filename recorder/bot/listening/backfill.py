"""Backfill: compare a session with the history of its channels, and record what it missed.

A watermark for each channel of a session is the id up to which its history is complete.
Fetching starts a little before it, and it moves with each committed page, so that neither a
crash nor a message out of order leaves a hole.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import discord
from discord.ext import commands

from recorder.bot.listening.auto_sessions import AutoRecorder
from recorder.bot.listening.event_order import EventOrder
from recorder.bot.listening.history import from_history
from recorder.bot.listening.history_pages import (
    NETWORK_ERRORS,
    Page,
    is_gone,
    pages,
    problem_of,
    public_threads,
    readable_channel,
)
from recorder.bot.listening.listener import Listener
from recorder.bot.replies import notices
from recorder.errors import RecorderError
from recorder.formatting import gap_outcome
from recorder.models import Deletion, Gap, Interval, Session
from recorder.record.snowflake import (
    IDS_A_MILLISECOND,
    snowflake_at,
    snowflake_before,
    snowflake_time,
)
from recorder.recording.gap_log import GapLog
from recorder.recording.session_recorder import SessionRecorder
from recorder.store.gaps import HistoryPage
from recorder.store.reading import Reader

log = logging.getLogger(__name__)

OVERLAP = timedelta(minutes=5)
_MOST_COMPARED = 10_000  # messages of a channel after an absence
_DOUBTFUL = timedelta(minutes=1)  # Discord's history may lack a newer message


@dataclass(slots=True)
class _Attempt:
    """An attempt to read the history of a session, and its outcome."""

    session: Session
    gaps: Sequence[Gap]
    intervals: Sequence[Interval]
    watermarks: dict[str, int]
    threads_watermarks: dict[str, int]
    unexpected: list[datetime] = field(default_factory=list)
    problem: str | None = None
    final: bool = False

    @property
    def before(self) -> int | None:
        """The id before which the recording ended, ``None`` while it is active."""
        ends = [interval.ended_at for interval in self.intervals]
        if self.session.status == "active" or not ends or ends[-1] is None:
            return None
        return snowflake_at(ends[-1]) + IDS_A_MILLISECOND

    def start(self, known: int | None) -> int:
        """Return the id after which a history is read that is complete up to `known`."""
        unfilled = [gap.started_at for gap in self.gaps if gap.ended_at and not gap.complete]
        starts = [snowflake_at(self.session.started_at) if known is None else known]
        return snowflake_before(min(starts + [snowflake_at(time) for time in unfilled]), OVERLAP)

    def was_left_out(self, message: discord.Message) -> bool:
        """Return whether a message was a command until it was edited during a pause."""
        if message.edited_at is None or self.was_recording(message.edited_at):
            return False
        sent = message.created_at
        return not any(
            gap.started_at <= sent and (gap.ended_at is None or sent <= gap.ended_at)
            for gap in self.gaps
        )

    def was_recording(self, time: datetime) -> bool:
        return any(
            interval.started_at <= time and (interval.ended_at is None or time < interval.ended_at)
            for interval in self.intervals
        )


class Backfill:
    """Fills the gaps of sessions from the history of their channels.

    Parameters
    ----------
    auto_recorder
        Tells which messages belong to the session of a later day.
    listener
        Decides which messages are not recorded.
    announce
        Sends a notice to a channel.
    delete
        Records deletions, or erases the messages.
    order
        Holds the messages of a channel whose session is being started, and knows which ones
        were deleted recently: such a message may be on a page by then.
    """

    def __init__(
        self,
        bot: commands.Bot,
        recorder: SessionRecorder,
        auto_recorder: AutoRecorder,
        listener: Listener,
        announce: notices.Announce,
        delete: Callable[[Sequence[Deletion]], None],
        order: EventOrder,
    ) -> None:
        self._bot = bot
        self._gap_log = GapLog(recorder)
        self._reader = Reader(recorder.folder)
        self._auto_recorder = auto_recorder
        self._listener = listener
        self._announce = announce
        self._delete = delete
        self._one_at_a_time = asyncio.Lock()
        self._order = order

    async def fill(self, session: Session, *, whole: bool = False) -> None:
        """Record what a session missed in its channel and its public threads.

        Parameters
        ----------
        whole
            Compare from the beginning of the session, as after an absence, and not only from
            what is known to be complete.

        Raises
        ------
        NotFound
            The session was deleted in the meantime.
        StorageError
            It cannot be written.
        """
        async with self._one_at_a_time:
            now = discord.utils.utcnow()
            attempt = await asyncio.to_thread(self._attempt, session)
            try:
                await self._read(attempt, whole)
            except RecorderError:
                raise
            except Exception as error:
                attempt.problem, attempt.final = problem_of(error)
                if attempt.problem is None:
                    log.exception("%s: its history could not be compared", session.name)
                    attempt.problem = "an unexpected error, see the bot's log"
            await self._gap_log.close(
                session,
                attempt.unexpected,
                attempt.problem,
                now=discord.utils.utcnow(),
                final=attempt.final,
                until=now,
            )
        await self._report(session, attempt.gaps)

    def _attempt(self, session: Session) -> _Attempt:
        reader = self._reader
        session = reader.session(session.id)
        # It may have been continued in this channel after it recorded another one.
        here = (None, session.channel_id)
        return _Attempt(
            session,
            reader.gaps(session),
            [interval for interval in reader.intervals(session) if interval.channel_id in here],
            reader.watermarks(session),
            reader.threads_watermarks(session),
        )

    async def _read(self, attempt: _Attempt, whole: bool) -> None:
        """Compare the channel of a session, and then its threads, each on its own."""
        channel = await readable_channel(self._bot, attempt.session)
        await self._read_channel(attempt, channel, whole)
        channel_id, began = str(channel.id), snowflake_at(discord.utils.utcnow())
        known = None if whole else attempt.threads_watermarks.get(channel_id)
        threads = await public_threads(channel, attempt.start(known))
        for thread in threads:
            try:
                await self._read_channel(attempt, thread, whole)
            except NETWORK_ERRORS as error:
                problem, is_deleted = problem_of(error)
                attempt.problem = attempt.problem if is_deleted else problem
        if threads and attempt.problem is None:
            await self._gap_log.threads_compared(
                attempt.session, channel_id, began, now=discord.utils.utcnow()
            )

    async def _read_channel(
        self, attempt: _Attempt, channel: discord.abc.MessageableChannel, whole: bool
    ) -> None:
        session, channel_id = attempt.session, str(channel.id)
        recorded, others = await asyncio.to_thread(
            lambda: (
                self._reader.newest_message_ids(session, channel_id, _MOST_COMPARED),
                self._reader.sessions_in(channel_id),
            )
        )
        others = [other for other in others if channel_id != session.channel_id]
        after = attempt.start(attempt.watermarks.get(channel_id))
        if whole and len(recorded) < _MOST_COMPARED:
            after = min(after, attempt.start(None))
        elif whole:
            after = min(after, recorded[-1] - 1)
        newest = recorded[0] if recorded else 0
        known = frozenset(recorded)
        # Such a session may hold a message from after the command that stopped it.
        elsewhere = await asyncio.to_thread(
            lambda: {
                message_id
                for other in others
                for message_id in self._reader.newest_message_ids(other, channel_id, _MOST_COMPARED)
            }
        )
        async for page in pages(channel, after, newest, attempt.before):
            relevant = [
                message
                for message in page.messages
                if attempt.was_recording(message.created_at)
                and not self._auto_recorder.is_over(session, message.created_at)
                and not message.flags.loading
                and (message.id in known or not attempt.was_left_out(message))
                and message.id not in elsewhere
                and not any(_covers(other, message.created_at) for other in others)
            ]
            left_out = await self._listener.left_out_of(relevant)
            missed = [from_history(message) for message in relevant if message.id not in left_out]
            present = frozenset(message.id for message in page.messages)
            await self._order.released(channel)  # to the session of a message after its notice
            filled = await self._gap_log.fill(
                session,
                HistoryPage(channel_id, missed, present, page.after, page.until),
                now=discord.utils.utcnow(),
            )
            attempt.unexpected += filled.unexpected
            await self._delete_absent(channel, page, filled.absent)
            deleted = [message_id for message_id in present if message_id in self._order.deleted]
            self._record_deletions(channel, deleted, unseen=False)

    async def _delete_absent(
        self, channel: discord.abc.MessageableChannel, page: Page, absent: Sequence[int]
    ) -> None:
        """Record that messages are deleted which are missing from a page of the history."""
        if not absent:
            return
        # Without permission Discord returns an empty page.
        if not page.messages and not await is_gone(channel, absent[0]):
            return
        since = discord.utils.utcnow() - _DOUBTFUL
        gone = [
            message_id
            for message_id in absent
            if snowflake_time(message_id) < since or await is_gone(channel, message_id)
        ]
        self._record_deletions(channel, gone, unseen=True)

    def _record_deletions(
        self,
        channel: discord.abc.MessageableChannel,
        message_ids: Collection[int],
        *,
        unseen: bool,
    ) -> None:
        if message_ids:
            now, channel_id = discord.utils.utcnow(), str(channel.id)
            self._delete([Deletion(now, channel_id, id, unseen) for id in sorted(message_ids)])

    async def _report(self, session: Session, known_gaps: Sequence[Gap]) -> None:
        """Announce the gaps whose outcome is new."""
        gaps = await asyncio.to_thread(self._reader.gaps, session)
        new_gaps = [gap for gap in gaps if gap not in known_gaps and gap.ended_at is not None]
        for gap in new_gaps:
            level = logging.WARNING if gap.problem else logging.INFO
            log.log(level, "%s: a gap %s", session.name, gap_outcome(gap))
        if any(gap.fetched or gap.problem for gap in new_gaps):
            channel = self._bot.get_channel(int(session.channel_id or 0))
            if isinstance(channel, discord.abc.Messageable):
                await self._announce(channel, notices.missed(new_gaps))


def _covers(session: Session, time: datetime) -> bool:
    """Return whether a session of a thread, and not that of its channel, has a message."""
    return session.started_at <= time and (session.stopped_at is None or time < session.stopped_at)
