"""Tags, going on, merging, auto-recording and recording from before, through the real bot."""

import asyncio
from datetime import timedelta
from typing import Any

import discord
import pytest
from support.world import World, both

from recorder.bot.replies import notices
from recorder.bot.replies.help_text import help_text
from recorder.bot.replies.openings import OPENINGS
from recorder.store.reading import Reader

pytestmark = pytest.mark.simcord(check_errors=False)


@both
async def test_tags_mark_a_moment_and_lead_back_to_it(world: World, how: str) -> None:
    await world.say("!record start tagged")
    for number in range(12):
        await world.say(f"message {number}")
        if number == 5:
            answer = await world.call(how, "tag", tag="found-solution")
            assert answer.startswith("🏷️ Tag added: found-solution\nTimestamp: <t:")
            assert answer.endswith(":t>\nEasy to find this moment later")
    assert "Tag added: found-solution-2" in await world.call(how, "tag", tag="found-solution")
    prefix = "/" if how == "slash" else "!"
    listed = await world.call(how, "tags", name="tagged")
    assert listed.startswith("🏷️ **Tags in session:**\n- found-solution (<t:")
    assert listed.endswith(f"Jump to: {prefix}record goto tagged found-solution")
    moment = await world.call(how, "goto", name="tagged", tag="found-solution")
    assert "➡️ [<t:" in moment and "mod: message 5\n" in moment
    shown = [number for number in range(12) if f"message {number}\n" in moment + "\n"]
    assert shown == [3, 4, 5, 6, 7]
    message = next(m for m in world.channel.history() if m.content == "message 5")
    assert f"<{message.jump_url}>" in moment
    await world.staff.click(world.channel.history()[-1], label="Next")
    assert "message 8" in world.channel.history()[-1].content
    await world.say("!record stop")
    await world.call(how, "export", name="tagged", format="txt")
    text = (await world.channel.history()[-1].attachments[0].read()).decode()
    assert "message 5\n    🏷️ found-solution\n" in text
    assert "Tag removed" in await world.call(how, "untag", name="tagged", tag="found-solution")
    assert "There is no tag" in await world.call(how, "goto", name="tagged", tag="found-solution")


async def test_a_tag_marks_the_message_that_is_answered(world: World) -> None:
    assert "Nothing is being recorded" in await world.say("!record tag early")
    await world.say("!record start replies")
    assert "no message yet" in await world.say("!record tag early")
    first = await world.staff.send(world.channel, "the first")
    await world.say("the second")
    await world.staff.send(world.channel, "!record tag this", reply_to=first)
    session = Reader(world.data).sessions()[0]
    assert [(t.name, t.message_index) for t in Reader(world.data).tags(session)] == [("this", 1)]
    assert "❌ The tag is empty" in await world.say('!record tag " "')


@both
async def test_a_stopped_session_goes_on(world: World, how: str) -> None:
    await world.say("!record start lasting")
    await world.say("before")
    await world.say("!record stop")
    await world.env.advance_time(3600)
    resumed = await world.call(how, "resume", name="lasting")
    assert resumed.startswith("🔴 **Resumed Session: lasting**\n\nOriginal: <t:")
    assert resumed.endswith("Messages before pause: 1\nAll new messages will be appended")
    await world.say("after")
    assert "is running already" in await world.call(how, "resume", name="lasting")
    stopped = await world.say("!record stop")
    assert "Messages: 2" in stopped and "Duration: 0s" in stopped
    assert [line["content"] for line in world.lines()] == ["before", "after"]
    world.assert_sound()
    assert 'There is no session "nothing"' in await world.call(how, "resume", name="nothing")


@both
async def test_sessions_are_merged(world: World, how: str) -> None:
    for name in ("part one", "part2"):
        await world.say(f"!record start {name}")
        await world.say(f"in {name}")
        await world.say("!record tag same")
        await world.say("!record stop")
        await world.env.advance_time(60)
    if how == "slash":
        answer = await world.slash("merge", sessions='part2 "part one"', output="complete")
    else:
        answer = await world.say('!record merge part2 "part one" --output complete')
    assert answer == (
        "🔗 **Merging Sessions...**\n\npart2: 1 message\npart one: 1 message\n\n"
        "✅ Merged to: complete (2 messages)\nChronologically sorted"
    )
    reader = Reader(world.data)
    merged = reader.find("complete")
    messages = list(reader.messages(merged.id))
    assert [m.message.content for m in messages] == ["in part one", "in part2"]
    assert [m.tags for m in messages] == [("same",), ("same-2",)]
    assert messages[0].message.extra["merged_from"] == {"session": "part one", "message_index": 1}
    assert len(reader.sessions()) == 3
    world.assert_sound()
    again = await world.say("!record merge complete part2 --output twice")
    assert "✅ Merged to: twice (2 messages)" in again, "each Discord message once"
    assert "is taken" in await world.say("!record merge part2 complete --output TWICE")
    assert "two different sessions" in await world.say("!record merge part2 --output x")
    assert "the new name" in await world.say("!record merge part2 complete")
    assert 'no session "nope"' in await world.say("!record merge part2 nope --output x")


