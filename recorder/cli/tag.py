"""Commands for tagged moments: ``tag``, ``tags``, ``goto`` and ``untag``."""

from __future__ import annotations

import click

from recorder.cli.output import (
    POSITIVE,
    SessionName,
    json_option,
    pass_settings,
    print_json,
    say,
)
from recorder.cli.show import print_message
from recorder.cli.writing import change
from recorder.formatting import date_and_clock
from recorder.models import Tag
from recorder.record import jsonl
from recorder.recording.session_manager import SessionManager
from recorder.settings import Settings
from recorder.store.reading import Reader

_AROUND = 2  # messages before and behind a tagged one


@click.command()
@click.argument("name", type=SessionName())
@json_option
@pass_settings
def tags(settings: Settings, name: str, as_json: bool) -> None:
    """List the tagged moments of a session."""
    reader = Reader(settings.data)
    found = reader.tags(reader.find(name))
    if as_json:
        print_json(
            [
                {
                    "tag": tag.name,
                    "timestamp": tag.timestamp.isoformat(),
                    "message_index": tag.message_index,
                }
                for tag in found
            ]
        )
        return
    if not found:
        say("There are no tags in this session.")
    for tag in found:
        say(f"{tag.name}  {date_and_clock(tag.timestamp, settings.timezone)}")


@click.command()
@click.argument("name", type=SessionName())
@click.argument("tag")
@click.option("--message", type=POSITIVE, help="Its index.  [default: the last one]")
@pass_settings
def tag(settings: Settings, name: str, tag: str, message: int | None) -> None:
    """Mark a message of a session, to find it again."""
    session = Reader(settings.data).find(name)

    async def add(manager: SessionManager) -> Tag:
        return await manager.tag(session, tag, message_index=message)

    added = change(settings, add)
    say(f"{added.name} marks message {added.message_index}.")


@click.command()
@click.argument("name", type=SessionName())
@click.argument("tag")
@pass_settings
def untag(settings: Settings, name: str, tag: str) -> None:
    """Remove a tag; the message stays as it is."""
    session = Reader(settings.data).find(name)
    change(settings, lambda manager: manager.untag(session, tag))
    say(f"{tag} is removed.")


@click.command()
@click.argument("name", type=SessionName())
@click.argument("tag")
@json_option
@pass_settings
def goto(settings: Settings, name: str, tag: str, as_json: bool) -> None:
    """Show a tagged moment, with what was said around it."""
    reader = Reader(settings.data)
    session = reader.find(name)
    target = reader.tag(session, tag)
    first = max(target.message_index - _AROUND, 1)
    messages = reader.messages(session.id, first, target.message_index + _AROUND)
    if as_json:
        print_json(
            [
                {"message_index": recorded.message_index, **jsonl.as_json(recorded.message)}
                for recorded in messages
            ]
        )
        return
    for recorded in messages:
        is_marked = recorded.message_index == target.message_index
        print_message(recorded, settings, mark="➡ " if is_marked else "  ")


COMMANDS = (tag, tags, goto, untag)
