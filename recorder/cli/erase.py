"""The command ``erase``."""

from __future__ import annotations

from datetime import timedelta

import click

from recorder.cli.output import (
    POSITIVE,
    SessionName,
    json_option,
    now,
    pass_settings,
    print_json,
    say,
)
from recorder.cli.writing import change, confirmed
from recorder.errors import InvalidInput
from recorder.formatting import plural
from recorder.recording.erasing import ErasurePlan, plan_erasure
from recorder.settings import Settings
from recorder.store.attachments import key_of
from recorder.store.erasure import Selection
from recorder.store.reading import Reader

_DISCORD_ID = click.IntRange(1, 2**63 - 1)


@click.command()
@click.option("--user", type=_DISCORD_ID, help="All that a person said; their Discord id.")
@click.option("--message", "messages", multiple=True, type=_DISCORD_ID, help="A message's id.")
@click.option("--session", "name", type=SessionName(), help="A session as a whole; its name.")
@click.option("--retention", metavar="DAYS", type=POSITIVE, help="All that is older.")
@click.option("--dry-run", is_flag=True, help="Only say what would be erased.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_settings
def erase(
    settings: Settings,
    user: int | None,
    messages: tuple[int, ...],
    name: str | None,
    retention: int | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Destroy what was recorded, for good, and put on record that it was done.

    Name one of --user, --message, --session and --retention. No byte of the content stays in
    the database, its index, the JSONL files, exports and attachments, and the record still
    verifies. Exports of the sessions concerned, and files in exports/ of which it is not known
    where they come from, are removed. Copies elsewhere, such as backups, are not reached. No
    recorder may be running.
    """
    reader, at = Reader(settings.data), now()
    if sum(map(bool, (user, messages, name, retention))) != 1:
        raise click.UsageError("Name one of --user, --message, --session and --retention.")
    if user is not None:
        selection = Selection("user", user_id=str(user))
    elif messages:
        selection = Selection("message", message_ids=messages)
    elif name is not None:
        selection = Selection("session", session_id=reader.find(name).id)
    else:
        selection = Selection("retention", before=at - timedelta(days=retention or 0))
    planned = plan_erasure(reader, selection)
    if not as_json:
        _print(planned, reader)
    if planned.scope.is_empty or dry_run:
        if as_json:
            print_json({**_json(planned), "erased": False})
        return
    if not (yes or confirmed("Erase this for good?")):
        raise InvalidInput("Nothing was erased. With --yes nobody is asked.")
    erased = change(settings, lambda manager: manager.erase(selection, now=at))
    if as_json:
        print_json({**_json(erased), "erased": True})
    else:
        say("Erased. Backups and copies outside of the data folder are not reached.")


def _print(planned: ErasurePlan, reader: Reader) -> None:
    found = planned.scope
    if found.is_empty:
        say("There is nothing to erase.")
        return
    say(f"{plural(found.messages, 'message')}, {plural(len(found.line_ids), 'line')} of content")
    if files := {key_of(url) for url in found.urls}:
        say(f"  with {plural(len(files), 'attached file')}, where kept")
    for session_id in found.session_ids:
        say(f"  in {reader.session(session_id).name}")
    for session_id in found.whole_session_ids:
        say(f"  {reader.session(session_id).name} as a whole")
    for path in planned.files:
        say(f"  {path} is removed")


def _json(planned: ErasurePlan) -> dict[str, object]:
    found = planned.scope
    return {
        "messages": found.messages,
        "lines": len(found.line_ids),
        "sessions": list(found.session_ids),
        "whole_sessions": list(found.whole_session_ids),
        "files": list(planned.files),
    }


COMMANDS = (erase,)
