"""Members cannot exhaust the host: heavy questions wait for each other, `list` for none."""

import asyncio
import itertools
import time
from pathlib import Path
from typing import Any

import pytest
from support.recordings import NOW
from support.world import World

from recorder.bot.commands import heavy
from recorder.bot.commands.finding import zip_file
from recorder.bot.commands.heavy import HeavyWork
from recorder.errors import Conflict, InvalidInput, TooSlow
from recorder.formats.session_exporter import FORMATS
from recorder.search.searcher import SearchResult
from recorder.stats.topics import topics
from recorder.store.reading import Reader
from recorder.store.time_limit import check_limit, limited

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


async def test_one_question_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 100.0
    monkeypatch.setattr("recorder.bot.commands.heavy.time.monotonic", lambda: clock)
    work = HeavyWork()
    with work.question(1):
        with work.question(2):
            pass
        with pytest.raises(Conflict, match="still being answered"), work.question(1):
            pass
        clock += 5
    with pytest.raises(Conflict, match="Wait 6 seconds"), work.question(1):
        pass
    with work.question(2):
        pass
    clock += 5.5
    with work.question(1):
        pass
    with work.question(1):  # the one before was short
        pass
    work.close()


async def test_a_question_that_takes_too_long_is_ended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heavy, "_SECONDS", 0.3)
    await world.say("!record start some")
    reader = Reader(world.data)
    begin = time.monotonic()
    with pytest.raises(InvalidInput, match="was stopped"):
        await world.cog.heavy.run(reader.query, ENDLESS)
    assert time.monotonic() - begin < 5
    assert await asyncio.to_thread(reader.query, "SELECT 1 AS one") == [{"one": 1}]


async def test_list_answers_beside_twelve_exports(world: World, tmp_path: Path) -> None:
    """The exports keep all threads of theirs busy, and the processor too."""
    await world.say("!record start some")
    await world.say("text")
    (session,) = Reader(world.data).sessions()
    running, most = 0, 0

    def export(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            sum(range(1_000))
        running -= 1
        return world.cog.manager.exporter.export(session, "txt", tmp_path / f"{number}.txt", NOW)

    exports = [asyncio.create_task(world.cog.heavy.run(export, number)) for number in range(12)]
    await asyncio.sleep(0.1)
    begin = time.monotonic()
    assert "some" in await world.say("!record list")
    assert time.monotonic() - begin < 1
    assert not exports[-1].done()
    await asyncio.gather(*exports)
    assert most <= 2


async def test_a_rendering_that_takes_too_long_is_stopped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.say("!record start some")
    (session,) = Reader(world.data).sessions()
    monkeypatch.setattr(heavy, "_SECONDS", 0.3)
    monkeypatch.setattr(world.cog.manager.exporter, "render", lambda *_: itertools.repeat("x"))
    exports = world.data / "exports"
    begin = time.monotonic()
    with pytest.raises(TooSlow, match=r"longer than 0\.3 seconds and was stopped"):
        await world.cog.heavy.run(
            world.cog.manager.exporter.export, session, "txt", exports / "x.txt", NOW
        )
    assert time.monotonic() - begin < 3
    assert not [*exports.glob("*"), *exports.glob(".export*")]


@pytest.mark.parametrize("format", FORMATS)
async def test_every_loop_looks_at_the_time(world: World, tmp_path: Path, format: str) -> None:
    await world.say("!record start some")
    await world.say("text")
    await world.settle()
    (session,) = Reader(world.data).sessions()
    exporter, path = world.cog.manager.exporter, tmp_path / "x"
    with pytest.raises(TooSlow), limited(-1):
        list(world.cog.manager.reader.messages(session.id))
    with pytest.raises(TooSlow), limited(-1):
        exporter.export(session, format, path, NOW)
    assert not path.exists()
    path.write_text("x")
    with pytest.raises(TooSlow), limited(-1):
        zip_file(path)
    with pytest.raises(TooSlow), limited(-1):
        topics([("1", "text")])


@pytest.mark.simcord(check_errors=False)
async def test_pages_that_read_much_are_heavy_questions(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.say("!record start some")
    for number in range(25):
        await world.say(f"text {number}")
    await world.say("!record tag here")
    search = world.cog.searcher.search

    def slow_search(*args: Any, **options: Any) -> SearchResult:
        check_limit()
        return search(*args, **options)

    monkeypatch.setattr(world.cog.searcher, "search", slow_search)
    labels = {"load some": "Next", "goto some here": "Previous", "search some text": "Next"}
    shown = []
    for command, label in labels.items():
        await world.say(f"!record {command}")
        shown.append((world.channel.history()[-1], label))
    with world.cog.heavy.question(world.staff.id):
        for command in ("load some", "goto some here"):
            assert "❌" not in await world.say(f"!record {command}"), "they take a moment"
        for message, label in shown:
            answer = (await world.staff.click(message, label=label)).response
            assert answer is not None and "❌" not in answer.content
    monkeypatch.setattr(heavy, "_MOMENT", -1)
    with world.cog.heavy.question(world.staff.id):
        for command in labels:
            assert "still being answered" in await world.say(f"!record {command}")
        for message, label in shown:
            answer = (await world.staff.click(message, label=label)).response
            assert answer is not None and "still being answered" in answer.content
    for command in labels:
        assert "❌" not in await world.say(f"!record {command}")


@pytest.mark.simcord(check_errors=False)
async def test_commands_ask_one_at_a_time(world: World) -> None:
    await world.say("!record start some")
    await world.say("text")
    commands = ("search some text", "stats some", "export some txt")
    with world.cog.heavy.question(world.staff.id):
        for command in commands:
            assert "still being answered" in await world.say(f"!record {command}")
        assert "some" in await world.say("!record list")
    for command in commands:
        assert "❌" not in await world.say(f"!record {command}")
    assert not list((world.data / "exports").glob("[!.]*"))
