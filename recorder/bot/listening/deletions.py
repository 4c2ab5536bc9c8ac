"""Erase messages that are deleted in Discord, with RECORDER_ON_DELETE=erase."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence

import discord

from recorder.bot.listening import tasks
from recorder.errors import RecorderError, StorageError
from recorder.models import Deletion
from recorder.recording.session_manager import SessionManager
from recorder.recording.session_recorder import SessionRecorder
from recorder.store.erasure import is_unfinished

log = logging.getLogger(__name__)

_SCRUB_EVERY = 3600.0  # seconds


class DeletionEraser:
    """Erases deleted messages at once, and clears the free space of the database every hour."""

    def __init__(self, recorder: SessionRecorder, manager: SessionManager) -> None:
        self._recorder = recorder
        self._manager = manager
        self._scrubbing: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Start the hourly task."""
        self._scrubbing = tasks.run(self._scrub_every_hour(), "clearing free space")

    def close(self) -> None:
        """End the hourly task; the next start of the recorder scrubs too."""
        if self._scrubbing is not None:
            self._scrubbing.cancel()

    def record(self, deletions: Sequence[Deletion]) -> None:
        """Record deletions, and keep the messages."""
        try:
            for deletion in deletions:
                self._recorder.change(deletion)
        except StorageError as error:
            tasks.log_failure("A deletion was not recorded", error)

    def erase(self, deletions: Sequence[Deletion]) -> None:
        """Record deletions and erase the messages; their order is fixed at once."""
        try:
            erasing = self._manager.erase_deleted(deletions, now=discord.utils.utcnow())
        except StorageError as error:
            tasks.log_failure("A deletion was not recorded", error)
            return
        tasks.run(self._finish(erasing), "erasing deleted messages")

    async def _finish(self, erasing: Awaitable[object]) -> None:
        try:
            await erasing
        except RecorderError as error:
            tasks.log_failure("Deleted messages were not erased", error)

    async def _scrub_every_hour(self) -> None:
        while True:
            await asyncio.sleep(_SCRUB_EVERY)
            try:
                if await asyncio.to_thread(is_unfinished, self._manager.reader):
                    await self._recorder.scrub()
            except StorageError as error:
                log.error("Erased content may be left in the database's free space: %s", error)
