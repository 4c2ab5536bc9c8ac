"""What the running bot does every hour: remove expired exports, and finish erasures."""

from __future__ import annotations

import asyncio
import logging
import time

from recorder.bot.listening import tasks
from recorder.errors import RecorderError
from recorder.recording.session_manager import SessionManager
from recorder.recording.session_recorder import SessionRecorder
from recorder.store.scrubbing import is_unfinished

log = logging.getLogger(__name__)

_SECONDS = 3600.0
_SECONDS_A_DAY = 86_400


class Housekeeper:
    """Removes exports that expire, and clears erased content from the database's free space."""

    def __init__(
        self, recorder: SessionRecorder, manager: SessionManager, export_days: int
    ) -> None:
        self._recorder = recorder
        self._manager = manager
        self._export_days = export_days
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Start the hourly task."""
        self._task = tasks.run(self._every_hour(), "housekeeping")

    def close(self) -> None:
        """End the hourly task."""
        if self._task is not None:
            self._task.cancel()

    async def _every_hour(self) -> None:
        while True:
            await self._expire_exports()
            await self._finish_erasures()
            await asyncio.sleep(_SECONDS)

    async def _expire_exports(self) -> None:
        oldest = time.time() - self._export_days * _SECONDS_A_DAY  # as the files have it
        try:
            await asyncio.to_thread(self._manager.expire_exports, oldest)
        except OSError as error:
            log.error("Expired exports were not removed: %s", error)

    async def _finish_erasures(self) -> None:
        try:
            if await asyncio.to_thread(is_unfinished, self._manager.reader):
                await self._recorder.scrub()
        except RecorderError as error:
            tasks.log_failure("Erased content may be left in the database's free space", error)
