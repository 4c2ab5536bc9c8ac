"""What the bot missed is fetched from the history: each message once, or a gap says what lacks."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import discord
import pytest
from support.discord_server import poll
from support.live import Live, live

from recorder.bot.listening import tasks
from recorder.bot.listening.capture import capture
from recorder.models import Channel as RecordedChannel


async def test_an_odd_message_is_recorded_with_its_words(it: Live) -> None:
    await it.start("x")
    it.world.say(it.alice, it.channel, "with a silent poll", poll=poll(None, "yes", "no"))
    await it.settle()
    (recorded,) = it.recorded()
    assert recorded.message.content == "with a silent poll"
    assert recorded.message.extra["poll"]["answers"] == ["yes", "no"]  # type: ignore[index, call-overload]


async def test_what_cannot_be_read_of_a_message_is_left_out_and_logged_once(
    it: Live, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> Any:
        raise LookupError("an odd part")

    monkeypatch.setattr(discord.Embed, "to_dict", broken)
    monkeypatch.setattr("recorder.bot.listening.capture._forwarded", broken)
    monkeypatch.setattr("recorder.bot.listening.capture._name", broken)
    await it.start("x")
    original = await it.say("original")
    for _ in range(2):
        it.world.say(
            it.alice,
            it.channel,
            f"hello {it.mod.mention}",
            embeds=[{"title": "t", "type": "rich"}],
            forward=original,
        )
    await it.settle()
    assert it.texts() == ["original", *[f"hello {it.mod.mention}"] * 2]
    warnings = [r.getMessage() for r in caplog.records if "cannot be read" in r.getMessage()]
    assert len(warnings) == len(set(warnings)) == 3
    seen = await it.bot.get_channel(it.channel.id).fetch_message(original.id)  # type: ignore[union-attr]
    assert capture(seen).content == "original"


async def test_one_odd_session_does_not_keep_the_others_from_being_filled(
    it: Live, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    other = it.world.create_channel(it.guild, "other")
    await it.start("x")
    await it.start("y", other)
    await it.disconnect()
    odd = it.world.say(it.alice, it.channel, "odd")
    it.world.say(it.alice, other, "missed")
    left_out = "recorder.bot.listening.listener.Listener.left_out_of"

    async def odd_one(self: object, page: list[discord.Message]) -> set[int]:
        if odd.id in {message.id for message in page}:
            raise AssertionError("nobody expected this")
        return {message.id for message in page if message.author.bot}

    with monkeypatch.context() as patch:
        patch.setattr(left_out, odd_one)
        await it.connect()
    assert it.texts("y") == ["missed"] and it.texts() == []
    (gap,) = it.gaps()
    assert (gap.complete, gap.problem) == (False, "an unexpected error, see the bot's log")
    assert any("nobody expected this" in str(r.exc_info) for r in caplog.records if r.exc_info)
    await it.sweep()
    assert it.texts() == ["odd"] and it.gaps()[0].complete


async def test_a_session_of_a_forum_does_not_end_the_sweep(it: Live) -> None:
    forum = it.world.create_channel(it.guild, "forum", "forum")
    await it.start("y")
    place = RecordedChannel(str(forum.id), "forum", str(it.guild.id))
    await it.cog.manager.start("of forum", place, user_id="1", now=it.world.now)
    await it.disconnect()
    it.world.say(it.alice, it.channel, "missed")
    await it.connect()
    assert it.texts("y") == ["missed"]
    assert it.session("of forum").status == "stopped"
    assert it.gaps("of forum")[0].problem == "the channel has no messages of its own"


async def test_an_unavailable_guild_does_not_end_the_sweep_and_is_filled_later(it: Live) -> None:
    world = it.world
    guild = world.create_guild("Other")
    elsewhere = world.create_channel(guild, "elsewhere")
    world.add_member(guild, it.mod, world.create_role(guild, "Staff", "manage_messages"))
    await it.start("x")
    await it.start("y", elsewhere)
    await it.disconnect()
    world.say(it.alice, it.channel, "missed")
    world.set_available(guild, False)
    await it.connect()
    assert it.texts() == ["missed"]
    (gap,) = it.gaps("y")
    assert (gap.ended_at, gap.reason) == (None, "restart")
    world.say(it.mod, elsewhere, "said in an outage")
    world.set_available(guild, True)
    await it.settle()
    assert it.texts("y") == ["said in an outage"] and it.gaps("y")[0].complete


@pytest.mark.parametrize("way", ["close", "kill"])
async def test_what_is_said_meanwhile_is_fetched_once(it: Live, way: str) -> None:
    await it.start("x")
    await it.say("before")
    await (it.disconnect() if way == "close" else it.kill())
    for number in range(250):
        it.world.say(it.alice, it.channel, str(number))
    await it.connect()
    assert it.texts() == ["before", *map(str, range(250))]
    (gap,) = it.gaps()
    reason = "restart" if way == "close" else "crash"
    assert (gap.reason, gap.fetched, gap.complete, gap.problem) == (reason, 250, True, None)


async def test_a_page_that_is_refused_leaves_the_gap_open_to_be_filled_later(it: Live) -> None:
    await it.start("x")
    await it.disconnect()
    for number in range(250):
        it.world.say(it.alice, it.channel, str(number))
    fault = it.server.faults.add(500, method="GET", path=f"{it.channel.id}/messages", skip=1)
    await it.connect()
    (gap,) = it.gaps()
    assert not gap.complete and gap.problem is not None
    assert gap.fetched == len(it.texts()) > 90
    assert f"{gap.fetched} messages fetched later, the rest could not" in it.notices()[-1]
    fault.times = 0
    await it.sweep()
    (gap,) = it.gaps()
    assert (gap.complete, gap.problem, gap.fetched) == (True, None, 250)
    assert it.texts() == [*map(str, range(250))]


@pytest.mark.parametrize("kind", ["text", "news"])
@pytest.mark.parametrize("fails", ["page", "not found", "listing", "cancelled"])
async def test_a_thread_that_is_archived_meanwhile_is_not_lost_when_its_page_fails(
    it: Live, kind: str, fails: str
) -> None:
    world = it.world
    channel = world.create_channel(it.guild, "with threads", kind)
    await it.start("x", channel)
    old = world.start_thread(it.alice, channel, "old")
    await it.say("heard", old)
    world.archive(old)
    await it.settle()
    await it.disconnect()
    world.advance(hours=1)
    world.say(it.alice, old, "missed in the old one")
    fresh = world.start_thread(it.alice, channel, "fresh")
    world.say(it.alice, fresh, "missed in the fresh one")
    hidden = world.start_thread(it.alice, channel, "hidden", private=True)
    world.say(it.alice, hidden, "private")
    world.archive(old)
    world.archive(fresh)
    world.advance(hours=1)
    world.say(it.alice, channel, "later in the channel")
    path = {"cancelled": f"{old.id}/messages", "listing": "archived"}
    fault = it.server.faults.add(
        404 if fails == "not found" else 500,
        method="GET",
        path=path.get(fails, f"{fresh.id}/messages"),
        hold=fails == "cancelled",
    )
    if fails == "cancelled":
        connecting = asyncio.create_task(it.connect())
        await it.until(lambda: fault.hits)
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
        await it.disconnect()
        fault.release()
        it.server.faults.clear()
        await it.connect()
    else:
        await it.connect()
        assert not it.gaps()[0].complete
        fault.times = 0
        world.advance(hours=1)
        await it.sweep()
    texts = [text for text in it.texts() if "started a thread" not in text]
    assert texts == [
        "heard",
        "missed in the old one",
        "missed in the fresh one",
        "later in the channel",
    ]
    assert all(gap.complete and gap.problem is None for gap in it.gaps())
    requests = len(it.server.rest.log)
    await it.sweep()
    assert len(it.server.rest.log) - requests == 2, "archived threads are not read again"


async def test_a_thread_with_a_session_of_its_own_is_not_fetched_twice(it: Live) -> None:
    thread = it.world.start_thread(it.alice, it.channel, "apart")
    await it.start("x")
    await it.start("of thread", thread)
    await it.disconnect()
    it.world.say(it.alice, thread, "missed")
    await it.connect()
    assert (it.texts(), it.texts("of thread")) == ([], ["missed"])


async def test_a_session_that_is_stopped_before_its_gap_is_filled(it: Live) -> None:
    await it.start("x")
    await it.disconnect()
    it.world.say(it.alice, it.channel, "missed")
    fault = it.server.faults.add(500, method="GET", path=f"{it.channel.id}/messages")
    await it.connect()
    await it.say("!record stop", author=it.mod)
    it.world.advance(minutes=1)
    for number in range(150):
        it.world.say(it.alice, it.channel, f"after {number}")
    fault.times = 0
    requests = len(it.server.rest.log)
    await it.sweep()
    (gap,) = it.gaps()
    assert (gap.complete, gap.problem, gap.fetched, it.texts()) == (True, None, 1, ["missed"])
    assert sum("messages" in str(r) for r in it.server.rest.log[requests:]) <= 2
    done = len(it.server.rest.log)
    await it.sweep()
    assert len(it.server.rest.log) == done


async def test_a_pause_before_the_bot_is_ready_ends_the_gap(it: Live) -> None:
    await it.start("x")
    await it.disconnect()
    it.world.say(it.alice, it.channel, "missed")
    it.server.faults.add(500, method="GET", path=f"{it.channel.id}/messages", times=30)
    await it.connect()
    await it.cog.manager.pause(str(it.channel.id), now=it.world.now)
    it.server.faults.clear()
    it.world.advance(minutes=1)
    await it.say("off the record")
    await it.sweep()
    assert it.session().status == "paused" and it.texts() == ["missed"]


async def test_a_connection_lost_before_an_orderly_end_begins_the_gap(it: Live) -> None:
    await it.start("x")
    it.server.gateway.refusing = True
    await it.server.gateway.disconnect(None)
    lost = it.world.now
    await it.until(lambda: it.cog.gap_filler._connection.lost_at)
    it.world.advance(minutes=10)
    it.world.say(it.alice, it.channel, "into the void")
    it.world.advance(minutes=10)
    await it.disconnect()
    it.server.gateway.refusing = False
    await it.connect()
    (gap,) = it.gaps()
    assert (gap.reason, gap.started_at, gap.fetched) == ("connection lost", lost, 1)
    assert it.texts() == ["into the void"]


async def test_a_lost_connection_is_a_gap_only_without_resume(it: Live) -> None:
    await it.start("x")
    await it.server.gateway.disconnect(1001)
    it.world.say(it.alice, it.channel, "sent again")
    await it.settle()
    assert (it.texts(), it.gaps()) == (["sent again"], [])
    it.server.gateway.lose_session()
    await it.server.gateway.disconnect(1001)
    it.world.say(it.alice, it.channel, "missed")
    await it.settle()
    assert it.texts() == ["sent again", "missed"]
    assert [(gap.reason, gap.fetched, gap.complete) for gap in it.gaps()] == [
        ("connection lost", 1, True)
    ]


@pytest.mark.parametrize("erases", [False, True])
async def test_what_is_deleted_meanwhile_is_deleted_or_erased(tmp_path: Path, erases: bool) -> None:
    async with live(tmp_path, **({"RECORDER_ON_DELETE": "erase"} if erases else {})) as it:
        await it.start("x")
        said = [await it.say(f"message {number}") for number in range(5)]
        thread = it.world.start_thread(it.alice, it.channel, "thread")
        in_thread = await it.say("in a thread", thread)
        it.world.archive(thread)
        it.world.advance(days=2)
        await it.say("much later")
        await it.disconnect()
        for message in (said[0], said[2], in_thread):
            it.world.delete(message)
        await it.connect()
        gone = ["message 0", "message 2", "in a thread"]
        if erases:
            assert it.deleted() == [""] * 3
            for path in it.folder.rglob("*.jsonl"):
                assert not any(text in path.read_text() for text in gone)
        else:
            assert it.deleted() == gone
        newest = await it.say("the newest")
        await it.disconnect()
        it.world.delete(newest)
        await it.connect()
        assert len(it.deleted()) == 4


async def test_without_permission_nothing_is_taken_for_deleted(it: Live) -> None:
    """Discord answers with an empty page."""
    await it.start("x")
    await it.say("still there")
    it.world.advance(hours=1)
    await it.say("still there too")
    it.world.advance(hours=1)
    await it.disconnect()
    await it.connect()
    everyone = it.guild.everyone
    it.server.gateway.hold()
    it.world.overwrite(it.channel, everyone, read_message_history=False)
    await it.cog.gap_filler.sweep(whole=True)
    assert it.deleted() == []
    it.server.gateway.release()
    await it.settle()
    assert it.session().status == "paused"


async def test_a_message_that_the_history_lacks_for_a_moment_is_not_deleted(
    it: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    await it.start("x")
    first = await it.say("first")
    late = await it.say("recorded, but not yet in the history")
    await it.say("last")
    history = discord.TextChannel.history

    async def lagging(channel: discord.TextChannel, **options: Any) -> Any:
        async for message in history(channel, **options):
            if message.id != late.id:
                yield message

    monkeypatch.setattr(discord.TextChannel, "history", lagging)
    await it.sweep()
    assert it.deleted() == []
    it.world.delete(first)
    await it.settle()
    assert it.deleted() == ["first"]


async def test_a_message_that_is_deleted_while_its_page_is_recorded(
    it: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    await it.start("x")
    await it.disconnect()
    doomed = it.world.say(it.alice, it.channel, "password")
    left_out = "recorder.bot.listening.listener.Listener.left_out_of"

    async def deleting(self: object, page: list[discord.Message]) -> set[int]:
        if doomed.id in {message.id for message in page}:
            it.world.delete(doomed)
            await it.until(lambda: doomed.id in it.cog.event_order.deleted)
        return {message.id for message in page if message.author.bot}

    monkeypatch.setattr(left_out, deleting)
    await it.connect()
    assert it.deleted() == ["password"]


async def test_a_channel_that_is_deleted_meanwhile_ends_the_session_and_its_gap(it: Live) -> None:
    await it.start("x")
    await it.disconnect()
    it.world.say(it.alice, it.channel, "lost")
    it.world.delete_channel(it.channel)
    await it.connect()
    assert it.session().status == "stopped"
    (gap,) = it.gaps()
    assert (gap.complete, gap.problem) == (True, "the channel was deleted")


async def test_a_task_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def failing() -> None:
        raise ValueError("on purpose")

    task = tasks.run(failing(), "failing on purpose")
    await asyncio.wait([task])
    await asyncio.sleep(0)
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert record.getMessage() == "A task failed: failing on purpose" and record.exc_info
