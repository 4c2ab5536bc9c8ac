"""Edits in the same instant as their messages, and edits before a notice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import discord
import pytest
from support.discord_server.model import Flag
from support.live_model import Step, run
from support.live_scenes import Live, living

from recorder.models import Edit, Message
from recorder.record.jsonl import decode


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with living(tmp_path) as opened:
        yield opened


def texts(live: Live, name: str) -> list[str]:
    """Return every text that a session has recorded, those before an edit too."""
    entries = map(decode, live.reader.lines(live.session(name).id))
    return [entry.content for entry in entries if isinstance(entry, Message | Edit)]


async def test_a_message_is_recorded_as_it_was_before_an_edit_in_the_same_instant(
    live: Live,
) -> None:
    await live.order("start s")
    said = live.say("first")  # discord.py has edited it before its listeners run
    live.world.react(live.bob, said, "👍")
    live.world.edit(said, "second")
    live.world.edit(said, "third")
    await live.rest()
    assert texts(live, "s") == ["first", "second", "third"]
    (entry,) = live.entries("s")
    assert entry.reactions == {"👍": 1}


async def test_a_command_is_not_recorded_before_an_edit_in_the_same_instant(live: Live) -> None:
    await live.order("start s")
    command = live.say("!record list", user=live.staff)
    live.world.edit(command, "something else")
    live.world.edit(command, "third")
    await live.rest()
    assert texts(live, "s") == ["something else", "third"]


async def test_a_deletion_in_the_same_instant_follows_edit_and_message(live: Live) -> None:
    await live.order("start s")
    said = live.say("first")
    live.world.edit(said, "second")
    live.world.delete(said)
    await live.rest()
    (entry,) = live.entries("s")
    assert entry.message.content == "second" and entry.deleted_at


async def test_an_answer_that_was_deleted_while_its_bot_was_thinking_is_not_recorded(
    live: Live,
) -> None:
    await live.order("start s")
    answer = live.world.say(live.robot, live.channel, flags=int(Flag.LOADING))
    await live.rest()
    live.world.delete(answer)
    live.world.change(answer, flags=0, content="thought")
    await live.rest()
    assert live.texts("s") == []


async def test_an_edit_that_arrives_after_midnight_is_recorded(live: Live) -> None:
    await live.order("auto on")
    said = live.say("first")
    await live.rest()
    live.server.gateway.hold()
    live.world.edit(said, "second")
    await live.pass_time(hours=15)  # the session of the day ends
    live.server.gateway.release()
    await live.rest()
    assert texts(live, "auto_2026-11-02") == ["first", "second"]
    live.world.edit(said, "third")
    await live.rest()
    assert texts(live, "auto_2026-11-02") == ["first", "second"]


async def test_an_edit_in_a_thread_whose_session_ended_is_not_of_its_channel(live: Live) -> None:
    await live.order("start s")
    thread = live.world.start_thread(live.alice, live.channel, "aside")
    await live.order("start t", thread)
    said = live.say("first", thread)
    await live.rest()
    await live.order("stop", thread)
    live.world.edit(said, "second")
    await live.rest()
    assert "second" not in texts(live, "s")
    assert live.texts("t") == ["first"]


async def test_an_embed_that_unfolds_in_a_pause_is_not_recorded(live: Live) -> None:
    await live.order("start s")
    said = live.say("first")
    live.world.edit(said, "second")
    await live.rest()
    await live.order("pause")
    live.world.change(said, embeds=[{"title": "unfolded"}])
    await live.rest()
    assert not any("unfolded" in line for line in live.reader.lines(live.session("s").id))


# the truth of the model


STORIES = {
    "an edit while the notice of a new day is sent": [
        *(Step("command", 4, 3, 10), Step("hold", 8, 3, 10), Step("hours_pass", 6, 2, 10)),
        *(Step("say", 3, 3, 10), Step("edit", 0, 2, 10)),
    ],
    "edits of a message that a session holds from before its notice": [
        *(Step("command", 4, 1, 10), Step("away", 2, 0, 10), Step("command", 2, 1, 10)),
        *(Step("say", 1, 0, 10), Step("edit_twice", 2, 3, 10)),
    ],
    "an edited command that a session holds from before its notice": [
        *(Step("command", 4, 5, 10), Step("hold", 1, 0, 10), Step("command", 0, 5, 10)),
        Step("edit_command", 0, 5, 10),
    ],
    "reactions to a command that is withheld after its edit": [
        *(Step("command", 0, 1, 10), Step("consent", 0, 1, 10), Step("react", 1, 1, 10)),
        Step("edit_command", 0, 0, 10),
    ],
    "a command that is edited while the bot is off": [
        *(Step("command", 0, 0, 10), Step("command_without_right", 1, 0, 10)),
        *(Step("minutes_pass", 1, 0, 10), Step("stop_bot", 0, 0, 10)),
        *(Step("edit_command", 0, 0, 10), Step("hold", 0, 0, 10)),
        *(Step("start_bot", 0, 0, 0), Step("kick", 0, 0, 10)),
    ],
    "the first message of a thread is edited and deleted with its source": [
        *(Step("command", 0, 0, 10), Step("say", 0, 0, 10), Step("start_thread", 0, 1, 10)),
        *(Step("edit", 0, 0, 10), Step("delete", 0, 1, 10)),
    ],
    "the first message of a thread is withheld with its source": [
        *(Step("command", 0, 0, 10), Step("say", 0, 1, 10), Step("consent", 2, 0, 10)),
        *(Step("say", 0, 1, 10), Step("start_thread", 0, 1, 10)),
    ],
    "the first message of a thread shows a notice that was deleted": [
        *(Step("command", 4, 0, 10), Step("consent", 0, 0, 10), Step("away", 0, 1, 10)),
        *(Step("start_thread", 0, 1, 10), Step("delete", 1, 0, 10), Step("back", 0, 0, 10)),
    ],
}


@pytest.mark.parametrize("steps", STORIES.values(), ids=STORIES)
def test_such_a_story_is_no_violation(steps: list[Step]) -> None:
    outcome = run(steps)
    assert outcome.violations == [], outcome.log


# the first message of a thread


async def test_the_first_message_of_a_thread_follows_an_edit_that_was_missed(live: Live) -> None:
    await live.order("start s")
    said = live.say("first")
    thread = live.world.start_thread(live.alice, live.channel, "aside", message=said)
    await live.rest()
    await live.go_away()
    live.world.edit(said, "second")
    await live.come_back()
    (first,) = (e.message for e in live.entries("s") if e.message.channel_id == str(thread.id))
    assert first.content == "second"


async def test_a_thread_on_a_command_does_not_show_the_command(live: Live) -> None:
    await live.order("start s")
    command = live.say("!record list", user=live.staff)
    live.world.start_thread(live.alice, live.channel, "aside", message=command)
    await live.rest()
    await live.reconnect()
    assert live.texts("s") == []


async def test_a_thread_on_an_answer_that_is_being_sent_does_not_show_it(live: Live) -> None:
    await live.order("start s")
    own, returned = live.cog.own_messages, asyncio.Event()
    send = own.send

    async def send_slowly(
        channel_id: int, sending: Coroutine[Any, Any, discord.Message]
    ) -> discord.Message:
        async def sending_slowly() -> discord.Message:
            message = await sending
            await returned.wait()
            return message

        return await send(channel_id, sending_slowly())

    own.send = send_slowly  # type: ignore[method-assign]
    live.say("!record list", user=live.staff)
    await live.rest()
    answer = list(live.channel.messages.values())[-1]
    live.world.start_thread(live.alice, live.channel, "aside", message=answer)
    await live.rest()
    returned.set()
    await live.rest()
    assert live.texts("s") == []
