"""Files attached to messages are kept by the hash of their content."""

import hashlib
import stat
from collections.abc import AsyncIterator
from io import BytesIO

import discord
import pytest
from support.cdn import Cdn, serving
from support.world import World

from recorder.store import attachments
from recorder.store.attachments import AttachmentCounts as Counts
from recorder.store.erasure import Selection
from recorder.store.reading import Reader

pytestmark = pytest.mark.simcord(check_errors=False)

PICTURE = b"\x89PNG not really"
HOST = "cdn.simcord.invalid"  # where SimCord says that its files lie


@pytest.fixture
async def cdn(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cdn]:
    def content(path: str) -> bytes | None:
        return world.env.backend.cdn.get(f"https://{HOST}{path}")

    async with serving(content, HOST, monkeypatch) as served:
        yield served
        await world.bot.remove_cog("Recorder")


async def attach(world: World, *files: tuple[str, bytes]) -> discord.Message:
    sent = await world.member.send(world.channel, "look", attachments=files)
    await download(world)
    return sent


async def download(world: World) -> None:
    """Until nothing is due."""
    await world.settle()
    while await world.cog.downloader.download_due():
        pass


async def restart(world: World) -> None:
    await world.bot.remove_cog("Recorder")
    await world.load()


async def delete_session(world: World, name: str) -> None:
    await world.say("!record stop")
    await world.say(f"!record delete {name}")
    await world.staff.click(world.channel.history()[-1], label="Delete")
    await world.env.settle()


def kept(world: World) -> dict[str, bytes]:
    """The files in attachments/, by their path there."""
    folder = world.data / "attachments"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def counts(world: World) -> Counts:
    return attachments.count_attachments(Reader(world.data))


def place(content: bytes, suffix: str) -> str:
    digest = hashlib.sha256(content).hexdigest()
    return f"{digest[:2]}/{digest}{suffix}"


async def test_files_are_kept_once_and_exports_say_where(world: World, cdn: Cdn) -> None:
    await world.say("!record start files")
    await attach(world, ("a.png", PICTURE), ("b.tar.gz", b"archive"))
    await attach(world, ("again.PNG", PICTURE))
    assert kept(world) == {place(PICTURE, ".png"): PICTURE, place(b"archive", ".gz"): b"archive"}
    for path in (world.data / "attachments").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert counts(world) == Counts(kept=3, pending=0, failed=0, bytes=len(PICTURE + b"archive"))
    for format in ("txt", "md", "json"):
        await world.say(f"!record export files {format}")
        text = (await world.channel.history()[-1].attachments[0].read()).decode()
        assert f"attachments/{place(PICTURE, '.png')}" in text
    await delete_session(world, "files")
    assert kept(world) == {}
    world.assert_sound()


async def test_what_fails_is_written_down_and_tried_again(world: World, cdn: Cdn) -> None:
    await world.say("!record start failing")
    cdn.status = 503
    await attach(world, ("a.png", PICTURE))
    assert (kept(world), counts(world)) == (
        {},
        Counts(kept=0, pending=1, failed=0, bytes=0),
    )
    cdn.works()
    assert await world.cog.downloader.download_due() == 0, "not before it is time"
    await world.env.advance_time(61)
    await restart(world)  # it outlives a restart
    await download(world)
    assert [*kept(world).values()] == [PICTURE]
    assert len(cdn.asked) == 2


async def test_a_connection_that_breaks_is_no_half_file_and_holds_up_no_other(
    world: World, cdn: Cdn
) -> None:
    await world.say("!record start breaking")
    cdn.breaks_off = True
    await attach(world, ("a.png", PICTURE))
    assert (kept(world), counts(world).pending) == ({}, 1)
    cdn.works()
    await attach(world, ("b.png", PICTURE + b"b"))
    assert [*kept(world).values()] == [PICTURE + b"b"]


