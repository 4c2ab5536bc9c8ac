"""Pictures of sessions, drawn with Pillow; they need the extra ``pictures``."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from recorder.errors import InvalidInput
from recorder.formatting import duration, plural
from recorder.models import Session
from recorder.stats.activity import activity
from recorder.store.reading import Reader


def are_available() -> bool:
    """Return whether Pillow is installed."""
    return importlib.util.find_spec("PIL") is not None


def activity_picture(
    reader: Reader,
    sessions: Sequence[Session],
    title: str,
    now: datetime,
    timezone: ZoneInfo,
) -> bytes | None:
    """Return a diagram of messages by time and author, as a PNG; ``None`` if it is empty.

    Parameters
    ----------
    title
        The heading of the picture.
    now
        The end of sessions that are still running.
    timezone
        The time zone of the time axis.

    Raises
    ------
    InvalidInput
        Pillow is not installed.
    """
    if not are_available():
        raise InvalidInput(
            "Pictures need the extra `pictures`: pip install 'discord-session-recorder[pictures]'"
        )
    from recorder.stats.pictures.drawing import BARS, draw

    shown = activity(reader, sessions, now, timezone, most_bars=BARS)
    if shown is None:
        return None
    messages = sum(shown.totals)
    noun = "message" if messages == 1 else "messages"
    recorded = duration(sum(session.duration(now) for session in sessions))
    summary = f"{messages:,} {noun} in {recorded}"
    if len(sessions) > 1:
        summary += f" of {plural(len(sessions), 'session')}"
    return draw(shown, title, summary, timezone)
