"""Who may see a recording and who may control one, by the rights they have at this moment."""

from __future__ import annotations

import discord
import pytest
from discord.ext import commands
from simcord import ChannelHandle, Env, GuildHandle, MemberActor
from simcord.backend.models import Overwrite
from simcord.enums import ChannelType, OverwriteType

from recorder.bot.access.viewer import AnyUser, Viewer, may_control


def as_member(actor: MemberActor) -> discord.Member:
    """Return the actor as discord.py knows them."""
    member = actor.member
    assert member is not None
    return member


async def may_read(user: AnyUser, guild: discord.Guild | None, channel_ids: list[str]) -> bool:
    return await Viewer(user, guild).may_read(channel_ids)


async def reads(actor: MemberActor, *channels: int | str) -> bool:
    member = as_member(actor)
    return await may_read(member, member.guild, [str(id) for id in channels])


def forget(guild: discord.Guild, thread_id: int) -> None:
    """As discord.py does when a thread is archived, or the bot no longer in it."""
    thread = guild.get_thread(thread_id)
    assert thread is not None
    guild._remove_thread(thread)


async def deny(env: Env, channel: ChannelHandle, actor: MemberActor, **denied: bool) -> None:
    rights = discord.Permissions(**denied)
    env.backend.set_overwrite(
        channel.id, Overwrite(actor.id, OverwriteType.MEMBER, 0, rights.value)
    )
    await env.settle(idle=0.001)


@pytest.fixture
async def manager(env: Env, guild: GuildHandle) -> MemberActor:
    """Somebody who may manage the guild, and nothing else."""
    role = guild.create_role("Manager", permissions=discord.Permissions(manage_guild=True))
    actor = guild.add_member(env.create_user("manager"), roles=[role])
    await env.settle(idle=0.001)
    return actor


@pytest.fixture
async def private_thread(env: Env, channel: ChannelHandle, alice: MemberActor) -> int:
    """A private thread of Alice and the bot."""
    thread = env.backend.create_thread(
        channel.id, "closed", alice.id, type=ChannelType.PRIVATE_THREAD, broadcast=False
    )
    env.backend.announce_thread_create(thread)
    env.backend.add_thread_member(thread.id, env.backend.bot_user.id)
    await env.settle(idle=0.001)
    return thread.id


async def test_every_channel_counts(
    env: Env, guild: GuildHandle, channel: ChannelHandle, alice: MemberActor
) -> None:
    other = guild.create_text_channel("other")
    await env.settle(idle=0.001)
    assert await reads(alice, channel.id, other.id)
    await deny(env, other, alice, view_channel=True)
    assert await reads(alice, channel.id)
    assert not await reads(alice, channel.id, other.id)


@pytest.mark.parametrize("right", ["view_channel", "read_message_history"])
async def test_both_rights_are_needed_now(
    env: Env, channel: ChannelHandle, alice: MemberActor, right: str
) -> None:
    assert await reads(alice, channel.id)
    await deny(env, channel, alice, **{right: True})
    assert not await reads(alice, channel.id)
    env.backend.delete_overwrite(channel.id, alice.id)
    await env.settle(idle=0.001)
    assert await reads(alice, channel.id)


async def test_chat_of_a_voice_channel(env: Env, guild: GuildHandle, alice: MemberActor) -> None:
    voice = guild.create_voice_channel("talk")
    await env.settle(idle=0.001)
    assert await reads(alice, voice.id)
    await deny(env, voice, alice, connect=True)
    assert not await reads(alice, voice.id)


async def test_public_threads_follow_their_channel(
    env: Env, channel: ChannelHandle, alice: MemberActor, bob: MemberActor
) -> None:
    thread = env.backend.create_thread(channel.id, "open", alice.id)
    await env.settle(idle=0.001)
    assert await reads(bob, thread.id)
    await deny(env, channel, bob, view_channel=True)
    assert not await reads(bob, thread.id)
    assert await reads(alice, thread.id)


