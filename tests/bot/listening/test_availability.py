"""Sessions in channels that the bot can no longer record, or that are gone."""

from datetime import timedelta
from typing import Any

import pytest
from support.discord_server import Channel
from support.live import Live

SUSPENDED, RESUMED = "⏸️ **Recording Paused**", "🔴 **Resumed Session"


def suspended(it: Live, name: str = "x") -> str:
    """The reason why a session is suspended."""
    gap = it.gaps(name)[-1]
    assert it.session(name).status == "paused" and gap.ended_at is None
    return gap.reason


def lose(it: Live, channel: Channel, **permissions: bool | None) -> None:
    it.world.overwrite(channel, it.guild.everyone, **permissions)


async def passing(it: Live, **span: float) -> None:
    """Let the bot receive what happened, and then some time pass."""
    await it.settle()
    it.world.advance(**span)


@pytest.mark.parametrize("kind", ["text", "news", "voice"])
@pytest.mark.parametrize(
    ("permission", "reason"),
    [
        ("view_channel", "no permission to view the channel"),
        ("read_message_history", "no permission to read the message history"),
        ("send_messages", "no permission to send messages"),
    ],
)
async def test_a_lost_permission_pauses_with_a_gap_until_it_is_back(
    it: Live, kind: str, permission: str, reason: str
) -> None:
    channel = it.world.create_channel(it.guild, "watched", kind)
    await it.start("x", channel)
    await it.say("before", channel)
    lose(it, channel, **{permission: False})
    await passing(it, seconds=1)
    await it.say("blind", channel)
    assert suspended(it) == reason
    said = [text for text in it.notices(channel) if text.startswith(SUSPENDED)]
    assert len(said) == (permission == "read_message_history")
    it.world.advance(minutes=5)
    lose(it, channel, **{permission: None})
    await it.settle()
    assert it.notices(channel)[-1].startswith(RESUMED)
    await it.say("after", channel)
    assert it.texts() == ["before", "after"]
    (gap,) = it.gaps()
    assert (gap.complete, gap.fetched, gap.problem, gap.reason) == (True, 0, reason, reason)
    await it.disconnect()
    await it.connect()
    assert it.texts() == ["before", "after"], "the blind time is not fetched"


async def test_messages_after_the_loss_are_not_recorded_even_in_a_burst(it: Live) -> None:
    await it.start("x")
    it.server.gateway.hold()
    it.world.say(it.alice, it.channel, "before")
    lose(it, it.channel, send_messages=False)
    it.world.say(it.alice, it.channel, "after")
    it.server.gateway.release()
    await it.settle()
    assert it.texts() == ["before"]


@pytest.mark.parametrize("how", ["role", "everyone"])
async def test_permissions_of_roles_count_too(it: Live, how: str) -> None:
    world = it.world
    lose(it, it.channel, send_messages=False)
    role = world.create_role(it.guild, "Recorders")
    world.overwrite(it.channel, role, send_messages=True)
    world.edit_member(it.guild, world.bot, roles=[role])
    await it.settle()
    await it.start("x")
    if how == "role":
        world.edit_member(it.guild, world.bot, roles=[])
    else:
        world.edit_role(it.guild.everyone, view_channel=False)
    await it.settle()
    assert suspended(it).startswith("no permission")
    world.edit_member(it.guild, world.bot, roles=[role])
    world.edit_role(it.guild.everyone, view_channel=True)
    await it.settle()
    assert it.session().status == "active"


async def test_a_refused_notice_leaves_the_session_suspended(it: Live) -> None:
    await it.start("x")
    lose(it, it.channel, send_messages=False)
    await it.settle()
    it.server.faults.blocked_by_automod(times=1)
    lose(it, it.channel, send_messages=None)
    await it.say("unannounced")
    assert suspended(it) == "no permission to send messages"
    await it.sweep()
    assert it.session().status == "active"
    await it.say("announced")
    assert it.texts() == ["announced"]


async def test_a_pause_of_a_user_is_not_resumed(it: Live) -> None:
    await it.start("x")
    await it.say("!record pause", author=it.mod)
    lose(it, it.channel, send_messages=False)
    await it.settle()
    lose(it, it.channel, send_messages=None)
    await it.sweep()
    assert it.session().status == "paused" and it.gaps() == []


