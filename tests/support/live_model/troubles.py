"""Steps that change what the bot may do, its connection, its process, and the time."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from support.discord_server import Channel

from .acting import Acting, pick, title

ZONE = ZoneInfo("Europe/Berlin")  # of the recordings: its days are not those of UTC
_PERMISSIONS = (
    ("view_channel",),
    ("send_messages", "send_messages_in_threads"),
    ("read_message_history",),
)
_DROPPED = ("MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE", "MESSAGE_CREATE")


class Troubles(Acting):
    """What goes wrong around the bot, and is put right."""

    # permissions and guilds

    def take_permission(self, a: int, b: int) -> None:
        self._permit(a, b, False)

    def give_permission(self, a: int, b: int) -> None:
        self._permit(a, b, None)

    def _permit(self, a: int, b: int, value: bool | None) -> None:
        channels = self.scene.channels()
        if value is None:
            channels = [c for c in channels if self.world.bot.id in c.overwrites]
        if not channels:
            return
        channel, names = pick(channels, a), pick(_PERMISSIONS, b)
        self.doubt(lambda c: c.home is channel)
        self.world.overwrite(channel, self.world.bot, **dict.fromkeys(names, value))
        verb = "loses" if value is False else "has again"
        self.note(f"the bot {verb} {names[0]} in {title(channel)}")

    def permit_all(self, channel: Channel) -> None:
        self.doubt(lambda c: c.home is channel)
        names = (name for names in _PERMISSIONS for name in names)
        self.world.overwrite(channel, self.world.bot, **dict.fromkeys(names))

    def kick(self, a: int, b: int) -> None:
        guild = pick(self.scene.guilds, a)
        if self.world.bot.id in guild.members and guild.available:
            self.doubt(lambda c: c.guild is guild)
            self.world.remove_member(guild, self.world.bot)
            self.note(f"the bot is kicked from {guild.name}")

    def invite(self, a: int, b: int) -> None:
        for guild in self.scene.guilds:
            if self.world.bot.id not in guild.members and guild.available:
                self.world.add_member(guild, self.world.bot)
                self.note(f"the bot is invited to {guild.name}")

    def guild_away(self, a: int, b: int) -> None:
        guild = pick(self.scene.guilds, a)
        self.world.set_available(guild, False)
        self.note(f"{guild.name} is unavailable")

    def guild_back(self, a: int, b: int) -> None:
        for guild in self.scene.guilds:
            if not guild.available:
                self.world.set_available(guild, True)
                self.note(f"{guild.name} is available again")

    # requests and events

    def drop_event(self, a: int, b: int) -> None:
        name = pick(_DROPPED, a)
        self.server.gateway.drop(name)
        self.note(f"the next {name} is lost")

    def fault(self, a: int, b: int) -> None:
        faults, self.faults_used = self.server.faults, True
        path = pick((r"/messages", r"/threads", r"/channels/", r"/callback|/webhooks"), b)
        times, skip = 1 + b % 6, a % 3
        if a % 6 == 0:
            faults.blocked_by_automod(times=times)
        elif a % 6 == 1:
            faults.add(drop=True, path=path, times=times, skip=skip)
        else:
            status = pick((403, 404, 429, 500), a)
            faults.add(status, path=path, times=times, skip=skip, code=50013, retry_after=0.01)
        self.note(f"requests to {path} will fail (kind {a % 6}, {times} of them after {skip})")

    def hold(self, a: int, b: int) -> None:
        self.faults_used = self.coverage.answers_wait = True
        self.server.faults.add(hold=True, path="/messages", method="POST" if b % 2 else "", times=2)
        self.note("requests to /messages wait")

    def heal(self, a: int, b: int) -> None:
        self.server.faults.clear()
        self.note("requests are answered again")

    # the connection

    async def disconnect(self, a: int, b: int) -> None:
        await self.server.gateway.disconnect(pick((None, 1001, 4000), a))
        self.note("the connection is lost")

    async def lose_session(self, a: int, b: int) -> None:
        self.server.gateway.lose_session()
        await self.server.gateway.disconnect(None)
        self.note("the connection is lost, and cannot be resumed")

    async def away(self, a: int, b: int) -> None:
        self.server.gateway.refusing = True
        if b % 2:
            self.server.gateway.lose_session()
        await self.server.gateway.disconnect(None)
        self.note(f"Discord cannot be reached{', the session is lost' if b % 2 else ''}")

    def back(self, a: int, b: int) -> None:
        self.server.gateway.refusing = False
        self.note("Discord can be reached")

    # the bot

    async def restart(self, a: int, b: int) -> None:
        await self.stop_bot(a, b)
        await self.start_bot(a, b)

    async def stop_bot(self, a: int, b: int) -> None:
        if self.host.is_up:
            self._doubt_new()
            self.note("the bot is stopped")
            await self.host.stop()
            self._doubt_new()

    async def start_bot(self, a: int, b: int) -> None:
        if not self.host.is_up:
            self.server.gateway.refusing = False
            self.server.gateway.dropping.clear()
            await self.host.start()
            self.note("the bot is started")

    async def crash(self, a: int, b: int) -> None:
        await self.crash_and_stay_away(a, b)
        await self.start_bot(a, b)

    async def crash_and_stay_away(self, a: int, b: int) -> None:
        if self.host.is_up:
            self._doubt_new()
            self.note("the bot crashes")
            await self.host.crash()
            self._doubt_new()

    def _doubt_new(self) -> None:
        self.coverage.doubt_unsettled(self.world.snowflake())

    # the time

    def minutes_pass(self, a: int, b: int) -> None:
        self._advance(timedelta(minutes=1 + 7 * a))

    def hours_pass(self, a: int, b: int) -> None:
        """Let some hours pass, or go to the next midnight of the recordings' time zone."""
        if b % 2:
            self._advance(timedelta(hours=1 + 3 * a))
        else:
            day = self.world.now.astimezone(ZONE).date() + timedelta(days=1)
            midnight = datetime(day.year, day.month, day.day, tzinfo=ZONE)
            self._advance(midnight - self.world.now + timedelta(seconds=a - 1))

    def _advance(self, span: timedelta) -> None:
        self.world.now += max(span, timedelta(0))
        self.clock.tick()
        self.note(f"it is {self.world.now.astimezone(ZONE):%m-%d %H:%M:%S %Z}")
