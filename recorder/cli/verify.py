"""The commands ``head``, ``verify`` and ``repair``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from recorder.care import verification
from recorder.care.seal_checks import verify_seals
from recorder.care.verification import LastVerification, save_last_verification
from recorder.cli.environment import now
from recorder.cli.exit_codes import FAULTS_FOUND
from recorder.cli.output import print_json, progress, say, session_json
from recorder.cli.parameters import SessionName, json_option, pass_settings
from recorder.cli.proof import key_option, noted_in, public_keys, say_seals
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
    """Print the head of a session's hash chain, to be stored elsewhere.

    The head is the number of lines and the hash of the last one. Later, `recorder verify NAME
    --against HEAD` proves that none of these lines has changed.
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
    metavar="HEAD|SEAL|FILE",
    multiple=True,
    help="A head of this session, or a seal, that was noted earlier, or a file with such; may be "
    "repeated.",
)
@key_option
@click.option(
    "--authority",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The root certificates of the time-stamp authority (PEM), to check time stamps of seals.",
)
@json_option
@click.pass_context
def verify(
    context: click.Context,
    name: str | None,
    heads: tuple[str, ...],
    keys: tuple[str, ...],
    authority: Path | None,
    as_json: bool,
) -> None:
    """Verify that files, database, hash chain, counts, index and ledger agree.

    Checks one session, or all. If something differs, the first line that does is reported and
    the exit code is 1.

    Anyone who can write to the data folder can rewrite file and database consistently. To detect
    this, compare with a head that was noted elsewhere (from `recorder head`, or the bot's answer
    to stop): all lines up to it must be unchanged. Several heads narrow down the first change.
    A seal (from `recorder seal`, or a line of seals.jsonl) does this for the whole data folder.
    The seals in seals.jsonl are always checked.
    """
    kept = [each for text in heads for each in noted_in(text)]
    noted = [each for each in kept if isinstance(each, Head)]
    given = [each for each in kept if not isinstance(each, Head)]
    if noted and name is None:
        raise click.UsageError("--against a head needs the NAME of a session.")
    settings: Settings = context.obj
    signers = public_keys(keys)
    reader, recording = Reader(settings.data), is_locked(settings.data)
    sessions = [reader.find(name)] if name else reader.sessions()
    with progress("Verifying", sum(session.message_count for session in sessions)) as advance:
        reports = [
            verification.verify(reader, session, recording=recording, heads=noted, progress=advance)
            for session in sessions
        ]
        seals = verify_seals(reader, given, keys=signers, authority=authority)
        database_faults = [*verification.verify_database(settings.data), *seals.faults]
        if name is None:
            database_faults += verification.unknown_files(reader, reports)
    faults = [fault for report in reports for fault in report.faults]
    faults += database_faults
    lines = sum(report.lines for report in reports)
    if name is None:
        last = LastVerification(now(), len(reports), lines, len(faults))
        save_last_verification(settings.data, last)
    if as_json:
        print_json(
            {
                "sessions": [
                    {
                        **session_json(report.session, now()),
                        "lines": report.lines,
                        "erased_lines": report.erased,
                        "erasures": len(report.erasures),
                        "faults": list(report.faults),
                    }
                    for report in reports
                ],
                "faults": database_faults,
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
            say(f"{checked} checked: file and database agree.")
            if erased := sum(report.erased for report in reports):
                erasures = frozenset[int]().union(*(report.erasures for report in reports))
                say(f"{plural(erased, 'line')} erased by {plural(len(erasures), 'erasure')}.")
            if noted:
                last_line = max(head.lines for head in noted)
                say(f"Lines 1–{last_line:,} match the noted head.")
            say_seals(seals, given, is_pinned=bool(signers), authority=authority)
    if faults:
        context.exit(FAULTS_FOUND)


@click.command()
@click.argument("name", type=SessionName(), required=False)
@click.pass_context
def repair(context: click.Context, name: str | None) -> None:
    """Rebuild damaged files from the database, and rebuild the full-text index.

    A damaged file is kept with .damaged appended to its name. The exit code is 1 if faults
    remain.
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
        say(f"{settings.data / session.file_path} was rebuilt.")
        faults += verification.verify(reader, session, recording=False).faults
    say("The full-text index was rebuilt.")
    for fault in faults:
        say(f"Not repairable, the database itself was changed: {fault}")
    if faults:
        context.exit(FAULTS_FOUND)
