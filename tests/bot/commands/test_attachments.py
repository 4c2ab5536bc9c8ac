"""Files attached to messages are kept by the hash of their content."""

import errno
import hashlib
import os
import stat
from pathlib import Path

import discord
import pytest
from world import World

from recorder.bot import downloads
from recorder.store import attachments
from recorder.store.attachments import Counts
from recorder.store.reading import Reader

pytestmark = pytest.mark.simcord(check_errors=False)

PICTURE = b"\x89PNG not really"


@pytest.fixture(autouse=True)
def simcords_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where SimCord says that its files lie."""
    monkeypatch.setattr(downloads, "HOSTS", downloads.HOSTS | {"cdn.simcord.invalid"})


async def attach(world: World, *files: tuple[str, bytes]) -> discord.Message:
    sent = await world.member.send(world.channel, "look", attachments=files)
    await world.settle()
    while await world.cog.downloader.download_due():
        pass
    return sent


def kept(world: World) -> dict[str, bytes]:
    """The files in attachments/, by their path there."""
    folder = world.data / "attachments"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def counts(world: World) -> Counts:
    return attachments.counts(Reader(world.data))


def place(content: bytes, suffix: str) -> str:
    digest = hashlib.sha256(content).hexdigest()
    return f"{digest[:2]}/{digest}{suffix}"


async def test_files_are_kept_once_and_exports_say_where(world: World) -> None:
    await world.say("!record start files")
    await attach(world, ("a.png", PICTURE), ("b.tar.gz", b"archive"))
    await attach(world, ("../../again.PNG", PICTURE))
    assert kept(world) == {place(PICTURE, ".png"): PICTURE, place(b"archive", ".gz"): b"archive"}
    for path in (world.data / "attachments").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert counts(world) == Counts(kept=3, waiting=0, failed=0)
    for format in ("txt", "md", "json"):
        await world.say(f"!record export files {format}")
        text = (await world.channel.history()[-1].attachments[0].read()).decode()
        assert f"attachments/{place(PICTURE, '.png')}" in text
    await world.say("!record stop")
    await world.say("!record delete files")
    await world.staff.click(world.channel.history()[-1], label="Delete")
    await world.env.settle()
    assert kept(world) == {}


async def test_what_fails_is_written_down_and_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.say("!record start failing")
    with monkeypatch.context() as patch:
        patch.setattr(world.env.backend.cdn, "get", lambda url: None)
        await world.member.send(world.channel, "look", attachments=[("a.png", PICTURE)])
        await world.settle()
        await world.cog.downloader.download_due()
    assert (kept(world), counts(world)) == ({}, Counts(kept=0, waiting=1, failed=0))
    assert await world.cog.downloader.download_due() == 0, "not before it is time"
    await world.env.advance_time(61)
    await world.bot.remove_cog("Recorder")  # it outlives a restart
    await world.load()
    await world.cog.downloader.download_due()
    assert [*kept(world).values()] == [PICTURE]


async def test_it_is_given_up_in_the_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.say("!record start gone")
    monkeypatch.setattr(world.env.backend.cdn, "get", lambda url: None)
    await world.member.send(world.channel, "look", attachments=[("a.png", PICTURE)])
    await world.settle()
    for minutes in (0, 1, 5, 30, 2 * 60, 12 * 60, 24 * 60):
        await world.env.advance_time(minutes * 60 + 1)
        await world.cog.downloader.download_due()
    assert counts(world) == Counts(kept=0, waiting=0, failed=1)


async def test_large_files_those_of_others_and_of_who_opted_out_are_not_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECORDER_ATTACHMENTS", "1KB")
    await world.bot.remove_cog("Recorder")
    await world.load()
    await world.say("!record start limits")
    await attach(world, ("large.bin", bytes(1025)))
    monkeypatch.setattr(downloads, "HOSTS", frozenset({"cdn.discordapp.com"}))
    await attach(world, ("elsewhere.bin", b"elsewhere"))
    assert counts(world) == Counts(kept=0, waiting=0, failed=2)
    await world.say("!record optout", world.member)
    await attach(world, ("secret.bin", b"secret"))
    assert (kept(world), counts(world)) == ({}, Counts(kept=0, waiting=0, failed=2))


async def test_switched_off_nothing_is_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECORDER_ATTACHMENTS", "off")
    await world.bot.remove_cog("Recorder")
    await world.load()
    await world.say("!record start off")
    await attach(world, ("a.png", PICTURE))
    assert (kept(world), counts(world)) == ({}, Counts(kept=0, waiting=0, failed=0))


def test_half_a_file_never_has_a_files_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "attachments").mkdir()

    def full_disk(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        downloads.store(tmp_path, PICTURE, "a.png")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
