"""The group of commands, the common options, and the handling of errors."""

from __future__ import annotations

import logging
import os
import sys
from io import TextIOWrapper
from typing import Any

import click

from recorder import __version__
from recorder.cli.data_folder import backup, doctor, init
from recorder.cli.environment import settings_from
from recorder.cli.erase import erase
from recorder.cli.exit_codes import BAD_INPUT, EXIT_CODES, INTERRUPTED, UNUSABLE
from recorder.cli.export import export
from recorder.cli.import_files import import_
from recorder.cli.output import printable
from recorder.cli.people import people
from recorder.cli.proof import prove, seal
from recorder.cli.run import bot, demo
from recorder.cli.search import search
from recorder.cli.serve import serve
from recorder.cli.session import delete, merge, rename
from recorder.cli.show import list_, replay, show
from recorder.cli.sql import sql
from recorder.cli.stats import stats
from recorder.cli.tag import goto, tag, tags, untag
from recorder.cli.verify import head, repair, verify
from recorder.errors import RecorderError, StorageError
from recorder.settings import Settings
from recorder.store.damage import damage_in


def _failure(message: str, exit_code: int) -> click.ClickException:
    """Return an exception that ends the command with a message and an exit code."""
    failure = click.ClickException(printable(message))
    failure.exit_code = exit_code  # type: ignore[misc]  # click means it to be set so
    return failure


class _Commands(click.Group):
    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command line; turn an error of the system into a message and an exit code."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):  # an old encoding lacks some characters
                stream.reconfigure(errors="replace")
        try:
            return super().main(*args, **options)
        except OSError as error:
            problem = f"{error.filename} cannot be used"
            if error.filename is None:
                problem = "Output is cut off"
                _discard_output()
            click.echo(printable(f"Error: {problem} ({error.strerror})."), err=True)
            raise SystemExit(UNUSABLE) from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, and turn an error into a message and an exit code."""
        try:
            return super().invoke(ctx)
        except StorageError as error:
            raise _failure(str(error), UNUSABLE) from error
        except RecorderError as error:
            raise _failure(str(error), BAD_INPUT) from error
        except (KeyboardInterrupt, click.Abort) as error:
            raise _failure("Interrupted.", INTERRUPTED) from error
        except BrokenPipeError:
            # The reader closed the pipe, as in `recorder show x | head`.
            _discard_output()
            raise SystemExit(0) from None
        except click.ClickException as error:
            error.message = printable(error.message)  # type: ignore[misc]  # no new error fits all
            raise
        except (OSError, click.exceptions.Exit):
            raise
        except Exception as error:
            # A bug, unless another program has damaged the database.
            settings: Settings | None = ctx.obj
            damage = damage_in(settings.data) if settings else None
            if damage is None:
                raise
            raise _failure(str(damage), UNUSABLE) from error


def _discard_output() -> None:
    """Send the rest of the output nowhere, so that the flush at exit does not fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(
    cls=_Commands,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="recorder")
@click.option(
    "--data",
    type=click.Path(readable=False),
    help="The data folder.  [RECORDER_DATA; default: data]",
)
@click.option(
    "--timezone",
    help="The time zone of files and days, such as Europe/Berlin.  [RECORDER_TZ; default: UTC]",
)
@click.pass_context
def main(context: click.Context, data: str | None, timezone: str | None) -> None:
    """Record Discord conversations and manage the recordings.

    Settings come from options, then the environment, then a .env file in the current folder.
    """
    context.obj = settings_from(data, timezone)
    # Errors are printed as messages; without this Python would print log records as well.
    logging.getLogger("recorder").addHandler(logging.NullHandler())


_COMMANDS = (
    bot,
    demo,
    list_,
    show,
    replay,
    export,
    search,
    stats,
    sql,
    serve,
    tag,
    tags,
    goto,
    untag,
    merge,
    rename,
    delete,
    people,
    erase,
    head,
    verify,
    seal,
    prove,
    repair,
    import_,
    init,
    backup,
    doctor,
)
for _command in _COMMANDS:
    main.add_command(_command)
