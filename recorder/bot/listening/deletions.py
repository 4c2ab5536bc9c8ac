"""Erasing what is deleted in Discord, where the settings say so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence

import discord

from recorder.errors import RecorderError, StorageError
from recorder.models import Deletion
from recorder.recording.session_manager import SessionManager
from recorder.recording.session_recorder import SessionRecorder
from recorder.store.erasure import unfinished

log = logging.getLogger(__name__)

_SCRUB_EVERY = 3600.0  # seconds


class DeletionEraser:
    """Erases deleted messages at once, and every hour what may be left in free space."""

    def __init__(self, recorder: SessionRecorder, manager: SessionManager) -> None:
        self._recorder = recorder
        self._manager = manager
        self._erasing: set[asyncio.Task[None]] = set()
        self._scrubbing: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Scrub from time to time."""
        self._scrubbing = asyncio.create_task(self._scrub_every_hour())

    def close(self) -> None:
        """Leave the rest for the next start, which scrubs too."""
        if self._scrubbing is not None:
            self._scrubbing.cancel()

    def erase(self, deletions: Sequence[Deletion]) -> None:
        """Record deletions and erase the messages; it takes its place among them at once."""
        try:
            erasing = self._manager.erase_deleted(deletions, now=discord.utils.utcnow())
        except StorageError:
            log.error("A deletion was not recorded: recording has stopped.")
            return
        task = asyncio.create_task(self._finish(erasing))
        self._erasing.add(task)
        task.add_done_callback(self._erasing.discard)

    async def _finish(self, erasing: Awaitable[object]) -> None:
        try:
            await erasing
        except RecorderError as error:
            log.error("Deleted messages were not erased: %s", error)

    async def _scrub_every_hour(self) -> None:
        while True:
            await asyncio.sleep(_SCRUB_EVERY)
            try:
                if await asyncio.to_thread(self._is_due):
                    await self._recorder.scrub()
            except StorageError as error:
                log.error("What was erased may be left in the database's free space: %s", error)

    def _is_due(self) -> bool:
        with self._manager.reader.connect() as connection:
            return bool(unfinished(connection))
