"""Stretches of time cut into steps that people count in: minutes, quarters, days, weeks."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from recorder.formatting import local_time, plural

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_UNITS = ((7 * _DAY, "week"), (_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute"), (1, "second"))

_STEPS = (
    *(1, 5, 10, 15, 30),
    *(_MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE),
    *(_HOUR, 2 * _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR),
    *(_DAY, 2 * _DAY, 7 * _DAY, 28 * _DAY, 91 * _DAY, 364 * _DAY, 3640 * _DAY, 36400 * _DAY),
)
_FIRST, _END = datetime.min, datetime.max  # noqa: DTZ901  # of a wall clock, in no zone
_LAST = _END.replace(tzinfo=UTC) - timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Scale:
    """Moments between two times, one step apart.

    Parameters
    ----------
    step
        Seconds; a step that holds a change of the clock is longer or shorter.
    edges
        Where the steps meet: UTC, growing; the first is not after the beginning of the
        stretch, the last is behind its end, as far as the calendar goes.
    """

    step: int
    edges: tuple[datetime, ...]

    @property
    def unit(self) -> str:
        """A step in words: ``minute``, ``15 minutes``."""
        size, noun = next((size, noun) for size, noun in _UNITS if self.step % size == 0)
        count = self.step // size
        return noun if count == 1 else plural(count, noun)


def scale(begin: datetime, end: datetime, most: int, timezone: ZoneInfo) -> Scale:
    """Cut the time from `begin` to `end` into steps that begin where a clock's would.

    Parameters
    ----------
    most
        The smallest step is taken that needs no more than so many, save one at each end.
    timezone
        Whose hours, days and weeks (from Monday) are meant.
    """
    wanted = (end - begin).total_seconds() / most
    step = next((step for step in _STEPS if step >= wanted), _STEPS[-1])
    wall = local_time(begin, timezone).replace(tzinfo=None)
    into = (wall - _FIRST) % timedelta(seconds=step)
    edges = [_shifted(begin, -into) if step < _HOUR else _utc(_shifted(wall, -into), timezone)]
    for number in itertools.count(1):
        if edges[-1] > end:
            break
        further = timedelta(seconds=step * number) - into
        # Below an hour it is counted on: the clock's changes are whole steps.
        edge = _shifted(begin, further)
        if step >= _HOUR:
            edge = _utc(_shifted(wall, further), timezone)
        if edge > edges[-1]:
            edges.append(edge)
        elif edge >= _LAST:
            break
    return Scale(step, tuple(edges))


def _shifted(time: datetime, by: timedelta) -> datetime:
    """`time` plus `by`, within the calendar."""
    try:
        return time + by
    except OverflowError:
        return (_END if by > timedelta() else _FIRST).replace(tzinfo=time.tzinfo)


def _utc(wall: datetime, timezone: ZoneInfo) -> datetime:
    """What a clock in `timezone` shows, in UTC; as it is where the calendar ends there."""
    try:
        return wall.replace(tzinfo=timezone).astimezone(UTC)
    except OverflowError:
        return wall.replace(tzinfo=UTC)
