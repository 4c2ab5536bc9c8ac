"""Dates and time spans as users type them: ``2025-11-08``, ``last week``, ``1d 12h``."""

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
_SPAN = re.compile(r"(?:[0-9]{1,5}\s*[a-z]+\s*)+")
_SPAN_PART = re.compile(r"([0-9]{1,5})\s*([a-z]+?)s?(?![a-z])")
_DATE = re.compile(r"([0-9]{4})(?:[-/.]([0-9]{1,2})(?:[-/.]([0-9]{1,2}))?)?")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[t ][0-9]{2}:.+")
_UNITS = {
    **dict.fromkeys(("sec", "second"), timedelta(seconds=1)),
    **dict.fromkeys(("m", "min", "minute"), timedelta(minutes=1)),
    **dict.fromkeys(("h", "hr", "hour"), timedelta(hours=1)),
    **dict.fromkeys(("d", "day"), timedelta(days=1)),
    **dict.fromkeys(("w", "week"), timedelta(weeks=1)),
}
_WEEKDAYS = [name.lower() for name in calendar.day_name]


@dataclass(frozen=True, slots=True)
class Period:
    """The time from `start` to before `end`, in UTC; a moment if both are the same."""

    start: datetime
    end: datetime


def parse_period(text: str, now: datetime, timezone: ZoneInfo) -> Period | None:
    """Parse the day, week, month, year or moment that `text` names; ``None`` if there is none.

    Parameters
    ----------
    text
        An ISO date or time, a year or month, ``today``, ``yesterday``, a weekday (the latest
        one, which may be today; with ``last``, the latest one before today), ``this`` or
        ``last`` ``week``, ``month`` or ``year``, a span before `now` (``2h``, ``3 days ago``),
        or a Discord message id.
    timezone
        The time zone of day boundaries.
    """
    text = collapse_whitespace(text.lower())
    parsers: tuple[Callable[[str, datetime, ZoneInfo], Period | None], ...] = (
        _message_id, _ago, _iso, _named,
    )  # fmt: skip
    try:
        for parse in parsers:
            if (period := parse(text, now, timezone)) is not None:
                return period
    except (ValueError, OverflowError):  # such as the 31st of June, or the year 10000
        return None
    return None


def parse_span(text: str) -> timedelta | None:
    """Parse a time span such as ``2h``, ``3 days`` or ``1d 12h``; ``None`` if it is not one."""
    text = text.strip().lower()
    if not _SPAN.fullmatch(text):
        return None
    span = timedelta()
    for count, unit in _SPAN_PART.findall(text):
        if unit not in _UNITS:
            return None
        span += int(count) * _UNITS[unit]
    return span


def _message_id(text: str, _now: datetime, _timezone: ZoneInfo) -> Period | None:
    if not _MESSAGE_ID.fullmatch(text):
        return None
    moment = snowflake_time(int(text))
    return Period(moment, moment)


def _ago(text: str, now: datetime, _timezone: ZoneInfo) -> Period | None:
    if (span := parse_span(text.removesuffix(" ago"))) is None:
        return None
    moment = (now - span).astimezone(UTC)
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
    last_month = today.replace(day=1) - timedelta(days=1)
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
        "last month": lambda: _month(last_month.year, last_month.month, timezone),
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
