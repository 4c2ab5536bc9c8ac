"""The group of all commands, their common options, and how errors end a command."""

from __future__ import annotations

import logging
import os
import sys
from io import TextIOWrapper
from typing import Any

import click

from recorder import __version__
from recorder.cli.environment import settings_from
from recorder.cli.exit_codes import BAD_INPUT, EXIT_CODES, INTERRUPTED, UNUSABLE
from recorder.cli.output import printable
from recorder.errors import RecorderError, StorageError
from recorder.settings import Settings
from recorder.store.damage import damage_in


def _failed(message: str, exit_code: int) -> click.ClickException:
    """A sentence on standard error and an exit code, never a traceback."""
    failure = click.ClickException(printable(message))
    failure.exit_code = exit_code  # type: ignore[misc]  # click means it to be set so
    return failure


class _Commands(click.Group):
    def main(self, *args: Any, **options: Any) -> Any:
        """As click's, and what the system refuses, such as output, ends in a sentence too."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):  # an old encoding does not have all signs
                stream.reconfigure(errors="replace")
        try:
            return super().main(*args, **options)
        except OSError as error:
            what = f"{error.filename} cannot be used"
            if error.filename is None:
                what = "Output is cut off"
                _leave_output()
            click.echo(printable(f"Error: {what} ({error.strerror})."), err=True)
            raise SystemExit(UNUSABLE) from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what goes wrong ends in a sentence and an exit code."""
        try:
            return super().invoke(ctx)
        except StorageError as error:
            raise _failed(str(error), UNUSABLE) from error
        except RecorderError as error:
            raise _failed(str(error), BAD_INPUT) from error
        except (KeyboardInterrupt, click.Abort) as error:
            raise _failed("Interrupted.", INTERRUPTED) from error
        except BrokenPipeError:
            # The reader of our output has seen enough, as in `recorder show x | head`.
            _leave_output()
            raise SystemExit(0) from None
        except (OSError, click.ClickException, click.exceptions.Exit):
            raise
        except Exception as error:
            # A program error, unless the database holds what no program can make sense of.
            settings: Settings | None = ctx.obj
            damage = damage_in(settings.data) if settings else None
            if damage is None:
                raise
            raise _failed(str(damage), UNUSABLE) from error


def _leave_output() -> None:
    """What is still to be written goes nowhere, so that Python's last flush does not fail."""
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
    "--timezone", help="For files and days, as Europe/Berlin.  [RECORDER_TZ; default: UTC]"
)
@click.pass_context
def main(context: click.Context, data: str | None, timezone: str | None) -> None:
    """Record Discord conversations, and look after the recordings.

    Settings come from the environment or from a file .env in the current folder; options go
    before both.
    """
    context.obj = settings_from(data, timezone)
    # An error ends in a sentence; only the bot, which sets up logging, has it in its log too.
    logging.getLogger("recorder").addHandler(logging.NullHandler())


def _add_commands() -> None:
    from recorder.cli import (
        data_folder,
        erase,
        export,
        import_files,
        run,
        search,
        serve,
        session,
        show,
        sql,
        stats,
        tag,
        verify,
    )

    for module in (
        run,
        show,
        export,
        search,
        stats,
        sql,
        serve,
        tag,
        session,
        erase,
        verify,
        import_files,
        data_folder,
    ):
        for command in module.COMMANDS:
            main.add_command(command)


_add_commands()
