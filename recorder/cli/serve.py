"""The command ``serve``."""

from __future__ import annotations

import importlib.util
import shlex
from pathlib import Path

import click

from recorder.cli.output import say
from recorder.cli.parameters import SessionName, pass_settings
from recorder.errors import InvalidInput
from recorder.formatting import plural, size
from recorder.settings import Settings
from recorder.store.reading import Reader


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    default=8001,
    show_default=True,
    type=click.IntRange(0, 65_535),
    help="The port to listen on; 0 for any free port.",
)
@click.option("--open", "open_browser", is_flag=True, help="Open a browser.")
@click.option(
    "--public-copy",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a database to publish instead of serving.",
)
@click.option(
    "--session",
    "names",
    type=SessionName(),
    multiple=True,
    help="A session to include in the public copy; may be repeated.",
)
@pass_settings
def serve(
    settings: Settings,
    host: str,
    port: int,
    open_browser: bool,
    public_copy: Path | None,
    names: tuple[str, ...],
) -> None:
    """Browse and query the recordings with Datasette, even while recording.

    The site is read-only. Every user of this machine can read it, including deleted text. If
    other machines can reach the address, visitors have to sign in with the link that is printed.

    A public copy contains only the given sessions in their current state: no deleted messages or
    earlier versions, no messages of users who opted out or mentions of their names, no attached
    files, and no Discord ids of users, channels and servers, also not in links. The command says
    how much it left out.
    """
    if (public_copy is None) != (not names):
        raise click.UsageError("Name the sessions of the copy: --public-copy FILE --session NAME.")
    if public_copy is not None:
        _publish(settings, public_copy, names)
        return
    if importlib.util.find_spec("datasette") is None:
        raise InvalidInput(
            "Serving needs the extra `datasette`: pip install 'discord-session-recorder[datasette]'"
        )
    from recorder.datasette.server import serve as run

    def announce(url: str) -> None:
        say(f"Serving {settings.data} at {url} (press Ctrl+C to stop)")

    run(
        settings.data,
        settings.timezone,
        host=host,
        port=port,
        announce=announce,
        open_browser=open_browser,
    )


def _publish(settings: Settings, path: Path, names: tuple[str, ...]) -> None:
    from recorder.datasette.publishing import publish

    reader = Reader(settings.data)
    published = publish(reader, [reader.find(name) for name in names], path)
    say(f"{path}: {plural(published.messages, 'message')}, {size(published.bytes)}")
    if left_out := str(published.left_out):
        say(f"Left out: {left_out}")
    command = ("datasette", str(path), "--metadata", str(published.metadata))
    say(f"Open it with: {shlex.join(command)}")