async def test_private_threads_are_for_their_members(
    env: Env, guild: GuildHandle, private_thread: int, alice: MemberActor, bob: MemberActor
) -> None:
    role = guild.create_role("Threads", permissions=discord.Permissions(manage_threads=True))
    keeper = guild.add_member(env.create_user("keeper"), roles=[role])
    await env.settle(idle=0.001)
    assert await reads(alice, private_thread)
    assert not await reads(bob, private_thread)
    assert await reads(keeper, private_thread)
    env.backend.add_thread_member(private_thread, bob.id)
    env.backend.remove_thread_member(private_thread, alice.id)
    await env.settle(idle=0.001)
    assert await reads(bob, private_thread)
    assert not await reads(alice, private_thread)


async def test_archived_threads_are_looked_up(
    env: Env,
    bot: commands.Bot,
    channel: ChannelHandle,
    private_thread: int,
    alice: MemberActor,
    bob: MemberActor,
) -> None:
    public = env.backend.create_thread(channel.id, "open", alice.id).id
    for id in (public, private_thread):
        thread = env.backend.get_thread(id)
        assert thread.thread_metadata is not None
        thread.thread_metadata.archived = True
        forget(as_member(alice).guild, id)
    assert bot.get_channel(public) is None
    assert await reads(bob, public)
    assert not await reads(bob, private_thread)
    assert await reads(alice, public, private_thread)
    await deny(env, channel, alice, view_channel=True)
    assert not await reads(alice, public)


async def test_a_private_thread_without_the_bot(
    env: Env, guild: GuildHandle, private_thread: int, alice: MemberActor, manager: MemberActor
) -> None:
    """Nobody's membership can be seen any more, so it is for nobody."""
    env.inject_error("GET", f"/channels/{private_thread}", status=403, times=None)
    forget(as_member(alice).guild, private_thread)
    assert not await reads(alice, private_thread)
    assert not await reads(manager, private_thread)


async def test_deleted_channels(
    env: Env, channel: ChannelHandle, alice: MemberActor, manager: MemberActor
) -> None:
    env.backend.delete_channel(channel.id)
    await env.settle(idle=0.001)
    assert not await reads(alice, channel.id)
    assert await reads(manager, channel.id)


@pytest.mark.parametrize("channel_id", ["general", "9" * 30, ""])
async def test_channels_of_other_programs(
    env: Env, alice: MemberActor, manager: MemberActor, channel_id: str
) -> None:
    """Discord is not asked about what cannot be an id of its own: it would complain."""
    env.inject_error("GET", "/channels/*", status=400, times=None)
    assert not await reads(alice, channel_id)
    assert await reads(manager, channel_id)


async def test_no_channel_at_all(alice: MemberActor, manager: MemberActor) -> None:
    """A recording that was read from a file with the specification's keys only."""
    assert not await reads(alice)
    assert await reads(manager)


async def test_text_of_unknown_origin_restricts_the_whole(
    alice: MemberActor, manager: MemberActor, channel: ChannelHandle
) -> None:
    assert await reads(alice, channel.id)
    assert not await reads(alice, channel.id, "")
    assert await reads(manager, channel.id, "")


async def test_channels_of_other_guilds(env: Env, manager: MemberActor) -> None:
    elsewhere = env.create_guild("Elsewhere").create_text_channel("secret")
    await env.settle(idle=0.001)
    assert not await reads(manager, elsewhere.id)


async def test_a_member_of_another_guild(
    env: Env, bot: commands.Bot, guild: GuildHandle, channel: ChannelHandle
) -> None:
    """Also one who may do everything there."""
    elsewhere = env.create_guild("Elsewhere")
    role = elsewhere.create_role("Boss", permissions=discord.Permissions(administrator=True))
    stranger = elsewhere.add_member(env.create_user("stranger"), roles=[role])
    await env.settle(idle=0.001)
    here = bot.get_guild(guild.id)
    assert not await may_read(as_member(stranger), here, [str(channel.id)])
    guild.add_member(stranger.user)
    await env.settle(idle=0.001)
    assert await may_read(as_member(stranger), here, [str(channel.id)])


