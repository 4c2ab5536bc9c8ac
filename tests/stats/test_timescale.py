"""Time steps: they begin at round local times, also on days of 23 and 25 hours."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.stats.timescale import scale

BERLIN = ZoneInfo("Europe/Berlin")


def local(edges: tuple[datetime, ...], timezone: ZoneInfo) -> list[str]:
    return [f"{edge.astimezone(timezone):%d %H:%M:%S}" for edge in edges]


@pytest.mark.parametrize(
    ("begin", "seconds", "most", "unit", "first"),
    [
        ("2025-11-08 15:45:03", 100, 12, "10 seconds", "08 15:45:00"),
        ("2025-11-08 15:47:00", 4980, 20, "5 minutes", "08 15:45:00"),
        ("2025-11-08 15:47:00", 86_400, 96, "15 minutes", "08 15:45:00"),
        ("2025-11-08 15:47:00", 86_400, 8, "3 hours", "08 15:00:00"),
        ("2025-11-08 15:47:00", 21 * 86_400, 30, "day", "08 00:00:00"),
        ("2025-11-08 15:47:00", 300 * 86_400, 60, "week", "03 00:00:00"),
    ],
)
def test_steps_are_round(begin: str, seconds: int, most: int, unit: str, first: str) -> None:
    at = datetime.fromisoformat(begin).replace(tzinfo=BERLIN)
    result = scale(
        at.astimezone(UTC), (at + timedelta(seconds=seconds)).astimezone(UTC), most, BERLIN
    )
    assert result.unit == unit
    assert local(result.edges, BERLIN)[0] == first


def test_days_begin_at_midnight_when_the_clock_changes() -> None:
    begin = datetime(2025, 10, 24, 12, tzinfo=UTC)
    edges = scale(begin, begin + timedelta(days=4), 5, BERLIN).edges
    assert [text[3:] for text in local(edges, BERLIN)] == ["00:00:00"] * 6
    hours = [(b - a) / timedelta(hours=1) for a, b in itertools.pairwise(edges)]
    assert hours == [24, 24, 25, 24, 24]
    begin = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # half an hour before 2 turns into 3
    edges = scale(begin, begin + timedelta(hours=2), 4, BERLIN).edges
    assert local(edges, BERLIN)[:3] == ["29 01:30:00", "29 03:00:00", "29 03:30:00"]
    edges = scale(begin, begin + timedelta(hours=4), 4, BERLIN).edges
    assert local(edges, BERLIN)[:3] == ["29 01:00:00", "29 03:00:00", "29 04:00:00"]


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.datetimes(timezones=st.just(UTC)),
    st.integers(1, 100),
    st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Kiritimati", "Pacific/Pago_Pago"]),
)
def test_any_stretch_is_covered(one: datetime, other: datetime, most: int, zone: str) -> None:
    begin, end = min(one, other), max(one, other)
    edges = scale(begin, end, most, ZoneInfo(zone)).edges
    assert edges[0] <= begin or begin.year == 1
    assert edges[-1] > end or end.year > 9800
    assert all(a < b for a, b in itertools.pairwise(edges))
    assert len(edges) <= max(most, 100) + 3
