"""A limit on the time of reading and rendering in a thread."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from recorder.errors import TooSlow

_STEPS_BETWEEN_CHECKS = 10_000


@dataclass(frozen=True, slots=True)
class _Limit:
    seconds: float
    end: float

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self.end

    def error(self) -> TooSlow:
        return TooSlow(
            f"This took longer than {self.seconds:g} seconds and was stopped. Ask for less at once."
        )


_limit: ContextVar[_Limit | None] = ContextVar("limit", default=None)


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Stop the queries within the context after this time, and loops with :func:`check_limit`.

    Raises
    ------
    TooSlow
        Something was stopped.
    """
    limit = _Limit(seconds, time.monotonic() + seconds)
    token = _limit.set(limit)
    try:
        yield
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_INTERRUPT:
            raise limit.error() from error
        raise
    finally:
        _limit.reset(token)


def check_limit() -> None:
    """Stop a loop when the time of the context is over.

    Raises
    ------
    TooSlow
        It is.
    """
    limit = _limit.get()
    if limit is not None and limit.is_over:
        raise limit.error()


def apply_limit(connection: sqlite3.Connection) -> None:
    """Let a connection keep the limit of the context, or none."""
    limit = _limit.get()
    handler = None if limit is None else lambda: limit.is_over
    connection.set_progress_handler(handler, _STEPS_BETWEEN_CHECKS)
