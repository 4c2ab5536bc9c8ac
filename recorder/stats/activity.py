"""The number of messages by time and author, for diagrams of sessions."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from recorder.models import Session, Tag
from recorder.stats.session_analyzer import IN_SESSIONS, Count, Parameters, Span, session_parameters
from recorder.stats.timescale import QUARTER_HOUR, WINDOW, Scale, scale
from recorder.store.database import Connection, stored_time
from recorder.store.reading import Reader

_SHORTEST = timedelta(minutes=1)
_FEWEST_BARS = 12

# All system messages count as one author.
_AUTHOR = "CASE type WHEN 'system_message' THEN '' ELSE author_id END"

_EXTENT = f"""
SELECT min(begun), max(ended) FROM (
    SELECT min(timestamp) AS begun, max(timestamp) AS ended FROM messages WHERE {IN_SESSIONS}
    UNION ALL SELECT min(started_at), max(coalesce(ended_at, :now))
    FROM session_intervals WHERE {IN_SESSIONS}
)
"""
# The row with max(id) has the latest name of an author.
_AUTHORS = f"""
SELECT {_AUTHOR} AS author_key, iif(type = 'system_message', 'Discord', author), count(*), max(id)
FROM messages WHERE {IN_SESSIONS} GROUP BY author_key ORDER BY count(*) DESC, author, author_key
"""
_COUNTS = f"""
SELECT {WINDOW} AS start, {_AUTHOR} AS author_key, count(*)
FROM messages WHERE {IN_SESSIONS} GROUP BY start, author_key
"""
_INTERVALS = f"""
SELECT started_at, coalesce(ended_at, :now) FROM session_intervals WHERE {IN_SESSIONS}
ORDER BY started_at
"""
_GAPS = f"""
SELECT started_at, coalesce(ended_at, :now) FROM session_gaps WHERE {IN_SESSIONS}
ORDER BY started_at
"""
_TAGS = f"""
SELECT tag, timestamp, message_index FROM session_tags WHERE {IN_SESSIONS} ORDER BY timestamp, tag
"""


@dataclass(frozen=True, slots=True)
class Activity:
    """The messages of sessions by time and author.

    Parameters
    ----------
    begin, end
        The covered time: all messages, and all intervals of recording.
    scale
        The time steps, which are the bars of a diagram.
    authors
        The authors by their number of messages, in descending order.
    counts
        The number of messages in each step by each author: ``counts[step][author]``.
    pauses
        The times in which the sessions were paused.
    gaps
        The times in which the bot received no events.
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
        """The number of messages in each step."""
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
    """Return the activity of all `sessions` together; ``None`` if nothing was recorded.

    Parameters
    ----------
    now
        The end of sessions that are still running.
    timezone
        The time zone of hours and days.
    most_bars
        The largest number of steps, plus one; for few messages it is lower.
    most_authors
        The number of authors; all others are summed up, for example as ``3 others``.
    """
    parameters = session_parameters(sessions) | {"now": now.astimezone(UTC).isoformat()}
    with reader.connect() as connection:
        connection.execute("BEGIN")  # one snapshot for all queries
        first, last = connection.execute(_EXTENT, parameters).fetchone()
        if first is None:
            return None
        begin = stored_time(first)
        end = max(stored_time(last), _later(begin))
        rows = connection.execute(_AUTHORS, parameters).fetchall()
        messages = sum(count for _, _, count, _ in rows)
        bars = min(most_bars, max(_FEWEST_BARS, 4 * math.isqrt(messages)))
        steps = scale(begin, end, bars, timezone)
        ranks, authors = _ranked(rows, most_authors)
        return Activity(
            begin,
            end,
            steps,
            authors,
            _counts(connection, parameters, steps, ranks, len(authors)),
            _pauses(connection, parameters),
            _spans(connection, _GAPS, parameters),
            tuple(
                Tag(name, stored_time(time), index)
                for name, time, index in connection.execute(_TAGS, parameters)
            ),
        )


def _later(begin: datetime) -> datetime:
    return min(begin, datetime.max.replace(tzinfo=UTC) - _SHORTEST) + _SHORTEST


def _ranked(
    rows: Sequence[tuple[str, str, int, int]], most: int
) -> tuple[dict[str, int], tuple[Count, ...]]:
    """Return the rank of each author by key, and the authors by rank."""
    ranks = {key: min(rank, most) for rank, (key, *_) in enumerate(rows)}
    authors = [Count(name, count) for _, name, count, _ in rows[:most]]
    if others := rows[most:]:
        name = "1 other" if len(others) == 1 else f"{len(others)} others"
        authors.append(Count(name, sum(count for _, _, count, _ in others)))
    return ranks, tuple(authors)


def _counts(
    connection: Connection,
    parameters: Parameters,
    steps: Scale,
    ranks: dict[str, int],
    authors: int,
) -> tuple[tuple[int, ...], ...]:
    counts = [[0] * authors for _ in itertools.pairwise(steps.edges)]
    edges = [edge.timestamp() for edge in steps.edges]
    window = math.gcd(steps.step, QUARTER_HOUR)
    for start, key, count in connection.execute(_COUNTS, {**parameters, "window": window}):
        bar = bisect_right(edges, start) - 1
        counts[min(max(bar, 0), len(counts) - 1)][ranks[key]] += count
    return tuple(tuple(bar) for bar in counts)


def _pauses(connection: Connection, parameters: Parameters) -> tuple[Span, ...]:
    """Return the times between the intervals of recording."""
    pauses: list[Span] = []
    recorded_to: datetime | None = None
    for recorded in _spans(connection, _INTERVALS, parameters):
        if recorded_to is not None and recorded.begin > recorded_to:
            pauses.append(Span(recorded_to, recorded.begin))
        recorded_to = max(recorded_to or recorded.end, recorded.end)
    return tuple(pauses)


def _spans(connection: Connection, sql: str, parameters: Parameters) -> tuple[Span, ...]:
    return tuple(
        Span(stored_time(begin), stored_time(end))
        for begin, end in connection.execute(sql, parameters)
    )
