"""Seals of the ledger at intervals, by RECORDER_SEAL_EVERY."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

import discord

from recorder.bot.listening import tasks
from recorder.care import sealing
from recorder.care.seal_checks import last_seal_time
from recorder.errors import RecorderError
from recorder.recording.session_recorder import SessionRecorder
from recorder.settings import Settings

log = logging.getLogger(__name__)

_NOW = timedelta(0)
_RETRY_AFTER = timedelta(hours=1)


class Sealer:
    """Seals the ledger when the last seal is older than the interval of the settings."""

    def __init__(self, recorder: SessionRecorder, settings: Settings) -> None:
        self._recorder = recorder
        self._settings = settings
        self._sealing: asyncio.Task[None] | None = None

    async def check(self) -> None:
        """Require that sealing is possible, if the settings want it.

        Raises
        ------
        InvalidInput, StorageError
            The extra ``seal`` is not installed, or the key cannot be used.
        """
        if self._settings.seal_every is not None:
            path, folder = self._settings.seal_key, self._settings.data
            await asyncio.to_thread(sealing.load_key, path, folder)

    def open(self) -> None:
        """Start sealing, if the settings want it."""
        if self._settings.seal_every is not None:
            self._sealing = tasks.run(self._seal_at_intervals(), "sealing")

    async def close(self) -> None:
        """Stop sealing."""
        if self._sealing is not None:
            self._sealing.cancel()
            await asyncio.gather(self._sealing, return_exceptions=True)

    async def _seal_at_intervals(self) -> None:
        interval = self._settings.seal_every
        assert interval is not None
        last, delay = await asyncio.to_thread(last_seal_time, self._settings.data), _NOW
        if last is not None:
            delay = min(last + interval - discord.utils.utcnow(), interval)
        while True:
            await asyncio.sleep(delay.total_seconds())
            is_sealed = await self._seal(discord.utils.utcnow())
            delay = interval if is_sealed else min(interval, _RETRY_AFTER)

    async def _seal(self, now: datetime) -> bool:
        path, authority = self._settings.seal_key, self._settings.timestamp_authority
        try:
            sealed = await sealing.seal(self._recorder, path, now, authority)
        except RecorderError as error:
            tasks.log_failure("The ledger was not sealed", error)
            return False
        log.info("Sealed: %s", sealed.seal.ledger_root)
        if sealed.problem is not None:
            log.warning("%s", sealed.problem)
        return True
