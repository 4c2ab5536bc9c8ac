"""Downloading what is attached to messages, since Discord's links die within a day."""

from __future__ import annotations

import asyncio
import logging
from pathlib import PurePosixPath

import aiohttp
import discord
from discord.ext import commands
from yarl import URL

from recorder.errors import StorageError
from recorder.recording.projection import Projection
from recorder.recording.session_recorder import SessionRecorder
from recorder.store import attachment_files, attachments
from recorder.store.attachment_files import IncomingFile
from recorder.store.attachments import Due
from recorder.store.journal import Journal
from recorder.store.reading import Reader

log = logging.getLogger(__name__)

HOSTS = frozenset({"cdn.discordapp.com", "media.discordapp.net"})
_AT_ONCE = 10
_LOOK_EVERY = 60.0  # seconds
_BLOCK_BYTES = 1 << 18
_TIMEOUT = aiohttp.ClientTimeout(total=30 * 60, sock_connect=30, sock_read=60)  # seconds


class Downloader:
    """Downloads what is due, one file at a time, and tries again what failed."""

    def __init__(self, bot: commands.Bot, recorder: SessionRecorder, limit: int | None) -> None:
        self._bot = bot
        self._recorder = recorder
        self._reader = Reader(recorder.folder)
        self._limit = limit
        self._looking: asyncio.Task[None] | None = None
        self._downloading: asyncio.Task[None] | None = None
        self._one_at_a_time = asyncio.Lock()

    def open(self) -> None:
        """Begin, also with what was left from the last run."""
        if self._limit is not None:
            self._looking = asyncio.create_task(self._look_every_minute())

    async def close(self) -> None:
        """Leave the rest for the next run."""
        tasks = [task for task in (self._looking, self._downloading) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self) -> None:
        """Look at once for something to download."""
        if self._limit is not None and (self._downloading is None or self._downloading.done()):
            self._downloading = asyncio.create_task(self._download_all())

    async def download_due(self) -> int:
        """Download what is due now, and say how many files that were."""
        async with self._one_at_a_time:
            await self._recorder.flush()
            found = await asyncio.to_thread(
                attachments.due, self._reader, discord.utils.utcnow(), _AT_ONCE
            )
            if found:
                async with aiohttp.ClientSession(timeout=_TIMEOUT) as web:
                    for file in found:
                        await self._keep(web, file)
            return len(found)

    async def _look_every_minute(self) -> None:
        while True:
            if self._bot.is_ready():
                self.wake()
            await asyncio.sleep(_LOOK_EVERY)

    async def _download_all(self) -> None:
        try:
            while await self.download_due():
                pass
        except StorageError as error:
            log.error("Attachments are kept no more: %s", error)
            if self._looking is not None:
                self._looking.cancel()

    async def _keep(self, web: aiohttp.ClientSession, file: Due) -> None:
        """Download a file; what goes wrong is written down."""
        try:
            await self._download(web, file)
        except _NotKept as error:
            await self._failed(file, str(error), for_good=error.for_good)
        except discord.NotFound:
            await self._failed(file, "Discord does not have it any more")
        except (TimeoutError, aiohttp.ClientError, discord.HTTPException, OSError) as error:
            await self._failed(file, f"it could not be downloaded ({error or 'too slow'})")

    async def _failed(self, file: Due, problem: str, *, for_good: bool = False) -> None:
        log.warning("Attachment %s: %s", PurePosixPath(file.key).name, problem)
        now = discord.utils.utcnow()
        await self._recorder.call(
            lambda journal, _: attachments.failed(
                journal, file.key, problem, now, for_good=for_good
            )
        )

    async def _download(self, web: aiohttp.ClientSession, file: Due) -> None:
        folder = self._recorder.folder
        with attachment_files.incoming(folder) as incoming:
            try:
                await self._receive(web, file.url, incoming)
            except _Expired:
                await self._receive(web, await self._fresh_url(file), incoming)
            file_path = await asyncio.to_thread(incoming.complete, file.key)

        def settle(journal: Journal, _: Projection) -> None:
            # Whoever erased the message meanwhile has taken the row away.
            is_kept = attachments.is_kept(journal.connection, file.key, file_path)
            attachment_files.settle(folder, file_path, is_kept=is_kept)

        await self._recorder.call(
            lambda journal, _: attachments.kept(journal, file.key, file_path, incoming.size)
        )
        await self._recorder.call(settle)

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

    async def _fresh_url(self, file: Due) -> str:
        """Ask for the message once more, since its links have expired."""
        channel = self._bot.get_partial_messageable(file.channel_id)
        message = await channel.fetch_message(file.message_id)
        for attachment in message.attachments:
            if attachments.key_of(attachment.url) == file.key:
                return attachment.url
        raise _NotKept("its message does not have it any more")


class _NotKept(Exception):
    """Why a file could not be kept; `for_good` when it is not worth another attempt."""

    def __init__(self, problem: str, *, for_good: bool = False) -> None:
        super().__init__(problem)
        self.for_good = for_good


class _Expired(_NotKept):
    """The link is not valid any more."""


def address_of(url: str) -> URL:
    """Where to download from: Discord's servers alone."""
    try:
        address = URL(url)
    except ValueError:
        address = URL()
    if (address.scheme, address.explicit_port) != ("https", None) or address.host not in HOSTS:
        raise _NotKept("it does not lie on Discord's servers", for_good=True)
    return address