async def test_a_member_who_is_not_in_the_cache(
    env: Env, bot: commands.Bot, channel: ChannelHandle, alice: MemberActor
) -> None:
    here = as_member(alice).guild
    user = bot.get_user(alice.id)
    assert user is not None
    here._remove_member(as_member(alice))
    assert here.get_member(alice.id) is None
    assert await may_read(user, here, [str(channel.id)])


async def test_dm_channels_are_for_those_in_them(
    channel: ChannelHandle, alice: MemberActor, bob: MemberActor
) -> None:
    own, other = alice.user.dm_channel.id, bob.user.dm_channel.id
    member = as_member(alice)
    assert await may_read(member, None, [str(own)])
    assert not await may_read(member, None, [str(other)])
    assert not await may_read(member, None, [str(own), str(other)])
    assert not await may_read(member, None, [str(channel.id)])
    assert not await may_read(member, None, [])
    assert not await reads(alice, own)


async def test_a_viewer_asks_discord_once(
    env: Env, private_thread: int, alice: MemberActor, bob: MemberActor
) -> None:
    asked = f"/channels/{private_thread}/thread-members"
    for actor, allowed in ((alice, True), (bob, False)):
        before = len(env.http_requests)
        viewer = Viewer(as_member(actor), as_member(actor).guild)
        answers = {await viewer.may_read([str(private_thread)]) for _ in range(3)}
        assert answers == {allowed}
        paths = [request.path for request in env.http_requests[before:]]
        assert [path for path in paths if path.startswith(asked)] == [f"{asked}/{actor.id}"]


async def test_who_may_control(
    env: Env, bot: commands.Bot, guild: GuildHandle, channel: ChannelHandle, moderator: MemberActor
) -> None:
    role = guild.create_role("Recorders")
    helper = guild.add_member(env.create_user("helper"), roles=[role])
    guest = guild.add_member(env.create_user("guest"))
    thread_id = env.backend.create_thread(channel.id, "open", guest.id).id
    await env.settle(idle=0.001)
    for id in (channel.id, thread_id):
        known = bot.get_channel(id)
        assert isinstance(known, discord.TextChannel | discord.Thread)
        for actor, named, allowed in (
            (moderator, None, True),
            (moderator, "Recorders", True),
            (helper, "Recorders", True),
            (helper, str(role.id), True),
            (helper, "recorders?", False),
            (helper, None, False),
            (guest, "Recorders", False),
        ):
            assert may_control(as_member(actor), known, named) is allowed, (actor, named)


async def test_control_is_given_in_each_channel(
    env: Env, bot: commands.Bot, channel: ChannelHandle, moderator: MemberActor
) -> None:
    await deny(env, channel, moderator, manage_messages=True)
    known = bot.get_channel(channel.id)
    assert isinstance(known, discord.TextChannel)
    assert not may_control(as_member(moderator), known, None)


async def test_control_where_the_channel_was_deleted(
    moderator: MemberActor, manager: MemberActor
) -> None:
    assert not may_control(as_member(moderator), None, None)
    assert may_control(as_member(manager), None, None)


async def test_both_people_control_a_dm(
    env: Env, bot: commands.Bot, channel: ChannelHandle, alice: MemberActor
) -> None:
    results: list[bool] = []

    async def on_message(message: discord.Message) -> None:
        results.append(may_control(message.author, message.channel, None))

    bot.add_listener(on_message)
    await alice.send_dm("hi")
    await alice.send(channel, "hi")
    assert results == [True, False]


async def test_a_webhook_controls_nothing(
    bot: commands.Bot, guild: GuildHandle, channel: ChannelHandle
) -> None:
    results: list[bool] = []

    async def on_message(message: discord.Message) -> None:
        results.append(may_control(message.author, message.channel, "@everyone"))

    bot.add_listener(on_message)
    await guild.create_webhook(channel).send("hi")
    assert results == [False]
