"""The recorder in a real bot, connected to the small Discord: what tests of the live path share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from support.discord_server import Channel, DiscordServer, Message, User, serving
from support.live_model.clock import WorldClock
from support.live_model.host import Host
from support.live_model.scene import Scene
from support.live_model.troubles import ZONE
from support.live_model.truth import ObservedWorld

from recorder.bot.cog import Recorder
from recorder.models import Gap, RecordedMessage, Session
from recorder.settings import Settings
from recorder.store.reading import Reader


class Live:
    """Two guilds, users, and a bot that is started, stopped and killed.

    Attributes
    ----------
    channel
        The text channel in which most happens.
    """

    def __init__(self, server: DiscordServer, world: ObservedWorld, settings: Settings) -> None:
        self.server, self.world, self.faults = server, world, server.faults
        self.clock = WorldClock(world)
        self.scene = Scene(world)
        self.host = Host(server, settings)
        self.guild, self.other_guild = self.scene.guilds
        self.alice, self.bob, self.staff = self.scene.alice, self.scene.bob, self.scene.staff
        self.robot = self.scene.robot
        self.channel = self.named("development")

    def named(self, name: str) -> Channel:
        return next(channel for channel in self.scene.channels() if channel.name == name)

    @property
    def cog(self) -> Recorder:
        assert self.host.cog is not None
        return self.host.cog

    @property
    def reader(self) -> Reader:
        return Reader(self.host.settings.data)

    async def rest(self) -> None:
        """Wait until the bot has come to rest and everything is written."""
        await self.host.settle()

    def say(self, text: str, channel: Channel | None = None, user: User | None = None) -> Message:
        return self.world.say(user or self.alice, channel or self.channel, text)

    async def order(
        self, command: str, channel: Channel | None = None, user: User | None = None
    ) -> str:
        """Give a command, and return what the bot then says in the channel."""
        channel = channel or self.channel
        given = self.say(f"!record {command}", channel, user or self.staff)
        await self.rest()
        return "\n".join(m.content for m in self.answers(channel) if m.id > given.id)

    def answers(self, channel: Channel | None = None) -> list[Message]:
        """Return what the bot has said in a channel and was not deleted."""
        messages = (channel or self.channel).messages.values()
        return [message for message in messages if message.author is self.world.bot]

    async def restart(self, *, crash: bool = False) -> None:
        await (self.host.crash() if crash else self.host.stop())
        await self.host.start()
        await self.rest()

    async def reconnect(self) -> None:
        """Lose the connection, and connect again without a RESUME."""
        self.server.gateway.lose_session()
        await self.server.gateway.disconnect(None)
        await self.rest()

    async def go_away(self) -> None:
        """Lose the connection and the gateway session, until `come_back`."""
        self.server.gateway.refusing = True
        self.server.gateway.lose_session()
        await self.server.gateway.disconnect(None)
        await self.rest()

    async def come_back(self) -> None:
        self.server.gateway.refusing = False
        await self.rest()

    async def pass_time(self, **span: float) -> None:
        self.world.advance(**span)
        self.clock.tick()
        await self.rest()

    # what is recorded

    def session(self, name: str) -> Session:
        return self.reader.find(name)

    def entries(self, name: str) -> list[RecordedMessage]:
        return list(self.reader.messages(self.session(name).id))

    def texts(self, name: str) -> list[str]:
        """Return the contents of the messages that a session holds, system messages aside."""
        entries = [entry.message for entry in self.entries(name)]
        return [message.content for message in entries if message.type != "system_message"]

    def gaps(self, name: str) -> list[Gap]:
        return self.reader.gaps(self.session(name))

    def all_texts(self) -> list[str]:
        return [text for session in self.reader.sessions() for text in self.texts(session.id)]

    def session_names(self) -> Sequence[str]:
        return sorted(session.name for session in self.reader.sessions())


@asynccontextmanager
async def living(
    folder: Path, *, erase: bool = False, now: datetime = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
) -> AsyncIterator[Live]:
    """Run the bot on a data folder; its days are those of Berlin."""
    settings = Settings(folder / "data", ZONE, erase_deleted=erase, attachment_limit=None)
    world = ObservedWorld(now)
    async with serving(world) as server:
        world.observe(server.gateway)
        live = Live(server, world, replace(settings))
        with live.clock.installed():
            try:
                await live.host.start()
                await live.rest()
                yield live
            finally:
                server.faults.clear()
                server.gateway.refusing = False
                await live.host.stop()
