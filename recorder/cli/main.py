"""The group of all commands, their common options, and how errors end a command."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click
from dotenv import load_dotenv

from recorder import __version__
from recorder.errors import InvalidInput, RecorderError, StorageError
from recorder.settings import Settings

EXIT_CODES = """\b
Exit codes:
  0    done
  1    done, and something is wrong: verify or doctor found faults; search found nothing
  2    wrong use or bad input; nothing was changed
  3    the data folder or the database cannot be used
  130  interrupted
"""

FOUND_FAULTS = 1


def _failed(message: str, exit_code: int) -> click.ClickException:
    """A sentence on standard error and an exit code, never a traceback."""
    failure = click.ClickException(message)
    failure.exit_code = exit_code  # type: ignore[misc]  # click means it to be set so
    return failure


class _Commands(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what goes wrong ends in a sentence and an exit code."""
        try:
            return super().invoke(ctx)
        except InvalidInput as error:
            raise _failed(str(error), 2) from error
        except StorageError as error:
            raise _failed(str(error), 3) from error
        except RecorderError as error:
            raise _failed(str(error), 2) from error
        except KeyboardInterrupt as error:
            raise _failed("Interrupted.", 130) from error
        except BrokenPipeError:
            # The reader of our output has seen enough, as in `recorder show x | head`.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(0) from None


@click.group(
    cls=_Commands,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="recorder")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="The data folder.  [RECORDER_DATA; default: data]",
)
@click.option(
    "--timezone", help="For files and days, as Europe/Berlin.  [RECORDER_TZ; default: UTC]"
)
@click.pass_context
def main(context: click.Context, data: Path | None, timezone: str | None) -> None:
    """Record Discord conversations, and look after the recordings.

    Settings come from the environment or from a file .env in the current folder; options go
    before both.
    """
    if context.resilient_parsing:
        return
    load_dotenv(Path.cwd() / ".env")
    environment = dict(os.environ)
    if data is not None:
        environment["RECORDER_DATA"] = str(data)
    if timezone is not None:
        environment["RECORDER_TZ"] = timezone
    context.obj = Settings.from_environment(environment)


def _add_commands() -> None:
    from recorder.cli import care, reading, running, searching, shaping, statistics

    for module in (running, reading, searching, statistics, shaping, care):
        for command in module.COMMANDS:
            main.add_command(command)


_add_commands()
