"""The recorder in the Discord of the tests, over real websockets: slow, refused or restarted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import discord
from discord.ext import commands

from recorder.bot import Recorder
from recorder.care.verification import verify
from recorder.models import RecordedMessage
from recorder.settings import Settings
from recorder.store.reading import Reader

from .discord_server import Channel, DiscordServer, Guild, Interaction, Message, User, serving


class Bot(commands.Bot):
    """A host bot, whose prefix may take a while; its messages are those of ``world.bot``."""

    def __init__(self, settings: Settings) -> None:
        intents = discord.Intents.all()
        super().__init__(self.prefix, intents=intents, help_command=None)
        self.settings = settings
        self.prefix_known = asyncio.Event()
        self.prefix_known.set()

    async def prefix(self, bot: commands.Bot, message: discord.Message) -> str:
        await self.prefix_known.wait()
        return "!"

    async def setup_hook(self) -> None:
        await self.add_cog(Recorder(self, self.settings))
        await self.tree.sync()


@dataclass
class Workshop:
    """A guild with a channel, a moderator and a member, and the bot while it runs."""

    server: DiscordServer
    data: Path
    environment: dict[str, str] = field(default_factory=dict)
    bot: Bot | None = None

    def __post_init__(self) -> None:
        world = self.world = self.server.world
        self.guild: Guild = world.create_guild("Workshop")
        self.channel: Channel = world.create_channel(self.guild, "development")
        staff = world.create_role(self.guild, "Staff", "manage_messages", "manage_guild")
        self.mod: User = world.create_user("mod")
        self.alice: User = world.create_user("alice")
        world.add_member(self.guild, self.mod, staff)
        world.add_member(self.guild, self.alice)
        self.reader = Reader(self.data)

    @property
    def cog(self) -> Recorder:
        assert self.bot is not None
        cog = self.bot.get_cog("Recorder")
        assert isinstance(cog, Recorder)
        return cog

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the bot; anew each time."""
        settings = Settings.from_environment({"RECORDER_DATA": str(self.data)} | self.environment)
        self.bot = Bot(settings)
        async with self.server.connected(self.bot):
            await self.settle()
            yield
            await self.settle()
        self.bot = None

    async def reload(self) -> None:
        """Remove the cog and add it again, in the same connection."""
        assert self.bot is not None
        await self.bot.remove_cog("Recorder")
        await self.bot.add_cog(Recorder(self.bot, self.bot.settings))
        await self.settle()

    async def settle(self) -> None:
        await self.server.settle(self.cog.recorder.flush)

    async def say(self, user: User, text: str, channel: Channel | None = None) -> Message:
        """Say something, and wait until the bot has dealt with it."""
        message = self.world.say(user, channel or self.channel, text)
        self.world.advance(seconds=1)
        await self.settle()
        return message

    async def slash(self, command: str, user: User | None = None, **options: Any) -> Interaction:
        interaction = self.world.slash(
            user or self.mod, self.channel, f"record {command}", **options
        )
        self.world.advance(seconds=1)
        await self.settle()
        return interaction

    def answers(self, channel: Channel | None = None) -> list[str]:
        """Return what the bot said in a channel."""
        messages = (channel or self.channel).messages.values()
        return [m.content for m in messages if m.author is self.world.bot]

    def recorded(self, name: str) -> list[RecordedMessage]:
        return list(self.reader.messages(self.reader.find(name).id))

    def texts(self, name: str) -> list[str]:
        return [recorded.message.content for recorded in self.recorded(name)]

    @contextmanager
    def slow_answers(self) -> Iterator[asyncio.Event]:
        """Let requests that send a message return late: when the event is set."""
        assert self.bot is not None
        original, go_on = self.bot.http.send_message, asyncio.Event()

        async def send_message(*args: Any, **options: Any) -> Any:
            data = await original(*args, **options)
            await go_on.wait()
            return data

        with patch.object(self.bot.http, "send_message", send_message):
            try:
                yield go_on
            finally:
                go_on.set()

    def assert_sound(self) -> None:
        for session in self.reader.sessions():
            assert verify(self.reader, session, recording=False).faults == ()


@asynccontextmanager
async def workshop(folder: Path, **environment: str) -> AsyncIterator[Workshop]:
    """Serve a Discord with a workshop in it; no bot runs yet."""
    async with serving() as server:
        yield Workshop(server, folder, environment)


@asynccontextmanager
async def recording(folder: Path, **environment: str) -> AsyncIterator[Workshop]:
    """Serve a Discord with a workshop, and run the bot in it."""
    async with workshop(folder, **environment) as it, it.running():
        yield it
