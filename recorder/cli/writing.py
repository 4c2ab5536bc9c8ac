"""What commands that change something share: a recorder of their own, and a question before."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from recorder.recording.session_manager import SessionManager
from recorder.recording.session_recorder import SessionRecorder
from recorder.settings import Settings

T = TypeVar("T")


def change(settings: Settings, work: Callable[[SessionManager], Awaitable[T]]) -> T:
    """Do something that writes; no recorder may be running."""

    async def run() -> T:
        async with SessionRecorder(settings.data) as recorder:
            return await work(SessionManager(recorder, settings.timezone))

    return asyncio.run(run())


def confirmed(question: str) -> bool:
    """Whether somebody is there and says yes."""
    try:
        return click.confirm(question, err=True)
    except click.Abort:  # Ctrl+C, or there is nobody to ask
        click.echo(err=True)
        return False
