"""Dates in a search, as people write them: ``2025-11-08``, ``yesterday``, ``last week``, ``3d``."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from recorder.formatting import collapse_whitespace
from recorder.record.snowflake import snowflake_time

_MESSAGE_ID = re.compile(r"[0-9]{17,19}")
_AGO = re.compile(r"([0-9]{1,5})\s*([a-z]+?)s?(?:\s+ago)?")
_DATE = re.compile(r"([0-9]{4})(?:[-/.]([0-9]{1,2})(?:[-/.]([0-9]{1,2}))?)?")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[t ][0-9]{2}:.+")
_UNITS = {
    "seconds": ("sec", "second"),
    "minutes": ("m", "min", "minute"),
    "hours": ("h", "hr", "hour"),
    "days": ("d", "day"),
    "weeks": ("w", "week"),
}
_WEEKDAYS = [name.lower() for name in calendar.day_name]


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` to before `end`, both aware and in UTC; the same time twice is a moment."""

    start: datetime
    end: datetime


def parse_period(text: str, now: datetime, timezone: ZoneInfo) -> Period | None:
    """The day, week, month, year or moment that `text` names; ``None`` if it names none.

    Parameters
    ----------
    text
        An ISO date or time, a year or month, ``today``, ``yesterday``, a weekday (the latest,
        today included; with ``last`` one before today), ``this``/``last`` ``week``, ``month``
        or ``year``, a time ago (``2h``, ``3 days ago``), or a Discord message's id.
    timezone
        In which days begin and end.
    """
    text = collapse_whitespace(text.lower())
    readers: tuple[Callable[[str, datetime, ZoneInfo], Period | None], ...] = (
        _message_id, _ago, _iso, _named,
    )  # fmt: skip
    try:
        for read in readers:
            if (period := read(text, now, timezone)) is not None:
                return period
    except (ValueError, OverflowError):  # the 31st of June, or beyond the calendar
        return None
    return None


def _message_id(text: str, _now: datetime, _timezone: ZoneInfo) -> Period | None:
    if not _MESSAGE_ID.fullmatch(text):
        return None
    moment = snowflake_time(int(text))
    return Period(moment, moment)


def _ago(text: str, now: datetime, _timezone: ZoneInfo) -> Period | None:
    match = _AGO.fullmatch(text)
    unit = next((u for u, names in _UNITS.items() if match and match[2] in names), None)
    if match is None or unit is None:
        return None
    moment = (now - timedelta(**{unit: int(match[1])})).astimezone(UTC)
    return Period(moment, moment)


def _iso(text: str, _now: datetime, timezone: ZoneInfo) -> Period | None:
    if match := _DATE.fullmatch(text):
        year, month, day = (int(part) if part else None for part in match.groups())
        assert year is not None
        if month is None:
            return _year(date(year, 1, 1), timezone)
        if day is None:
            return _month(year, month, timezone)
        return _day(date(year, month, day), timezone)
    if _MOMENT.fullmatch(text):
        moment = datetime.fromisoformat(text.upper())
        moment = moment.replace(tzinfo=timezone) if moment.tzinfo is None else moment
        return Period(moment.astimezone(UTC), moment.astimezone(UTC))
    return None


def _named(text: str, now: datetime, timezone: ZoneInfo) -> Period | None:
    today = now.astimezone(timezone).date()
    monday = today - timedelta(days=today.weekday())
    before = today.replace(day=1) - timedelta(days=1)
    last, _, weekday = text.rpartition(" ")
    if weekday in _WEEKDAYS and last in ("", "last"):
        back = (today.weekday() - _WEEKDAYS.index(weekday)) % 7 or (7 if last else 0)
        return _day(today - timedelta(days=back), timezone)
    week, year = timedelta(days=7), date(today.year, 1, 1)
    named = {
        "today": lambda: _day(today, timezone),
        "yesterday": lambda: _day(today - timedelta(days=1), timezone),
        "this week": lambda: _days(monday, monday + week, timezone),
        "last week": lambda: _days(monday - week, monday, timezone),
        "this month": lambda: _month(today.year, today.month, timezone),
        "last month": lambda: _month(before.year, before.month, timezone),
        "this year": lambda: _year(year, timezone),
        "last year": lambda: _year(year.replace(year=year.year - 1), timezone),
    }
    return named[text]() if text in named else None


def _year(first: date, timezone: ZoneInfo) -> Period:
    return _days(first, first.replace(year=first.year + 1), timezone)


def _month(year: int, month: int, timezone: ZoneInfo) -> Period:
    first = date(year, month, 1)
    return _days(first, (first + timedelta(days=31)).replace(day=1), timezone)


def _day(day: date, timezone: ZoneInfo) -> Period:
    return _days(day, day + timedelta(days=1), timezone)


def _days(first: date, end: date, timezone: ZoneInfo) -> Period:
    start, stop = (datetime.combine(d, time(), timezone).astimezone(UTC) for d in (first, end))
    return Period(start, stop)
