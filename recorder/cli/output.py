"""Output: styles, tables and progress on a terminal, plain text or JSON in a pipe."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click
from rich.columns import Columns
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from recorder.models import Json, Session

# A table is not squeezed below this on a terminal, and not at all in a pipe.
_NARROWEST = 76
_NARROWEST_COLUMN = 40
_WIDEST = 10_000

# Characters that move the cursor, change the writing direction, or cannot be encoded.
_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})
_BIDIRECTIONAL = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_CONTROLS = re.compile(f"[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{_BIDIRECTIONAL}]|\r(?!\n)")


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the group of commands, which exits quietly."""
        raise BrokenPipeError


console = _Console(emoji=False, markup=False, highlight=False)
_progress_console = Console(stderr=True, markup=False)


def printable(text: str) -> str:
    """Return `text` without characters that control the terminal."""
    if text.isprintable():
        return text
    return "".join(
        "\ufffd"
        if _CONTROLS.match(c) or (unicodedata.category(c) in _CONTROL and c not in "\n\t")
        else c
        for c in text
    )


def escaped(text: str) -> str:
    r"""Return `text` with ``\u001b`` for a character that controls the terminal, as in JSON."""
    return _CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def say(*pieces: str | tuple[str, str]) -> None:
    """Print a line of texts or pairs of text and style; styles appear only on a terminal."""
    line = Text()
    for piece in pieces:
        text, style = (piece, "") if isinstance(piece, str) else piece
        line.append(printable(text), style)
    if console.is_terminal:
        console.print(line, soft_wrap=True)
    else:
        click.echo(line.plain)


def print_table(table: Table, rows: Sequence[Sequence[str]]) -> None:
    """Print a table without truncating a column, however narrow the terminal is."""
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console.width = max(console.width, _NARROWEST) if console.is_terminal else _WIDEST
    console.print(table, soft_wrap=True)


def print_side_by_side(tables: Sequence[Table]) -> None:
    """Print tables on a terminal, as many in a row as fit."""
    console.width = max(console.width, _NARROWEST_COLUMN)
    console.print(Columns(tables, padding=(1, 4)))


def write(text: str) -> None:
    """Write text for other programs: UTF-8 whatever the encoding; a terminal obeys none of it."""
    click.echo((escaped(text) if sys.stdout.isatty() else text).encode(), nl=False)


def print_json(value: Json | list[Any] | dict[str, Any]) -> None:
    """Write a value as indented JSON."""
    text = json.dumps(value, ensure_ascii=False, indent=2, default=datetime.isoformat)
    write(f"{escaped(text)}\n")


def session_json(session: Session, at: datetime) -> dict[str, Json]:
    """Return the columns of a session, and its duration in seconds, as JSON."""
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
    """Show a progress bar on a terminal and nothing in a pipe; yield a function to advance it."""
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
