"""Heavy questions of members: one at a time each, in threads of their own, for a limited time."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import ParamSpec, TypeVar

from recorder.errors import Conflict, TooSlow
from recorder.store.time_limit import limited

P = ParamSpec("P")
T = TypeVar("T")

_THREADS = 2
_SECONDS = 60.0  # for one step, without the time in the queue
_MOMENT = 0.25  # seconds in which a question is answered beside the heavy ones
_LONGEST_WAIT = 60.0
_SHORT_SECONDS = 1.0  # without a cool-down


class HeavyWork:
    """The threads for searches, statistics and exports; `list` and others have theirs.

    After a question that took a while, the same person waits as long before the next.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="recorder-heavy")
        self._asking: set[int] = set()
        self._free_from: dict[int, float] = {}

    def close(self) -> None:
        """Start nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def question(self, user_id: int) -> Iterator[None]:
        """Enter a heavy question of a user.

        Raises
        ------
        Conflict
            Another one is not answered yet, or took long just now.
        """
        begin = time.monotonic()
        if user_id in self._asking:
            raise Conflict("Your last question is still being answered. Wait for its answer.")
        wait = self._free_from.get(user_id, begin) - begin
        if wait > 0:
            raise Conflict(f"Your last question took long. Wait {int(wait) + 1} seconds.")
        self._asking.add(user_id)
        try:
            yield
        finally:
            self._asking.discard(user_id)
            end = time.monotonic()
            self._free_from = {user: at for user, at in self._free_from.items() if at > end}
            if end - begin > _SHORT_SECONDS:
                self._free_from[user_id] = end + min(end - begin, _LONGEST_WAIT)

    async def run(self, work: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """Run `work` in one of the threads.

        Raises
        ------
        TooSlow
            It took too long.
        """
        context = contextvars.copy_context()
        run = partial(context.run, _run, _SECONDS, partial(work, *args, **options))
        return await asyncio.get_running_loop().run_in_executor(self._pool, run)

    async def answer(
        self,
        user_id: int,
        work: Callable[[], T],
        before: Callable[[], Awaitable[None]] | None = None,
    ) -> T:
        """Run `work`, which mostly takes a moment, at once; as a heavy question if it does not.

        Parameters
        ----------
        before
            Called before it becomes a heavy question.

        Raises
        ------
        Conflict, TooSlow
            As for heavy questions.
        """
        with suppress(TooSlow):
            return await asyncio.to_thread(_run, _MOMENT, work)
        with self.question(user_id):
            if before is not None:
                await before()
            return await self.run(work)


def _run(seconds: float, work: Callable[[], T]) -> T:
    with limited(seconds):
        return work()
