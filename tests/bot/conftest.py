"""A Discord in memory: a guild with a channel, people of different rights, and a bot."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import discord
import pytest
from discord.ext import commands
from simcord import ChannelHandle, Env, GuildHandle, MemberActor
from simcord.http import router
from simcord.http.routes import messages


@pytest.fixture
def simcord_bot() -> commands.Bot:
    """The host bot; another one takes its place where a module has a fixture of this name."""
    intents = discord.Intents.default()
    intents.message_content = True
    intents.members = True
    return commands.Bot("!", intents=intents, help_command=None)


def history(original: Callable[[Any], list[Any]], request: Any) -> list[Any]:
    """Discord gives those that follow next upon an id; SimCord gives the newest ones."""
    if "after" not in request.params:
        return original(request)
    limit = int(request.params.get("limit", 50))
    request.params["limit"] = 1_000_000
    return original(request)[-limit:]


@pytest.fixture
def env(simcord_env: Env, monkeypatch: pytest.MonkeyPatch) -> Env:
    """Discord itself, with the bot logged in; errors of the bot that nobody saw fail the test."""
    # It waits for the bot to come to rest; how long it sleeps in between is all that is changed.
    quick = partial(simcord_env._settle_internal, idle=0.001)
    monkeypatch.setattr(simcord_env, "_settle_internal", quick)
    routes = [
        (path, partial(history, handler) if handler is messages.get_history else handler)
        for path, handler in router._ROUTES["GET"]
    ]
    monkeypatch.setitem(router._ROUTES, "GET", routes)
    return simcord_env


@pytest.fixture
def bot(env: Env) -> commands.Bot:
    assert isinstance(env.bot, commands.Bot)
    return env.bot


@pytest.fixture
async def guild(env: Env) -> GuildHandle:
    return env.create_guild("Workshop")


@pytest.fixture
async def channel(guild: GuildHandle) -> ChannelHandle:
    return guild.create_text_channel("development")


@pytest.fixture
async def moderator(env: Env, guild: GuildHandle) -> MemberActor:
    """Somebody who may manage messages."""
    role = guild.create_role("Staff", permissions=discord.Permissions(manage_messages=True))
    return guild.add_member(env.create_user("mod"), roles=[role])


@pytest.fixture
async def alice(env: Env, guild: GuildHandle) -> MemberActor:
    """A member without any rights of her own, known to all as Alice Liddell."""
    return guild.add_member(env.create_user("alice", global_name="Alice Liddell"))


@pytest.fixture
async def bob(env: Env, guild: GuildHandle) -> MemberActor:
    """A member without any rights of his own or another name."""
    return guild.add_member(env.create_user("bob"))


@pytest.fixture
async def robot(env: Env, guild: GuildHandle) -> MemberActor:
    """Another bot; what it says arrives as of a bot."""
    return guild.add_member(env.create_user("robot", bot=True))


@pytest.fixture
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder, as the environment names it; no other setting is inherited."""
    for name in ("DISCORD_TOKEN", "RECORDER_PREFIX", "RECORDER_ROLE", "RECORDER_TZ"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RECORDER_DATA", str(tmp_path))
    return tmp_path
