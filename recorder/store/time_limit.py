"""A limit on the time of queries, for all connections that a thread uses meanwhile."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_STEPS_BETWEEN_CHECKS = 10_000
_end: ContextVar[float | None] = ContextVar("end", default=None)


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """End the queries within the context after this time.

    Raises
    ------
    TimeoutError
        A query was ended.
    """
    token = _end.set(time.monotonic() + seconds)
    try:
        yield
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_INTERRUPT:
            raise TimeoutError from error
        raise
    finally:
        _end.reset(token)


def apply_limit(connection: sqlite3.Connection) -> None:
    """Let a connection keep the limit of the context, or none."""
    end = _end.get()
    handler = None if end is None else lambda: time.monotonic() > end
    connection.set_progress_handler(handler, _STEPS_BETWEEN_CHECKS)
