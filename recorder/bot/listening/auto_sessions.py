"""Auto-recording: a session a day in each channel, or guild, where it is on."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import cast

import discord
from discord.ext import commands

from recorder.bot.listening import tasks
from recorder.bot.listening.capture import AnyChannel, channel_of, parent_id_of
from recorder.bot.listening.day_rotation import DayRotation
from recorder.bot.listening.history_pages import (
    NETWORK_ERRORS,
    Unreadable,
    readable_channel,
)
from recorder.bot.listening.holds import Hold, Holds
from recorder.bot.listening.obstacles import GuildChannel, obstacle_in
from recorder.bot.replies import notices
from recorder.errors import RecorderError
from recorder.models import AutoRecording, Session
from recorder.recording.session_manager import SessionManager

log = logging.getLogger(__name__)

_RETRY_AFTER = timedelta(minutes=1)


class AutoRecorder:
    """Starts the session of the day: with its first message, and at midnight.

    Recording begins with its notice, so the message that caused it is not recorded.

    Parameters
    ----------
    holds
        Where messages wait while the notice is being sent.
    announce
        Sends a notice to a channel; ``None`` when Discord refused it.

    Attributes
    ----------
    is_closed
        Whether no further sessions are started: messages of a new day are left to the history.
    """

    def __init__(
        self,
        bot: commands.Bot,
        manager: SessionManager,
        rotation: DayRotation,
        holds: Holds,
        announce: notices.Announce,
    ) -> None:
        self.is_closed = False
        self._bot = bot
        self._manager = manager
        self._holds = holds
        self._announce = announce
        self._recordings: dict[str, AutoRecording] = {}
        self._refused: dict[int, datetime] = {}  # channels whose notice was refused, and when
        self._stopped: dict[int, date] = {}  # channels where a user ended the session of a day
        self._starting: set[asyncio.Task[None]] = set()
        self._rotation = rotation
        self._days: dict[int, date] = {}  # of the sessions that run
        self._midnights: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Continue in the channels and guilds where it is on."""
        recordings = await asyncio.to_thread(self._manager.reader.auto_recordings)
        self._recordings = {recording.place_id: recording for recording in recordings}
        for session in await asyncio.to_thread(self._manager.reader.running_auto):
            self._days[int(session.channel_id or 0)] = self._rotation.day(session.started_at)
        self._midnights = tasks.run(self._each_midnight(), "starting the sessions of a new day")

    def close(self) -> None:
        """Start no further sessions."""
        self.is_closed = True
        for task in (self._midnights, *self._starting):
            if task is not None:
                task.cancel()

    async def switch(self, recording: AutoRecording, on: bool, now: datetime) -> None:
        """Switch it on or off in a channel or a guild."""
        await self._manager.switch_auto(recording, on, now=now)
        if on:
            self._recordings[recording.place_id] = recording
            self._stopped.clear()
        else:
            self._recordings.pop(recording.place_id, None)

    def recording_of(self, channel: AnyChannel) -> AutoRecording | None:
        """Return the auto-recording that covers a channel: its own, its parent's or the guild's."""
        if not self._recordings:
            return None
        for id in (channel.id, parent_id_of(channel), channel.guild and channel.guild.id):
            if id is not None and (recording := self._recordings.get(str(id))):
                return recording
        return None

    def stopped(self, channel: AnyChannel, now: datetime) -> None:
        """Do not start the session of this day in a channel again."""
        self._stopped[self._recorded_channel(channel).id] = self._rotation.day(now)

    def is_over(self, session: Session, now: datetime) -> bool:
        """Return whether a session is one of auto-recording whose day is over."""
        day = self._rotation.day
        return session.is_auto and day(now) > day(session.started_at)

    def is_of_new_day(self, message: discord.Message) -> bool:
        """Return whether the session of a message's channel is that of an earlier day."""
        if not self._days or self.recording_of(message.channel) is None:
            return False
        day = self._days.get(self._recorded_channel(message.channel).id)
        return day is not None and self._rotation.day(message.created_at) > day

    def begin(self, channel: AnyChannel, now: datetime) -> None:
        """Start the session of the day, if it is due: from now on the channel is held."""
        if self.is_closed:
            return
        recording, channel = self.recording_of(channel), self._recorded_channel(channel)
        if recording is None or self._holds.of(channel.id) is not None or not _may_record(channel):
            return
        refused_at = self._refused.get(channel.id)
        if refused_at is not None and discord.utils.utcnow() - refused_at < _RETRY_AFTER:
            return
        if self._stopped.get(channel.id) == self._rotation.day(now):
            return
        hold = self._holds.begin(channel.id)
        day = self._days.get(channel.id)
        if day is not None and day < self._rotation.day(now):
            hold.since = self._rotation.midnight(day + timedelta(days=1))
        work = self._start(channel, recording.user_id, now, hold)
        task = tasks.run(work, "starting the session of the day")
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _start(
        self, channel: discord.abc.MessageableChannel, user_id: str, now: datetime, hold: Hold
    ) -> None:
        """Start or continue the session of the day, once its notice is sent."""
        manager, rotation = self._manager, self._rotation
        today, gap = rotation.day(now), None
        try:
            current = await asyncio.to_thread(manager.reader.running, str(channel.id))
            is_recording = current is not None and current.status == "active"
            if not is_recording:  # the message that caused it may be of yesterday
                now = discord.utils.utcnow()
                today = rotation.day(now)
            # What came in between was announced by the session of yesterday.
            begins = now if is_recording else None
            if is_recording and current is not None and self.is_over(current, now):
                gap = await rotation.end_day(current, channel, user_id, today, hold)
                begins = rotation.midnight(today)
            session = await manager.prepare_auto(channel_of(channel), user_id, now=now)
            if session is None:
                return
            notice = await self._announce(channel, notices.auto_started(session))
            if notice is None:
                self._refused[channel.id] = discord.utils.utcnow()
                log.warning("Channel %d is not recorded: its notice was refused.", channel.id)
                await manager.discard(session)
                return
            self._refused.pop(channel.id, None)
            hold.after = None if is_recording else notice.id
            begins = begins or notice.created_at
            if session.status == "stopped":
                await manager.reopen(session, channel_of(channel), now=begins)
            else:
                await manager.activate(session, now=begins)
            if gap is not None:
                await rotation.begin_gap(session, gap, today)
        except RecorderError as error:
            tasks.log_failure(f"Auto-recording of channel {channel.id} did not start", error)
        finally:
            if not self.is_closed:
                self._days[channel.id] = today
            self._holds.end(channel.id)

    async def _each_midnight(self) -> None:
        while True:
            now = discord.utils.utcnow()
            midnight = self._rotation.midnight(self._rotation.day(now) + timedelta(days=1))
            await asyncio.sleep((midnight - now).total_seconds())
            await self.start_day()

    async def start_day(self) -> None:
        """Stop the sessions of earlier days and start those of today."""
        now = discord.utils.utcnow()
        sessions = await asyncio.to_thread(self._manager.reader.running_auto)
        for session in sessions:
            if self.is_over(session, now):
                with suppress(*NETWORK_ERRORS, Unreadable):
                    self.begin(await readable_channel(self._bot, session), now)
        if self._starting:
            await asyncio.wait(self._starting)

    def _recorded_channel(self, channel: AnyChannel) -> discord.abc.MessageableChannel:
        """Return the channel of the session: a public thread is recorded with its parent."""
        parent = None
        if parent_id_of(channel) is not None and str(channel.id) not in self._recordings:
            parent = cast("discord.Thread", channel).parent
        return cast("discord.abc.MessageableChannel", parent or channel)


def _may_record(channel: discord.abc.MessageableChannel) -> bool:
    """Return whether the bot may record a channel, and announce it there."""
    guild = channel.guild
    if guild is None:
        return True
    return guild.me is not None and obstacle_in(cast("GuildChannel", channel), ()) is None