async def test_of_an_expired_link_discord_is_asked_anew(
    world: World, cdn: Cdn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def signed(path: str) -> bytes | None:
        path, _, query = path.partition("?")
        return PICTURE if query == "ex=fresh" else None

    monkeypatch.setattr(cdn, "content", signed)
    await world.say("!record start expired")
    fetch = discord.PartialMessageable.fetch_message

    async def with_fresh_links(self: discord.PartialMessageable, number: int) -> discord.Message:
        message = await fetch(self, number)
        for attachment in message.attachments:
            attachment.url += "?ex=fresh"
        return message

    monkeypatch.setattr(discord.PartialMessageable, "fetch_message", with_fresh_links)
    await attach(world, ("a.png", b"old"))
    assert [*kept(world).values()] == [PICTURE]


async def test_the_link_of_a_message_that_is_gone_fails_like_any_other(
    world: World, cdn: Cdn, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.say("!record start gone")
    cdn.status = 503
    message = await attach(world, ("a.png", PICTURE))
    await message.delete()
    cdn.works()
    monkeypatch.setattr(cdn, "content", lambda path: None)
    await world.env.advance_time(61)
    await download(world)
    assert (kept(world), counts(world).pending) == ({}, 1)


async def test_large_files_those_of_others_and_of_who_opted_out_are_not_kept(
    world: World, cdn: Cdn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECORDER_ATTACHMENTS", "1KB")
    await restart(world)
    await world.say("!record start limits")
    await attach(world, ("large.bin", bytes(1025)))
    assert cdn.asked == [], "Discord says how large a file is"
    monkeypatch.setattr(cdn, "content", lambda path: bytes(1025))
    await attach(world, ("said-to-be-small.bin", b"small"))
    assert (kept(world), counts(world).failed) == ({}, 2)
    await world.say("!record optout", world.member)
    await attach(world, ("secret.bin", b"secret"))
    assert (kept(world), counts(world).failed, counts(world).pending) == ({}, 2, 0)
    assert len(cdn.asked) == 1


async def test_a_redirection_is_not_followed(world: World, cdn: Cdn) -> None:
    await world.say("!record start redirected")
    cdn.status, cdn.headers = 302, {"Location": f"http://127.0.0.1:{cdn.port}/elsewhere"}
    await attach(world, ("a.png", PICTURE))
    assert (kept(world), counts(world).pending) == ({}, 1)
    assert len(cdn.asked) == 1


async def test_a_file_that_an_edit_brings_is_kept_until_its_message_is_erased(
    world: World, cdn: Cdn
) -> None:
    await world.say("!record start edited")
    channel = world.bot.get_channel(world.channel.id)
    assert isinstance(channel, discord.TextChannel)
    message = await channel.send("soon", file=discord.File(BytesIO(b"first"), "first.txt"))
    await download(world)
    await message.edit(attachments=[discord.File(BytesIO(b"second"), "second.txt")])
    await download(world)
    assert sorted(kept(world).values()) == [b"first", b"second"]
    await message.edit(attachments=[])
    await world.settle()
    await world.cog.manager.erase(
        Selection("message", message_ids=(message.id,)), now=discord.utils.utcnow()
    )
    assert (kept(world), counts(world).kept) == ({}, 0)


async def test_a_deleted_session_takes_the_files_with_it_that_no_other_has(
    world: World, cdn: Cdn
) -> None:
    await world.say("!record start one")
    await attach(world, ("a.txt", b"in both"))
    await world.say("!record stop")
    await world.say("!record start two since:1h")
    await world.settle()
    channel = world.bot.get_channel(world.channel.id)
    assert isinstance(channel, discord.TextChannel)
    message = await channel.send("x", file=discord.File(BytesIO(b"in two"), "b.txt"))
    await download(world)
    await message.edit(attachments=[])
    await world.settle()
    assert sorted(kept(world).values()) == [b"in both", b"in two"]
    await delete_session(world, "two")
    assert [*kept(world).values()] == [b"in both"]
    await world.cog.manager.delete(Reader(world.data).sessions()[0])
    assert kept(world) == {}


async def test_switched_off_nothing_is_kept(
    world: World, cdn: Cdn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECORDER_ATTACHMENTS", "off")
    await restart(world)
    await world.say("!record start off")
    await attach(world, ("a.png", PICTURE))
    assert (kept(world), counts(world)) == (
        {},
        Counts(kept=0, pending=0, failed=0, bytes=0),
    )
