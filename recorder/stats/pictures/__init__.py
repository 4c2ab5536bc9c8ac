"""Pictures of what was recorded, drawn with Pillow: the extra ``pictures``."""

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
    """Whether pictures can be drawn here."""
    return importlib.util.find_spec("PIL") is not None


def activity_picture(
    reader: Reader,
    sessions: Sequence[Session],
    title: str,
    now: datetime,
    timezone: ZoneInfo,
) -> bytes | None:
    """Who said how much when, as a PNG; ``None`` when nothing was ever recorded.

    Parameters
    ----------
    title
        What stands above it.
    now
        Up to when a session that still runs is shown.
    timezone
        Of the times below the bars.

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

    found = activity(reader, sessions, now, timezone, most_bars=BARS)
    if found is None:
        return None
    messages = sum(found.totals)
    noun = "message" if messages == 1 else "messages"
    recorded = duration(sum(session.duration(now) for session in sessions))
    summary = f"{messages:,} {noun} in {recorded}"
    if len(sessions) > 1:
        summary += f" of {plural(len(sessions), 'session')}"
    return draw(found, title, summary, timezone)