@pytest.mark.slow
async def test_auto_recording_day_by_day(world: World) -> None:
    assert "is off here" in await world.say("!record auto status")
    answer = await world.say("!record auto on")
    assert answer.startswith(
        "🔴 Auto-recording enabled\nAll conversations will be recorded automatically\n"
        "Sessions created per-day"
    )
    await world.env.settle()
    begun = (
        "🔴 New session started: 2026-01-01\nFile: sessions/auto_2026-01-01.jsonl\n"
        "Do not record me: /record optout"
    )
    assert begun in [message.content for message in world.channel.history()]
    await world.say("on the first day")
    assert "recorded automatically" in await world.say("!record stop")
    await world.env.advance_time(timedelta(days=1).total_seconds())
    await asyncio.sleep(0.1)
    await world.env.settle()
    begun = (
        "🔴 New session started: 2026-01-02\nFile: sessions/auto_2026-01-02.jsonl\n"
        "Do not record me: /record optout"
    )
    assert begun in [message.content for message in world.channel.history()]
    await world.say("on the second day")
    assert "is on in this channel" in await world.say("!record auto status")
    assert "disabled" in await world.say("!record auto off")
    await world.say("not recorded")
    sessions = {s.name: s for s in Reader(world.data).sessions()}
    assert {name: (s.status, s.message_count) for name, s in sessions.items()} == {
        "auto_2026-01-01": ("stopped", 1),
        "auto_2026-01-02": ("stopped", 1),
    }
    world.assert_sound()


async def test_a_manual_session_comes_first_and_auto_goes_on_after_it(world: World) -> None:
    await world.say("!record auto on")
    await world.say("automatic one")
    assert "Recording Started" in await world.say("!record start manual")
    await world.say("by hand")
    await world.say("!record stop")
    await world.say("automatic two")
    await world.env.settle()
    assert any(
        message.content.startswith("🔴 Auto-recording continues: auto_2026-01-01")
        for message in world.channel.history()
    )
    await world.say("!record list")
    reader = Reader(world.data)
    said = {
        session.name: [m.message.content for m in reader.messages(session.id)]
        for session in reader.sessions()
    }
    assert said == {
        "auto_2026-01-01": ["automatic one", "automatic two"],
        "manual": ["by hand"],
    }


async def test_auto_recording_of_a_server_survives_a_restart(world: World) -> None:
    answer = await world.say("!record auto on server")
    assert "Manage Server permission" in answer
    role = world.guild.create_role("Boss", permissions=discord.Permissions(administrator=True))
    boss = world.guild.add_member(world.env.create_user("boss"), roles=[role])
    assert "enabled" in await world.say("!record auto on server", boss)
    await world.env.restart_bot()
    other = world.guild.create_text_channel("other / place")
    await boss.send(other, "heard everywhere")
    await world.say("here too")
    await world.env.settle()
    assert "all channels of this server" in await world.say("!record auto status")
    await world.say("!record list")
    names = {session.name: session.message_count for session in Reader(world.data).sessions()}
    assert names == {"auto_2026-01-01": 1, "auto_2026-01-01_other - place": 1}


@both
async def test_what_was_said_before_is_recorded_too(world: World, how: str) -> None:
    await world.say("long before")
    await world.env.advance_time(7200)
    await world.say("an hour ago")
    await world.say("!record help")
    await world.say("!ai is this on record?")
    await world.env.advance_time(600)
    if how == "slash":
        answer = await world.slash("start", name="late", since="1h")
    else:
        answer = await world.say("!record start late since:1h")
    assert "3 earlier messages recorded too\nAll messages will be recorded" in answer
    await world.say("now")
    await world.say("!record stop")
    assert [(line["content"], line.get("source")) for line in world.lines()] == [
        ("an hour ago", "history"),
        ("!ai is this on record?", "history"),
        ("Answer to: is this on record?", "history"),
        ("now", None),
    ]
    world.assert_sound()
    link = next(m for m in world.channel.history() if m.content == "an hour ago").jump_url
    answer = await world.say(f"!record start from-a-link since:{link}")
    assert "4 earlier messages recorded too" in answer
    await world.say("!record stop")
    assert "do not understand since when" in await world.say("!record start x since:whenever")
    elsewhere = "https://discord.com/channels/1/2/3"
    assert "in another channel" in await world.say(f"!record start x since:{elsewhere}")


async def test_names_are_completed_only_for_who_may_read(world: World) -> None:
    me = world.guild.me
    assert me is not None
    seen = discord.PermissionOverwrite(view_channel=True)
    hidden = discord.PermissionOverwrite(view_channel=False)
    overwrites: dict[Any, discord.PermissionOverwrite] = {
        world.guild.default_role: hidden,
        world.staff: seen,
        me: seen,
    }
    private = world.guild.create_text_channel("private", overwrites=overwrites)
    for channel, name in ((private, "secret-one"), (world.channel, "open-one")):
        await world.staff.send(channel, f"!record start {name}")
        await world.staff.send(channel, "something")
        await world.staff.send(channel, "!record tag moment")
        await world.staff.send(channel, "!record stop")

    async def names(actor: Any, option: str, typed: str, **filled: str) -> list[str]:
        choices = await actor.autocomplete(world.channel, "record goto", option, typed, **filled)
        return [choice["value"] for choice in choices]

    assert await names(world.staff, "name", "one") == ["open-one", "secret-one"]
    assert await names(world.member, "name", "one") == ["open-one"]
    assert await names(world.staff, "tag", "mo", name="secret-one") == ["moment"]
    assert await names(world.member, "tag", "mo", name="secret-one") == []
    for number in range(30):
        await world.say(f"!record start many-{number}")
        await world.say("!record stop")
    assert len(await names(world.member, "name", "many")) == 25


def test_our_own_messages_are_known_again() -> None:
    for text in (notices.AUTO_ON, notices.AUTO_OFF, notices.RECORDING_FAILED, help_text("!")):
        assert text.startswith(OPENINGS)
