"""Erasing what is deleted in Discord, where the settings say so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

import discord

from recorder.errors import StorageError
from recorder.session_manager import SessionManager
from recorder.session_recorder import SessionRecorder
from recorder.store.erasure import Selection, unfinished
from recorder.store.reading import Reader

log = logging.getLogger(__name__)

_SCRUB_EVERY = 3600.0  # seconds


class DeletionEraser:
    """Erases deleted messages at once, and every hour what may be left in free space."""

    def __init__(self, recorder: SessionRecorder, manager: SessionManager) -> None:
        self._recorder = recorder
        self._manager = manager
        self._waiting: list[int] = []
        self._erasing: asyncio.Task[None] | None = None
        self._scrubbing: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Scrub from time to time."""
        self._scrubbing = asyncio.create_task(self._scrub_every_hour())

    def close(self) -> None:
        """Leave the rest for the next start, which scrubs too."""
        if self._scrubbing is not None:
            self._scrubbing.cancel()

    def erase(self, message_ids: Iterable[int]) -> None:
        """Erase messages whose deletion has been recorded."""
        self._waiting += message_ids
        if self._erasing is None or self._erasing.done():
            self._erasing = asyncio.create_task(self._erase_waiting())

    async def _erase_waiting(self) -> None:
        while self._waiting:
            selection = Selection("deletion", message_ids=tuple(self._waiting))
            self._waiting.clear()
            try:
                await self._manager.erase(selection, now=discord.utils.utcnow())
            except StorageError as error:
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
        with Reader(self._recorder.folder).connect() as connection:
            return bool(unfinished(connection))
