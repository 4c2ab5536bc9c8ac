"""The command ``people``."""

from __future__ import annotations

from dataclasses import asdict

import click
from rich.table import Table

from recorder.cli.output import print_json, print_table, say, write
from recorder.cli.parameters import json_option, pass_settings
from recorder.formats.csv import csv_row
from recorder.formatting import plural
from recorder.settings import Settings
from recorder.store import recorded_people
from recorder.store.reading import Reader

_COLUMNS = ("id", "names", "messages", "commands", "reactions", "mentions", "started")


@click.command()
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@pass_settings
def people(settings: Settings, as_json: bool, as_csv: bool) -> None:
    """List the people in the recordings, with their ids and names.

    Besides their messages, it counts answers of bots to their slash commands, their reactions,
    mentions of them by others, and sessions and auto-recordings that they started.
    """
    if as_json and as_csv:
        raise click.UsageError("Choose --json or --csv.")
    everyone = [asdict(person) for person in recorded_people.people(Reader(settings.data))]
    if as_json:
        print_json(everyone)
        return
    rows = [[_cell(person[column]) for column in _COLUMNS] for person in everyone]
    if as_csv:
        write("".join(map(csv_row, (_COLUMNS, *rows))))
        return
    if not rows:
        say("Nothing has been recorded yet.")
        return
    table = Table(box=None, header_style="bold")
    table.add_column("Id", no_wrap=True)
    table.add_column("Names", overflow="fold", min_width=12)
    for column in _COLUMNS[2:]:
        table.add_column(column.capitalize(), justify="right", no_wrap=True)
    print_table(table, rows)
    say(f"\n{plural(len(rows), 'person', 'people')}")


def _cell(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
