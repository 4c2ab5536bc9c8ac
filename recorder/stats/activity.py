"""When who said how much: what pictures and bars of sessions are drawn from."""

from __future__ import annotations

import itertools
import json
import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from recorder.models import Session, Tag
from recorder.stats.session_analyzer import Count, Span
from recorder.stats.timescale import Scale, scale
from recorder.store.database import Connection, stored_time
from recorder.store.reading import Reader

_QUARTER = 900  # every time zone's hours begin with one
_SHORTEST = timedelta(minutes=1)
_FEWEST_BARS = 12

# Whose a message is, by their latest name; what Discord itself says is told apart by nobody.
_AUTHOR = "CASE type WHEN 'system_message' THEN '' ELSE author_id END"
_THESE = "session_id IN (SELECT value FROM json_each(:sessions))"

_EXTENT = f"""
SELECT min(begun), max(ended) FROM (
    SELECT min(timestamp) AS begun, max(timestamp) AS ended FROM messages WHERE {_THESE}
    UNION ALL SELECT min(started_at), max(coalesce(ended_at, :now))
    FROM session_intervals WHERE {_THESE}
)
"""
_AUTHORS = f"""
SELECT {_AUTHOR} AS who, iif(type = 'system_message', 'Discord', author), count(*), max(id)
FROM messages WHERE {_THESE} GROUP BY who ORDER BY count(*) DESC, author, who
"""
_COUNTS = f"""
SELECT CAST(strftime('%s', timestamp) AS INTEGER) / :unit * :unit AS second, {_AUTHOR} AS who,
    count(*)
FROM messages WHERE {_THESE} GROUP BY second, who
"""
_INTERVALS = f"""
SELECT started_at, coalesce(ended_at, :now) FROM session_intervals WHERE {_THESE}
ORDER BY started_at
"""
_GAPS = f"""
SELECT started_at, coalesce(ended_at, :now) FROM session_gaps WHERE {_THESE} ORDER BY started_at
"""
_TAGS = f"""
SELECT tag, timestamp, message_index FROM session_tags WHERE {_THESE} ORDER BY timestamp, tag
"""


@dataclass(frozen=True, slots=True)
class Activity:
    """The messages of sessions by time and author.

    Parameters
    ----------
    begin, end
        What is covered: all messages, and all times of recording.
    scale
        The stretches of time that are counted; the bars of a diagram.
    authors
        Who spoke, the busiest first.
    counts
        For each stretch, how many messages of each author: ``counts[stretch][author]``.
    pauses
        When nothing was recorded.
    gaps
        When something was, but the bot heard nothing.
    """

    begin: datetime
    end: datetime
    scale: Scale
    authors: tuple[Count, ...]
    counts: tuple[tuple[int, ...], ...]
    pauses: tuple[Span, ...]
    gaps: tuple[Span, ...]
    tags: tuple[Tag, ...]

    @property
    def totals(self) -> list[int]:
        """For each stretch of time, how many messages."""
        return [sum(counts) for counts in self.counts]


def activity(
    reader: Reader,
    sessions: Sequence[Session],
    now: datetime,
    timezone: ZoneInfo,
    *,
    most_bars: int,
    most_authors: int = 8,
) -> Activity | None:
    """The activity of all `sessions` together; ``None`` when there was no time for any.

    Parameters
    ----------
    now
        Up to when a session that still runs is shown.
    timezone
        Whose hours and days are counted.
    most_bars
        How many stretches of time at most, save one; few messages get fewer.
    most_authors
        Those behind are summed up as ``3 others``.
    """
    these = {
        "sessions": json.dumps([session.id for session in sessions]),
        "now": now.astimezone(UTC).isoformat(),
    }
    with reader.connect() as connection:
        connection.execute("BEGIN")  # all of the same moment
        first, last = connection.execute(_EXTENT, these).fetchone()
        if first is None:
            return None
        begin = stored_time(first)
        end = max(stored_time(last), _later(begin))
        speakers = connection.execute(_AUTHORS, these).fetchall()
        messages = sum(count for _, _, count, _ in speakers)
        bars = min(most_bars, max(_FEWEST_BARS, 4 * math.isqrt(messages)))
        steps = scale(begin, end, bars, timezone)
        places, authors = _ranked(speakers, most_authors)
        return Activity(
            begin,
            end,
            steps,
            authors,
            _counts(connection, these, steps, places, len(authors)),
            _pauses(connection, these),
            _spans(connection, _GAPS, these),
            tuple(
                Tag(name, stored_time(time), index)
                for name, time, index in connection.execute(_TAGS, these)
            ),
        )


def _later(begin: datetime) -> datetime:
    return min(begin, datetime.max.replace(tzinfo=UTC) - _SHORTEST) + _SHORTEST


def _ranked(
    speakers: Sequence[tuple[str, str, int, int]], most: int
) -> tuple[dict[str, int], tuple[Count, ...]]:
    """The place of each author by id, and the authors in their places."""
    places = {who: min(place, most) for place, (who, *_) in enumerate(speakers)}
    authors = [Count(name, count) for _, name, count, _ in speakers[:most]]
    if others := speakers[most:]:
        name = "1 other" if len(others) == 1 else f"{len(others)} others"
        authors.append(Count(name, sum(count for _, _, count, _ in others)))
    return places, tuple(authors)


def _counts(
    connection: Connection,
    these: dict[str, str],
    steps: Scale,
    places: dict[str, int],
    authors: int,
) -> tuple[tuple[int, ...], ...]:
    counts = [[0] * authors for _ in itertools.pairwise(steps.edges)]
    edges = [edge.timestamp() for edge in steps.edges]
    unit = math.gcd(steps.step, _QUARTER)
    for second, who, count in connection.execute(_COUNTS, {**these, "unit": unit}):
        bar = bisect_right(edges, second) - 1
        counts[min(max(bar, 0), len(counts) - 1)][places[who]] += count
    return tuple(tuple(bar) for bar in counts)


def _pauses(connection: Connection, these: dict[str, str]) -> tuple[Span, ...]:
    """What the intervals of recording leave over between the first and the last."""
    pauses: list[Span] = []
    recorded_to: datetime | None = None
    for recorded in _spans(connection, _INTERVALS, these):
        if recorded_to is not None and recorded.begin > recorded_to:
            pauses.append(Span(recorded_to, recorded.begin))
        recorded_to = max(recorded_to or recorded.end, recorded.end)
    return tuple(pauses)


def _spans(connection: Connection, sql: str, these: dict[str, str]) -> tuple[Span, ...]:
    return tuple(
        Span(stored_time(begin), stored_time(end)) for begin, end in connection.execute(sql, these)
    )
