"""The command ``serve``."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click

from recorder.cli.output import SessionName, pass_settings, say
from recorder.errors import InvalidInput
from recorder.formatting import plural, size
from recorder.publishing import publish
from recorder.settings import Settings
from recorder.store.reading import Reader


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port",
    default=8001,
    show_default=True,
    type=click.IntRange(0, 65_535),
    help="0 for any that is free.",
)
@click.option("--open", "open_browser", is_flag=True, help="Open a browser, too.")
@click.option(
    "--public-copy",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Serve nothing, but write a database for publishing, with these sessions alone:",
)
@click.option("--session", "names", multiple=True, type=SessionName(), help="One of them.")
@pass_settings
def serve(
    settings: Settings,
    host: str,
    port: int,
    open_browser: bool,
    public_copy: Path | None,
    names: tuple[str, ...],
) -> None:
    """Browse and query the recordings in a browser, with Datasette, also while they go on.

    Nothing can be written. Whoever can use this machine can read what is served, deleted text
    too; at an address that other machines reach, one has to sign in by the link that is shown.
    A public copy holds no text of deleted messages, and nothing of other sessions.
    """
    if bool(names) != (public_copy is not None):
        raise click.UsageError("--public-copy FILE and --session NAME go together.")
    if public_copy is not None:
        reader = Reader(settings.data)
        written = publish(reader, [reader.find(name) for name in names], public_copy)
        say(f"{public_copy}: {plural(len(names), 'session')}, {size(written)}")
        return
    if importlib.util.find_spec("datasette") is None:
        raise InvalidInput(
            "Serving needs the extra `datasette`: pip install 'discord-session-recorder[datasette]'"
        )
    from recorder.datasette.server import serve as run

    def announce(url: str) -> None:
        say(f"{settings.data} is served at {url} until you press Ctrl+C.")

    run(
        settings.data,
        settings.timezone,
        host=host,
        port=port,
        announce=announce,
        open_browser=open_browser,
    )


COMMANDS = (serve,)
