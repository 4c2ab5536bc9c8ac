"""The command ``erase``."""

from __future__ import annotations

from datetime import datetime, timedelta

import click

from recorder.cli.environment import now
from recorder.cli.exit_codes import NOT_FINISHED
from recorder.cli.output import print_json, say
from recorder.cli.parameters import POSITIVE, SessionName, json_option, pass_settings
from recorder.cli.writing import change, confirmed
from recorder.errors import InvalidInput, NotFound
from recorder.formatting import plural
from recorder.recording.erasing import ErasurePlan, plan_erasure
from recorder.recording.session_manager import SessionManager
from recorder.settings import Settings
from recorder.store import recorded_people
from recorder.store.attachments import key_of
from recorder.store.erasure import Selection
from recorder.store.reading import Reader
from recorder.store.recorded_people import Person
from recorder.store.scrubbing import is_unfinished

_DISCORD_ID = click.IntRange(1, 2**63 - 1)
_NOT_FINISHED = (
    "Erased, but not finished: another program is reading the database, or the disk is full, so "
    "the content is still in its free space or its log. Close that program, and run `recorder "
    "erase` again. The recorder finishes it too, at its start and every hour."
)


@click.command()
@click.option(
    "--user",
    help="The Discord id of a user, or their user or display name if nobody else has it, to erase "
    "all that is recorded of them.",
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
@click.pass_context
def erase(
    context: click.Context,
    settings: Settings,
    user: str | None,
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
    Exports of the affected sessions are removed, and so are those of deleted sessions and of
    unknown origin. Copies elsewhere, such as backups, are not affected. No recorder may be
    running.

    While another program reads the database, an erasure cannot be finished: run the command again
    when that program is closed. The recorder finishes it too, at its start and every hour.
    """
    reader, at = Reader(settings.data), now()
    chosen = sum(map(bool, (user, messages, name, retention)))
    if chosen > 1 or not (chosen or (not dry_run and is_unfinished(reader))):
        raise click.UsageError("Give one of --user, --message, --session and --retention.")
    is_repeated = not dry_run and _finish_earlier(settings, reader)
    before = None if retention is None else at - timedelta(days=retention)
    try:
        selection, person = _selected(reader, user, messages, name, before)
    except NotFound:
        if not is_repeated:
            raise
        _check_finished(reader, context)  # it may be what was erased
        return
    plan = plan_erasure(reader, selection)
    if not as_json:
        _print(plan, person, reader)
    if plan.is_empty or dry_run:
        if as_json:
            print_json({**_json(plan, person), "erased": False})
        if is_repeated:
            _check_finished(reader, context)
        return
    if not (yes or confirmed("Erase this permanently?")):
        raise InvalidInput("Nothing was erased. Use --yes to skip the question.")
    erased = change(settings, lambda manager: manager.erase(selection, now=at))
    is_finished = not is_unfinished(reader)
    if as_json:
        print_json({**_json(erased, person), "erased": True, "finished": is_finished})
    elif is_finished:
        say("Erased. Backups and copies outside the data folder are not affected.")
    _check_finished(reader, context)


def _selected(
    reader: Reader,
    user: str | None,
    messages: tuple[int, ...],
    name: str | None,
    before: datetime | None,
) -> tuple[Selection, Person | None]:
    """Return what to erase, and the user if it is one."""
    if user is not None:
        person = recorded_people.find(reader, user)
        return Selection("user", user_id=person.id), person
    if messages:
        return Selection("message", message_ids=messages), None
    if name is not None:
        return Selection("session", session_id=reader.find(name).id), None
    if before is not None:
        return Selection("retention", before=before), None
    raise NotFound("Nothing was named.")


def _finish_earlier(settings: Settings, reader: Reader) -> bool:
    """Finish an earlier erasure if possible; return whether there was one."""
    if not is_unfinished(reader):
        return False

    async def nothing(manager: SessionManager) -> None:
        """Do nothing: the recorder finishes erasures when it opens."""

    change(settings, nothing)
    if not is_unfinished(reader):
        click.echo("An earlier erasure is finished now.", err=True)
    return True


def _check_finished(reader: Reader, context: click.Context) -> None:
    """Exit with a message while an erasure is not finished."""
    if is_unfinished(reader):
        click.echo(_NOT_FINISHED, err=True)
        context.exit(NOT_FINISHED)


def _print(plan: ErasurePlan, person: Person | None, reader: Reader) -> None:
    scope = plan.scope
    if person is not None and (person.names or not plan.is_empty):
        say(str(person))
    if plan.is_empty:
        say("There is nothing to erase.")
        return
    lines = f", {plural(len(scope.line_ids), 'line')} of content" if scope.line_ids else ""
    say(f"{plural(scope.messages, 'message')}{lines}")
    if scope.redacted_ids:
        say(f"  names and ids in {plural(len(scope.redacted_ids), 'line')} of others")
    if scope.started:
        say(f"  {plural(scope.started, 'recording')} started, without the id")
    if files := {key_of(url) for url in scope.urls}:
        say(f"  with {plural(len(files), 'attached file')}, where kept")
    for session_id in scope.session_ids:
        say(f"  in {reader.session(session_id).name}")
    for session_id in scope.whole_session_ids:
        say(f"  {reader.session(session_id).name} as a whole")
    for path in plan.files:
        say(f"  {path} is removed")


def _json(plan: ErasurePlan, person: Person | None) -> dict[str, object]:
    scope = plan.scope
    return {
        "user": None if person is None else {"id": person.id, "names": person.names},
        "messages": scope.messages,
        "lines": len(scope.line_ids),
        "lines_of_others": len(scope.redacted_ids),
        "started": scope.started,
        "sessions": list(scope.session_ids),
        "whole_sessions": list(scope.whole_session_ids),
        "files": list(plan.files),
    }
