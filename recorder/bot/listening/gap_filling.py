"""Backfill: fetch messages that were missed from the history of their channels.

A watermark for each channel of a session is the id up to which its history is complete.
Fetching starts a little before it, and it moves with each committed page, so that neither a
crash nor a message out of order leaves a hole.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import aiohttp
import discord
from discord.ext import commands

from recorder.bot.listening.history import from_history
from recorder.bot.listening.listener import Listener
from recorder.bot.replies import notices
from recorder.errors import NotFound, StorageError
from recorder.formatting import gap_outcome
from recorder.models import Interval, Message, Session
from recorder.record.snowflake import snowflake_at, snowflake_before
from recorder.recording.gap_log import GapLog
from recorder.recording.session_recorder import SessionRecorder
from recorder.store.gaps import HistoryPage
from recorder.store.reading import Reader

log = logging.getLogger(__name__)

Announce = Callable[[discord.abc.Messageable, str], Awaitable[None]]

_PAGE = 100
_SWEEP_SECONDS = 3600.0
_OVERLAP = timedelta(minutes=5)
_OVERLAP_AFTER_ABSENCE = timedelta(hours=1)  # what may have been edited meanwhile
_PROGRESS_EVERY = 1_000


class GapFiller:
    """Compares running sessions with the history of their channels, and fetches missed messages.

    It does so when the bot is ready, after a lost connection, and every hour.

    Parameters
    ----------
    listener
        Decides which messages are not recorded.
    announce
        Sends a notice to a channel.

    Attributes
    ----------
    fetching
        The running tasks.
    """

    def __init__(
        self,
        bot: commands.Bot,
        recorder: SessionRecorder,
        listener: Listener,
        announce: Announce,
    ) -> None:
        self._bot = bot
        self._gap_log = GapLog(recorder)
        self._reader = Reader(recorder.folder)
        self._listener = listener
        self._announce = announce
        self._one_at_a_time = asyncio.Lock()
        self._lost_at: datetime | None = None
        self._hourly: asyncio.Task[None] | None = None
        self.fetching: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Begin a gap after a crash, and fill gaps as soon as the bot is ready."""
        await self._gap_log.begin("crash", None)
        self._hourly = asyncio.create_task(self._each_hour())
        if self._bot.is_ready():
            await self.on_ready()

    async def close(self) -> None:
        """Begin a gap, since no messages are received from now on."""
        for task in (self._hourly, *self.fetching):
            if task is not None:
                task.cancel()
        now = discord.utils.utcnow()
        try:
            await self._gap_log.begin("restart", now)
        except StorageError as error:
            log.error("The beginning of a gap could not be recorded: %s", error)

    async def on_disconnect(self) -> None:
        """Remember when the connection was lost."""
        self._lost_at = self._lost_at or discord.utils.utcnow()

    async def on_ready(self) -> None:
        """Fill gaps; a connection that was lost for good is one."""
        lost_at, self._lost_at = self._lost_at, None
        self._run(self._return(lost_at))

    async def on_resumed(self) -> None:
        """Compare the history, though Discord has sent missed events again."""
        self._lost_at = None
        self._run(self.sweep(_OVERLAP))

    async def sweep(self, overlap: timedelta) -> None:
        """Compare every running session with the history of its channels."""
        async with self._one_at_a_time:
            for session in await asyncio.to_thread(self._reader.running_sessions):
                try:
                    await self._fill(session, overlap)
                except NotFound:  # it was deleted in the meantime
                    continue
                except StorageError as error:
                    log.error("Missed messages were not recorded: %s", error)
                    return

    async def _return(self, lost_at: datetime | None) -> None:
        now = discord.utils.utcnow()
        if lost_at is not None:
            await self._gap_log.begin("connection lost", lost_at)
        await self._gap_log.end(now)
        await self.sweep(_OVERLAP_AFTER_ABSENCE)

    async def _each_hour(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            if self._bot.is_ready():
                self._run(self.sweep(_OVERLAP))

    async def _fill(self, session: Session, overlap: timedelta) -> None:
        """Fetch the missed messages of a session from its channel and its public threads."""
        known_gaps, intervals, watermarks = await asyncio.to_thread(
            lambda: (
                self._reader.gaps(session),
                self._reader.intervals(session),
                self._reader.watermarks(session),
            )
        )
        unexpected, problem = list[datetime](), None
        try:
            channel = await self._channel(session)
            if not _may_read_history(channel):  # Discord would answer with an empty page
                raise _Unreadable
            own = watermarks.get(str(channel.id)) or snowflake_at(session.started_at)
            for place in [channel, *[thread async for thread in _threads(channel, own)]]:
                known = watermarks.get(str(place.id)) or own
                after = discord.Object(snowflake_before(known, overlap))
                async for page in _pages(place, after):
                    unexpected += await self._fill_page(session, place, page, intervals)
        except (discord.Forbidden, _Unreadable):
            problem = "the channel's history may not be read"
        except discord.NotFound:
            problem = "the channel is gone"
        except (TimeoutError, aiohttp.ClientError, discord.HTTPException, OSError) as error:
            problem = f"Discord could not be asked ({error or 'too slow'})"
        await self._gap_log.close(session, unexpected, problem)
        gaps = await asyncio.to_thread(self._reader.gaps, session)
        new_gaps = [gap for gap in gaps if gap not in known_gaps]
        for gap in new_gaps:
            level = logging.WARNING if gap.problem else logging.INFO
            log.log(level, "%s: a gap %s", session.name, gap_outcome(gap))
        if any(gap.fetched or gap.problem for gap in new_gaps):
            notified = self._bot.get_channel(int(session.channel_id or 0))
            if isinstance(notified, discord.abc.Messageable):
                await self._announce(notified, notices.missed(new_gaps))

    async def _fill_page(
        self,
        session: Session,
        place: discord.abc.MessageableChannel,
        page: Sequence[discord.Message],
        intervals: Sequence[Interval],
    ) -> list[datetime]:
        """Record a page of the history, and move the watermark."""
        missed: list[Message] = []
        for message in page:
            if _was_recording(intervals, message.created_at) and not (
                message.flags.loading or await self._listener.is_left_out(message)
            ):
                missed.append(from_history(message))
        filled = await self._gap_log.fill(
            session,
            HistoryPage(
                str(place.id), missed, frozenset(m.id for m in page), page[0].id - 1, page[-1].id
            ),
        )
        return list(filled.unexpected)

    async def _channel(self, session: Session) -> discord.abc.MessageableChannel:
        channel_id = int(session.channel_id or 0)
        channel = self._bot.get_channel(channel_id) or await self._bot.fetch_channel(channel_id)
        return cast("discord.abc.MessageableChannel", channel)  # others have no sessions

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self.fetching.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self.fetching.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("Missed messages could not be fetched", exc_info=error)


class _Unreadable(Exception):
    """The bot may not read a channel's history."""


def _may_read_history(channel: discord.abc.MessageableChannel) -> bool:
    guild = channel.guild
    return guild is None or channel.permissions_for(guild.me).read_message_history


async def _pages(
    place: discord.abc.MessageableChannel, after: discord.Object
) -> AsyncIterator[list[discord.Message]]:
    """Yield the history after an id, the oldest message first, in pages."""
    page: list[discord.Message] = []
    count = 0
    async for message in place.history(limit=None, after=after, oldest_first=True):
        page.append(message)
        if len(page) == _PAGE:
            yield page
            count += len(page)
            page = []
            if count % _PROGRESS_EVERY == 0:
                log.info("Channel %d: %d messages of its history compared so far", place.id, count)
    if page:
        yield page


async def _threads(
    channel: discord.abc.MessageableChannel, since: int
) -> AsyncIterator[discord.Thread]:
    """Yield the public threads that may have messages after an id."""
    if not isinstance(channel, discord.TextChannel):
        return
    for thread in channel.threads:
        if not thread.is_private():
            yield thread
    async for thread in channel.archived_threads(limit=None):
        if snowflake_at(thread.archive_timestamp) < since:
            return
        yield thread


def _was_recording(intervals: Sequence[Interval], time: datetime) -> bool:
    return any(
        interval.started_at <= time and (interval.ended_at is None or time < interval.ended_at)
        for interval in intervals
    )
