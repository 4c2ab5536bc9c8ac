"""A page is fetched once, and an export is rendered once."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import discord
import pytest
from support.world import World, both

from recorder.bot import housekeeping
from recorder.errors import Conflict
from recorder.store import export_index
from recorder.store.reading import Reader

pytestmark = pytest.mark.simcord(check_errors=False)


def count_calls(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> Mock:
    """Return a mock that counts the calls of a method and passes them on."""
    mock = Mock(wraps=getattr(owner, name))
    monkeypatch.setattr(owner, name, mock)
    return mock


@both
@pytest.mark.parametrize(
    ("part", "method", "command", "options"),
    [
        ("searcher", "search", "search", {"name": "long", "query": "needle"}),
        ("searcher", "search", "search", {"name": "all", "query": "needle"}),
        ("manager", "load", "load", {"name": "long"}),
        ("manager", "load", "goto", {"name": "long", "tag": "last"}),
    ],
)
async def test_each_page_is_fetched_once(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
    part: str,
    method: str,
    command: str,
    options: dict[str, str],
) -> None:
    await world.say("!record start long")
    for number in range(12):
        await world.say(f"needle number {number}")
    await world.say("!record tag LAST")
    fetch = count_calls(monkeypatch, getattr(world.cog, part), method)
    answer = await world.call(how, command, **options)
    assert "number" in answer and fetch.call_count == 1
    label = "Previous" if command == "goto" else "Next"
    await world.staff.click(world.channel.history()[-1], label=label)
    assert fetch.call_count == 2
    assert world.channel.history()[-1].content != answer


@both
async def test_sessions_are_listed_once(
    world: World, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    for number in range(11):
        await world.say(f"!record start s{number}")
        await world.say("!record stop")
    lists = count_calls(monkeypatch, world.cog.manager, "list")
    assert "10. s1 " in await world.call(how, "list")
    assert lists.call_count == 1
    await world.staff.click(world.channel.history()[-1], label="Next")
    assert "11. s0 " in world.channel.history()[-1].content
    assert lists.call_count == 2


async def test_an_export_too_large_is_rendered_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.say("!record start large")
    for number in range(20):
        await world.say(f"{number} äöü 刷新\ttwo\nlines")
    await world.say("!record stop")
    guild = world.bot.get_guild(world.guild.id)
    assert guild is not None
    monkeypatch.setattr(type(guild), "filesize_limit", 100)
    manager, exports = world.cog.manager, world.data / "exports"
    session = Reader(world.data).find("large")
    expected = manager.save(session, "expected.csv", now=discord.utils.utcnow())
    exists: list[bool] = []
    note = export_index.note

    def observed_note(folder: Path, path: Path, session_id: str, *, expires: bool) -> None:
        if path.parent == folder:
            exists.append(path.exists())
        note(folder, path, session_id, expires=expires)

    monkeypatch.setattr(export_index, "note", observed_note)
    render = count_calls(monkeypatch, manager.exporter, "render")
    for number, name in enumerate(("large.csv", "large-2.csv"), 1):
        # The number would tell of files of other servers.
        assert "exports/large.csv" in await world.say("!record export large csv")
        assert "exports/large.csv" in await world.say("!record export large csv")
        assert render.call_count == 1, "the same state is rendered once"
        assert (exports / name).read_bytes() == expected.read_bytes()
        assert (exports / name).stat().st_mode & 0o777 == 0o600
        await world.cog.manager.tag(session, f"tag {number}", now=discord.utils.utcnow())
        expected = manager.save(session, f"expected-{number}.csv", now=discord.utils.utcnow())
        render.reset_mock()
    assert exists == [False] * 4, "the note is there before the file"
    noted = export_index.files(exports)
    assert noted["large.csv"] == noted["large-2.csv"] == {session.id}
    for days, name in ((8, "large.csv"), (6, "large-2.csv"), (9, "expected.csv")):
        then = time.time() - days * 86_400
        os.utime(exports / name, (then, then))
    housekeeper = world.cog.housekeeper
    housekeeper.close()
    monkeypatch.setattr(housekeeping, "_SECONDS", 0.05)
    housekeeper.open()
    await asyncio.sleep(0.3)
    kept = {path.name for path in exports.glob("[!.]*")}
    assert kept == {"large-2.csv", "expected.csv", "expected-1.csv", "expected-2.csv"}


async def test_a_copy_of_an_export_overwrites_nothing(world: World, tmp_path: Path) -> None:
    await world.say("!record start kept")
    session = Reader(world.data).find("kept")
    exporter, path = world.cog.manager.exporter, world.data / "exports" / "kept.txt"
    exported = world.data / "rendered.txt"
    exporter.export(session, "txt", exported, discord.utils.utcnow())
    path.write_text("mine")
    with pytest.raises(Conflict):
        exporter.copy(session, exported, path)
    assert path.read_text() == "mine"
    assert world.cog.manager.keep_export(session, "txt", exported).name == "kept-2.txt"
    assert path.with_name("kept-2.txt").read_bytes() == exported.read_bytes()
