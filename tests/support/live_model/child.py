"""The host bot as a process of its own, which ends by SIGKILL."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime

from support.discord_server import DiscordServer

from recorder.settings import Settings

from .host import Host
from .truth import ObservedWorld

_QUIET = 0.15  # seconds without a request or a write: the bot rests
_PATIENCE = 30


class RealTime(ObservedWorld):
    """A world whose time is that of the clock: another process has no other."""

    def snowflake(self) -> int:
        self.now = max(self.now, datetime.now(UTC))
        return super().snowflake()


class KilledHost(Host):
    """A host bot that runs in a child process."""

    def __init__(self, server: DiscordServer, settings: Settings) -> None:
        super().__init__(server, settings)
        self._process: asyncio.subprocess.Process | None = None

    @property
    def is_up(self) -> bool:
        return self._process is not None

    async def start(self) -> None:
        assert self._process is None
        identified = self.server.gateway.identified
        erases = "erase" if self.settings.erase_deleted else "keep"
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", __package__, self.server.url, str(self.settings.data)),
            *(str(self.settings.timezone), erases),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            start_new_session=True,
        )
        async with asyncio.timeout(_PATIENCE):
            while self.server.gateway.identified == identified:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await self.settle()

    async def stop(self) -> None:
        """End the process in order."""
        await self._end(signal.SIGTERM)

    async def crash(self) -> None:
        await self._end(signal.SIGKILL)

    async def _end(self, by: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for fault in self.server.faults.active:
            fault.release()
        process.send_signal(by)
        async with asyncio.timeout(_PATIENCE):
            await process.wait()
        self.server.gateway.leave()

    async def settle(self) -> None:
        """Wait until nothing has been requested or written for a while."""
        async with asyncio.timeout(_PATIENCE):
            before = None
            while before != (before := self._traces()):  # noqa: ASYNC110
                await asyncio.sleep(_QUIET)

    def _traces(self) -> tuple[object, ...]:
        gateway = self.server.gateway
        log = self.settings.data / "recorder.db-wal"
        written = log.stat().st_size if log.exists() else 0
        is_away = self.is_up and not gateway.refusing and gateway.connection is None
        attempts = object() if is_away or gateway.has_unsent else None
        return len(self.server.rest.log), written, gateway.resumed, attempts
