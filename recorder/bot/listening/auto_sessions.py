"""Auto-recording: a session a day in the channels, or guilds, where it is on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
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

Announce = Callable[[discord.abc.Messageable, str], Awaitable[None]]
Place: TypeAlias = "discord.abc.MessageableChannel | discord.abc.GuildChannel"


class AutoRecorder:
    """Begins the session of the day: with the first message, and at midnight.

    Parameters
    ----------
    announce
        Tells a channel that it is being recorded.
    """

    def __init__(
        self, bot: commands.Bot, manager: SessionManager, timezone: ZoneInfo, announce: Announce
    ) -> None:
        self._bot = bot
        self._manager = manager
        self._announce = announce
        self._places: dict[str, AutoRecording] = {}
        self._announcing: set[asyncio.Task[None]] = set()
        self._timezone = timezone
        self._days: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Go on where it was on before."""
        places = await asyncio.to_thread(self._manager.reader.auto_places)
        self._places = {place.place_id: place for place in places}
        self._days = asyncio.create_task(self._each_midnight())

    def close(self) -> None:
        """Begin no further sessions."""
        if self._days is not None:
            self._days.cancel()

    async def switch(self, place: AutoRecording, on: bool, now: datetime) -> None:
        """Switch it on or off in a channel or a guild."""
        await self._manager.switch_auto(place, on, now=now)
        if on:
            self._places[place.place_id] = place
        else:
            self._places.pop(place.place_id, None)

    def place_of(self, channel: Place) -> AutoRecording | None:
        """What switched it on for a channel: the channel itself, its parent, or the guild."""
        if not self._places:
            return None
        channel = _recorded_channel(channel)
        guild = channel.guild
        return self._places.get(str(channel.id)) or (
            self._places.get(str(guild.id)) if guild else None
        )

    def begin(self, channel: Place, now: datetime) -> None:
        """Begin the session of the day before anything else is awaited, and announce it."""
        channel, place = _recorded_channel(channel), self.place_of(channel)
        if place is None or not _may_speak(channel):
            return
        beginning = self._manager.begin_auto(channel_of(channel), place.user_id, now=now)
        task = asyncio.create_task(self._tell(channel, beginning, now))
        self._announcing.add(task)
        task.add_done_callback(self._announcing.discard)

    async def _tell(
        self,
        channel: discord.abc.MessageableChannel,
        beginning: Awaitable[Session | None],
        now: datetime,
    ) -> None:
        try:
            session = await beginning
        except RecorderError as error:
            log.error("Auto-recording of channel %d did not begin: %s", channel.id, error)
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
        """End the sessions of yesterday and begin those of today."""
        now = discord.utils.utcnow()
        sessions = await asyncio.to_thread(self._manager.reader.running_auto)
        for session in sessions:
            channel = self._bot.get_channel(int(session.channel_id or 0))
            if isinstance(channel, discord.abc.Messageable):
                self.begin(channel, now)


def _recorded_channel(channel: Place) -> discord.abc.MessageableChannel:
    """A public thread is recorded with its channel."""
    if isinstance(channel, discord.Thread) and not channel.is_private() and channel.parent:
        return channel.parent  # type: ignore[return-value]
    return channel  # type: ignore[return-value]


def _may_speak(channel: discord.abc.MessageableChannel) -> bool:
    """Nothing is recorded where nobody can be told of it."""
    guild = channel.guild
    return guild is None or channel.permissions_for(guild.me).send_messages
