"""The command ``sql``."""

from __future__ import annotations

import json
import math
import sys

import click
from rich.table import Table

from recorder.cli.output import print_json, print_table, printable, say, write
from recorder.cli.parameters import POSITIVE, Finite, json_option, pass_settings
from recorder.errors import InvalidInput
from recorder.formats.csv import csv_row
from recorder.formatting import plural
from recorder.settings import Settings
from recorder.store.read_only_sql import QueryResult, Value, query


@click.command()
@click.argument("statement", metavar="SELECT...")
@click.option(
    "--limit",
    default=1_000,
    show_default=True,
    type=POSITIVE,
    help="How many rows to return at most.",
)
@click.option(
    "--seconds",
    default=10.0,
    show_default=True,
    type=Finite(0, min_open=True),
    help="How long the query may take.",
)
@json_option
@click.option("--nl", is_flag=True, help="Print newline-delimited JSON, a row a line.")
@click.option("--arrays", is_flag=True, help="Print rows as JSON arrays instead of objects.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option("--tsv", "as_tsv", is_flag=True, help="Print TSV.")
@click.option("-t", "--table", "as_table", is_flag=True, help="Print a table.  [default]")
@click.option("--no-headers", is_flag=True, help="Leave out the header of CSV, TSV or a table.")
@pass_settings
def sql(
    settings: Settings,
    statement: str,
    limit: int,
    seconds: float,
    as_json: bool,
    nl: bool,
    arrays: bool,
    as_csv: bool,
    as_tsv: bool,
    as_table: bool,
    no_headers: bool,
) -> None:
    """Run one read-only SQL statement; - reads it from standard input.

    docs/schema.md describes the tables and columns. Current messages are in messages, the names
    of sessions in recording_sessions.

    Blobs are printed in hexadecimal. In CSV and TSV, an apostrophe precedes text that a
    spreadsheet would run as a formula.
    """
    as_json = as_json or nl or arrays
    if as_json + as_csv + as_tsv + as_table > 1:
        raise click.UsageError("Choose JSON (--json, --nl, --arrays), --csv, --tsv or --table.")
    if as_json and no_headers:
        raise click.UsageError("--no-headers goes with --csv, --tsv or --table.")
    if statement == "-":
        try:
            statement = sys.stdin.buffer.read().decode()
        except UnicodeDecodeError as error:
            raise InvalidInput(f"Standard input is not UTF-8 (byte {error.start + 1}).") from error
    result = query(settings.data, statement, seconds=seconds, limit=limit)
    if as_json:
        _print_json(result, nl=nl, arrays=arrays)
    elif as_csv or as_tsv:
        _print_csv(result, "\t" if as_tsv else ",", headers=not no_headers)
    else:
        _print_table(result, headers=not no_headers)
    if result.is_truncated:
        advice = "Use --limit for more" if len(result.rows) == limit else "The result is too large"
        click.echo(f"Truncated after {len(result.rows):,} rows. {advice}.", err=True)


def _print_json(result: QueryResult, *, nl: bool, arrays: bool) -> None:
    keys = _unique(result.columns)
    rows = [list(map(_plain, row)) for row in result.rows]
    items = rows if arrays else [dict(zip(keys, row, strict=True)) for row in rows]
    if nl:
        for item in items:
            write(json.dumps(item, ensure_ascii=False) + "\n")
    else:
        print_json(items)


def _print_csv(result: QueryResult, delimiter: str, *, headers: bool) -> None:
    rows = [csv_row(list(map(_plain, row)), delimiter) for row in result.rows]
    write("".join([csv_row(result.columns, delimiter), *rows] if headers else rows))


def _print_table(result: QueryResult, *, headers: bool) -> None:
    table = Table(box=None, header_style="bold", show_header=headers)
    for number, column in enumerate(result.columns):
        is_number = all(isinstance(row[number], int | float | None) for row in result.rows)
        table.add_column(
            printable(column),
            overflow="fold",
            justify="right" if is_number and result.rows else "left",
        )
    cells = [["" if value is None else str(_plain(value)) for value in row] for row in result.rows]
    print_table(table, cells)
    if not result.is_truncated:
        say(f"\n{plural(len(result.rows), 'row')}")


def _plain(value: Value) -> str | int | float | None:
    """Return a value as JSON can represent it."""
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def _unique(columns: tuple[str, ...]) -> list[str]:
    """Return the columns as keys of an object; a repeated name gets ``:1``, as in SQLite."""
    keys: list[str] = []
    for column in columns:
        repeats = columns[: len(keys)].count(column)
        keys.append(f"{column}:{repeats}" if repeats else column)
    return keys
