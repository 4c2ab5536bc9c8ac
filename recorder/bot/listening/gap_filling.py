"""Gaps: their begin and end with the connection, and the sweeps that fill them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from datetime import datetime
from typing import Any

import discord
from discord.ext import commands

from recorder.bot.listening import tasks
from recorder.bot.listening.auto_sessions import AutoRecorder
from recorder.bot.listening.availability import Availability
from recorder.bot.listening.backfill import Backfill
from recorder.bot.listening.day_rotation import Connection
from recorder.errors import NotFound, StorageError
from recorder.models import Session
from recorder.recording.gap_log import GapLog
from recorder.recording.session_recorder import SessionRecorder
from recorder.store.reading import Reader

log = logging.getLogger(__name__)

_SWEEP_SECONDS = 3600.0
_SERVER_UNAVAILABLE = "server unavailable"


class GapFiller:
    """Notes when the bot receives no events, and fills these gaps afterwards.

    Sessions are compared with the history of their channels when the bot is ready, after a lost
    connection, and every hour.

    Parameters
    ----------
    availability
        Suspends and stops sessions that can no longer be recorded, before the comparison.
    auto_recorder
        Starts the sessions of today before that.
    connection
        Its loss is noted here.

    Attributes
    ----------
    fetching
        The running tasks.
    """

    def __init__(
        self,
        bot: commands.Bot,
        recorder: SessionRecorder,
        backfill: Backfill,
        availability: Availability,
        auto_recorder: AutoRecorder,
        connection: Connection,
    ) -> None:
        self._bot = bot
        self._gap_log = GapLog(recorder)
        self._reader = Reader(recorder.folder)
        self._backfill = backfill
        self._availability = availability
        self._one_at_a_time = asyncio.Lock()
        self._auto_recorder = auto_recorder
        self._connection = connection
        self._unavailable: set[int] = set()  # guilds with a gap
        self._hourly: asyncio.Task[None] | None = None
        self.fetching: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Begin a gap after a crash, and fill gaps as soon as the bot is ready."""
        await self._gap_log.begin("crash", None, now=discord.utils.utcnow())
        self._hourly = tasks.run(self._each_hour(), "comparing the history every hour")
        if self._bot.is_ready():
            await self.on_ready()

    async def close(self) -> None:
        """Begin a gap, since no messages are received from now on."""
        running = [task for task in (self._hourly, *self.fetching) if task is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        try:
            await self._begin_lost(self._connection.lost_at)
            now = discord.utils.utcnow()
            await self._gap_log.begin("restart", now, now=now)
        except StorageError as error:
            tasks.log_failure("The beginning of a gap could not be recorded", error)

    async def on_disconnect(self) -> None:
        """Remember when the connection was lost."""
        self._connection.lost_at = self._connection.lost_at or discord.utils.utcnow()

    async def on_ready(self) -> None:
        """Fill gaps; a connection that was lost for good is one."""
        self._availability.forget()
        lost_at, self._connection.lost_at = self._connection.lost_at, None
        self._run(self._return(lost_at), "filling gaps")

    async def on_resumed(self) -> None:
        """Compare the history, though Discord has sent missed events again."""
        self._connection.lost_at = None
        self._run(self._return(None, whole=False), "comparing the history")

    async def on_guild_unavailable(self, guild: discord.Guild) -> None:
        """Begin a gap in the sessions of a guild."""
        now = discord.utils.utcnow()
        self._unavailable.add(guild.id)
        self._run(self._begin_in(guild, now), "beginning a gap")

    async def on_guild_available(self, guild: discord.Guild) -> None:
        """Fill the gaps of a guild, unless the bot is just connecting."""
        if (
            guild.id in self._unavailable
            and self._connection.lost_at is None
            and self._bot.is_ready()
        ):
            self._unavailable.discard(guild.id)
            self._run(self._return(None, guild), "filling gaps")

    async def sweep(self, *, whole: bool = False, guild: discord.Guild | None = None) -> None:
        """Compare sessions with the history of their channels; `whole` as in the backfill."""
        for session in await asyncio.to_thread(self._reader.unfilled_sessions):
            if guild is not None and session.guild_id != str(guild.id):
                continue
            try:
                await self._backfill.fill(session, whole=whole)
            except NotFound:  # it was deleted in the meantime
                continue
            except StorageError as error:
                tasks.log_failure("Missed messages were not recorded", error)
                return
            except Exception:
                log.exception("%s: its gaps could not be filled", session.name)

    async def _return(
        self, lost_at: datetime | None, guild: discord.Guild | None = None, *, whole: bool = True
    ) -> None:
        """End the gaps, and fill them; in one guild or in all."""
        async with self._one_at_a_time:
            await self._begin_lost(lost_at)
            await self._auto_recorder.start_day()
            now = discord.utils.utcnow()
            running = await asyncio.to_thread(self._reader.running_sessions)
            absent = [session for session in running if self._is_unavailable(session)]
            self._unavailable |= {int(session.guild_id or 0) for session in absent}
            await self._gap_log.begin(_SERVER_UNAVAILABLE, now, absent, now=now)
            await self._gap_log.end(now, but=absent)
            await self._availability.check(guild)
            await self.sweep(whole=whole, guild=guild)

    async def _begin_lost(self, lost_at: datetime | None) -> None:
        if lost_at is not None:
            now = discord.utils.utcnow()
            await self._gap_log.begin("connection lost", lost_at, now=now)

    async def _begin_in(self, guild: discord.Guild, now: datetime) -> None:
        running = await asyncio.to_thread(self._reader.running_sessions)
        sessions = [session for session in running if session.guild_id == str(guild.id)]
        await self._gap_log.begin(_SERVER_UNAVAILABLE, now, sessions, now=now)

    def _is_unavailable(self, session: Session) -> bool:
        guild = self._bot.get_guild(int(session.guild_id)) if session.guild_id else None
        return guild is not None and guild.unavailable

    async def _each_hour(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            # Without a connection the bot knows no new threads, and still counts as ready.
            if self._bot.is_ready() and self._connection.lost_at is None:
                self._run(self._look(), "comparing the history")

    async def _look(self) -> None:
        async with self._one_at_a_time:
            await self._auto_recorder.start_day()
            await self._availability.check()
            await self.sweep()

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = tasks.run(work, name)
        self.fetching.add(task)
        task.add_done_callback(self.fetching.discard)
