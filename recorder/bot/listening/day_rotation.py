"""Midnights that passed while the bot was away: each day gets a session of its own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import discord

from recorder.bot.listening.capture import channel_of
from recorder.bot.listening.history_pages import NETWORK_ERRORS, Unreadable, public_threads
from recorder.models import Session
from recorder.record.snowflake import snowflake_at
from recorder.recording.gap_log import GapLog
from recorder.recording.session_manager import SessionManager

_DAY = timedelta(days=1)


@dataclass(slots=True)
class Connection:
    """The connection to Discord; `lost_at` is ``None`` while it stands."""

    lost_at: datetime | None = None


class DayRotation:
    """Ends a session of auto-recording with its day, and records the days since.

    Parameters
    ----------
    timezone
        The time zone in which days begin.
    """

    def __init__(
        self, manager: SessionManager, gap_log: GapLog, timezone: ZoneInfo, connection: Connection
    ) -> None:
        self._manager = manager
        self._gap_log = gap_log
        self._timezone = timezone
        self._connection = connection

    def day(self, moment: datetime) -> date:
        """Return the day of a moment."""
        return moment.astimezone(self._timezone).date()

    def midnight(self, day: date) -> datetime:
        """Return the beginning of a day, in UTC."""
        return datetime.combine(day, time(), self._timezone).astimezone(UTC)

    async def end_day(
        self,
        session: Session,
        channel: discord.abc.MessageableChannel,
        user_id: str,
        today: date,
    ) -> str | None:
        """Stop a session at the end of its day, and create those of later days with messages.

        They are stopped, too, and lie in a gap, to be filled from the history.

        Returns
        -------
        str or None
            The reason of the gap that lasts until today; ``None`` if there is none.
        """
        channel_id, day = str(channel.id), self.day(session.started_at)
        reason = await self._reason(session)
        days = await self._days_with_messages(channel, day + _DAY, today)
        await self._manager.stop(channel_id, now=self.midnight(day + _DAY))
        for each in days:
            begins = self.midnight(each)
            draft = await self._manager.prepare_auto(channel_of(channel), user_id, now=begins)
            if draft is not None and draft.status != "stopped":
                recorded = await self._manager.activate(draft, now=begins)
                reason_of_day = reason or "not received"
                await self._gap_log.begin(reason_of_day, begins, [recorded], now=begins)
                await self._manager.stop(channel_id, now=self.midnight(each + _DAY))
        return reason

    async def begin_gap(self, session: Session, reason: str, today: date) -> None:
        """Begin the gap of today's session, which ends when the bot is ready."""
        midnight = self.midnight(today)
        await self._gap_log.begin(reason, midnight, [session], now=midnight)

    async def _reason(self, session: Session) -> str | None:
        """Return the reason of the open gap; a connection that was lost is one."""
        if self._connection.lost_at is not None:
            lost_at = self._connection.lost_at
            await self._gap_log.begin("connection lost", lost_at, [session], now=lost_at)
        gaps = await asyncio.to_thread(self._manager.reader.gaps, session)
        return next((gap.reason for gap in gaps if gap.ended_at is None), None)

    async def _days_with_messages(
        self, channel: discord.abc.MessageableChannel, first: date, until: date
    ) -> list[date]:
        """Return the days with messages; all days where the history cannot be read."""
        days: list[date] = []
        while first < until:
            try:
                first = await self._day_of_next_message(channel, first, until)
            except (*NETWORK_ERRORS, Unreadable):
                pass  # this day
            if first < until:
                days.append(first)
            first += _DAY
        return days

    async def _day_of_next_message(
        self, channel: discord.abc.MessageableChannel, first: date, until: date
    ) -> date:
        """Return the first day with messages in a channel or its threads, at most `until`."""
        guild, after = channel.guild, snowflake_at(self.midnight(first))
        if guild and not channel.permissions_for(guild.me).read_message_history:
            raise Unreadable("the channel's history may not be read")
        days = [until]
        for each in (channel, *await public_threads(channel, after)):
            if isinstance(each, discord.Thread) and (each.last_message_id or after) < after:
                continue
            start = discord.Object(after - 1)
            async for message in each.history(limit=1, after=start, oldest_first=True):
                days.append(self.day(message.created_at))
        return min(days)
