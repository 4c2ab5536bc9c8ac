"""Times in Discord's own markup, which each reader sees in their own time zone."""

from __future__ import annotations

from datetime import datetime


def clock(time: datetime) -> str:
    """Return the markup of a time of day."""
    return f"<t:{int(time.timestamp())}:t>"


def date_and_clock(time: datetime) -> str:
    """Return the markup of a date and a time of day."""
    return f"<t:{int(time.timestamp())}:f>"
