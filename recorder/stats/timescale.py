"""Time axes, divided into round steps: minutes, quarters of an hour, days, weeks."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from recorder.formatting import local_time, plural

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
QUARTER_HOUR = 15 * _MINUTE
"""Seconds; today every hour of every time zone begins at a multiple of it in Unix time."""
WINDOW = "CAST(strftime('%s', timestamp) AS INTEGER) / :window * :window"
"""SQL for the start of a message's window, in Unix time; windows have ``:window`` seconds."""

_UNITS = ((7 * _DAY, "week"), (_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute"), (1, "second"))

_STEPS = (
    *(1, 5, 10, 15, 30),
    *(_MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, QUARTER_HOUR, 30 * _MINUTE),
    *(_HOUR, 2 * _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR),
    *(_DAY, 2 * _DAY, 7 * _DAY, 28 * _DAY, 91 * _DAY, 364 * _DAY, 3640 * _DAY, 36400 * _DAY),
)
_FIRST, _END = datetime.min, datetime.max  # noqa: DTZ901  # naive: of a wall clock
_LAST = _END.replace(tzinfo=UTC) - timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Scale:
    """A time axis, divided into steps of equal length.

    Parameters
    ----------
    step
        Seconds; a step with a daylight saving change is longer or shorter.
    edges
        The boundaries of the steps, in UTC and ascending; the first is not after the beginning
        of the axis, and the last is after its end, as far as the calendar goes.
    """

    step: int
    edges: tuple[datetime, ...]

    @property
    def unit(self) -> str:
        """The step in words: ``minute``, ``15 minutes``."""
        size, noun = next((size, noun) for size, noun in _UNITS if self.step % size == 0)
        count = self.step // size
        return noun if count == 1 else plural(count, noun)


def scale(begin: datetime, end: datetime, most: int, timezone: ZoneInfo) -> Scale:
    """Divide the time from `begin` to `end` into steps that begin at round times.

    Parameters
    ----------
    most
        The largest number of steps, plus one at each end; the smallest such step is used.
    timezone
        The time zone of hours, days and weeks (from Monday).
    """
    shortest = (end - begin).total_seconds() / most
    step = next((step for step in _STEPS if step >= shortest), _STEPS[-1])
    wall = local_time(begin, timezone).replace(tzinfo=None)
    offset = (wall - _FIRST) % timedelta(seconds=step)
    edges = [_shifted(begin, -offset) if step < _HOUR else _utc(_shifted(wall, -offset), timezone)]
    for number in itertools.count(1):
        if edges[-1] > end:
            break
        distance = timedelta(seconds=step * number) - offset
        # Steps below an hour ignore daylight saving: its changes are whole steps.
        edge = _shifted(begin, distance)
        if step >= _HOUR:
            edge = _utc(_shifted(wall, distance), timezone)
        if edge > edges[-1]:
            edges.append(edge)
        elif edge >= _LAST:
            break
    return Scale(step, tuple(edges))


def _shifted(time: datetime, by: timedelta) -> datetime:
    """Return `time` plus `by`, within the calendar."""
    try:
        return time + by
    except OverflowError:
        return (_END if by > timedelta() else _FIRST).replace(tzinfo=time.tzinfo)


def _utc(wall: datetime, timezone: ZoneInfo) -> datetime:
    """Convert a time in `timezone` to UTC; return it unchanged at the ends of the calendar."""
    try:
        return wall.replace(tzinfo=timezone).astimezone(UTC)
    except OverflowError:
        return wall.replace(tzinfo=UTC)
