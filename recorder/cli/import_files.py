"""The command ``import``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from recorder.cli.environment import now
from recorder.cli.exit_codes import FAULTS_FOUND
from recorder.cli.output import printable, progress, say
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
@click.option(
    "--name", help="The name of the session.  [default: the name of the channel or the file]"
)
@click.option("--guild", help="The id of the Discord server that the session belongs to.")
@click.option("--strict", is_flag=True, help="Refuse a damaged file as a whole.")
@click.pass_context
def import_(
    context: click.Context,
    files: tuple[Path, ...],
    name: str | None,
    guild: str | None,
    strict: bool,
) -> None:
    """Import each file as a session.

    Accepts JSONL files of this program (the basic keys suffice) and JSON files of any version of
    DiscordChatExporter. Importing a file again adds only new messages. Damaged entries are
    skipped and reported on standard error; the exit code is then 1.
    """
    settings: Settings = context.obj
    if name and len(files) > 1:
        raise click.UsageError("--name goes with one file.")
    if guild is not None and not guild.isdecimal():
        raise click.BadParameter("the id of a server is a number", param_hint="--guild")

    for path in files:
        if not path.is_file():
            raise click.BadParameter(f"{path} is not a regular file.")
    # With --strict a file is read twice: once to check it, once to import it.
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
                now=now(),
                progress=advance,
            )

    async def run_all() -> int:
        skipped = 0
        async with SessionRecorder(settings.data) as recorder:
            for path in files:
                imported = await run(path, recorder)
                skipped += imported.left_out_count
                for entry in imported.left_out:
                    click.echo(printable(f"Skipped: {entry}"), err=True)
                if more := imported.left_out_count - len(imported.left_out):
                    click.echo(f"Skipped: {more} more", err=True)
                say(_summary(imported))
        return skipped

    if asyncio.run(run_all()):
        context.exit(FAULTS_FOUND)


def _summary(imported: Imported) -> str:
    session = imported.session
    new = "" if imported.added == session.message_count else f", {imported.added} new"
    return f"{session.name}: {plural(session.message_count, 'message')}{new}"
