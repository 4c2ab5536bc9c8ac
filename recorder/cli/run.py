"""Commands that run something: ``bot`` and ``demo``."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click

from recorder.cli.output import pass_settings
from recorder.errors import InvalidInput
from recorder.settings import Settings


@click.command()
@pass_settings
def bot(settings: Settings) -> None:
    """Run the recorder as a bot of its own, with the token in DISCORD_TOKEN."""
    from recorder.bot.standalone import run

    run(settings)


@click.command()
@click.option("--web", is_flag=True, help="Leave a page open in which you type to the bot.")
@click.option("--port", default=8765, show_default=True, help="Of the page.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo-data"),
    show_default=True,
    help="Where the demo records; emptied at its start.",
)
@click.pass_context
def demo(context: click.Context, web: bool, port: int, folder: Path) -> None:
    """Play a conversation and record it, in a Discord of its own: no token, no network."""
    if importlib.util.find_spec("simcord") is None:
        raise InvalidInput(
            "The demo needs the extra `demo`: pip install 'discord-session-recorder[demo]'"
        )
    from recorder.bot.demo import run

    run(folder, web=web, port=port, output=click.echo)


COMMANDS = (bot, demo)
