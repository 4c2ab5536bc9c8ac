"""The commands ``tag``, ``tags``, ``goto`` and ``untag``."""

from __future__ import annotations

import click

from recorder.cli.environment import now
from recorder.cli.output import print_json, say
from recorder.cli.parameters import POSITIVE, SessionName, json_option, pass_settings
from recorder.cli.show import print_message
from recorder.cli.writing import change
from recorder.formatting import date_and_clock
from recorder.models import Tag
from recorder.record import jsonl
from recorder.recording.session_manager import SessionManager
from recorder.settings import Settings
from recorder.store.reading import Reader

_CONTEXT = 2  # messages before and after a tagged one


@click.command()
@click.argument("name", type=SessionName())
@json_option
@pass_settings
def tags(settings: Settings, name: str, as_json: bool) -> None:
    """List the tags of a session."""
    reader = Reader(settings.data)
    rows = reader.tags(reader.find(name))
    if as_json:
        print_json(
            [
                {
                    "tag": tag.name,
                    "timestamp": tag.timestamp.isoformat(),
                    "message_index": tag.message_index,
                }
                for tag in rows
            ]
        )
        return
    if not rows:
        say("There are no tags in this session.")
    for tag in rows:
        say(f"{tag.name}  {date_and_clock(tag.timestamp, settings.timezone)}")


@click.command()
@click.argument("name", type=SessionName())
@click.argument("tag")
@click.option("--message", type=POSITIVE, help="The index of the message.  [default: the last one]")
@pass_settings
def tag(settings: Settings, name: str, tag: str, message: int | None) -> None:
    """Tag a message of a session."""
    session = Reader(settings.data).find(name)

    async def add(manager: SessionManager) -> Tag:
        return await manager.tag(session, tag, now=now(), message_index=message)

    added = change(settings, add)
    say(f"{added.name} marks message {added.message_index}.")


@click.command()
@click.argument("name", type=SessionName())
@click.argument("tag")
@pass_settings
def untag(settings: Settings, name: str, tag: str) -> None:
    """Remove a tag from a session."""
    session = Reader(settings.data).find(name)
    change(settings, lambda manager: manager.untag(session, tag, now=now()))
    say(f"{tag} is removed.")


@click.command()
@click.argument("name", type=SessionName())
@click.argument("tag")
@json_option
@pass_settings
def goto(settings: Settings, name: str, tag: str, as_json: bool) -> None:
    """Show a tagged message and the messages around it."""
    reader = Reader(settings.data)
    session = reader.find(name)
    target = reader.tag(session, tag)
    first = max(target.message_index - _CONTEXT, 1)
    messages = reader.messages(session.id, first, target.message_index + _CONTEXT)
    if as_json:
        print_json(
            [
                {"message_index": recorded.message_index, **jsonl.as_json(recorded.message)}
                for recorded in messages
            ]
        )
        return
    for recorded in messages:
        is_tagged = recorded.message_index == target.message_index
        print_message(recorded, settings, mark="➡ " if is_tagged else "  ")
