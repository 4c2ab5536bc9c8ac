"""The time of the world for the timers of the recorder's bot."""

from __future__ import annotations

import asyncio
import heapq
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from unittest.mock import patch

from support.discord_server import World

_SHORT = 0.02  # seconds: such sleeps let others run, they are no timers


class WorldClock:
    """The module asyncio, but that sleeps take the world's time and end with `tick`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._timers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._numbers = count()

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, delay: float) -> None:
        if delay <= _SHORT:
            await asyncio.sleep(delay)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        due = self._world.now + timedelta(seconds=min(delay, 1e9))
        heapq.heappush(self._timers, (due, next(self._numbers), future))
        await future

    def tick(self) -> None:
        """End the sleeps whose time has come."""
        while self._timers and self._timers[0][0] <= self._world.now:
            _, _, future = heapq.heappop(self._timers)
            if not future.done():
                future.set_result(None)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Give the time of the world to all modules of the recorder's bot."""
        with ExitStack() as stack:
            for name, module in list(sys.modules.items()):
                if name.startswith("recorder.bot") and vars(module).get("asyncio") is asyncio:
                    stack.enter_context(patch.object(module, "asyncio", self))
            yield
