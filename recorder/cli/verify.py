"""The commands ``verify``, ``repair`` and ``head``."""

from __future__ import annotations

import asyncio

import click

from recorder.care import verification
from recorder.care.last_verification import LastVerification, remember
from recorder.cli.exit_codes import FAULTS_FOUND
from recorder.cli.output import (
    SessionName,
    json_option,
    now,
    pass_settings,
    print_json,
    progress,
    say,
    session_json,
)
from recorder.formatting import plural
from recorder.models import Session
from recorder.record.chain import Head
from recorder.recording.session_recorder import SessionRecorder
from recorder.settings import Settings
from recorder.store.lock import is_locked
from recorder.store.reading import Reader


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
        context.exit(FAULTS_FOUND)


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
        context.exit(FAULTS_FOUND)


COMMANDS = (
    head,
    verify,
    repair,
)
