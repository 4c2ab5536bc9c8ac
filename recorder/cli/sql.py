"""The command ``sql``."""

from __future__ import annotations

import csv
import io
import math
import sys

import click
from rich.table import Table

from recorder.cli.output import (
    POSITIVE,
    Finite,
    json_option,
    pass_settings,
    print_json,
    print_table,
    printable,
    say,
    write,
)
from recorder.errors import InvalidInput
from recorder.formats.csv import escape_formula
from recorder.formatting import plural
from recorder.settings import Settings
from recorder.store.read_only_sql import Answer, Value, query


@click.command()
@click.argument("statement", metavar="SELECT...")
@click.option("--limit", default=1_000, show_default=True, type=POSITIVE, help="Of rows.")
@click.option(
    "--seconds",
    default=10.0,
    show_default=True,
    type=Finite(0, min_open=True),
    help="How long it may take.",
)
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="CSV for spreadsheets.")
@pass_settings
def sql(
    settings: Settings, statement: str, limit: int, seconds: float, as_json: bool, as_csv: bool
) -> None:
    """Ask the database in SQL: one statement that reads, or - to read it from standard input.

    Nothing can be written or attached. Tables and columns are described in docs/schema.md; the
    messages as they are now are in messages, a session's name in recording_sessions.

    Blobs are shown in hexadecimal. In CSV a text that a spreadsheet would take for a formula has
    an apostrophe before it.
    """
    if as_json and as_csv:
        raise click.UsageError("Choose --json or --csv.")
    if statement == "-":
        try:
            statement = sys.stdin.buffer.read().decode()
        except UnicodeDecodeError as error:
            raise InvalidInput(f"Standard input is not UTF-8 (byte {error.start + 1}).") from error
    answer = query(settings.data, statement, seconds=seconds, limit=limit)
    if as_json:
        names = _different(answer.columns)
        rows = (map(_plain, row) for row in answer.rows)
        print_json([dict(zip(names, row, strict=True)) for row in rows])
    elif as_csv:
        text = io.StringIO()
        csv.writer(text).writerows([answer.columns, *(map(_cell, row) for row in answer.rows)])
        write(text.getvalue())
    else:
        _print(answer)
    if answer.is_cut:
        more = "Ask for more with --limit" if len(answer.rows) == limit else "It is too much"
        click.echo(f"Cut off after {len(answer.rows):,} rows: there is more. {more}.", err=True)


def _print(answer: Answer) -> None:
    table = Table(box=None, header_style="bold")
    for number, column in enumerate(answer.columns):
        is_number = all(isinstance(row[number], int | float | None) for row in answer.rows)
        table.add_column(
            printable(column),
            overflow="fold",
            justify="right" if is_number and answer.rows else "left",
        )
    shown = [["" if value is None else str(_plain(value)) for value in row] for row in answer.rows]
    print_table(table, shown)
    if not answer.is_cut:
        say(f"\n{plural(len(answer.rows), 'row')}")


def _plain(value: Value) -> str | int | float | None:
    """A value that JSON has too."""
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def _cell(value: Value) -> str | int | float | None:
    return escape_formula(value) if isinstance(value, str) else _plain(value)


def _different(columns: tuple[str, ...]) -> list[str]:
    """Names for the keys of an object; a second one of a name gets ``:1``, as SQLite does it."""
    names: list[str] = []
    for column in columns:
        same = sum(other == column for other in columns[: len(names)])
        names.append(f"{column}:{same}" if same else column)
    return names


COMMANDS = (sql,)
