"""Sessions that can no longer be recorded: suspended, resumed and stopped with what Discord says.

The bot must be able to view a channel, to read its history and to send messages to it while it
records. A session whose channel is gone is stopped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from functools import partial
from typing import Any

import discord
from discord.ext import commands

from recorder.bot.listening import tasks
from recorder.bot.listening.auto_sessions import AutoRecorder
from recorder.bot.listening.backfill import Backfill
from recorder.bot.listening.holds import Hold, Holds
from recorder.bot.listening.obstacles import (
    CANNOT_VIEW,
    GuildChannel,
    may_send,
    obstacle_in,
    thread_obstacle,
)
from recorder.bot.replies import notices
from recorder.errors import Conflict, NotFound, StorageError
from recorder.models import Session
from recorder.record.snowflake import snowflake_time
from recorder.recording.session_manager import SessionManager
from recorder.recording.session_recorder import SessionRecorder

log = logging.getLogger(__name__)

_UNKNOWN_CHANNEL = 10003


class Availability:
    """Watches whether the channels of running sessions can be recorded.

    Parameters
    ----------
    auto_recorder
        Starts the session of the day where that of an earlier day was suspended.
    holds
        Where messages wait while the notice is being sent.
    announce, announce_recording
        Sends a notice to a channel, and that of a recording; ``None`` when Discord refused it.
    """

    def __init__(
        self,
        bot: commands.Bot,
        recorder: SessionRecorder,
        manager: SessionManager,
        auto_recorder: AutoRecorder,
        backfill: Backfill,
        holds: Holds,
        announce: notices.Announce,
        announce_recording: notices.Announce,
    ) -> None:
        self._bot = bot
        self._recorder = recorder
        self._manager = manager
        self._auto_recorder = auto_recorder
        self._backfill = backfill
        self._holds = holds
        self._announce = announce
        self._announce_recording = announce_recording
        self._left: set[int] = set()  # private threads that the bot was removed from
        self._one_at_a_time = asyncio.Lock()
        self._checking: set[asyncio.Task[None]] = set()

    def listeners(self) -> tuple[tuple[Callable[..., Coroutine[Any, Any, None]], str], ...]:
        """Return the gateway listeners with their events."""
        return (
            (self.on_guild_join, "on_guild_join"),
            (self.on_guild_remove, "on_guild_remove"),
            (self.on_guild_channel_delete, "on_guild_channel_delete"),
            (self.on_guild_channel_update, "on_guild_channel_update"),
            (self.on_guild_role_update, "on_guild_role_update"),
            (self.on_guild_role_delete, "on_guild_role_delete"),
            (self.on_member_update, "on_member_update"),
            (self.on_raw_thread_delete, "on_raw_thread_delete"),
            (self.on_thread_update, "on_thread_update"),
            (self.on_thread_join, "on_thread_join"),
            (self.on_thread_remove, "on_thread_remove"),
        )

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Check the sessions of a guild."""
        self._look_at(guild)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Stop the sessions of a guild that the bot was removed from."""
        now = discord.utils.utcnow()
        for channel_id in self._holds:
            if guild.get_channel_or_thread(channel_id) is not None:
                self._stop_after_hold(str(channel_id), now)
        for session in await asyncio.to_thread(self._manager.reader.running_sessions):
            if session.guild_id == str(guild.id):
                await self._stop(session.channel_id or "", now)

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """Stop the session of a channel that was deleted, and those of its threads."""
        await self._stop(str(channel.id), discord.utils.utcnow())
        self._look_at(channel.guild)

    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        """Stop the session of a thread or post that was deleted."""
        await self._stop(str(payload.thread_id), discord.utils.utcnow())

    async def on_guild_channel_update(
        self, before: discord.abc.GuildChannel, after: discord.abc.GuildChannel
    ) -> None:
        """Check a channel and its threads."""
        changed = before.overwrites != after.overwrites

        def obstacle(channel: GuildChannel) -> str | None:
            is_concerned = changed and after.id in (channel.id, getattr(channel, "parent_id", 0))
            return obstacle_in(channel, self._left) if is_concerned else None

        self._look_at(after.guild, obstacle)

    async def on_guild_role_update(self, before: discord.Role, after: discord.Role) -> None:
        """Check a guild."""
        self._look_at(after.guild)

    async def on_guild_role_delete(self, role: discord.Role) -> None:
        """Check a guild."""
        self._look_at(role.guild)

    async def on_member_update(self, before: discord.Member, after: discord.Member) -> None:
        """Check a guild in which the roles of the bot may have changed, or it is timed out."""
        if self._bot.user is not None and after.id == self._bot.user.id:
            self._look_at(after.guild)

    async def on_thread_update(self, before: discord.Thread, after: discord.Thread) -> None:
        """Check a thread that may have been locked or unlocked."""
        self._look_at(after.guild, partial(self._obstacle_of, after), after)

    async def on_thread_join(self, thread: discord.Thread) -> None:
        """Check a thread that the bot sees again."""
        self._left.discard(thread.id)
        self._look_at(thread.guild, partial(self._obstacle_of, thread), thread)

    async def on_thread_remove(self, thread: discord.Thread) -> None:
        """Suspend the session of a private thread that the bot was removed from."""
        self._left.add(thread.id)
        self._look_at(thread.guild, partial(self._obstacle_of, thread), thread)

    async def close(self) -> None:
        """End the running checks."""
        for task in self._checking:
            task.cancel()
        await asyncio.gather(*self._checking, return_exceptions=True)

    def forget(self) -> None:
        """Forget which private threads the bot left: it may be back in one without an event."""
        self._left.clear()

    def look_at(self, channel_id: int) -> None:
        """Check a channel whose recording has just begun: a permission may be lost since."""
        channel = self._bot.get_channel(channel_id)
        if isinstance(channel, discord.abc.GuildChannel | discord.Thread):
            self._look_at(channel.guild)
        elif channel is None:
            self._run(self.check())

    def obstacle(self, channel: discord.abc.MessageableChannel) -> str | None:
        """Return why a channel cannot be recorded."""
        if isinstance(channel, discord.abc.GuildChannel | discord.Thread):
            return obstacle_in(channel, self._left)
        return None

    async def check(self, guild: discord.Guild | None = None) -> None:
        """Suspend, resume or stop the running sessions of a guild, or all."""
        async with self._one_at_a_time:
            reader = self._manager.reader
            running, suspended = await asyncio.to_thread(
                lambda: (reader.running_sessions(), reader.suspended_sessions())
            )
            for session in running:
                if session.guild_id is None or (guild and session.guild_id != str(guild.id)):
                    continue
                try:
                    await self._check(session, session in suspended)
                except (Conflict, NotFound):  # it was stopped or resumed in the meantime
                    continue
                except StorageError as error:
                    tasks.log_failure("Sessions could not be checked", error)
                    return
                except Exception:
                    log.exception("%s: its channel could not be checked", session.name)

    def _look_at(
        self,
        guild: discord.Guild,
        obstacle: Callable[[GuildChannel], str | None] | None = None,
        thread: discord.Thread | None = None,
    ) -> None:
        """Suspend sessions before anything is awaited, in order with messages; check the others.

        Parameters
        ----------
        obstacle
            Returns what the event itself has brought about in a channel: the cache may be
            ahead of it, and of messages that are still to come.
        """
        if guild.unavailable or not (self._recorder.channels or self._holds):
            return
        now, suspending = discord.utils.utcnow(), []
        try:
            for channel in self._cached_channels(guild, thread):
                reason = obstacle(channel) if obstacle else obstacle_in(channel, self._left)
                if reason is None:
                    continue
                if (hold := self._holds.of(channel.id)) is not None:
                    hold.events.append(partial(self._suspend_soon, guild, channel.id, reason, now))
                else:
                    suspending.append(self._manager.suspend(str(channel.id), reason, now=now))
        except StorageError as error:
            tasks.log_failure("Sessions could not be suspended", error)
            return
        self._run(self._finish(guild, suspending))

    def _suspend_soon(
        self, guild: discord.Guild, channel_id: int, reason: str, now: datetime
    ) -> None:
        """Suspend the session of a channel after a hold."""
        suspending = self._manager.suspend(str(channel_id), reason, now=now)
        self._run(self._finish(guild, [suspending]))

    def _obstacle_of(self, thread: discord.Thread, channel: GuildChannel) -> str | None:
        return thread_obstacle(thread, self._left) if channel.id == thread.id else None

    def _cached_channels(
        self, guild: discord.Guild, thread: discord.Thread | None
    ) -> list[GuildChannel]:
        """Return the channels with a running session; one that was archived is not in the cache."""
        ids = {*map(int, self._recorder.channels), *self._holds}
        channels: dict[int, Any] = {id: guild.get_channel_or_thread(id) for id in ids}
        if thread is not None and thread.id in channels:
            channels[thread.id] = thread
        return [channel for channel in channels.values() if channel is not None]

    def _run(self, checking: Coroutine[Any, Any, None]) -> None:
        task = tasks.run(checking, "checking permissions")
        self._checking.add(task)
        task.add_done_callback(self._checking.discard)

    async def _finish(
        self, guild: discord.Guild, suspending: list[Awaitable[Session | None]]
    ) -> None:
        for session in await asyncio.gather(*suspending):
            if session is not None:
                await self._announce_suspension(session)
        await self.check(guild)

    async def _check(self, session: Session, is_suspended: bool) -> None:
        guild = self._bot.get_guild(int(session.guild_id or 0))
        channel_id, now = session.channel_id or "", discord.utils.utcnow()
        if guild is None:  # the bot was removed from it
            await self._stop(channel_id, now)
            return
        if guild.unavailable or guild.me is None:
            return
        channel, obstacle = guild.get_channel_or_thread(int(channel_id)), None
        if channel is None:
            try:
                channel = await guild.fetch_channel(int(channel_id))
            except discord.NotFound as error:
                if error.code == _UNKNOWN_CHANNEL:
                    await self._stop(channel_id, now)
                return
            except discord.Forbidden:
                obstacle = CANNOT_VIEW
        if channel is not None and not isinstance(channel, discord.abc.Messageable):
            await self._stop(channel_id, now)  # a forum: its posts have sessions of their own
            return
        obstacle = obstacle or (obstacle_in(channel, self._left) if channel is not None else None)
        if obstacle is not None and session.status == "active":
            await asyncio.sleep(0)  # messages from before are passed on
            if (hold := self._holds.of(int(channel_id))) is not None:
                suspend = partial(self._suspend_soon, guild, int(channel_id), obstacle, now)
                hold.events.append(suspend)
            elif suspended := await self._manager.suspend(channel_id, obstacle, now=now):
                await self._announce_suspension(suspended)
        elif obstacle is None and is_suspended and channel is not None:
            await self._resume(session, channel)

    async def _resume(self, session: Session, channel: discord.abc.MessageableChannel) -> None:
        """Continue a suspended session, once its notice is sent."""
        now = discord.utils.utcnow()
        if self._auto_recorder.is_over(session, now):
            self._auto_recorder.begin(channel, now)
            return
        async with self._holds.hold(channel.id) as hold:
            await self._manager.paused(str(channel.id))
            notice = await self._announce_recording(channel, notices.resumed(session, now))
            if notice is None:
                return
            hold.after = notice.id
            resumed = await self._manager.resume(str(channel.id), now=notice.created_at)
        await self._backfill.fill(resumed)

    async def _stop(self, channel_id: str, now: datetime) -> None:
        """Stop the session of a channel, if one is running there or is about to.

        Where the bot is back by then, auto-recording begins anew.
        """
        self._stop_after_hold(channel_id, now)
        if channel_id in self._recorder.channels:
            try:
                session = await self._manager.stop(channel_id, now=now)
            except Conflict:
                return
            except StorageError as error:
                tasks.log_failure(f"The session of channel {channel_id} was not stopped", error)
                return
            log.warning("%s is stopped: its channel is gone.", session.name)
            channel = self._bot.get_channel(int(channel_id))
            if isinstance(channel, discord.abc.Messageable):
                self._auto_recorder.begin(channel, discord.utils.utcnow())

    def _stop_after_hold(self, channel_id: str, now: datetime) -> None:
        """Stop the session that a hold of a channel begins."""
        if channel_id and (hold := self._holds.of(int(channel_id))) is not None:
            hold.events.append(partial(self._stop_held, hold, channel_id, now))

    def _stop_held(self, hold: Hold, channel_id: str, now: datetime) -> None:
        """Stop the session that a hold began, unless its notice came after the bot was back."""
        if hold.after is None or snowflake_time(hold.after) <= now:
            self._run(self._stop(channel_id, now))

    async def _announce_suspension(self, session: Session) -> None:
        gaps = await asyncio.to_thread(self._manager.reader.gaps, session)
        reason = gaps[-1].reason if gaps else ""
        log.warning("%s is suspended: %s.", session.name, reason)
        channel = self._bot.get_channel(int(session.channel_id or 0))
        if isinstance(channel, discord.abc.Messageable) and may_send(channel):
            await self._announce(channel, notices.suspended(session, reason))
