"""Commands about the data folder as a whole: ``init``, ``backup`` and ``doctor``."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import click

from recorder.care.backup import back_up
from recorder.care.diagnosis import Place, examine, recorded_places
from recorder.cli.exit_codes import FAULTS_FOUND
from recorder.cli.output import (
    json_option,
    now,
    pass_settings,
    print_json,
    say,
)
from recorder.errors import RecorderError
from recorder.formatting import plural, size
from recorder.recording.session_recorder import SessionRecorder
from recorder.settings import Settings

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
        context.exit(FAULTS_FOUND)


COMMANDS = (
    init,
    backup,
    doctor,
)
