"""Showing things: tables and progress on a terminal, plain text or JSON in a pipe."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from recorder.errors import RecorderError
from recorder.models import Json, Session
from recorder.settings import Settings
from recorder.store.reading import Reader

console = Console()
_progress_console = Console(stderr=True)

json_option = click.option("--json", "as_json", is_flag=True, help="JSON for other programs.")
pass_settings = click.make_pass_decorator(Settings)


class SessionName(click.ParamType[str]):
    """A session's name or id; completed from the database."""

    name = "name"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """The names that begin with what was typed."""
        data = ctx.find_root().params.get("data")
        try:
            settings = Settings.from_environment(
                {"RECORDER_DATA": str(data)} if data else os.environ
            )
            sessions = Reader(settings.data).sessions()
        except RecorderError:
            return []
        return [
            click.shell_completion.CompletionItem(session.name)
            for session in sessions
            if session.name.casefold().startswith(incomplete.casefold())
        ]


def now() -> datetime:
    """The time, asked for at the outermost place."""
    return datetime.now(UTC)


def print_json(value: Json | list[dict[str, Any]] | dict[str, Any]) -> None:
    """A value as indented JSON."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def session_json(session: Session, at: datetime) -> dict[str, Json]:
    """A session for other programs: the database's columns, and the duration in seconds."""
    return {
        "id": session.id,
        "name": session.name,
        "guild_id": session.guild_id,
        "channel_id": session.channel_id,
        "user_id": session.user_id,
        "started_at": session.started_at.isoformat(),
        "stopped_at": session.stopped_at.isoformat() if session.stopped_at else None,
        "status": session.status,
        "message_count": session.message_count,
        "byte_size": session.byte_size,
        "duration_seconds": round(session.duration(at), 3),
        "file_path": session.file_path,
        "head": session.head,
    }


@contextmanager
def progress(title: str, total: int) -> Iterator[Any]:
    """A progress bar on a terminal, nothing in a pipe; gives a function that advances it."""
    if not _progress_console.is_terminal:
        yield lambda count: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_progress_console, transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda count: bar.advance(task, count)
