"""The commands ``bot`` and ``demo``."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click

from recorder.cli.output import say
from recorder.cli.parameters import pass_settings
from recorder.errors import InvalidInput
from recorder.settings import Settings


@click.command()
@pass_settings
def bot(settings: Settings) -> None:
    """Run the recorder as a bot, with the token in DISCORD_TOKEN."""
    from recorder.bot.standalone import run

    run(settings)


@click.command()
@click.option("--web", is_flag=True, help="Serve a page on which you can write to the bot.")
@click.option("--port", default=8765, show_default=True, help="The port of the page.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo-data"),
    show_default=True,
    help="The data folder of the demo; emptied first.",
)
@click.pass_context
def demo(context: click.Context, web: bool, port: int, folder: Path) -> None:
    """Play and record a conversation in a simulated Discord: no token, no network."""
    if importlib.util.find_spec("simcord") is None:
        raise InvalidInput(
            "The demo needs the extra `demo`: pip install 'discord-session-recorder[demo]'"
        )
    from recorder.bot.demo import run

    run(folder, web=web, port=port, output=say)
