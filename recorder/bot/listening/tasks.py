"""Tasks in the background, whose errors are logged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from recorder.errors import RecorderClosed, RecorderError

log = logging.getLogger(__name__)

_running: set[asyncio.Task[None]] = set()  # the event loop itself keeps weak references


def run(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """Start a task, and log the error that ends it.

    Parameters
    ----------
    name
        For the log: what the task does, such as ``"filling gaps"``.
    """
    task = asyncio.create_task(work, name=name)
    _running.add(task)
    task.add_done_callback(_done)
    return task


def log_failure(text: str, error: RecorderError) -> None:
    """Log why something was not recorded, as an error unless the recorder is being closed."""
    level = logging.INFO if isinstance(error, RecorderClosed) else logging.ERROR
    log.log(level, "%s: %s", text, error)


def _done(task: asyncio.Task[None]) -> None:
    _running.discard(task)
    error = None if task.cancelled() else task.exception()
    if isinstance(error, RecorderError):
        log_failure(task.get_name(), error)
    elif error is not None:
        log.error("A task failed: %s", task.get_name(), exc_info=error)
