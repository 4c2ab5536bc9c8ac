"""The bot seals the ledger at the interval of the settings."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from discord.ext import commands
from simcord import ChannelHandle, MemberActor

from recorder.bot.cog import Recorder
from recorder.care.seal_checks import verify_seals
from recorder.errors import DataFolderError, InvalidInput
from recorder.record.seal import Seal
from recorder.settings import Settings
from recorder.store.reading import Reader
from recorder.store.seal_file import read_seal_lines


@pytest.fixture
def settings(folder: Path, tmp_path: Path) -> Settings:
    read = Settings.from_environment({"RECORDER_DATA": str(folder)})
    return replace(read, seal_key=tmp_path / "seal.key", seal_every=timedelta(seconds=0.2))


async def sealed(folder: Path, count: int) -> list[Seal]:
    """Wait for so many seals."""
    for _ in range(500):
        lines, _ = read_seal_lines(folder)
        if len(lines) >= count:
            return [Seal.parse(line) for line in lines]
        await asyncio.sleep(0.02)
    raise AssertionError("nothing was sealed")


async def test_the_bot_seals_by_itself(
    bot: commands.Bot,
    settings: Settings,
    folder: Path,
    channel: ChannelHandle,
    moderator: MemberActor,
) -> None:
    await bot.add_cog(Recorder(bot, settings))
    try:
        assert (await sealed(folder, 1))[0].size == 0
        await moderator.send(channel, "!record start review")
        seals = await sealed(folder, 1)
        seals = await sealed(folder, len(seals) + 3)
        assert seals[-1].size > 0
    finally:
        await bot.remove_cog("Recorder")
    report = verify_seals(Reader(folder))
    assert report.faults == () and report.seals[: len(seals)] == tuple(seals)
    count = len(report.seals)
    settings = replace(settings, seal_every=timedelta(days=1))
    await bot.add_cog(Recorder(bot, settings))
    await asyncio.sleep(0.3)
    await bot.remove_cog("Recorder")
    assert len(read_seal_lines(folder)[0]) == count, "the last seal is younger than a day"


async def test_a_key_that_cannot_be_used_is_said_at_the_start(
    bot: commands.Bot, settings: Settings, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "seal.key").write_text("x")
    with pytest.raises(InvalidInput, match=r"seal\.key can be read by others"):
        await bot.add_cog(Recorder(bot, settings))
    with pytest.raises(DataFolderError):
        Reader(folder).sessions()


async def test_off_seals_nothing(bot: commands.Bot, settings: Settings, folder: Path) -> None:
    await bot.add_cog(Recorder(bot, replace(settings, seal_every=None)))
    await asyncio.sleep(0.1)
    await bot.remove_cog("Recorder")
    assert not (folder / "seals.jsonl").exists()
