"""What happens to a message before it is recorded is recorded behind it."""

import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.discord_server import Message
from support.workshop import Workshop, recording

from recorder.store.journal import Journal


@pytest.fixture(params=["keep", "erase"])
async def it(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Workshop]:
    async with recording(tmp_path, RECORDER_ON_DELETE=request.param) as opened:
        yield opened


@contextmanager
def busy_writer(it: Workshop) -> Iterator[None]:
    """Keep the writer thread busy."""
    go_on = threading.Event()

    def wait(journal: Journal) -> None:
        go_on.wait(10)

    it.cog.recorder.submit(wait)
    try:
        yield
    finally:
        go_on.set()


def change_all(it: Workshop, password: Message, edited: Message, liked: Message) -> None:
    it.world.edit(edited, "record, second version")
    it.world.react(it.mod, liked, "👍")
    it.world.delete(password)


async def assert_changed(it: Workshop, name: str) -> None:
    password, edited, liked = it.recorded(name)
    assert password.deleted_at is not None
    if it.environment["RECORDER_ON_DELETE"] == "erase":
        assert password.message.content == ""
    assert edited.message.content == "record, second version"
    assert edited.edited_at is not None
    assert liked.reactions == {"👍": 1}
    it.assert_sound()


def lines(it: Workshop, name: str) -> list[tuple[str, Any]]:
    path = it.data / it.reader.find(name).file_path
    read = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(line["type"], line.get("content")) for line in read]


async def test_while_the_prefix_is_awaited(it: Workshop) -> None:
    await it.say(it.mod, "!record start slow")
    assert it.bot is not None
    it.bot.prefix_known.clear()
    said = [
        await it.say(it.alice, text) for text in ("record password", "record", "for the record")
    ]
    change_all(it, *said)
    await it.settle()
    assert it.reader.find("slow").message_count == 0
    it.bot.prefix_known.set()
    await it.settle()
    await assert_changed(it, "slow")
    assert ("user_message", "record") in lines(it, "slow"), "as it was said first"


async def test_while_an_answer_is_being_sent(it: Workshop) -> None:
    await it.say(it.mod, "!record start sending")
    with it.slow_answers() as go_on:
        await it.say(it.mod, "!record help")
        said = [await it.say(it.world.bot, text) for text in ("password", "first", "liked")]
        change_all(it, *said)
        await it.settle()
        assert it.reader.find("sending").message_count == 0
        go_on.set()
        await it.settle()
    await assert_changed(it, "sending")


async def test_between_the_notice_and_the_recording(it: Workshop) -> None:
    with it.slow_answers() as go_on:
        await it.say(it.mod, "!record start early")
        said = [await it.say(it.alice, text) for text in ("password", "first", "liked")]
        change_all(it, *said)
        await it.settle()
        assert it.reader.sessions() == []
        go_on.set()
        await it.settle()
    await assert_changed(it, "early")


async def test_while_the_earlier_messages_are_fetched(it: Workshop) -> None:
    said = [await it.say(it.alice, text) for text in ("password", "first", "liked")]
    with it.slow_answers() as go_on:
        await it.say(it.mod, "!record start fetched since:1h")
        change_all(it, *said)
        await it.settle()
        go_on.set()
        await it.settle()
    await assert_changed(it, "fetched")


@pytest.mark.parametrize("thread", [False, True])
async def test_while_the_writer_is_busy(it: Workshop, thread: bool) -> None:
    await it.say(it.mod, "!record start busy")
    channel = it.channel
    if thread:
        first = await it.say(it.alice, "!record help")  # not recorded
        channel = it.world.start_thread(it.alice, it.channel, "aside", message=first)
        it.world.delete(next(iter(channel.messages.values())))
        await it.settle()
        for each in it.recorded("busy"):
            assert each.deleted_at is not None
    before = it.reader.find("busy").message_count
    with busy_writer(it):
        said = [it.world.say(it.alice, channel, text) for text in ("password", "first", "liked")]
        change_all(it, *said)
    it.world.advance(seconds=1)
    await it.settle()
    assert [each.deleted_at is not None for each in it.recorded("busy")[before:]] == [
        True,
        False,
        False,
    ]
    assert it.texts("busy")[before + 1 :] == ["record, second version", "liked"]


async def test_edits_stay_in_order_though_one_is_judged(it: Workshop) -> None:
    await it.say(it.mod, "!record start edits")
    message = await it.say(it.alice, "one")
    assert it.bot is not None
    it.bot.prefix_known.clear()
    it.world.edit(message, "two for the record")
    await it.settle()
    it.world.edit(message, "three")
    await it.settle()
    it.bot.prefix_known.set()
    await it.settle()
    assert it.texts("edits") == ["three"]


async def test_a_message_before_the_stop_is_recorded_though_it_is_judged_late(
    it: Workshop,
) -> None:
    await it.say(it.mod, "!record start late")
    with it.slow_answers() as go_on:
        await it.say(it.mod, "!record help")
        await it.say(it.world.bot, "is this an answer of the recorder?")
        await it.say(it.mod, "!record stop")
        go_on.set()
        await it.settle()
    assert it.texts("late") == ["is this an answer of the recorder?"]
    assert it.reader.find("late").status == "stopped"
