"""Tasks in the background, whose errors are logged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

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


def _done(task: asyncio.Task[None]) -> None:
    _running.discard(task)
    if not task.cancelled() and (error := task.exception()):
        log.error("A task failed: %s", task.get_name(), exc_info=error)
