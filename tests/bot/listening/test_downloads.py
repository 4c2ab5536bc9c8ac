"""Downloads: whence, how often, and what a crash leaves of them."""

import asyncio
import errno
import hashlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import discord
import pytest
from discord.ext import commands
from support.cdn import Cdn, serving
from support.recordings import CHANNEL, NOW, UTC_ZONE, said

from recorder import SessionManager, SessionRecorder
from recorder.bot.listening import downloads
from recorder.bot.listening.downloads import Downloader
from recorder.errors import DataFolderError
from recorder.store import attachment_files, attachments
from recorder.store.attachments import AttachmentCounts as Counts
from recorder.store.erasure import Selection
from recorder.store.reading import Reader

CONTENT = b"0123456789" * 10_000
URL = "https://cdn.discordapp.com/attachments/1/2/a.PNG?ex=1"
PLACE = "attachments/{0:.2}/{0}.png".format(hashlib.sha256(CONTENT).hexdigest())

CHILD = """
import asyncio, sys
from pathlib import Path
import discord
from discord.ext import commands
from support.recordings import CHANNEL, NOW, UTC_ZONE, said
from yarl import URL
from recorder import SessionManager, SessionRecorder
from recorder.bot.listening import downloads

async def main(folder, port, url):
    downloads.address_of = lambda url: URL(f"http://127.0.0.1:{port}/")
    bot = commands.Bot("!", intents=discord.Intents.none())
    async with SessionRecorder(Path(folder), attachment_limit=1 << 20) as recorder:
        await SessionManager(recorder, UTC_ZONE).start("s", CHANNEL, user_id="5", now=NOW)
        await recorder.record(said(1, attachments=(url,)))
        await downloads.Downloader(bot, recorder, 1 << 20).download_due()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
async def cdn(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cdn]:
    async with serving(lambda _: CONTENT, "cdn.discordapp.com", monkeypatch) as served:
        yield served


def files(folder: Path) -> list[str]:
    found = (folder / "attachments").rglob("*")
    return [path.relative_to(folder).as_posix() for path in found if path.is_file()]


async def record_one(recorder: SessionRecorder) -> None:
    await SessionManager(recorder, UTC_ZONE).start("s", CHANNEL, user_id="5", now=NOW)
    await recorder.record(said(1, attachments=(URL,)))


async def reopen(folder: Path) -> None:
    async with SessionRecorder(folder):
        pass


async def test_a_kill_in_the_middle_leaves_no_half_file(folder: Path, cdn: Cdn) -> None:
    cdn.stalls = True
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CHILD, str(folder), str(cdn.port), URL),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    await cdn.stalled.wait()
    child.kill()
    assert await child.wait() == -signal.SIGKILL
    (part,) = files(folder)
    assert part.startswith("attachments/.part-")
    cdn.works()
    bot = commands.Bot("!", intents=discord.Intents.none())
    async with SessionRecorder(folder, attachment_limit=1 << 20) as recorder:
        assert files(folder) == []
        assert await Downloader(bot, recorder, 1 << 20).download_due() == 1
    assert files(folder) == [PLACE]
    assert (folder / PLACE).read_bytes() == CONTENT


async def test_what_was_recorded_before_a_restart_is_downloaded_after_it(
    folder: Path, cdn: Cdn
) -> None:
    bot = commands.Bot("!", intents=discord.Intents.none())
    cdn.stalls = True
    async with SessionRecorder(folder, attachment_limit=1 << 20) as recorder:
        await record_one(recorder)
        downloader = Downloader(bot, recorder, 1 << 20)
        downloader.wake()
        await cdn.stalled.wait()
        await downloader.close()
        assert files(folder) == [], "it has ended, and not only been told to"
    cdn.works()
    async with SessionRecorder(folder, attachment_limit=1 << 20) as recorder:
        await Downloader(bot, recorder, 1 << 20).download_due()
    assert files(folder) == [PLACE]


async def test_what_is_erased_while_it_comes_in_is_not_kept(folder: Path, cdn: Cdn) -> None:
    bot = commands.Bot("!", intents=discord.Intents.none())
    cdn.stalls = True
    async with SessionRecorder(folder, attachment_limit=1 << 20) as recorder:
        await record_one(recorder)
        downloading = asyncio.create_task(Downloader(bot, recorder, 1 << 20).download_due())
        await cdn.stalled.wait()
        selection = Selection("message", message_ids=(1001,))
        await SessionManager(recorder, UTC_ZONE).erase(selection, now=NOW)
        cdn.works()
        assert await downloading == 1
        assert files(folder) == []
    assert attachments.count_attachments(Reader(folder)) == Counts(0, 0, 0, 0)


def complete(folder: Path) -> str:
    with attachment_files.incoming(folder) as file:
        file.write(CONTENT)
        return file.complete(URL.partition("?")[0])


async def test_a_kill_before_the_commit_leaves_nothing(folder: Path) -> None:
    await reopen(folder)
    assert complete(folder) == PLACE
    assert files(folder) != []
    await reopen(folder)
    assert files(folder) == []


async def test_a_kill_after_the_commit_leaves_the_whole_file(folder: Path) -> None:
    async with SessionRecorder(folder, attachment_limit=1 << 20) as recorder:
        await record_one(recorder)
        path = complete(folder)
        key = attachments.key_of(URL)
        await recorder.call(
            lambda journal: attachments.keep(journal.db, key, path, len(CONTENT), NOW)
        )
    assert files(folder) != [PLACE]
    await reopen(folder)
    assert files(folder) == [PLACE]
    assert (folder / PLACE).read_bytes() == CONTENT


async def test_it_is_given_up_in_the_end(folder: Path) -> None:
    reader, now, key = Reader(folder), said(1).timestamp, attachments.key_of(URL)
    async with SessionRecorder(folder, attachment_limit=1 << 20) as recorder:
        await record_one(recorder)
        waits = []
        while due := attachments.due(reader, now, 10):
            assert [(file.key, file.url) for file in due] == [(key, URL)]
            failed_at = now
            await recorder.call(
                lambda journal, at=now: attachments.fail(  # type: ignore[misc]
                    journal.db, key, "no answer", at, for_good=False
                )
            )
            with reader.connect() as connection:
                (next_at,) = connection.execute(
                    "SELECT next_attempt_at FROM attachments"
                ).fetchone()
            if next_at is None:
                break
            now = discord.utils.parse_time(next_at)
            waits.append((now - failed_at).total_seconds() / 60)
    assert waits == [1, 5, 30, 2 * 60, 12 * 60, 24 * 60]
    assert attachments.count_attachments(reader) == Counts(kept=0, pending=0, failed=1, bytes=0)


@pytest.mark.parametrize(
    "url",
    [
        "http://cdn.discordapp.com/a",
        "https://cdn.discordapp.com:8443/a",
        "https://cdn.discordapp.com.evil.example/a",
        "https://evil.example/cdn.discordapp.com",
        "https://cdn.discordapp.com@evil.example/a",
        "https://evil.example\\@cdn.discordapp.com/a",
        "https://[::1]/a",
        "https://[/a",
        "file:///etc/passwd",
        "//cdn.discordapp.com/a",
        "",
    ],
)
def test_nothing_is_asked_of_other_servers(url: str) -> None:
    with pytest.raises(downloads._NotKept, match="not lie on Discord's"):
        downloads.address_of(url)


@pytest.mark.parametrize("host", sorted(downloads.HOSTS))
def test_discords_servers_are_asked(host: str) -> None:
    url = f"https://{host}/attachments/1/2/a%20b.png?ex=1&is=2&hm=3"
    assert str(downloads.address_of(url)) == url


async def test_what_does_not_fit_on_the_disk_is_gone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reopen(folder)

    def full_disk(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        complete(folder)
    assert files(folder) == []


async def test_no_link_leads_out_of_the_folder(folder: Path, tmp_path: Path) -> None:
    await reopen(folder)
    (tmp_path / "elsewhere").mkdir()
    (folder / PLACE).parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataFolderError, match="outside"):
        complete(folder)
    assert [*(tmp_path / "elsewhere").iterdir()] == []


@pytest.mark.parametrize("name", ["a", "a.", "../../b", "a.t t", "a." + "x" * 9, "a.é", "/", ""])
async def test_of_a_name_only_a_harmless_suffix_is_kept(folder: Path, name: str) -> None:
    await reopen(folder)
    with attachment_files.incoming(folder) as file:
        assert file.complete(name) == f"attachments/e3/{hashlib.sha256().hexdigest()}"
