"""Commands that look after recordings: init, verify, repair, import, backup, doctor."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import click

from recorder import verification
from recorder.backup import back_up
from recorder.chain import Head
from recorder.cli.main import FOUND_FAULTS
from recorder.cli.output import (
    SessionName,
    json_option,
    now,
    pass_settings,
    print_json,
    printable,
    progress,
    say,
    session_json,
)
from recorder.diagnosis import Place, examine, recorded_places
from recorder.errors import RecorderError
from recorder.formatting import plural, size
from recorder.importing import Imported, import_file
from recorder.last_verification import LastVerification, remember
from recorder.lock import is_locked
from recorder.models import Session
from recorder.session_recorder import SessionRecorder
from recorder.settings import Settings
from recorder.store.reading import Reader

_COLOURS = {"good": "green", "note": "yellow", "bad": "red"}


@click.command()
@pass_settings
def init(settings: Settings) -> None:
    """Make the data folder and its database, or bring an older one up to date."""

    async def open_and_close() -> None:
        async with SessionRecorder(settings.data):
            pass

    asyncio.run(open_and_close())
    say(f"{settings.data} is ready.")


@click.command()
@click.argument("name", type=SessionName())
@json_option
@pass_settings
def head(settings: Settings, name: str, as_json: bool) -> None:
    """Print the head of a session's chain, to be noted where nobody can change it.

    It is the number of lines and the hash of the last one. `recorder verify NAME --against
    HEAD` proves later that none of these lines was touched.
    """
    session = Reader(settings.data).find(name)
    if as_json:
        print_json({"name": session.name, "id": session.id, "head": session.head})
    else:
        say(session.head)


@click.command()
@click.argument("name", type=SessionName(), required=False)
@click.option(
    "--against",
    "heads",
    metavar="HEAD",
    multiple=True,
    help="A head of this session that was noted earlier; may be given several times.",
)
@json_option
@click.pass_context
def verify(context: click.Context, name: str | None, heads: tuple[str, ...], as_json: bool) -> None:
    """Prove that files, database, chain, counts and index say the same.

    Checks one session, or all. Ends with exit code 1 when something differs, and names the
    first line that does.

    Who can write to the data folder can rewrite file and database alike, so that they say the
    same. A head that was noted elsewhere (`recorder head`, or the bot's answer to stop) shows
    it: up to there every line has to be as it was. Several heads tell between which of them
    the first change lies.
    """
    if heads and name is None:
        raise click.UsageError("--against goes with the NAME of a session.")
    noted = [Head.parse(head) for head in heads]
    settings: Settings = context.obj
    reader, recording = Reader(settings.data), is_locked(settings.data)
    sessions = [reader.find(name)] if name else reader.sessions()
    with progress("Verifying", sum(session.message_count for session in sessions)) as advance:
        reports = [
            verification.verify(reader, session, recording=recording, heads=noted, progress=advance)
            for session in sessions
        ]
        general = verification.verify_database(settings.data)
    faults = [fault for report in reports for fault in report.faults] + general
    lines = sum(report.lines for report in reports)
    if name is None:
        remember(settings.data, LastVerification(now(), len(reports), lines, len(faults)))
    if as_json:
        print_json(
            {
                "sessions": [
                    {
                        **session_json(report.session, now()),
                        "lines": report.lines,
                        "faults": list(report.faults),
                    }
                    for report in reports
                ],
                "faults": general,
                "sound": not faults,
            }
        )
    else:
        for fault in faults:
            say(fault)
        checked = f"{plural(len(reports), 'session')}, {plural(lines, 'line')}"
        if faults:
            say(f"{checked} checked: {plural(len(faults), 'fault')}. See `recorder repair`.")
        else:
            say(f"{checked} checked: file and database say the same.")
            if noted:
                say(f"Up to line {max(head.lines for head in noted):,} it is what was noted.")
    if faults:
        context.exit(FOUND_FAULTS)


@click.command()
@click.argument("name", type=SessionName(), required=False)
@click.pass_context
def repair(context: click.Context, name: str | None) -> None:
    """Write files that differ anew from the database, and rebuild the full-text index.

    What stood in such a file is kept beside it, with .damaged behind its name. Ends with exit
    code 1 when something differs even so.
    """
    settings: Settings = context.obj
    reader = Reader(settings.data)
    sessions = [reader.find(name)] if name else reader.sessions()

    async def run() -> list[Session]:
        repaired = []
        async with SessionRecorder(settings.data) as recorder:
            with progress("Repairing", len(sessions)) as advance:
                for session in sessions:
                    if verification.verify(reader, session, recording=False).faults:
                        await recorder.rewrite(session.id)
                        repaired.append(session)
                    advance(1)
            await verification.rebuild_index(recorder)
        return repaired

    faults: list[str] = []
    for session in asyncio.run(run()):
        say(f"{settings.data / session.file_path} was written anew.")
        faults += verification.verify(reader, session, recording=False).faults
    say("The full-text index was built anew.")
    for fault in faults:
        say(f"Not repairable, the database itself was changed: {fault}")
    if faults:
        context.exit(FOUND_FAULTS)


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
        context.exit(FOUND_FAULTS)


def _imported(imported: Imported) -> str:
    session = imported.session
    new = "" if imported.added == session.message_count else f", {imported.added} new"
    return f"{session.name}: {plural(session.message_count, 'message')}{new}"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@json_option
@pass_settings
def backup(settings: Settings, folder: Path, as_json: bool) -> None:
    """Copy the recordings to a new FOLDER, also while they are being recorded.

    Copies the database, attachments/ and exports/, and checks the copy. It is a data folder
    of its own: to restore, put it in the place of the old one. The JSONL files in sessions/
    are not copied; they are written from the database when a recorder first opens the copy,
    as `recorder init` does.
    """
    copied = back_up(settings.data, folder)
    if as_json:
        print_json({"folder": str(folder), "bytes": copied.bytes, "files": copied.files})
    else:
        say(f"{folder}: the database and {plural(copied.files, 'file')}, {size(copied.bytes)}")


@click.command()
@json_option
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Look at everything that recording needs, with a hint where something is amiss.

    With DISCORD_TOKEN set, Discord is asked for the bot's intents and for its permissions where
    it records. Ends with exit code 1 when something is bad.
    """
    settings: Settings = context.obj
    findings = examine(settings, now())
    if settings.token:
        from recorder.bot.inspection import inspect

        places: list[Place] = []
        with suppress(RecorderError):  # what is wrong with the database is among the findings
            places = recorded_places(settings.data)
        findings += inspect(settings.token, places)
    if as_json:
        print_json(
            [{"what": f.what, "state": f.state, "value": f.value, "hint": f.hint} for f in findings]
        )
    else:
        for finding in findings:
            say(
                (f"{finding.state:<4}", _COLOURS[finding.state]),
                f"  {finding.what}: {finding.value}",
            )
            if finding.hint:
                say(f"      {finding.hint}")
    if any(finding.state == "bad" for finding in findings):
        context.exit(FOUND_FAULTS)


COMMANDS = (init, head, verify, repair, import_, backup, doctor)
