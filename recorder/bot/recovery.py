"""Opening the recorder again after a failed write, with growing delays."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from discord.ext import commands

from recorder.errors import StorageError
from recorder.recording.session_recorder import SessionRecorder

log = logging.getLogger(__name__)

_FIRST_DELAY = 5.0
_LONGEST_DELAY = 300.0
_ATTEMPTS_UNTIL_REPORT = 8  # about ten minutes


class Recovery:
    """Opens a recorder again that stopped after a failed write.

    After several failed attempts the event ``recorder_failed`` is dispatched once, with the
    error; the attempts go on.

    Parameters
    ----------
    on_stopped
        Awaited when recording has stopped.
    on_recovered
        Awaited when the recorder is open again.
    """

    def __init__(
        self,
        bot: commands.Bot,
        recorder: SessionRecorder,
        *,
        on_stopped: Callable[[], Awaitable[None]],
        on_recovered: Callable[[], Awaitable[None]],
    ) -> None:
        self._bot = bot
        self._recorder = recorder
        self._on_stopped = on_stopped
        self._on_recovered = on_recovered
        self._recovering: asyncio.Task[None] | None = None

    def start(self, error: StorageError) -> None:
        """Start recovering after `error`."""
        if self._recovering is None or self._recovering.done():
            self._recovering = asyncio.create_task(self._recover())
            self._recovering.add_done_callback(_log_exception)

    async def close(self) -> None:
        """Stop recovering."""
        if self._recovering is not None:
            self._recovering.cancel()
            await asyncio.gather(self._recovering, return_exceptions=True)

    async def _recover(self) -> None:
        await self._on_stopped()
        delay, attempts = _FIRST_DELAY, 0
        while True:
            await asyncio.sleep(delay)
            attempts += 1
            try:
                await self._recorder.reopen()
            except StorageError as error:
                log.error("Recording could not be resumed (attempt %d): %s", attempts, error)
                if attempts == _ATTEMPTS_UNTIL_REPORT:
                    self._bot.dispatch("recorder_failed", error)
                delay = min(delay * 2, _LONGEST_DELAY)
                continue
            log.info("Recording is resumed after %d attempts.", attempts)
            await self._on_recovered()
            return


def _log_exception(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("The recovery of the recorder failed", exc_info=error)
