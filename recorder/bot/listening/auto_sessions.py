"""Auto-recording: a session a day in each channel, or guild, where it is on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import date, datetime, time, timedelta
from typing import cast
from zoneinfo import ZoneInfo

import discord
from discord.ext import commands

from recorder.bot.listening.capture import AnyChannel, channel_of, parent_id_of
from recorder.bot.listening.holds import Hold, Holds
from recorder.bot.replies import notices
from recorder.errors import RecorderError
from recorder.models import AutoRecording
from recorder.recording.session_manager import SessionManager

log = logging.getLogger(__name__)

Announce = Callable[[discord.abc.Messageable, str], Awaitable[discord.Message | None]]

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
    """

    def __init__(
        self,
        bot: commands.Bot,
        manager: SessionManager,
        timezone: ZoneInfo,
        holds: Holds,
        announce: Announce,
    ) -> None:
        self._bot = bot
        self._manager = manager
        self._holds = holds
        self._announce = announce
        self._recordings: dict[str, AutoRecording] = {}
        self._refused: dict[int, datetime] = {}  # channels whose notice was refused, and when
        self._stopped: dict[int, date] = {}  # channels where a user ended the session of a day
        self._starting: set[asyncio.Task[None]] = set()
        self._timezone = timezone
        self._midnights: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Continue in the channels and guilds where it is on."""
        recordings = await asyncio.to_thread(self._manager.reader.auto_recordings)
        self._recordings = {recording.place_id: recording for recording in recordings}
        self._midnights = asyncio.create_task(self._each_midnight())

    def close(self) -> None:
        """Start no further sessions."""
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
        self._stopped[self._recorded_channel(channel).id] = self._day(now)

    def begin(self, channel: AnyChannel, now: datetime) -> None:
        """Start the session of the day, if it is due: from now on the channel is held."""
        recording, channel = self.recording_of(channel), self._recorded_channel(channel)
        if recording is None or self._holds.of(channel.id) is not None or not _may_send(channel):
            return
        refused_at = self._refused.get(channel.id)
        if refused_at is not None and discord.utils.utcnow() - refused_at < _RETRY_AFTER:
            return
        if self._stopped.get(channel.id) == self._day(now):
            return
        hold = self._holds.begin(channel.id)
        task = asyncio.create_task(self._start(channel, recording.user_id, now, hold))
        self._starting.add(task)
        task.add_done_callback(self._done)

    async def _start(
        self, channel: discord.abc.MessageableChannel, user_id: str, now: datetime, hold: Hold
    ) -> None:
        """Start or continue the session of the day, once its notice is sent."""
        manager = self._manager
        try:
            is_recording = await asyncio.to_thread(manager.reader.is_recording, str(channel.id))
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
            # What came in between was announced by the session of yesterday.
            begins = now if is_recording else notice.created_at
            if session.status == "stopped":
                await manager.reopen(session, channel_of(channel), now=begins)
            else:
                await manager.activate(session, now=begins)
            hold.after = None if is_recording else notice.id
        except RecorderError as error:
            log.error("Auto-recording of channel %d did not start: %s", channel.id, error)
        finally:
            self._holds.end(channel.id)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._starting.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("Auto-recording did not start", exc_info=error)

    async def _each_midnight(self) -> None:
        while True:
            now = discord.utils.utcnow()
            tomorrow = self._day(now) + timedelta(days=1)
            midnight = datetime.combine(tomorrow, time(), self._timezone)
            await asyncio.sleep((midnight - now).total_seconds())
            await self._new_day()

    async def _new_day(self) -> None:
        """Stop the sessions of yesterday and start those of today."""
        now = discord.utils.utcnow()
        sessions = await asyncio.to_thread(self._manager.reader.running_auto)
        for session in sessions:
            channel = self._bot.get_channel(int(session.channel_id or 0))
            if isinstance(channel, discord.abc.Messageable):
                self.begin(channel, now)

    def _recorded_channel(self, channel: AnyChannel) -> discord.abc.MessageableChannel:
        """Return the channel of the session: a public thread is recorded with its parent."""
        parent = None
        if parent_id_of(channel) is not None and str(channel.id) not in self._recordings:
            parent = cast("discord.Thread", channel).parent
        return cast("discord.abc.MessageableChannel", parent or channel)

    def _day(self, now: datetime) -> date:
        return now.astimezone(self._timezone).date()


def _may_send(channel: discord.abc.MessageableChannel) -> bool:
    """Return whether the bot may announce a recording in a channel."""
    guild = channel.guild
    if guild is None:
        return True
    permissions = channel.permissions_for(guild.me)
    if isinstance(channel, discord.Thread):
        return permissions.send_messages_in_threads
    return permissions.send_messages
