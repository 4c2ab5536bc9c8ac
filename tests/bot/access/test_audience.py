"""Whether all who see a channel may read others, compared with discord.py's permissions."""

from __future__ import annotations

import random
from itertools import combinations
from typing import Any

import discord
import pytest
from discord.ext import commands
from discord.utils import SnowflakeList
from simcord import ChannelHandle, Env, GuildHandle, MemberActor
from simcord.enums import ChannelType

from recorder.bot.access.audience import Audience
from recorder.bot.access.viewer import Channels

SEEN = discord.PermissionOverwrite(view_channel=True)
RIGHTS = ("view_channel", "read_message_history", "connect")
HIDDEN = discord.PermissionOverwrite(view_channel=False)


@pytest.fixture
def here(env: Env, bot: commands.Bot, guild: GuildHandle) -> discord.Guild:
    """The guild as discord.py knows it."""
    known = bot.get_guild(guild.id)
    assert known is not None
    return known


def channel_of(here: discord.Guild, handle: ChannelHandle) -> Any:
    known = here.get_channel_or_thread(handle.id)
    assert known is not None
    return known


async def may_read(reply_channel: Any, *source: Any) -> bool:
    ids = [str(getattr(one, "id", one)) for one in source]
    return await Audience(reply_channel, Channels(reply_channel.guild)).may_read(ids)


def has(member: discord.Member, channel: Any, *rights: str) -> bool:
    """Return the result by discord.py's own computation."""
    if isinstance(channel, discord.VoiceChannel):
        rights = (*rights, "connect")
    permissions = channel.permissions_for(member)
    return all(getattr(permissions, right) for right in rights)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kinds", ["text text", "voice voice", "voice text"])
async def test_the_result_holds_for_every_member(
    env: Env, guild: GuildHandle, here: discord.Guild, alice: MemberActor, kinds: str, seed: int
) -> None:
    """Every member that can exist: any roles, with and without overwrites of their own."""
    chance = random.Random(f"{kinds} {seed}")
    for name in "ab":  # and the bot has one, which others could get here
        guild.create_role(name)
    bob = guild.add_member(env.create_user("bob"))
    made = [
        guild.create_text_channel(name) if name == "text" else guild.create_voice_channel(name)
        for name in kinds.split()
    ]
    await env.settle(idle=0.001)
    reply_channel, source = (channel_of(here, handle) for handle in made)
    roles = [role for role in here.roles if not role.is_default()]
    bits = [discord.Permissions(**{name: True}).value for name in RIGHTS]
    some = [combination for n in range(4) for combination in combinations(roles, n)]
    answers = []
    for _ in range(150):
        for role in (here.default_role, *roles):
            likely = 0.7 if role.is_default() else 0.25
            role._permissions = sum(bit for bit in bits if chance.random() < likely)
            role._permissions |= 8 * (chance.random() < 0.05)
        for channel in (reply_channel, source):
            overwrites = []
            for target, kind in [(role, 0) for role in (here.default_role, *roles)] + [(alice, 1)]:
                allow, deny = 0, 0
                for bit in bits:
                    drawn = chance.random()
                    allow, deny = allow | bit * (drawn < 0.15), deny | bit * (drawn > 0.85)
                overwrites.append(
                    {"id": target.id, "type": kind, "allow": str(allow), "deny": str(deny)}
                )
            channel._fill_overwrites({"permission_overwrites": overwrites})
        expected = True
        for actor in (alice, bob):
            member = actor.member
            assert member is not None
            for combination in some:
                member._roles = SnowflakeList(sorted(role.id for role in combination))
                expected = expected and (
                    not has(member, reply_channel, "view_channel")
                    or has(member, source, "view_channel", "read_message_history")
                )
        assert await may_read(reply_channel, source) == expected
        answers.append(expected)
    assert {True, False} == set(answers)


async def test_the_same_channel_and_its_public_threads(
    env: Env, guild: GuildHandle, here: discord.Guild, alice: MemberActor
) -> None:
    closed = guild.create_text_channel("closed", overwrites={guild.default_role: HIDDEN})
    opened = guild.create_text_channel("open")
    await env.settle(idle=0.001)
    thread = env.backend.create_thread(closed.id, "thread", alice.id)
    await env.settle(idle=0.001)
    room, hall = channel_of(here, closed), channel_of(here, opened)
    in_room = here.get_thread(thread.id)
    assert await may_read(room, closed, thread)
    assert await may_read(in_room, closed, thread)
    assert not await may_read(hall, closed)
    assert not await may_read(hall, opened, thread)
    assert await may_read(hall, opened)


