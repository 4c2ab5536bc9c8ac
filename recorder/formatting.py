"""Human-readable times, durations, sizes, counts and names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from recorder.models import Gap

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_KIBI = 1024
_BARS = "▁▂▃▄▅▆▇█"

# Control characters that are no white space: in a terminal they could write over other lines.
_CONTROLS = r"\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f"
_CONTROL = re.compile(f"[{_CONTROLS}]")
_INVISIBLE = re.compile(f"[{_CONTROLS}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def duration(seconds: float) -> str:
    """Return a duration in its two largest units, such as ``1h 23m`` or ``42s``."""
    whole = max(int(seconds), 0)
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _DAY:
        parts = (whole // _HOUR, "h"), (whole % _HOUR // _MINUTE, "m")
    else:
        parts = (whole // _DAY, "d"), (whole % _DAY // _HOUR, "h")
    return " ".join(f"{count}{unit}" for count, unit in parts if count)


def size(byte_size: int) -> str:
    """Return a size such as ``234KB`` or ``1.2MB``; a KB has 1,024 bytes."""
    if byte_size < _KIBI:
        return f"{byte_size}B"
    value = byte_size / _KIBI
    if round(value) < _KIBI:
        return f"{value:.0f}KB"
    for unit in ("MB", "GB"):
        value /= _KIBI
        if round(value, 1) < _KIBI:
            return f"{value:.1f}".removesuffix(".0") + unit
    return f"{value / _KIBI:.1f}".removesuffix(".0") + "TB"


def clock(time: datetime, timezone: ZoneInfo) -> str:
    """Return the time of day, such as ``3:45 PM``, independent of the locale."""
    local = local_time(time, timezone)
    return f"{local.hour % 12 or 12}:{local.minute:02} {'AM' if local.hour < 12 else 'PM'}"


def date_and_clock(time: datetime, timezone: ZoneInfo) -> str:
    """Return the date and the time of day, such as ``2025-11-08 3:45 PM``."""
    return f"{local_time(time, timezone).date()} {clock(time, timezone)}"


def gap(missed: Gap, timezone: ZoneInfo) -> str:
    """Return the start, the end and the outcome of a gap.

    For example ``2025-11-08 3:45 PM to 2025-11-08 4:00 PM (restart): 2 messages fetched later``.
    """
    end = date_and_clock(missed.ended_at, timezone) if missed.ended_at else "now"
    return f"{date_and_clock(missed.started_at, timezone)} to {end} {gap_outcome(missed)}"


def gap_outcome(missed: Gap) -> str:
    """Return the reason and the outcome of a gap: ``(restart): 2 messages fetched later``."""
    fetched = plural(missed.fetched or 0, "message")
    if missed.problem:
        some = f"{fetched} fetched later, the rest " if missed.fetched else ""
        outcome = f"{some}could not be fetched: {missed.problem}"
    elif missed.complete:
        outcome = f"{fetched} fetched later"
    else:
        outcome = f"{fetched} fetched so far" if missed.fetched else "not fetched yet"
    return f"({missed.reason}): {outcome}"


def reactions(counts: Mapping[str, int]) -> str:
    """Return counts by emoji, such as ``👍 2  🎉 1``."""
    return "  ".join(f"{emoji} {count}" for emoji, count in counts.items())


def relative_day(time: datetime, now: datetime, timezone: ZoneInfo) -> str:
    """Return ``Today``, ``Yesterday``, ``3 days ago``…, counted in calendar days."""
    days = (local_time(now, timezone).date() - local_time(time, timezone).date()).days
    if days <= 0:
        return "Today"
    if days == 1:
        return "Yesterday"
    if days < 7:
        return f"{plural(days, 'day')} ago"
    if days < 30:
        return f"{plural(days // 7, 'week')} ago"
    if days < 365:
        return f"{plural(min(days // 30, 11), 'month')} ago"
    return f"{plural(days // 365, 'year')} ago"


def plural(count: int, noun: str, many: str | None = None) -> str:
    """Return ``1 message``, ``2 messages``; `many` is an irregular plural."""
    return f"{count} {noun if count == 1 else many or f'{noun}s'}"


def sparkline(counts: Sequence[int]) -> str:
    """Return one bar character for each count; only zero gets the lowest bar."""
    highest = max(counts, default=0) or 1
    return "".join(_BARS[-(-count * (len(_BARS) - 1) // highest)] for count in counts)


def local_time(time: datetime, timezone: ZoneInfo) -> datetime:
    """Convert `time` to `timezone`; return it unchanged at the ends of the calendar."""
    try:
        return time.astimezone(timezone)
    except OverflowError:
        return time


def collapse_whitespace(text: str) -> str:
    """Return `text` on one line, with one space for each run of white space."""
    return " ".join(text.split())


def drop_controls(text: str) -> str:
    """Return `text` without control characters other than white space."""
    return _CONTROL.sub("", text)


def drop_invisible(text: str) -> str:
    """Return `text` also without characters that are invisible or change the direction."""
    return _INVISIBLE.sub("", text)
