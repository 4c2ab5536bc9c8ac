"""The recorder in a bot that is connected to the Discord of the tests, with restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import discord
from discord.ext import commands

from recorder.bot.cog import Recorder
from recorder.models import Gap, RecordedMessage, Session
from recorder.settings import Settings
from recorder.store.reading import Reader

from .discord_server import Channel, DiscordServer, Message, User, serving


@dataclass
class Live:
    """A guild with a channel, a moderator and a member, and a bot that records."""

    server: DiscordServer
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        world = self.world = self.server.world
        self.guild = world.create_guild("Workshop")
        self.channel = world.create_channel(self.guild, "development")
        self.mod, self.alice = world.create_user("mod"), world.create_user("alice")
        world.add_member(
            self.guild, self.mod, world.create_role(self.guild, "S", "manage_messages")
        )
        world.add_member(self.guild, self.alice)
        self.reader = Reader(self.folder)
        self._running = AsyncExitStack()

    async def connect(self) -> None:
        """Start the bot, with a new cog."""
        intents = discord.Intents.default()
        intents.message_content = True
        self.bot = commands.Bot("!", intents=intents, help_command=None)
        self.cog = Recorder(self.bot, self._settings())
        await self._running.enter_async_context(self.server.connected(self.bot))
        await self.bot.add_cog(self.cog)
        await self.settle()

    async def disconnect(self) -> None:
        """Stop the bot in order."""
        await self._running.aclose()

    async def kill(self) -> None:
        """Stop the bot without a word of the recorder about it, as a crash would."""
        await self.cog.recorder.flush()
        self.cog.gap_filler.close = _nothing  # type: ignore[method-assign]
        await self.disconnect()

    async def settle(self) -> None:
        """Wait until the bot rests and everything is written."""
        await self.server.settle(self.cog.recorder.flush)
        while tasks := [task for task in self.cog.gap_filler.fetching if not task.done()]:
            await asyncio.wait(tasks)
            await self.server.settle(self.cog.recorder.flush)

    async def say(
        self, text: str, channel: Channel | None = None, author: User | None = None
    ) -> Message:
        """Say something, and wait until the bot rests."""
        message = self.world.say(author or self.alice, channel or self.channel, text)
        self.world.advance(seconds=1)
        await self.settle()
        return message

    async def start(self, name: str, channel: Channel | None = None) -> None:
        """Start a session, and let some time pass."""
        await self.say(f"!record start {name}", channel, self.mod)
        self.world.advance(minutes=1)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for what happens while the bot does not rest."""
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    async def sweep(self) -> None:
        """Do what happens every hour."""
        await self.cog.gap_filler._look()
        await self.settle()

    def session(self, name: str = "x") -> Session:
        return self.reader.find(name)

    def recorded(self, name: str = "x") -> list[RecordedMessage]:
        return list(self.reader.messages(self.session(name).id))

    def texts(self, name: str = "x") -> list[str]:
        return [recorded.message.content for recorded in self.recorded(name)]

    def deleted(self, name: str = "x") -> list[str]:
        """The texts of the messages that are known to be deleted."""
        return [m.message.content for m in self.recorded(name) if m.deleted_at is not None]

    def gaps(self, name: str = "x") -> list[Gap]:
        return self.reader.gaps(self.session(name))

    def notices(self, channel: Channel | None = None) -> list[str]:
        """What the bot has said in a channel."""
        messages = (channel or self.channel).messages.values()
        return [m.content for m in messages if m.author is self.world.bot]

    def _settings(self) -> Settings:
        return Settings.from_environment({"RECORDER_DATA": str(self.folder), **self.environment})


async def _nothing() -> None:
    pass


@asynccontextmanager
async def live(folder: Path, **environment: str) -> AsyncIterator[Live]:
    """Serve a Discord with a bot that records into a folder."""
    async with serving() as server:
        it = Live(server, folder, environment)
        await it.connect()
        try:
            yield it
        finally:
            await it.disconnect()
