"""The settings of the command line, from options, the environment and a ``.env`` file."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from dotenv import dotenv_values

from recorder.errors import InvalidSetting
from recorder.settings import Settings


def settings_from(data: str | None = None, timezone: str | None = None) -> Settings:
    """Return the settings; options override the environment, which overrides ``.env``.

    Raises
    ------
    InvalidSetting
        A value is wrong, an option is empty, or ``.env`` cannot be read.
    """
    path = Path.cwd() / ".env"
    try:
        values = dotenv_values(path)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(f"{path} cannot be read ({error}). Fix it or remove it.") from error
    environment = {name: value for name, value in values.items() if value is not None}
    environment |= os.environ
    for option, variable, value in (
        ("--data", "RECORDER_DATA", data),
        ("--timezone", "RECORDER_TZ", timezone),
    ):
        if value is not None:
            if not value.strip():
                raise InvalidSetting(f"{option} is empty. Give it a value, or leave it out.")
            environment[variable] = value
    return Settings.from_environment(environment)


def now() -> datetime:
    """Return the current time in UTC; the layers below take it as an argument."""
    return datetime.now(UTC)
