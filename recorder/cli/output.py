"""Showing things: tables and progress on a terminal, plain text or JSON in a pipe."""

from __future__ import annotations

import json
import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from click.shell_completion import CompletionItem
from rich.columns import Columns
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from recorder.cli.environment import settings_from
from recorder.errors import RecorderError
from recorder.models import Json, Session
from recorder.record.names import name_key
from recorder.settings import Settings
from recorder.store.reading import Reader

# A table is not squeezed further on a terminal, and not at all in a pipe.
_NARROWEST = 76
_NARROWEST_COLUMN = 40
_WIDEST = 10_000

# Would lead the cursor or the direction of writing elsewhere, or cannot be encoded.
_COMMANDING = frozenset({"Cc", "Cs", "Zl", "Zp"})
_BIDIRECTIONAL = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

# What a shell takes as it is; all else could run as a command when it is completed.
_SAFE_IN_SHELLS = frozenset("-_.,+@%=")


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the group of commands, which ends quietly."""
        raise BrokenPipeError


console = _Console(emoji=False, markup=False, highlight=False)
_progress_console = Console(stderr=True, markup=False)

json_option = click.option("--json", "as_json", is_flag=True, help="JSON for other programs.")
pass_settings = click.make_pass_decorator(Settings)

_DATE_LENGTH = len("2025-11-08")
POSITIVE = click.IntRange(1, 2**31 - 1)


class Finite(click.FloatRange):
    """A number, which ``nan`` is not."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number in a range."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


class Moment(click.ParamType[datetime]):
    """A date or a time in the settings' time zone; a date means its end."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """The time, with its time zone."""
        settings = ctx.find_object(Settings) if ctx else None
        timezone = settings.timezone if settings else UTC
        try:
            moment = datetime.fromisoformat(value)
            if len(value) == _DATE_LENGTH:
                moment += timedelta(days=1)
            return moment.replace(tzinfo=timezone) if moment.tzinfo is None else moment
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time. Write 2025-11-08 or 2025-11-08T15:45.", param, ctx)


as_of_option = click.option(
    "--as-of", type=Moment(), help="Show messages as they stood then, such as 2025-11-08T15:45."
)


class SessionName(click.ParamType[str]):
    """A session's name or id; completed from the database."""

    name = "name"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The names that begin with what was typed; the id where a name is not enough.

        A name that several servers have is ambiguous, and one with spaces or signs would be
        taken apart or even run by the shell: anybody in a channel may have chosen it.
        """
        try:
            settings = settings_from(ctx.find_root().params.get("data"))
            sessions = Reader(settings.data).sessions()
        except RecorderError:
            return []
        known = Counter(name_key(session.name) for session in sessions)
        return [
            CompletionItem(session.name)
            if known[name_key(session.name)] == 1 and _is_safe(session.name)
            else CompletionItem(session.id, help=session.name)
            for session in sessions
            if name_key(session.name).startswith(name_key(incomplete))
            or session.id.startswith(incomplete)
        ]


def _is_safe(name: str) -> bool:
    return name[0].isalnum() and all(c.isalnum() or c in _SAFE_IN_SHELLS for c in name)


def now() -> datetime:
    """The time, asked for at the outermost place."""
    return datetime.now(UTC)


def printable(text: str) -> str:
    """Text without the characters that would command the terminal."""
    if text.isprintable():
        return text
    return "".join(
        "\ufffd"
        if c in _BIDIRECTIONAL or (unicodedata.category(c) in _COMMANDING and c not in "\n\t")
        else c
        for c in text
    )


def say(*pieces: str | tuple[str, str]) -> None:
    """Print a line of text, or of pairs of text and style; styles show on a terminal alone."""
    line = Text()
    for piece in pieces:
        text, style = (piece, "") if isinstance(piece, str) else piece
        line.append(printable(text), style)
    if console.is_terminal:
        console.print(line, soft_wrap=True)
    else:
        click.echo(line.plain)


def print_table(table: Table, rows: Sequence[Sequence[str]]) -> None:
    """Print a table; nothing of its columns is cut off, however narrow the terminal is."""
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    wide = console.is_terminal
    console.width = max(console.width, _NARROWEST) if wide else _WIDEST
    console.print(table, soft_wrap=True)


def print_side_by_side(tables: Sequence[Table]) -> None:
    """Print tables on a terminal, as many beside each other as it has room for."""
    console.width = max(console.width, _NARROWEST_COLUMN)
    console.print(Columns(tables, padding=(1, 4)))


def write(text: str) -> None:
    """Text for other programs, to the byte: UTF-8 whatever the terminal has."""
    click.echo(text.encode(), nl=False)


def print_json(value: Json | list[dict[str, Any]] | dict[str, Any]) -> None:
    """A value as indented JSON."""
    write(json.dumps(value, ensure_ascii=False, indent=2, default=datetime.isoformat) + "\n")


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
def progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, nothing in a pipe; gives a function that advances it."""
    if not _progress_console.is_terminal:
        yield lambda count: None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_progress_console, transient=True) as bar:
        task = bar.add_task(printable(title), total=total)
        yield lambda count: bar.advance(task, count)
