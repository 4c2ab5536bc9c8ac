"""Where the command line's settings come from: options, the environment, a file ``.env``."""

from __future__ import annotations

import os
from pathlib import Path

from dotenv import dotenv_values

from recorder.errors import InvalidSetting
from recorder.settings import Settings


def settings_from(data: str | None = None, timezone: str | None = None) -> Settings:
    """The settings; options go before the environment, and that goes before ``.env``.

    Raises
    ------
    InvalidSetting
        A wrong value, an option without one, or a file that cannot be read.
    """
    path = Path.cwd() / ".env"
    try:
        written = dotenv_values(path)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(f"{path} cannot be read ({error}). Mend it or remove it.") from error
    given = {name: value for name, value in written.items() if value is not None}
    environment = {**given, **os.environ}
    for option, variable, value in (
        ("--data", "RECORDER_DATA", data),
        ("--timezone", "RECORDER_TZ", timezone),
    ):
        if value is not None:
            if not value.strip():
                raise InvalidSetting(f"{option} is empty. Give it a value, or leave it out.")
            environment[variable] = value
    return Settings.from_environment(environment)
