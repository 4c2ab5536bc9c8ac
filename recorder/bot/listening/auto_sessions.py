"""Auto-recording: a session a day in each channel, or guild, where it is on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from datetime import datetime, time, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

import discord
from discord.ext import commands

from recorder.bot.listening.capture import channel_of
from recorder.bot.replies import notices
from recorder.errors import RecorderError
from recorder.models import AutoRecording, Session
from recorder.recording.session_manager import SessionManager

log = logging.getLogger(__name__)

Announce = notices.Announce
AnyChannel: TypeAlias = "discord.abc.MessageableChannel | discord.abc.GuildChannel"


class AutoRecorder:
    """Starts the session of the day: with its first message, and at midnight.

    Parameters
    ----------
    announce
        Sends a notice to a channel.
    """

    def __init__(
        self, bot: commands.Bot, manager: SessionManager, timezone: ZoneInfo, announce: Announce
    ) -> None:
        self._bot = bot
        self._manager = manager
        self._announce = announce
        self._recordings: dict[str, AutoRecording] = {}
        self._announcing: set[asyncio.Task[None]] = set()
        self._timezone = timezone
        self._midnights: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Continue in the channels and guilds where it is on."""
        recordings = await asyncio.to_thread(self._manager.reader.auto_recordings)
        self._recordings = {recording.place_id: recording for recording in recordings}
        self._midnights = asyncio.create_task(self._each_midnight())

    def close(self) -> None:
        """Start no further sessions."""
        if self._midnights is not None:
            self._midnights.cancel()

    async def switch(self, recording: AutoRecording, on: bool, now: datetime) -> None:
        """Switch it on or off in a channel or a guild."""
        await self._manager.switch_auto(recording, on, now=now)
        if on:
            self._recordings[recording.place_id] = recording
        else:
            self._recordings.pop(recording.place_id, None)

    def recording_of(self, channel: AnyChannel) -> AutoRecording | None:
        """Return the auto-recording that covers a channel: its own, its parent's or the guild's."""
        if not self._recordings:
            return None
        channel = _recorded_channel(channel)
        guild = channel.guild
        return self._recordings.get(str(channel.id)) or (
            self._recordings.get(str(guild.id)) if guild else None
        )

    def is_over(self, session: Session, now: datetime) -> bool:
        """Return whether the day of a session of auto-recording is over."""
        day = session.started_at.astimezone(self._timezone).date()
        return now.astimezone(self._timezone).date() > day

    def begin(self, channel: AnyChannel, now: datetime) -> None:
        """Start the session of the day before anything else is awaited, and announce it."""
        channel, recording = _recorded_channel(channel), self.recording_of(channel)
        if recording is None or not _may_send(channel):
            return
        starting = self._manager.begin_auto(channel_of(channel), recording.user_id, now=now)
        task = asyncio.create_task(self._announce_start(channel, starting, now))
        self._announcing.add(task)
        task.add_done_callback(self._announcing.discard)

    async def _announce_start(
        self,
        channel: discord.abc.MessageableChannel,
        starting: Awaitable[Session | None],
        now: datetime,
    ) -> None:
        try:
            session = await starting
        except RecorderError as error:
            log.error("Auto-recording of channel %d did not start: %s", channel.id, error)
            return
        if session is not None:
            await self._announce(channel, notices.auto_started(session))

    async def _each_midnight(self) -> None:
        while True:
            now = discord.utils.utcnow()
            tomorrow = now.astimezone(self._timezone).date() + timedelta(days=1)
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


def _recorded_channel(channel: AnyChannel) -> discord.abc.MessageableChannel:
    """Return the channel of the session: a public thread is recorded with its parent."""
    if isinstance(channel, discord.Thread) and not channel.is_private() and channel.parent:
        return channel.parent  # type: ignore[return-value]
    return channel  # type: ignore[return-value]


def _may_send(channel: discord.abc.MessageableChannel) -> bool:
    """Return whether the bot may announce a recording in a channel."""
    guild = channel.guild
    return guild is None or channel.permissions_for(guild.me).send_messages
