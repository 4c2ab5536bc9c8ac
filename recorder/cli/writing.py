"""Helpers of the commands that write: open a recorder, ask for confirmation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from recorder.cli.output import printable
from recorder.recording.session_manager import SessionManager
from recorder.recording.session_recorder import SessionRecorder
from recorder.settings import Settings

T = TypeVar("T")


def change(settings: Settings, work: Callable[[SessionManager], Awaitable[T]]) -> T:
    """Run `work` with a recorder and return its result; no other recorder may be running."""
    return open_recorder(
        settings, lambda recorder: work(SessionManager(recorder, settings.timezone))
    )


def open_recorder(settings: Settings, work: Callable[[SessionRecorder], Awaitable[T]]) -> T:
    """Run `work` as :func:`change` does, with the recorder itself."""

    async def run() -> T:
        async with SessionRecorder(settings.data) as recorder:
            return await work(recorder)

    return asyncio.run(run())


def confirmed(question: str) -> bool:
    """Return whether the user confirms; without an answer they do not."""
    try:
        return click.confirm(printable(question), err=True)
    except click.Abort:  # Ctrl+C, or standard input is closed
        click.echo(err=True)
        return False
