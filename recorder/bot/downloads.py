"""Downloading what is attached to messages, since Discord's links die within a day."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
import tempfile
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import discord
from discord.ext import commands

from recorder.database import sync_folder
from recorder.errors import StorageError
from recorder.session_recorder import SessionRecorder
from recorder.store import attachments
from recorder.store.attachments import Due
from recorder.store.reading import Reader

log = logging.getLogger(__name__)

HOSTS = frozenset({"cdn.discordapp.com", "media.discordapp.net"})
_AT_ONCE = 10
_LOOK_EVERY = 60.0  # seconds
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")


class Downloader:
    """Downloads what is due, one file at a time, and tries again what failed."""

    def __init__(self, bot: commands.Bot, recorder: SessionRecorder, limit: int | None) -> None:
        self._bot = bot
        self._recorder = recorder
        self._reader = Reader(recorder.folder)
        self._limit = limit
        self._looking: asyncio.Task[None] | None = None
        self._downloading: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin, also with what was left from the last run."""
        if self._limit is not None:
            self._looking = asyncio.create_task(self._look_every_minute())

    def close(self) -> None:
        """Leave the rest for the next run."""
        for task in (self._looking, self._downloading):
            if task is not None:
                task.cancel()

    def wake(self) -> None:
        """Look at once for something to download."""
        if self._limit is not None and (self._downloading is None or self._downloading.done()):
            self._downloading = asyncio.create_task(self._download_all())

    async def download_due(self) -> int:
        """Download what is due now, and say how many files that were."""
        await self._recorder.flush()
        found = await asyncio.to_thread(
            attachments.due, self._reader, discord.utils.utcnow(), _AT_ONCE
        )
        for file in found:
            await self._keep(file)
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

    async def _keep(self, file: Due) -> None:
        """Download a file; what goes wrong is written down."""
        problem, for_good = "", False
        try:
            data = await self._fetch(file)
            if self._limit is not None and len(data) > self._limit:
                problem, for_good = "larger than the limit", True
            else:
                path = await asyncio.to_thread(store, self._recorder.folder, data, file.key)
                await self._recorder.call(
                    lambda journal, _: attachments.kept(journal, file.key, path, len(data))
                )
        except _NotDiscords as error:
            problem, for_good = str(error), True
        except discord.NotFound:
            problem = "Discord does not have it any more"
        except (TimeoutError, discord.HTTPException, OSError) as error:
            problem = f"it could not be downloaded ({error})"
        if problem:
            log.warning("Attachment %s: %s", PurePosixPath(file.key).name, problem)
            now = discord.utils.utcnow()
            await self._recorder.call(
                lambda journal, _: attachments.failed(
                    journal, file.key, problem, now, for_good=for_good
                )
            )

    async def _fetch(self, file: Due) -> bytes:
        try:
            return await self._get(file.url)
        except (discord.Forbidden, discord.NotFound):  # the link has expired: ask for a new one
            channel = self._bot.get_partial_messageable(file.channel_id)
            message = await channel.fetch_message(file.message_id)
            for attachment in message.attachments:
                if attachments.key_of(attachment.url) == file.key:
                    return await self._get(attachment.url)
            raise

    async def _get(self, url: str) -> bytes:
        parts = urlsplit(url)
        if parts.scheme != "https" or parts.hostname not in HOSTS:
            raise _NotDiscords("it does not lie on Discord's servers")
        return await self._bot.http.get_from_cdn(url)


class _NotDiscords(Exception):
    """A URL that leads elsewhere is not followed."""


def store(folder: Path, data: bytes, name: str) -> str:
    """Put a file under the hash of its content, and give its path in the data folder.

    Raises
    ------
    OSError
        The disk does not take it.
    """
    digest = hashlib.sha256(data).hexdigest()
    suffix = PurePosixPath(name).suffix.lower()
    suffix = suffix if _SUFFIX.fullmatch(suffix) else ""
    target = folder / "attachments" / digest[:2] / f"{digest}{suffix}"
    target.parent.mkdir(mode=0o700, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=".part-", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        Path(temporary).replace(target)
        sync_folder(target.parent)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return target.relative_to(folder).as_posix()
