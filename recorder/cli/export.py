"""The command ``export``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from recorder.cli.output import (
    SessionName,
    as_of_option,
    json_option,
    now,
    pass_settings,
    print_json,
    say,
    write,
)
from recorder.errors import Conflict
from recorder.formats.session_exporter import FORMATS, SessionExporter
from recorder.formatting import plural, size
from recorder.record.names import export_name
from recorder.settings import Settings
from recorder.store.reading import Reader


@click.command()
@click.argument("name", type=SessionName())
@click.argument("format", type=click.Choice(tuple(FORMATS)))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="The file, or - for standard output.  [default: exports/NAME.SUFFIX in the data folder]",
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@as_of_option
@json_option
@pass_settings
def export(
    settings: Settings,
    name: str,
    format: str,
    output: Path | None,
    force: bool,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """Export a session as a file, whole or not at all.

    txt and md are for people, json and csv for other programs, dce is DiscordChatExporter's JSON
    for the viewers made for it, and jsonl is the session's own file, with what was deleted.
    """
    reader, at = Reader(settings.data), now()
    session = reader.find(name)
    exporter = SessionExporter(reader, settings.timezone)
    if output == Path("-"):
        if as_json:
            raise click.UsageError("--json tells of a file; with --output - there is none.")
        for piece in exporter.render(session, format, at, as_of):
            write(piece)
        return
    path = output or settings.data / "exports" / export_name(session.name, FORMATS[format].suffix)
    try:
        written = exporter.export(session, format, path, at, overwrite=force, as_of=as_of)
    except Conflict as error:
        raise Conflict(
            f"{path} exists already. Write over it with --force, or name another with --output."
        ) from error
    if as_json:
        print_json({"path": str(path), "bytes": written, "messages": session.message_count})
    else:
        say(f"{path}: {plural(session.message_count, 'message')}, {size(written)}")


COMMANDS = (export,)
