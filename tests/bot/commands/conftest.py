"""The host bot with the recorder, and the guild in which it is used."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import discord
import pytest
import simcord
from discord.ext import commands
from support.world import World

from recorder.bot import Recorder
from recorder.settings import Settings


@pytest.fixture
def simcord_bot(data_folder: Path) -> commands.Bot:
    """A host bot that loads the extension, and has a command of its own."""
    intents = discord.Intents.default()
    intents.message_content = True
    intents.members = True
    bot = commands.Bot("!", intents=intents, help_command=None)

    @bot.event
    async def setup_hook() -> None:
        await bot.remove_cog("Recorder")  # after a restart in the same process
        await bot.add_cog(Recorder(bot, Settings.from_environment(os.environ)))
        await bot.tree.sync()

    @bot.command()
    async def ai(context: commands.Context[Any], *, question: str) -> None:
        await context.send(f"Answer to: {question}")

    return bot


@pytest.fixture
async def world(
    env: simcord.Env,
    bot: commands.Bot,
    guild: simcord.GuildHandle,
    channel: simcord.ChannelHandle,
    moderator: simcord.MemberActor,
    alice: simcord.MemberActor,
    data_folder: Path,
    caplog: pytest.LogCaptureFixture,
) -> AsyncIterator[World]:
    yield World(env, bot, guild, channel, moderator, alice, data_folder)
    await bot.remove_cog("Recorder")
    unexpected = [r.getMessage() for r in caplog.records if r.name == "recorder.bot.cog"]
    assert not [message for message in unexpected if message.startswith("The command")]
