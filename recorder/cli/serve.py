"""The command ``serve``."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click

from recorder.cli.output import SessionName, pass_settings, say
from recorder.errors import InvalidInput
from recorder.formatting import plural, size
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
    help="Serve nothing; write a database to publish.",
)
@click.option(
    "--session",
    "names",
    type=SessionName(),
    multiple=True,
    help="One that the public copy holds; may be given several times.",
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
    """Browse and query the recordings in a browser, with Datasette, also while they go on.

    Nothing can be written. Whoever can use this machine can read what is served, deleted text
    too; at an address that other machines reach, one has to sign in by the link that is shown.

    A public copy holds the named sessions alone, as people see them now: without what was deleted
    or edited away, without the messages of people who opted out, without attached files, and
    without Discord's ids of people, channels and servers.
    """
    if (public_copy is None) != (not names):
        raise click.UsageError("--public-copy and --session go together.")
    if public_copy is not None:
        _publish(settings, public_copy, names)
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


def _publish(settings: Settings, path: Path, names: tuple[str, ...]) -> None:
    from recorder.datasette.publishing import publish

    reader = Reader(settings.data)
    published = publish(reader, [reader.find(name) for name in names], path)
    say(f"{path}: {plural(published.messages, 'message')}, {size(published.bytes)}")
    say(f"Look at it with: datasette {path} --metadata {published.metadata}")


COMMANDS = (serve,)
