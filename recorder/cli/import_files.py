"""The command ``import``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from recorder.cli.exit_codes import FAULTS_FOUND
from recorder.cli.output import (
    printable,
    progress,
    say,
)
from recorder.formatting import plural
from recorder.recording.importing import Imported, import_file
from recorder.recording.session_recorder import SessionRecorder
from recorder.settings import Settings


@click.command("import")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
)
@click.option("--name", help="Of the session.  [default: the channel's or the file's name]")
@click.option("--guild", help="Id of the Discord server whose members shall find it.")
@click.option("--strict", is_flag=True, help="Import nothing of a file that is damaged.")
@click.pass_context
def import_(
    context: click.Context,
    files: tuple[Path, ...],
    name: str | None,
    guild: str | None,
    strict: bool,
) -> None:
    """Read files into sessions of their own.

    Files of this program (JSONL, also with the basic keys alone) and of DiscordChatExporter
    (JSON, any version) are recognized. What a session holds already is not read again. What
    cannot be read is left out and named on standard error, and the exit code is then 1.
    """
    settings: Settings = context.obj
    if name and len(files) > 1:
        raise click.UsageError("--name goes with one file.")
    if guild is not None and not guild.isdecimal():
        raise click.BadParameter("a server's id is a number", param_hint="--guild")

    for path in files:
        if not path.is_file():
            raise click.BadParameter(f"{path} is no regular file.")
    # With --strict a file is read twice: to check it, and to take it in.
    sizes = {path: (2 if strict else 1) * path.stat().st_size for path in files}

    async def run(path: Path, recorder: SessionRecorder) -> Imported:
        with progress(path.name, sizes[path]) as advance:
            return await import_file(
                recorder,
                path,
                settings.timezone,
                name=name,
                guild_id=guild,
                strict=strict,
                progress=advance,
            )

    async def run_all() -> int:
        left_out = 0
        async with SessionRecorder(settings.data) as recorder:
            for path in files:
                imported = await run(path, recorder)
                left_out += imported.left_out_count
                for place in imported.left_out:
                    click.echo(printable(f"Left out: {place}"), err=True)
                if more := imported.left_out_count - len(imported.left_out):
                    click.echo(f"Left out: {plural(more, 'further place')}", err=True)
                say(_imported(imported))
        return left_out

    if asyncio.run(run_all()):
        context.exit(FAULTS_FOUND)


def _imported(imported: Imported) -> str:
    session = imported.session
    new = "" if imported.added == session.message_count else f", {imported.added} new"
    return f"{session.name}: {plural(session.message_count, 'message')}{new}"


COMMANDS = (import_,)
