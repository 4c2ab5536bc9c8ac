"""The command ``export``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from recorder.cli.environment import now
from recorder.cli.output import print_json, say, write
from recorder.cli.parameters import SessionName, as_of_option, json_option, pass_settings
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
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
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
    """Export a session to a file.

    txt, md and html are for reading, json and csv for other programs, dce is the JSON of
    DiscordChatExporter for viewers made for it, and jsonl is the session's own file, which
    includes deleted messages.
    """
    reader, at = Reader(settings.data), now()
    session = reader.find(name)
    exporter = SessionExporter(reader, settings.timezone)
    if output == Path("-"):
        if as_json:
            raise click.UsageError(
                "--json describes the output file, and with --output - there is none."
            )
        for chunk in exporter.render(session, format, at, as_of):
            write(chunk)
        return
    path = output or settings.data / "exports" / export_name(session.name, FORMATS[format].suffix)
    try:
        file_size = exporter.export(session, format, path, at, overwrite=force, as_of=as_of)
    except Conflict as error:
        raise Conflict(
            f"{path} already exists. Overwrite it with --force, or choose another --output."
        ) from error
    if as_json:
        print_json({"path": str(path), "bytes": file_size, "messages": session.message_count})
    else:
        say(f"{path}: {plural(session.message_count, 'message')}, {size(file_size)}")