async def test_who_reads_along_may_not_see_the_history(
    env: Env, guild: GuildHandle, here: discord.Guild
) -> None:
    """What is gone for them stays gone, in the same channel too."""
    forgetful = discord.PermissionOverwrite(read_message_history=False)
    channel = guild.create_text_channel("now", overwrites={guild.default_role: forgetful})
    await env.settle(idle=0.001)
    assert not await may_read(channel_of(here, channel), channel)


async def test_a_private_thread_is_for_itself(
    env: Env, channel: ChannelHandle, here: discord.Guild, alice: MemberActor
) -> None:
    threads = []
    for name in ("one", "two"):
        thread = env.backend.create_thread(
            channel.id, name, alice.id, type=ChannelType.PRIVATE_THREAD, broadcast=False
        )
        env.backend.announce_thread_create(thread)
        env.backend.add_thread_member(thread.id, env.backend.bot_user.id)
        threads.append(thread)
    await env.settle(idle=0.001)
    one, two = (here.get_thread(thread.id) for thread in threads)
    assert await may_read(one, one)
    assert not await may_read(one, two)
    assert not await may_read(channel_of(here, channel), one)
    assert await may_read(one, channel)


async def test_a_deleted_channel_is_for_those_who_manage_the_guild(
    env: Env, guild: GuildHandle, channel: ChannelHandle, here: discord.Guild
) -> None:
    managers = guild.create_role("Managers", permissions=discord.Permissions(manage_guild=True))
    office = guild.create_text_channel(
        "office", overwrites={guild.default_role: HIDDEN, managers: SEEN}
    )
    await env.settle(idle=0.001)
    for gone in ("123456789012345678", "general", ""):
        assert await may_read(channel_of(here, office), gone)
        assert not await may_read(channel_of(here, channel), gone)
    assert not await Audience(channel_of(here, channel), Channels(here)).may_read([])


async def test_channels_of_other_guilds_and_closed_ones(
    env: Env, channel: ChannelHandle, here: discord.Guild
) -> None:
    elsewhere = env.create_guild("Elsewhere").create_text_channel("lobby")
    await env.settle(idle=0.001)
    assert not await may_read(channel_of(here, channel), elsewhere)
    unknown = 123456789012345678
    env.inject_error("GET", f"/channels/{unknown}", status=403, times=None)
    assert not await may_read(channel_of(here, channel), unknown)


async def test_bots_and_the_owner_do_not_count(
    env: Env, guild: GuildHandle, here: discord.Guild
) -> None:
    bots = guild.create_role("A bot's own")
    me = guild.me
    assert me is not None
    overwrites: dict[Any, discord.PermissionOverwrite] = {
        guild.default_role: HIDDEN,
        me: SEEN,
        guild.owner: SEEN,
        bots: SEEN,
    }
    reply_channel = guild.create_text_channel("shown", overwrites=overwrites)
    source = guild.create_text_channel("source", overwrites={guild.default_role: HIDDEN})
    await env.settle(idle=0.001)
    assert not await may_read(channel_of(here, reply_channel), source)
    role = here.get_role(bots.id)
    assert role is not None
    role.tags = discord.RoleTags({"bot_id": "1"})
    assert await may_read(channel_of(here, reply_channel), source)


async def test_who_manages_messages(
    env: Env, guild: GuildHandle, channel: ChannelHandle, here: discord.Guild
) -> None:
    staff = guild.create_role("Staff", permissions=discord.Permissions(manage_messages=True))
    office = guild.create_text_channel(
        "office", overwrites={guild.default_role: HIDDEN, staff: SEEN}
    )
    await env.settle(idle=0.001)
    hall, room = channel_of(here, channel), channel_of(here, office)
    for reply_channel, source, expected in (
        (room, office, True),
        (room, channel, True),  # they manage messages everywhere
        (hall, channel, False),
        (hall, office, False),
    ):
        audience = Audience(reply_channel, Channels(here))
        assert await audience.manages_messages([str(source.id)]) == expected
    assert not await Audience(room, Channels(here)).manages_messages([])


async def test_a_reply_to_one_user(alice: MemberActor, here: discord.Guild) -> None:
    for alone in (None, await alice.member.create_dm()):  # type: ignore[union-attr]
        audience = Audience(alone, Channels(here))
        assert await audience.may_read(["1"])
        assert await audience.manages_messages(["1"])
    unknown = Audience(discord.Object(1), Channels(here))  # type: ignore[arg-type]
    assert not await unknown.may_read(["1"])
