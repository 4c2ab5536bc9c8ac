"""The commands ``merge``, ``rename`` and ``delete``."""

from __future__ import annotations

import click

from recorder.cli.environment import now
from recorder.cli.output import say
from recorder.cli.parameters import SessionName, pass_settings
from recorder.cli.writing import change, confirmed
from recorder.errors import InvalidInput
from recorder.formatting import plural
from recorder.models import Channel, Session
from recorder.recording.session_manager import SessionManager
from recorder.settings import Settings
from recorder.store.reading import Reader


@click.command()
@click.argument("names", nargs=-1, required=True, type=SessionName(), metavar="NAME NAME...")
@click.option("--output", required=True, help="The name of the new session.")
@pass_settings
def merge(settings: Settings, names: tuple[str, ...], output: str) -> None:
    """Merge sessions into a new one, in chronological order and without duplicates."""
    reader = Reader(settings.data)
    sources = [reader.find(name) for name in names]
    if len({source.guild_id for source in sources}) > 1:
        raise InvalidInput("Sessions of different servers cannot be merged.")
    channel = Channel(sources[0].channel_id or "", "", sources[0].guild_id)
    at = now()

    async def run(manager: SessionManager) -> Session:
        user_id = sources[0].user_id or ""
        return await manager.merge(sources, output, channel, user_id=user_id, now=at)

    merged = change(settings, run)
    say(f"{merged.name}: {plural(merged.message_count, 'message')}")


@click.command()
@click.argument("name", type=SessionName())
@click.argument("new_name")
@pass_settings
def rename(settings: Settings, name: str, new_name: str) -> None:
    """Rename a session; its file keeps its name."""
    session = Reader(settings.data).find(name)
    renamed = change(settings, lambda manager: manager.rename(session, new_name, now=now()))
    say(f"{session.name} is now {renamed.name}.")


@click.command()
@click.argument("name", type=SessionName())
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@pass_settings
def delete(settings: Settings, name: str, yes: bool) -> None:
    """Delete a stopped session with its messages and its file, permanently."""
    session = Reader(settings.data).find(name)
    count = plural(session.message_count, "message")
    if not (yes or confirmed(f"Delete {session.name} with its {count} permanently?")):
        raise InvalidInput("Nothing was deleted. Use --yes to skip the question.")
    change(settings, lambda manager: manager.delete(session))
    say(f"{session.name} is deleted.")
