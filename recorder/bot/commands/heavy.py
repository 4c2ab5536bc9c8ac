"""Heavy questions of members: one at a time each, in threads of their own, for a limited time."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from recorder.errors import Conflict, InvalidInput
from recorder.store.time_limit import limited

P = ParamSpec("P")
T = TypeVar("T")

_THREADS = 2
_SECONDS = 60.0  # for one step, without the time in the queue
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
        InvalidInput
            It took too long.
        """

        def run() -> T:
            with limited(_SECONDS):
                return work(*args, **options)

        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._pool, lambda: context.run(run))
        except TimeoutError:
            raise InvalidInput(
                f"This took longer than {_SECONDS:g} seconds and was stopped. Ask for less at once."
            ) from None
