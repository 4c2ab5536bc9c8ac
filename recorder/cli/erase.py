"""The command ``erase``."""

from __future__ import annotations

from datetime import timedelta

import click

from recorder.cli.environment import now
from recorder.cli.output import print_json, say
from recorder.cli.parameters import POSITIVE, SessionName, json_option, pass_settings
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
@click.option(
    "--user", type=_DISCORD_ID, help="The Discord id of a user, to erase all their messages."
)
@click.option(
    "--message",
    "messages",
    multiple=True,
    type=_DISCORD_ID,
    help="The Discord id of a message; may be repeated.",
)
@click.option(
    "--session", "name", type=SessionName(), help="The name of a session, to erase all of it."
)
@click.option(
    "--retention", metavar="DAYS", type=POSITIVE, help="Erase everything that is older than this."
)
@click.option("--dry-run", is_flag=True, help="Only show what would be erased.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
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
    """Erase recorded content permanently, and record the erasure.

    Give one of --user, --message, --session and --retention. The content is removed from the
    database, its index, the JSONL files, exports and attachments, and the record still verifies.
    Exports of the affected sessions are removed, and so are files in exports/ of unknown origin.
    Copies elsewhere, such as backups, are not affected. No recorder may be running.
    """
    reader, at = Reader(settings.data), now()
    if sum(map(bool, (user, messages, name, retention))) != 1:
        raise click.UsageError("Give one of --user, --message, --session and --retention.")
    if user is not None:
        selection = Selection("user", user_id=str(user))
    elif messages:
        selection = Selection("message", message_ids=messages)
    elif name is not None:
        selection = Selection("session", session_id=reader.find(name).id)
    else:
        selection = Selection("retention", before=at - timedelta(days=retention or 0))
    plan = plan_erasure(reader, selection)
    if not as_json:
        _print(plan, reader)
    if plan.scope.is_empty or dry_run:
        if as_json:
            print_json({**_json(plan), "erased": False})
        return
    if not (yes or confirmed("Erase this permanently?")):
        raise InvalidInput("Nothing was erased. Use --yes to skip the question.")
    erased = change(settings, lambda manager: manager.erase(selection, now=at))
    if as_json:
        print_json({**_json(erased), "erased": True})
    else:
        say("Erased. Backups and copies outside the data folder are not affected.")


def _print(plan: ErasurePlan, reader: Reader) -> None:
    scope = plan.scope
    if scope.is_empty:
        say("There is nothing to erase.")
        return
    say(f"{plural(scope.messages, 'message')}, {plural(len(scope.line_ids), 'line')} of content")
    if files := {key_of(url) for url in scope.urls}:
        say(f"  with {plural(len(files), 'attached file')}, where kept")
    for session_id in scope.session_ids:
        say(f"  in {reader.session(session_id).name}")
    for session_id in scope.whole_session_ids:
        say(f"  {reader.session(session_id).name} as a whole")
    for path in plan.files:
        say(f"  {path} is removed")


def _json(plan: ErasurePlan) -> dict[str, object]:
    scope = plan.scope
    return {
        "messages": scope.messages,
        "lines": len(scope.line_ids),
        "sessions": list(scope.session_ids),
        "whole_sessions": list(scope.whole_session_ids),
        "files": list(plan.files),
    }
