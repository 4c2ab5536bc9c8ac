"""Pictures of what was recorded, drawn with Pillow: the extra ``pictures``."""

from __future__ import annotations

import importlib.util

from recorder.errors import InvalidInput


def is_available() -> bool:
    """Whether pictures can be drawn here."""
    return importlib.util.find_spec("PIL") is not None


def require() -> None:
    """Refuse where pictures cannot be drawn.

    Raises
    ------
    InvalidInput
        Pillow is not installed.
    """
    if not is_available():
        raise InvalidInput(
            "Pictures need the extra `pictures`: pip install 'discord-session-recorder[pictures]'"
        )
