"""What was recorded that should not have been, or not, or in a wrong order: short scenes."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.discord_server.model import Flag
from support.live_scenes import Live, living

SYSTEM = "system_message"


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with living(tmp_path) as opened:
        yield opened


@pytest.fixture
async def erasing(tmp_path: Path) -> AsyncIterator[Live]:
    """With ``RECORDER_ON_DELETE=erase``."""
    async with living(tmp_path, erase=True) as opened:
        yield opened


# whose answers


async def test_answers_that_were_not_received_are_fetched(live: Live) -> None:
    """Gap filling tells the host's answers from the recorder's own by their ids."""
    await live.order("start s")
    host = live.cog.bot
    live.server.gateway.dropping = {"MESSAGE_CREATE": 7}
    channel = host.get_channel(live.channel.id)
    for opening in "❌ 🔍 ⏳ 🗑️ 📊 🙈".split():
        await channel.send(f"{opening} ⟦ an answer")  # type: ignore[union-attr]
    await live.rest()
    live.server.gateway.dropping.clear()
    await live.reconnect()
    await live.restart()
    assert len(live.texts("s")) == 6


async def test_own_answers_are_known_after_a_crash(live: Live) -> None:
    await live.order("start s")
    await live.order("list")
    await live.order("search s word")
    live.say("said")
    await live.restart(crash=True)
    await live.restart()
    assert live.texts("s") == ["said"]


async def test_since_records_answers_of_the_host_but_no_own_ones(live: Live) -> None:
    await live.order("list")
    await live.order("ai")
    live.say("!ai 0")
    await live.rest()
    await live.order("start s since:2h")
    assert [text[:3] for text in live.texts("s")] == ["!ai", "❌ ⟦"]


async def test_a_command_of_another_bot_is_recorded(live: Live) -> None:
    await live.order("start s")
    live.say("!record start mine", user=live.robot)
    await live.rest()
    assert live.texts("s") == ["!record start mine"] and live.session_names() == ["s"]


async def test_a_command_that_is_edited_into_something_else_is_recorded(live: Live) -> None:
    await live.order("start s")
    command = live.say("!record search s nothing", user=live.staff)
    await live.rest()
    live.world.edit(command, "an insult")
    await live.rest()
    assert live.texts("s") == ["an insult"]


# notices


async def test_each_post_of_a_recorded_server_has_its_notice(live: Live) -> None:
    await live.order("auto on server")
    post = live.world.post(live.bob, live.named("help"), "How?", "first")
    await live.rest()
    (notice,) = live.answers(post)
    assert notice.content.startswith("🔴 New session started")
    live.say("second", post)
    await live.rest()
    session = live.reader.running(str(post.id))
    assert session is not None and live.texts(session.id) == ["second"]


async def test_auto_on_in_a_thread_records_the_thread(live: Live) -> None:
    thread = live.world.start_thread(live.alice, live.channel, "aside")
    await live.order("auto on", thread)
    live.say("in the thread", thread)
    live.say("in the channel")
    await live.rest()
    session = live.reader.running(str(thread.id))
    assert session is not None and live.all_texts() == ["in the thread"]


@pytest.mark.parametrize("command", ["start s", "auto on"])
@pytest.mark.parametrize("status", [403, 500, 400])
async def test_without_its_notice_nothing_is_recorded(
    live: Live, command: str, status: int
) -> None:
    path, code = f"/channels/{live.channel.id}/messages", {403: 50013, 400: 200000}.get(status, 0)
    live.faults.add(status, method="POST", path=path, code=code)
    await live.order(command)
    live.say("unannounced")
    await live.rest()
    live.faults.clear()
    await live.reconnect()
    assert live.reader.sessions() == [] or live.all_texts() == []
    assert live.reader.running(str(live.channel.id)) is None


async def test_without_its_notice_nothing_is_resumed(live: Live) -> None:
    await live.order("start s")
    await live.order("pause")
    live.faults.blocked_by_automod()
    await live.order("resume")
    live.say("unannounced")
    await live.rest()
    live.faults.clear()
    await live.reconnect()
    assert live.texts("s") == [] and live.session("s").status == "paused"


async def test_messages_before_the_notice_are_not_recorded(live: Live) -> None:
    fault = live.faults.add(hold=True, method="POST", path=f"/{live.channel.id}/messages")
    await live.order("start s")
    live.say("before the notice")
    await live.rest()
    fault.release()
    live.faults.clear()
    await live.rest()
    live.say("after the notice")
    await live.reconnect()
    assert live.texts("s") == ["after the notice"]


async def test_a_deleted_thread_does_not_hide_that_its_channel_is_recorded(live: Live) -> None:
    await live.order("start s")
    thread = live.world.start_thread(live.alice, live.channel, "aside")
    live.say("in the thread", thread)
    live.say("in the channel")
    await live.rest()
    live.world.delete_channel(thread)
    await live.rest()
    assert "Nothing is being recorded" not in await live.order("tag here")
    await live.order("privacy", user=live.alice)
    assert "0 messages" not in live.answers(live.scene.dm)[-1].content


# order and races


async def test_a_deletion_follows_its_message_that_still_waits(erasing: Live) -> None:
    await erasing.order("start s")
    password = erasing.say("record: my password")  # may be a command: the prefix is awaited
    erasing.world.delete(password)
    await erasing.rest()
    (entry,) = erasing.entries("s")
    assert entry.message.withheld == "erased"


async def test_a_thread_shows_its_source_as_long_as_it_exists(erasing: Live) -> None:
    """Bob starts a thread from a message of Alice: the words are hers in both channels."""
    await erasing.order("start s")
    said = erasing.say("my words")
    erasing.world.start_thread(erasing.bob, erasing.channel, "aside", message=said)
    await erasing.rest()
    erasing.world.edit(said, "better words")
    await erasing.rest()
    entries = [e for e in erasing.entries("s") if e.message.content]
    assert [(e.message.content, e.message.author) for e in entries] == [
        ("better words", erasing.alice.name)
    ] * 2
    erasing.world.delete(said)
    await erasing.rest()
    assert all(e.message.withheld for e in erasing.entries("s") if e.message.type != SYSTEM)
    data = erasing.cog.recorder.folder
    assert not any(b"words" in path.read_bytes() for path in data.glob("sessions/*"))


async def test_opting_out_holds_for_threads_and_forwards(live: Live) -> None:
    await live.order("start s")
    await live.order("optout", user=live.alice)
    said = live.say("unspeakable", user=live.alice)
    elsewhere = live.world.create_channel(live.guild, "elsewhere")
    other = live.say("unspeakable too", elsewhere, user=live.alice)
    await live.rest()
    live.world.start_thread(live.bob, live.channel, "aside", message=said)
    for source in (said, other):  # one is known by its line, the other by the cache
        live.world.say(live.bob, live.channel, forward=source)
    await live.rest()
    await live.order("stop")
    assert live.texts("s")
    assert not any(b"unspeakable" in p.read_bytes() for p in live.reader.folder.rglob("*.*"))


async def test_a_reaction_in_the_same_instant_counts_once(live: Live) -> None:
    await live.order("start s")
    said = live.say("said")
    live.world.react(live.bob, said, "👍")  # discord.py counts it before its listeners run
    await live.rest()
    (entry,) = live.entries("s")
    assert entry.reactions == {"👍": 1}


async def test_an_edit_in_a_new_thread_follows_its_message(live: Live) -> None:
    await live.order("start s")
    thread = live.world.start_thread(live.alice, live.channel, "aside")
    said = live.say("record: draft", thread)
    live.world.edit(said, "final")
    live.world.react(live.bob, said, "👍")
    await live.rest()
    (entry,) = [e for e in live.entries("s") if e.message.message_id == said.id]
    assert entry.message.content == "final" and entry.reactions == {"👍": 1}


async def test_a_deferred_answer_as_first_message_is_recorded(live: Live) -> None:
    await live.order("start s")
    answer = live.world.say(live.robot, live.channel, flags=int(Flag.LOADING))
    await live.rest()
    live.world.change(answer, flags=0, content="thought")
    await live.rest()
    assert live.texts("s") == ["thought"]


async def test_a_deferred_answer_survives_a_reload(live: Live) -> None:
    await live.order("start s")
    answer = live.world.say(live.robot, live.channel, flags=int(Flag.LOADING))
    await live.restart()
    live.world.change(answer, flags=0, content="thought")
    await live.rest()
    assert live.texts("s") == ["thought"]


async def test_messages_are_read_in_order_of_time(live: Live) -> None:
    await live.order("start s")
    live.server.gateway.drop("MESSAGE_CREATE")
    live.say("first")
    live.say("second")
    await live.rest()
    await live.reconnect()
    assert live.texts("s") == ["first", "second"]


async def test_over_midnight_each_message_is_in_the_session_of_its_day(live: Live) -> None:
    await live.order("auto on")
    live.say("on the first day")
    await live.host.stop()
    live.say("missed on the first day")
    live.world.now = datetime(2026, 11, 2, 23, 30, tzinfo=UTC)  # after midnight in Berlin
    live.say("missed on the second day")
    await live.host.start()
    await live.rest()
    assert live.texts("auto_2026-11-02") == ["on the first day", "missed on the first day"]
    assert live.texts("auto_2026-11-03") == ["missed on the second day"]


async def test_a_thread_with_a_session_of_its_own_is_recorded_once(live: Live) -> None:
    thread = live.world.start_thread(live.alice, live.channel, "aside")
    await live.order("start own", thread)
    await live.order("start around")
    live.say("once", thread)
    await live.reconnect()
    assert live.all_texts() == ["once"]


# pause and stop


@pytest.mark.parametrize("command", ["pause", "stop"])
async def test_of_an_edit_in_a_pause_only_that_it_happened_is_recorded(
    live: Live, command: str
) -> None:
    await live.order("start s")
    said = live.say("public")
    await live.order(command)
    live.world.edit(said, "private")
    await live.rest()
    (entry,) = live.entries("s")
    assert entry.message.content == "public" and entry.edited_at
    await live.order("resume" if command == "pause" else "resume s")
    await live.reconnect()
    assert live.texts("s") == ["public"]
    assert not any("private" in line for line in live.reader.lines(live.session("s").id))


async def test_an_edit_after_an_opt_out_is_not_recorded_when_fetched(live: Live) -> None:
    await live.order("start s")
    said = live.say("public")
    await live.order("optout", user=live.alice)
    await live.go_away()
    live.world.edit(said, "private")
    await live.come_back()
    assert live.texts("s") == ["public"]


async def test_what_a_user_who_had_opted_out_said_is_withheld_when_fetched(live: Live) -> None:
    await live.order("start s")
    await live.order("optout", user=live.alice)
    live.server.gateway.drop("MESSAGE_CREATE")
    live.say("private")
    await live.rest()
    await live.order("optin", user=live.alice)
    await live.reconnect()
    assert live.texts("s") in ([], [""])
    assert not any("private" in line for line in live.reader.lines(live.session("s").id))


async def test_the_button_under_a_notice_works_after_a_restart(live: Live) -> None:
    await live.order("start s")
    notice = live.answers()[0]
    await live.restart()
    live.world.press(live.alice, notice, "recorder:optout")
    await live.rest()
    live.say("private")
    await live.rest()
    (entry,) = live.entries("s")
    assert entry.message.withheld == "opted out"


async def test_a_session_begins_at_the_message_of_a_menu(live: Live) -> None:
    live.say("earlier")
    first = live.say("first")
    live.say("second")
    await live.rest()
    form = live.world.menu(live.staff, first, "Record from here")
    await live.rest()
    live.world.submit(form, name="s")
    await live.rest()
    assert live.texts("s") == ["first", "second"]


# errors that nobody read


async def test_a_dropped_answer_to_a_slash_command_is_no_unread_error(live: Live) -> None:
    unread: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unread.append(context))
    live.faults.add(drop=True, path="/callback")
    live.world.slash(live.staff, live.channel, "record resume")
    await live.rest()
    await live.host.stop()
    gc.collect()
    assert unread == []


async def test_a_command_while_the_bot_stops_is_no_failure_of_the_disk(live: Live) -> None:
    await live.order("start s")
    live.world.slash(live.staff, live.channel, "record resume")
    for _ in range(7):
        await asyncio.sleep(0)
    await live.host.stop()
    assert not any(message.content.startswith("🛑") for message in live.answers())


async def test_an_error_by_direct_message_is_not_recorded_there(live: Live) -> None:
    await live.order("auto on", live.scene.dm, live.alice)
    live.world.overwrite(live.channel, live.world.bot, send_messages=False)
    await live.rest()
    await live.order("list", user=live.alice)
    assert len(live.answers(live.scene.dm)) > 2
    assert live.all_texts() == []
