"""The commands ``init``, ``backup`` and ``doctor``, about the data folder as a whole."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import click

from recorder.care.backup import back_up
from recorder.care.diagnosis import Scope, examine, recorded_scopes
from recorder.cli.environment import now
from recorder.cli.exit_codes import FAULTS_FOUND
from recorder.cli.output import print_json, say
from recorder.cli.parameters import json_option, pass_settings
from recorder.errors import RecorderError
from recorder.formatting import plural, size
from recorder.recording.session_recorder import SessionRecorder
from recorder.settings import Settings

_COLOURS = {"good": "green", "note": "yellow", "bad": "red"}


@click.command()
@pass_settings
def init(settings: Settings) -> None:
    """Create the data folder and its database, or upgrade an older one."""

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
    """Copy the data folder to a new FOLDER, even while recording.

    Copies the database, seals.jsonl, attachments/ and exports/, and checks the copy, which is a
    data folder itself: to restore it, move it where the old one was. The JSONL files in sessions/
    are not copied; `recorder init`, or the next start of the recorder, rebuilds them.
    """
    copy = back_up(settings.data, folder)
    if as_json:
        print_json({"folder": str(folder), "bytes": copy.bytes, "files": copy.files})
    else:
        say(f"{folder}: the database and {plural(copy.files, 'file')}, {size(copy.bytes)}")


@click.command()
@json_option
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Check everything that recording needs, and print a hint for each problem.

    If DISCORD_TOKEN is set, this also checks the bot's intents, and its permissions where it
    records. The exit code is 1 if a check is bad.
    """
    settings: Settings = context.obj
    findings = examine(settings, now())
    if settings.token:
        from recorder.bot.inspection import inspect

        scopes: list[Scope] = []
        with suppress(RecorderError):  # already among the findings
            scopes = recorded_scopes(settings.data)
        findings += inspect(settings.token, scopes)
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
