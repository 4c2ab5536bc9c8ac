from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from recorder.formatting import clock, date_and_clock, duration, plural, relative_day, size

BERLIN = ZoneInfo("Europe/Berlin")
UTC_ZONE = ZoneInfo("UTC")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (0, "0s"),
        (42.9, "42s"),
        (59.99, "59s"),
        (60, "1m"),
        (45 * 60, "45m"),
        (3_599, "59m"),
        (3_600, "1h"),
        (3_900, "1h 5m"),
        (4_980, "1h 23m"),
        (7_800, "2h 10m"),
        (86_399, "23h 59m"),
        (86_400, "1d"),
        (86_400 + 59, "1d"),
        (2 * 86_400 + 3 * 3_600, "2d 3h"),
        (400 * 86_400, "400d"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("byte_size", "text"),
    [
        (0, "0B"),
        (1_023, "1023B"),
        (1_024, "1KB"),
        (234 * 1_024, "234KB"),
        (1_024**2 - 1, "1MB"),
        (1_258_291, "1.2MB"),
        (10 * 1_024**2, "10MB"),
        (1_024**3 - 1, "1GB"),
        (5 * 1_024**4, "5TB"),
        (5_000 * 1_024**4, "5000TB"),
    ],
)
def test_size(byte_size: int, text: str) -> None:
    assert size(byte_size) == text


@pytest.mark.parametrize(
    ("hour", "minute", "text"),
    [(0, 5, "12:05 AM"), (9, 0, "9:00 AM"), (12, 0, "12:00 PM"), (15, 45, "3:45 PM")],
)
def test_clock(hour: int, minute: int, text: str) -> None:
    assert clock(datetime(2025, 11, 8, hour, minute, tzinfo=UTC), UTC_ZONE) == text


def test_times_are_those_of_the_time_zone() -> None:
    time = datetime(2025, 11, 8, 23, 45, tzinfo=UTC)
    assert date_and_clock(time, UTC_ZONE) == "2025-11-08 11:45 PM"
    assert date_and_clock(time, BERLIN) == "2025-11-09 12:45 AM"


def test_the_calendar_may_end() -> None:
    assert date_and_clock(datetime.max.replace(tzinfo=UTC), BERLIN) == "9999-12-31 11:59 PM"
    assert date_and_clock(datetime.min.replace(tzinfo=UTC), ZoneInfo("America/New_York")) == (
        "0001-01-01 12:00 AM"
    )


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (-1, "Today"),
        (0, "Today"),
        (1, "Yesterday"),
        (3, "3 days ago"),
        (6, "6 days ago"),
        (7, "1 week ago"),
        (14, "2 weeks ago"),
        (29, "4 weeks ago"),
        (30, "1 month ago"),
        (364, "11 months ago"),
        (365, "1 year ago"),
        (800, "2 years ago"),
    ],
)
def test_relative_day(days: int, text: str) -> None:
    now = datetime(2025, 11, 8, 12, tzinfo=UTC)
    assert relative_day(now - timedelta(days=days), now, UTC_ZONE) == text


def test_days_change_at_midnight_of_the_time_zone() -> None:
    evening = datetime(2025, 11, 8, 22, 50, tzinfo=UTC)
    later = evening + timedelta(minutes=20)
    assert relative_day(evening, later, UTC_ZONE) == "Today"
    assert relative_day(evening, later, BERLIN) == "Yesterday"


def test_plural() -> None:
    assert plural(1, "message") == "1 message"
    assert plural(0, "message") == "0 messages"
    assert plural(3, "match", "matches") == "3 matches"
    assert plural(1, "match", "matches") == "1 match"
