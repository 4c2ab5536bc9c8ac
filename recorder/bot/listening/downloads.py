"""Downloading attached files, since Discord's URLs expire within a day."""

from __future__ import annotations

import asyncio
import logging
from pathlib import PurePosixPath

import aiohttp
import discord
from discord.ext import commands
from yarl import URL

from recorder.bot.listening import tasks
from recorder.errors import StorageError
from recorder.recording.attachment_queue import AttachmentQueue
from recorder.recording.session_recorder import SessionRecorder
from recorder.store import attachment_files, attachments
from recorder.store.attachment_files import IncomingFile
from recorder.store.attachments import Download

log = logging.getLogger(__name__)

HOSTS = frozenset({"cdn.discordapp.com", "media.discordapp.net"})
_BATCH = 10
_CHECK_SECONDS = 60.0
_BLOCK_BYTES = 1 << 18
_TIMEOUT = aiohttp.ClientTimeout(total=30 * 60, sock_connect=30, sock_read=60)  # seconds


class Downloader:
    """Downloads pending files, one at a time, and retries failed ones.

    Parameters
    ----------
    limit
        The largest file to download, in bytes; ``None`` downloads none.
    """

    def __init__(self, bot: commands.Bot, recorder: SessionRecorder, limit: int | None) -> None:
        self._bot = bot
        self._recorder = recorder
        self._queue = AttachmentQueue(recorder)
        self._limit = limit
        self._checking: asyncio.Task[None] | None = None
        self._downloading: asyncio.Task[None] | None = None
        self._one_at_a_time = asyncio.Lock()

    def open(self) -> None:
        """Start downloading, also the files that are pending from the last run."""
        if self._limit is not None and (self._checking is None or self._checking.done()):
            self._checking = tasks.run(self._check_every_minute(), "checking for downloads")

    async def close(self) -> None:
        """Stop downloading; pending files are left for the next run."""
        tasks = [task for task in (self._checking, self._downloading) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self) -> None:
        """Download pending files now, not only at the next check."""
        if self._limit is not None and (self._downloading is None or self._downloading.done()):
            self._downloading = tasks.run(self._download_all(), "downloading attachments")

    async def download_due(self) -> int:
        """Download a batch of pending files, and return their number."""
        async with self._one_at_a_time:
            await self._recorder.flush()
            now = discord.utils.utcnow()
            downloads = await asyncio.to_thread(self._queue.due, now, _BATCH)
            if downloads:
                async with aiohttp.ClientSession(timeout=_TIMEOUT) as web:
                    for download in downloads:
                        await self._keep(web, download)
            return len(downloads)

    async def _check_every_minute(self) -> None:
        while True:
            if self._bot.is_ready():
                self.wake()
            await asyncio.sleep(_CHECK_SECONDS)

    async def _download_all(self) -> None:
        try:
            while await self.download_due():
                pass
        except StorageError as error:
            log.error("Attachments are no longer downloaded: %s", error)
            if self._checking is not None:
                self._checking.cancel()

    async def _keep(self, web: aiohttp.ClientSession, download: Download) -> None:
        """Download a file, or store the reason of the failure."""
        try:
            await self._download(web, download)
        except _NotKept as error:
            await self._fail(download, str(error), for_good=error.for_good)
        except discord.NotFound:
            await self._fail(download, "Discord does not have it any more")
        except (TimeoutError, aiohttp.ClientError, discord.HTTPException, OSError) as error:
            await self._fail(download, f"it could not be downloaded ({error or 'too slow'})")

    async def _fail(self, download: Download, problem: str, *, for_good: bool = False) -> None:
        log.warning("Attachment %s: %s", PurePosixPath(download.key).name, problem)
        await self._queue.fail(download, problem, discord.utils.utcnow(), for_good=for_good)

    async def _download(self, web: aiohttp.ClientSession, download: Download) -> None:
        with attachment_files.incoming(self._recorder.folder) as incoming:
            try:
                await self._receive(web, download.url, incoming)
            except _Expired:
                await self._receive(web, await self._fresh_url(download), incoming)
            file_path = await asyncio.to_thread(incoming.complete, download.key)
        await self._queue.keep(download, incoming, file_path, now=discord.utils.utcnow())

    async def _receive(self, web: aiohttp.ClientSession, url: str, incoming: IncomingFile) -> None:
        http = self._bot.http
        async with web.get(
            address_of(url), allow_redirects=False, proxy=http.proxy, proxy_auth=http.proxy_auth
        ) as response:
            if response.status in (403, 404):
                raise _Expired("Discord does not have it any more")
            if response.status != 200:
                raise _NotKept(f"Discord answered {response.status}")
            async for block in response.content.iter_chunked(_BLOCK_BYTES):
                if self._limit is not None and incoming.size + len(block) > self._limit:
                    raise _NotKept(attachments.TOO_LARGE, for_good=True)
                await asyncio.to_thread(incoming.write, block)

    async def _fresh_url(self, download: Download) -> str:
        """Fetch the message again for a URL that has not expired."""
        channel = self._bot.get_partial_messageable(download.channel_id)
        message = await channel.fetch_message(download.message_id)
        for attachment in message.attachments:
            if attachments.key_of(attachment.url) == download.key:
                return attachment.url
        raise _NotKept("its message does not have it any more")


class _NotKept(Exception):
    """The reason why a file is not kept; `for_good` when another attempt is useless."""

    def __init__(self, problem: str, *, for_good: bool = False) -> None:
        super().__init__(problem)
        self.for_good = for_good


class _Expired(_NotKept):
    """The URL has expired."""


def address_of(url: str) -> URL:
    """Return the address of a download, on Discord's servers alone."""
    try:
        address = URL(url)
    except ValueError:
        address = URL()
    if (address.scheme, address.explicit_port) != ("https", None) or address.host not in HOSTS:
        raise _NotKept("it does not lie on Discord's servers", for_good=True)
    return address
