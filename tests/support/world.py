"""A guild in which commands of the recorder are used."""

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import discord
import pytest
import simcord
from discord.ext import commands
from support.recordings import content_lines

from recorder.bot import Recorder
from recorder.care.verification import verify
from recorder.settings import Settings
from recorder.store.reading import Reader

both = pytest.mark.parametrize("how", ["prefix", "slash"])


@dataclass
class World:
    """A guild with a channel, a moderator who may control recordings, and a member who may not."""

    env: simcord.Env
    bot: commands.Bot
    guild: simcord.GuildHandle
    channel: simcord.ChannelHandle
    staff: simcord.MemberActor
    member: simcord.MemberActor
    data: Path

    async def say(self, text: str, actor: simcord.MemberActor | None = None) -> str:
        """Send a message, and return the replies of the bot."""
        before = len(self.channel.history())
        await (actor or self.staff).send(self.channel, text)
        answers = self.channel.history()[before + 1 :]
        return "\n".join(message.content for message in answers)

    async def slash(
        self, command: str, *, actor: simcord.MemberActor | None = None, **options: Any
    ) -> str:
        """Call a slash command, and return the replies of the bot."""
        result = await (actor or self.staff).slash(self.channel, f"record {command}", **options)
        answers = [result.response, *result.followups]
        return "\n".join(answer.content for answer in answers if answer is not None)

    async def call(self, how: str, command: str, **options: Any) -> str:
        """Call a command, by its prefix or as a slash command."""
        if how == "slash":
            return await self.slash(command, **options)
        words = (f'"{value}"' if " " in value else value for value in options.values())
        return await self.say(" ".join(("!record", command, *words)))

    @property
    def cog(self) -> Recorder:
        """The loaded cog."""
        cog = self.bot.get_cog("Recorder")
        assert isinstance(cog, Recorder)
        return cog

    async def settle(self) -> None:
        """Wait until gaps are filled and all messages are written."""
        await self.env.settle()
        await asyncio.gather(*self.cog.gap_filler.fetching)
        await self.cog.recorder.flush()

    async def load(self) -> None:
        """Load the cog with the settings of the environment."""
        await self.bot.add_cog(Recorder(self.bot, Settings.from_environment(os.environ)))
        await self.settle()

    def lines(self, session: int = 0) -> list[dict[str, Any]]:
        """Return the lines about messages in a session's file; session 0 is the newest."""
        path = self.data / Reader(self.data).sessions()[session].file_path
        return [json.loads(line) for line in content_lines(path.read_bytes())]

    def assert_sound(self) -> None:
        """Assert that files and database agree."""
        reader = Reader(self.data)
        for session in reader.sessions():
            assert verify(reader, session, recording=False).faults == ()


def staff_room(world: World) -> simcord.ChannelHandle:
    """Create a channel that only the moderators and the bot may see."""
    seen, hidden = (discord.PermissionOverwrite(view_channel=view) for view in (True, False))
    me = world.guild.me
    assert me is not None
    return world.guild.create_text_channel(
        "staff-room",
        overwrites={
            world.guild.default_role: hidden,
            world.guild.roles["Staff"]: seen,
            me: seen,
        },
    )