async def test_a_suspended_session_is_stopped_without_claiming_more(it: Live) -> None:
    await it.start("x")
    lose(it, it.channel, read_message_history=False)
    await it.settle()
    it.world.advance(minutes=1)
    await it.say("!record stop", author=it.mod)
    (gap,) = it.gaps()
    assert (gap.complete, gap.fetched) == (True, 0)
    assert gap.problem == gap.reason == "no permission to read the message history"


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("what", ["channel", "post", "thread", "forum", "guild", "kick"])
async def test_what_is_gone_ends_its_session(it: Live, what: str, live: bool) -> None:
    world, channel = it.world, it.channel
    forum = world.create_channel(it.guild, "forum", "forum")
    if what in ("post", "forum"):
        channel = world.post(it.alice, forum, "post", "first")
    elif what == "thread":
        channel = world.start_thread(it.alice, it.channel, "aside")
    await it.settle()
    await it.start("x", channel)
    await it.say("recorded", channel)
    if not live:
        await it.disconnect()
    if what in ("guild", "kick"):
        world.remove_member(it.guild, world.bot)
    else:
        world.delete_channel(forum if what == "forum" else channel)
    gone_at = world.now
    world.advance(minutes=1)
    if live:
        await it.settle()
    else:
        await it.connect()
    session = it.session()
    assert session.status == "stopped" and session.stopped_at is not None
    assert (session.stopped_at - gone_at <= timedelta(seconds=61)) and it.texts() == ["recorded"]
    await it.sweep()
    assert all(gap.complete for gap in it.gaps())
    assert str(channel.id) not in it.cog.recorder.channels


async def test_after_a_new_invitation_nothing_is_recorded_or_fetched_in_silence(it: Live) -> None:
    world = it.world
    await it.start("x")
    world.remove_member(it.guild, world.bot)
    await it.settle()
    world.say(it.alice, it.channel, "said without the bot")
    world.add_member(it.guild, world.bot)
    await it.say("said again with it")
    await it.sweep()
    assert it.session().status == "stopped" and it.texts() == []


async def test_a_guild_that_is_unavailable_is_a_gap(it: Live) -> None:
    await it.start("x")
    it.world.set_available(it.guild, False)
    await it.settle()
    (gap,) = it.gaps()
    assert (gap.reason, gap.ended_at) == ("server unavailable", None)
    it.world.say(it.alice, it.channel, "said in an outage")
    it.world.advance(minutes=5)
    await it.sweep()
    it.world.set_available(it.guild, True)
    await it.settle()
    (gap,) = it.gaps()
    assert (gap.reason, gap.fetched, gap.complete) == ("server unavailable", 1, True)
    assert it.texts() == ["said in an outage"] and it.session().status == "active"
    await it.say("after")
    assert it.texts() == ["said in an outage", "after"]


async def test_a_locked_thread_is_suspended_an_archived_one_is_not(it: Live) -> None:
    thread = it.world.start_thread(it.alice, it.channel, "aside")
    await it.settle()
    await it.start("x", thread)
    it.world.archive(thread)
    await it.say("opens it again", thread)
    assert it.session().status == "active"
    it.world.archive(thread, locked=True)
    await it.settle()
    assert suspended(it) == "the thread is locked"
    await it.sweep()
    assert suspended(it) == "the thread is locked"
    it.world.unarchive(thread)
    await it.settle()
    assert it.session().status == "active" and it.notices(thread)[-1].startswith(RESUMED)


async def test_a_private_thread_is_recorded_while_the_bot_is_a_member(it: Live) -> None:
    world = it.world
    thread = world.start_thread(it.alice, it.channel, "secret", private=True)
    world.join_thread(thread, world.bot, it.mod)
    await it.settle()
    await it.start("x", thread)
    await it.say("heard", thread)
    world.leave_thread(thread, world.bot)
    await passing(it, seconds=1)
    await it.say("unheard", thread)
    assert suspended(it) == "not a member of the private thread"
    await it.sweep()
    assert it.session().status == "paused"
    world.join_thread(thread, world.bot)
    await it.settle()
    await it.say("heard again", thread)
    assert it.texts() == ["heard", "heard again"]


async def test_permissions_that_are_lost_while_the_bot_is_away(it: Live) -> None:
    await it.start("x")
    await it.disconnect()
    it.world.say(it.alice, it.channel, "missed")
    it.world.advance(minutes=5)
    lose(it, it.channel, view_channel=False)
    it.world.advance(minutes=5)
    await it.connect()
    assert suspended(it) == "no permission to view the channel"
    away, _ = it.gaps()
    assert (away.complete, away.problem) == (False, "the channel's history may not be read")
    it.world.advance(minutes=5)
    it.world.say(it.alice, it.channel, "blind")
    it.world.advance(minutes=5)
    lose(it, it.channel, view_channel=None)
    await it.settle()
    away, blind = it.gaps()
    assert (away.fetched, away.complete, away.problem) == (1, True, None)
    assert (blind.fetched, blind.complete) == (0, True) and it.texts() == ["missed"]


async def test_one_channel_that_cannot_be_checked_holds_up_no_other(
    it: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = it.world.create_channel(it.guild, "other")
    await it.start("x")
    await it.start("y", other)
    await it.disconnect()
    lose(it, other, send_messages=False)
    obstacle_in = __import__("recorder.bot.listening.availability", fromlist=["x"]).obstacle_in

    def broken(channel: Any, left: Any) -> Any:
        if channel.id == it.channel.id:
            raise LookupError
        return obstacle_in(channel, left)

    monkeypatch.setattr("recorder.bot.listening.availability.obstacle_in", broken)
    await it.connect()
    assert suspended(it, "y") == "no permission to send messages"
    assert it.session().status == "active"
