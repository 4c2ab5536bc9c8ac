"""What is said while nobody listens: fetched from the history, once, and written down as a gap."""

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import aiohttp
import discord
import pytest
from discord.ext import commands
from support.world import World

from recorder.bot import Recorder
from recorder.models import Gap, RecordedMessage
from recorder.store.reading import Reader

pytestmark = pytest.mark.simcord(check_errors=False)


@contextmanager
def lost_events(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Discord goes on, but none of its events arrives."""
    with monkeypatch.context() as patch:
        patch.setattr(world.env.backend, "emit", lambda *args, **options: None)
        yield


def said(world: World, *texts: str, channel_id: int | None = None) -> None:
    """What a member said, whether or not the bot hears it."""
    for text in texts:
        world.env.backend.create_message(channel_id or world.channel.id, world.member.id, text)


async def recorded(world: World, name: str) -> list[RecordedMessage]:
    await world.cog.recorder.flush()
    reader = Reader(world.data)
    return list(reader.messages(reader.find(name).id))


async def texts(world: World, name: str) -> list[str]:
    return [message.message.content for message in await recorded(world, name)]


def gaps(world: World, name: str) -> list[Gap]:
    reader = Reader(world.data)
    return reader.gaps(reader.find(name))


async def test_what_is_said_during_a_restart_is_fetched_once(world: World) -> None:
    await world.say("!record start away")
    await world.say("before")
    await world.bot.remove_cog("Recorder")
    said(world, "first meanwhile", "!record tag not-said", "second meanwhile")
    await world.env.settle()
    await world.load()
    assert await texts(world, "away") == ["before", "first meanwhile", "second meanwhile"]
    sources = [message.message.extra.get("source") for message in await recorded(world, "away")]
    assert sources == [None, "history", "history"]
    (gap,) = gaps(world, "away")
    assert (gap.reason, gap.fetched, gap.problem) == ("restart", 2, None)
    assert gap.ended_at is not None and gap.ended_at >= gap.started_at
    notice = world.channel.history()[-1].content
    assert notice.startswith("⏳ **I was away**")
    assert notice.endswith("(restart): 2 messages fetched later")
    await world.bot.remove_cog("Recorder")  # nothing was said this time: nothing is announced
    await world.load()
    assert world.channel.history()[-1].content == notice
    assert await texts(world, "away") == ["before", "first meanwhile", "second meanwhile"]
    assert [gap.fetched for gap in gaps(world, "away")] == [2, 0]
    await world.say("!record stop")
    world.assert_sound()


async def test_after_a_crash_the_gap_begins_with_the_last_that_is_known(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.say("!record start crash")
    await world.say("heard")
    last = world.channel.history()[-1]
    await world.cog.recorder.flush()
    world.data = tmp_path / "as the crash left it"
    shutil.copytree(tmp_path, world.data, ignore=lambda *_: {world.data.name, "recorder.lock"})
    await world.bot.remove_cog("Recorder")
    said(world, "said after the crash")
    monkeypatch.setenv("RECORDER_DATA", str(world.data))
    await world.load()
    assert await texts(world, "crash") == ["heard", "said after the crash"]
    (gap,) = gaps(world, "crash")
    assert (gap.reason, gap.started_at, gap.fetched) == ("crash", last.created_at, 1)


async def test_a_connection_that_was_lost_for_good_is_a_gap(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.say("!record start lost")
    world.bot.dispatch("disconnect")
    with lost_events(world, monkeypatch):
        said(world, "into the void")
    world.bot.dispatch("ready")
    await world.settle()
    assert await texts(world, "lost") == ["into the void"]
    (gap,) = gaps(world, "lost")
    assert (gap.reason, gap.fetched) == ("connection lost", 1)


async def test_a_resumed_connection_is_a_gap_only_when_something_was_missed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.say("!record start resumed")
    await world.say("heard")
    world.bot.dispatch("disconnect")
    world.bot.dispatch("resumed")
    await world.settle()
    assert gaps(world, "resumed") == []
    with lost_events(world, monkeypatch):
        said(world, "lost")
    await world.say("heard again")
    world.bot.dispatch("resumed")
    await world.settle()
    assert await texts(world, "resumed") == ["heard", "heard again", "lost"]
    (gap,) = gaps(world, "resumed")
    assert (gap.reason, gap.fetched) == ("not received", 1)


async def test_a_newer_message_does_not_hide_an_older_hole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The largest id that was recorded says nothing of what lies before it."""
    await world.say("!record start holes")
    with lost_events(world, monkeypatch):
        said(world, *(f"missed {number}" for number in range(250)))
    await world.env.advance_time(3600 - 60)
    await world.say("long after")
    await world.bot.remove_cog("Recorder")
    await world.load()
    assert len(await texts(world, "holes")) == 251


async def test_what_is_said_in_a_pause_is_left_out(world: World) -> None:
    await world.say("!record start pauses")
    await world.env.advance_time(60)
    await world.say("!record pause")
    await world.env.advance_time(60)
    await world.say("off the record")
    await world.env.advance_time(60)
    await world.say("!record resume")
    await world.env.advance_time(60)
    await world.bot.remove_cog("Recorder")
    said(world, "on the record")
    await world.load()
    assert await texts(world, "pauses") == ["on the record"]


async def test_a_paused_session_has_no_gap(world: World) -> None:
    await world.say("!record start paused")
    await world.say("!record pause")
    await world.bot.remove_cog("Recorder")
    said(world, "off the record")
    await world.load()
    assert (await texts(world, "paused"), gaps(world, "paused")) == ([], [])


async def test_threads_that_are_active_or_archived_since_are_read_too(world: World) -> None:
    await world.say("!record start threads")
    known = world.env.backend.create_thread(world.channel.id, "known", world.member.id)
    said(world, "heard in a thread", channel_id=known.id)
    await world.env.settle()
    await world.bot.remove_cog("Recorder")
    said(world, "missed in a thread", channel_id=known.id)
    fresh = world.env.backend.create_thread(world.channel.id, "fresh", world.member.id)
    said(world, "missed in a new thread", channel_id=fresh.id)
    await world.env.settle()
    await world.load()
    assert [text for text in sorted(await texts(world, "threads")) if "started" not in text] == [
        "heard in a thread",
        "missed in a new thread",
        "missed in a thread",
    ]
    held = Reader(world.data).channels([Reader(world.data).find("threads")])
    assert {str(known.id), str(fresh.id)} <= {*next(iter(held.values()))}


async def test_edits_and_deletions_meanwhile_are_recorded(world: World) -> None:
    await world.say("!record start edits")
    edited = await world.staff.send(world.channel, "frist")
    gone = await world.staff.send(world.channel, "gone")
    await world.bot.remove_cog("Recorder")
    await world.env.advance_time(5)
    await world.staff.edit(edited, "first")
    await world.staff.delete(gone)
    await world.load()
    first, second = await recorded(world, "edits")
    assert (first.message.content, first.edited_at is not None) == ("first", True)
    assert (second.message.content, second.deleted_at is not None) == ("gone", True)
    types = [(line["type"], line.get("unseen")) for line in world.lines()[2:]]
    assert types == [("edit", None), ("deletion", True)]
    world.assert_sound()


async def test_a_history_that_may_not_be_read_is_written_down_and_tried_again(
    world: World,
) -> None:
    await world.say("!record start shut")
    await world.bot.remove_cog("Recorder")
    await world.env.advance_time(60)
    said(world, "said behind closed doors")
    await world.env.advance_time(60)
    channel, me = world.bot.get_channel(world.channel.id), world.guild.me
    assert isinstance(channel, discord.TextChannel) and me is not None
    await channel.set_permissions(
        me, view_channel=True, send_messages=True, read_message_history=False
    )
    await world.env.settle()
    await world.load()
    world.bot.dispatch("resumed")  # tried again: the same is not announced twice
    await world.settle()
    away, suspended = gaps(world, "shut")
    assert away.problem == "the channel's history may not be read"
    reason = "no permission to read the message history"
    assert (suspended.reason, suspended.ended_at) == (reason, None)
    *_, paused, notice = [message.content for message in world.channel.history()]
    assert paused.startswith("⏸️ **Recording Paused**") and reason in paused
    assert [m.content for m in world.channel.history()].count(notice) == 1
    assert notice.endswith("could not be fetched: the channel's history may not be read")
    await world.env.advance_time(60)
    await world.say("not recorded now")
    await world.env.advance_time(60)
    await channel.set_permissions(me, overwrite=None)
    await world.settle()
    away, suspended = gaps(world, "shut")
    assert (away.problem, away.fetched, await texts(world, "shut")) == (
        None,
        1,
        ["said behind closed doors"],
    )
    assert (suspended.complete, suspended.fetched, suspended.problem) == (True, 0, reason)
    assert "🔴 **Resumed Session: shut**" in world.channel.history()[-2].content


async def test_a_connection_that_breaks_holds_up_no_other_session(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = world.guild.create_text_channel("elsewhere")
    await world.say("!record start broken")
    await world.staff.send(other, "!record start whole")
    await world.env.settle()
    await world.bot.remove_cog("Recorder")
    said(world, "missed here")
    said(world, "missed there", channel_id=other.id)
    history = discord.TextChannel.history

    def breaking(channel: discord.TextChannel, **options: Any) -> AsyncIterator[discord.Message]:
        if channel.id == world.channel.id:
            raise aiohttp.ServerDisconnectedError
        return history(channel, **options)

    with monkeypatch.context() as patch:
        patch.setattr(discord.TextChannel, "history", breaking)
        await world.load()
    assert await texts(world, "whole") == ["missed there"]
    (gap,) = gaps(world, "broken")
    assert gap.problem is not None and gap.problem.startswith("Discord could not be asked")
    world.bot.dispatch("resumed")
    await world.settle()
    assert await texts(world, "broken") == ["missed here"]


async def test_a_session_that_is_deleted_meanwhile_holds_up_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = world.guild.create_text_channel("elsewhere")
    await world.say("!record start doomed")
    await world.staff.send(other, "!record start whole")
    await world.env.settle()
    await world.bot.remove_cog("Recorder")
    said(world, "missed here")
    said(world, "missed there", channel_id=other.id)
    history = discord.TextChannel.history

    async def deleting(
        channel: discord.TextChannel, **options: Any
    ) -> AsyncIterator[discord.Message]:
        if channel.id == world.channel.id:
            manager = world.cog.manager
            await manager.stop(str(channel.id), now=discord.utils.utcnow())
            await manager.delete(manager.reader.find("doomed"))
        async for message in history(channel, **options):
            yield message

    monkeypatch.setattr(discord.TextChannel, "history", deleting)
    await world.load()
    assert await texts(world, "whole") == ["missed there"]


async def test_our_own_answers_are_not_taken_for_something_missed(world: World) -> None:
    """In the history they are known by how they begin: each command's answer, and refusals."""
    await world.say("!record start answers")
    await world.say("a word to find")
    values = {"name": "answers", "tag": "here", "query": "word", "filename": "copy.txt"}
    values |= {"sessions": "answers other", "output": "both", "format": "txt", "switch": "status"}
    known = cast("set[commands.Command[Any, ..., Any]]", Recorder.record.commands)
    for command in sorted(known, key=lambda each: each.name):
        given = " ".join(values.get(name, "") for name in command.clean_params).strip()
        for text in (f"!record {command.name} {given}", f"!record {command.name} no such thing"):
            if command.name not in ("stop", "pause"):
                await world.say(text)
    await world.say("!record pause")
    await world.say("!record resume")
    heard = await texts(world, "answers")
    world.bot.dispatch("resumed")
    await world.settle()
    assert await texts(world, "answers") == heard
    assert len(world.channel.history()) > 3 * len(heard)


async def test_every_hour_the_history_is_compared(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.say("!record start hourly")
    with lost_events(world, monkeypatch):
        said(world, "never received")
    await world.env.advance_time(3601)
    await world.settle()
    assert await texts(world, "hourly") == ["never received"]
    assert [gap.reason for gap in gaps(world, "hourly")] == ["not received"]


async def test_reactions_are_lines_and_counted(world: World) -> None:
    await world.say("!record start reactions")
    message = await world.staff.send(world.channel, "ship it?")
    await world.staff.react(message, "👍")
    await world.member.react(message, "👍")
    await world.member.react(message, "🎉")
    (now,) = await recorded(world, "reactions")
    assert now.reactions == {"👍": 2, "🎉": 1}
    await world.member.unreact(message, "👍")
    channel = world.bot.get_channel(world.channel.id)
    assert isinstance(channel, discord.TextChannel)
    fetched = await channel.fetch_message(message.id)
    await fetched.clear_reaction("🎉")
    await world.env.settle()
    assert (await recorded(world, "reactions"))[0].reactions == {"👍": 1}
    actions = [(line["action"], line.get("emoji")) for line in world.lines()[1:]]
    assert actions == [
        ("add", "👍"),
        ("add", "👍"),
        ("add", "🎉"),
        ("remove", "👍"),
        ("clear", "🎉"),
    ]
    await fetched.clear_reactions()
    await world.env.settle()
    assert (await recorded(world, "reactions"))[0].reactions == {}
    await world.say("!record stop")
    world.assert_sound()
