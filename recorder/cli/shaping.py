"""Commands that mark, put together, rename and delete sessions."""

from __future__ import annotations

from datetime import datetime

import click

from recorder import jsonl
from recorder.cli.output import (
    POSITIVE,
    SessionName,
    json_option,
    now,
    pass_settings,
    print_json,
    say,
)
from recorder.cli.reading import print_message
from recorder.cli.writing import change, confirmed
from recorder.errors import InvalidInput, NotFound
from recorder.formatting import date_and_clock, plural
from recorder.models import Channel, Session, Tag
from recorder.session_manager import SessionManager
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
    wanted = tag.casefold()
    found = next((t for t in reader.tags(session) if t.name.casefold() == wanted), None)
    if found is None:
        raise NotFound(f'There is no tag "{tag}" in {session.name}. See `recorder tags`.')
    first = max(found.message_index - _AROUND, 1)
    messages = reader.messages(session.id, first, found.message_index + _AROUND)
    if as_json:
        print_json(
            [
                {"message_index": recorded.message_index, **jsonl.as_json(recorded.message)}
                for recorded in messages
            ]
        )
        return
    for recorded in messages:
        is_marked = recorded.message_index == found.message_index
        print_message(recorded, settings, mark="➡ " if is_marked else "  ")


@click.command()
@click.argument("names", nargs=-1, required=True, type=SessionName(), metavar="NAME NAME...")
@click.option("--output", required=True, help="The new session's name.")
@pass_settings
def merge(settings: Settings, names: tuple[str, ...], output: str) -> None:
    """Put sessions together into a new one: by time, each message once."""
    reader = Reader(settings.data)
    sources = [reader.find(name) for name in names]
    if len({source.guild_id for source in sources}) > 1:
        raise InvalidInput("These sessions are of different servers; they cannot be merged.")
    place = Channel(sources[0].channel_id or "", "", sources[0].guild_id)
    at: datetime = now()

    async def put_together(manager: SessionManager) -> Session:
        user_id = sources[0].user_id or ""
        return await manager.merge(sources, output, place, user_id=user_id, now=at)

    merged = change(settings, put_together)
    say(f"{merged.name}: {plural(merged.message_count, 'message')}")


@click.command()
@click.argument("name", type=SessionName())
@click.argument("new_name")
@pass_settings
def rename(settings: Settings, name: str, new_name: str) -> None:
    """Give a session another name; its file keeps its own."""
    session = Reader(settings.data).find(name)
    renamed = change(settings, lambda manager: manager.rename(session, new_name))
    say(f"{session.name} is now {renamed.name}.")


@click.command()
@click.argument("name", type=SessionName())
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_settings
def delete(settings: Settings, name: str, yes: bool) -> None:
    """Delete a stopped session with its messages and its file, for good."""
    session = Reader(settings.data).find(name)
    count = plural(session.message_count, "message")
    if not (yes or confirmed(f"Delete {session.name} with its {count} for good?")):
        raise InvalidInput("Nothing was deleted. With --yes nobody is asked.")
    change(settings, lambda manager: manager.delete(session))
    say(f"{session.name} is deleted.")


COMMANDS = (tag, tags, goto, untag, merge, rename, delete)
