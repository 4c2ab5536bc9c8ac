"""``SessionAnalyzer``: who said how much and when, by SQL over what was recorded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from recorder.formatting import sparkline
from recorder.models import Session
from recorder.stats.topics import Topic, topics
from recorder.store.database import Connection, stored_time
from recorder.store.reading import Reader

Parameters = dict[str, str | int | float]

_QUARTER = 900
_ACTIVITY_WIDTH = 24
_MOST_TEXTS = 20_000

# The sessions that are asked about, given as a JSON list.
_THESE = "session_id IN (SELECT value FROM json_each(:sessions))"
_SECONDS = "(julianday({0}) - julianday({1})) * 86400.0"

_OVERVIEW = f"""
SELECT count(*), coalesce(sum(type = 'user_message'), 0), coalesce(sum(type = 'bot_response'), 0),
    coalesce(sum(type = 'system_message'), 0),
    coalesce(sum(length(trim(content)) - length(replace(trim(content), ' ', ''))
        + (trim(content) <> '')), 0),
    coalesce(sum(json_array_length(attachments)), 0), min(timestamp), max(timestamp)
FROM messages WHERE {_THESE}
"""
# A command is a sign, a letter, and a word of letters, digits, - and _ up to the first space.
_COMMANDS = f"""
WITH words AS (
    SELECT substr(content, 1, instr(replace(content, char(10), ' ') || ' ', ' ') - 1) AS word
    FROM messages
    WHERE {_THESE} AND type = 'user_message' AND content GLOB '[!/?$.%&;~][A-Za-z]*'
)
SELECT word, count(*) FROM words
WHERE substr(word, 2) NOT GLOB '*[^A-Za-z0-9_-]*' GROUP BY word ORDER BY count(*) DESC, word
"""
_BUSIEST = f"""
SELECT CAST(strftime('%s', timestamp) AS INTEGER) / {_QUARTER} AS quarter, count(*)
FROM messages WHERE {_THESE} GROUP BY quarter ORDER BY count(*) DESC, quarter LIMIT 1
"""
# A resume between two messages means that nobody listened in between.
_LONGEST_GAP = f"""
WITH pairs AS (
    SELECT session_id, timestamp AS later,
        lag(timestamp) OVER (PARTITION BY session_id ORDER BY message_index) AS earlier
    FROM messages WHERE {_THESE}
)
SELECT earlier, later FROM pairs WHERE earlier < later AND NOT EXISTS (
    SELECT 1 FROM session_intervals i WHERE i.session_id = pairs.session_id
    AND i.started_at > earlier AND i.started_at <= later
) ORDER BY julianday(later) - julianday(earlier) DESC, earlier LIMIT 1
"""
_MISSED = f"SELECT count(*), coalesce(sum(fetched), 0) FROM session_gaps WHERE {_THESE}"
_AUTHORS = f"""
SELECT author, count(*) FROM messages WHERE {_THESE} AND type <> 'system_message'
GROUP BY author_id ORDER BY count(*) DESC, author LIMIT :limit
"""
_NAMES = f"SELECT DISTINCT author FROM messages WHERE {_THESE}"
_MODELS = f"""
SELECT model, count(*) FROM messages WHERE {_THESE} AND model IS NOT NULL
GROUP BY model ORDER BY count(*) DESC, model LIMIT :limit
"""
_ANSWERS = f"""
WITH answers AS (
    SELECT type, lag(type) OVER said AS before,
        {_SECONDS.format("timestamp", "lag(timestamp) OVER said")} AS seconds
    FROM messages WHERE {_THESE}
    WINDOW said AS (PARTITION BY session_id, channel_id ORDER BY message_index)
), waited AS (
    SELECT seconds, row_number() OVER (ORDER BY seconds) AS place, count(*) OVER () AS total
    FROM answers WHERE type = 'bot_response' AND before = 'user_message' AND seconds >= 0
)
SELECT max(total), avg(seconds) FILTER (WHERE place IN ((total + 1) / 2, (total + 2) / 2)),
    max(seconds)
FROM waited
"""
_ACTIVITY = f"""
SELECT min(:width - 1, CAST({_SECONDS.format("timestamp", ":first")} / :step AS INTEGER)) AS slot,
    count(*) FROM messages WHERE {_THESE} GROUP BY slot
"""
_TEXTS = f"""
SELECT author_id, text FROM messages
WHERE {_THESE} AND type <> 'system_message' AND deleted_at IS NULL ORDER BY id DESC LIMIT :limit
"""


@dataclass(frozen=True, slots=True)
class Count:
    """Something with a name, and how often it was."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time; `messages` were said in it."""

    begin: datetime
    end: datetime
    messages: int = 0


@dataclass(frozen=True, slots=True)
class Answers:
    """How long people waited for bots, in seconds."""

    count: int
    median: float
    slowest: float


@dataclass(frozen=True, slots=True)
class Statistics:
    """What sessions are made of; ``duration`` in seconds, without pauses."""

    sessions: int
    duration: float
    messages: int
    user_messages: int
    bot_responses: int
    system_messages: int
    words: int
    attachments: int
    commands: tuple[Count, ...]
    most_active: Span | None
    longest_gap: Span | None
    authors: tuple[Count, ...]
    models: tuple[Count, ...]
    answers: Answers | None
    activity: str
    topics: tuple[Topic, ...]
    gaps: int = 0
    """How often nobody listened though it was being recorded."""
    fetched_later: int = 0
    """Messages that were taken from the history for these gaps."""


class SessionAnalyzer:
    """Computes statistics of one session or of several."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def analyze(self, sessions: Sequence[Session], now: datetime, *, limit: int = 5) -> Statistics:
        """The statistics of all `sessions` together.

        Parameters
        ----------
        now
            Up to when the duration of a session that still runs is counted.
        limit
            How many authors, models and topics at most.
        """
        these: Parameters = {
            "sessions": json.dumps([session.id for session in sessions]),
            "limit": limit,
        }
        with self._reader.connect() as connection:
            connection.execute("BEGIN")  # all figures of the same moment
            overview = connection.execute(_OVERVIEW, these).fetchone()
            texts = connection.execute(_TEXTS, {**these, "limit": _MOST_TEXTS}).fetchall()
            missed = connection.execute(_MISSED, these).fetchone()
            names = [name for (name,) in connection.execute(_NAMES, these)]
            return Statistics(
                sessions=len(sessions),
                duration=sum(session.duration(now) for session in sessions),
                messages=overview[0],
                user_messages=overview[1],
                bot_responses=overview[2],
                system_messages=overview[3],
                words=overview[4],
                attachments=overview[5],
                commands=_counts(connection, _COMMANDS, these),
                most_active=_most_active(connection, these),
                longest_gap=_longest_gap(connection, these),
                authors=_counts(connection, _AUTHORS, these),
                models=_counts(connection, _MODELS, these),
                answers=_answers(connection, these),
                activity=_activity(connection, these, overview[6], overview[7]),
                topics=tuple(topics(texts, limit, names=names)),
                gaps=missed[0],
                fetched_later=missed[1],
            )


def _counts(connection: Connection, sql: str, these: Parameters) -> tuple[Count, ...]:
    return tuple(Count(name, count) for name, count in connection.execute(sql, these))


def _most_active(connection: Connection, these: Parameters) -> Span | None:
    row = connection.execute(_BUSIEST, these).fetchone()
    if row is None:
        return None
    begin = datetime.fromtimestamp(row[0] * _QUARTER, UTC)
    return Span(begin, begin + timedelta(seconds=_QUARTER), row[1])


def _longest_gap(connection: Connection, these: Parameters) -> Span | None:
    row = connection.execute(_LONGEST_GAP, these).fetchone()
    return Span(stored_time(row[0]), stored_time(row[1])) if row else None


def _answers(connection: Connection, these: Parameters) -> Answers | None:
    count, median, slowest = connection.execute(_ANSWERS, these).fetchone()
    return Answers(count, round(median, 3), round(slowest, 3)) if count else None


def _activity(
    connection: Connection, these: Parameters, first: str | None, last: str | None
) -> str:
    """The messages over the time of the sessions as a line of bars."""
    if first is None or last is None:
        return ""
    span = (stored_time(last) - stored_time(first)).total_seconds()
    step = max(span, 1.0) / _ACTIVITY_WIDTH
    slots = dict(
        connection.execute(
            _ACTIVITY, {**these, "first": first, "step": step, "width": _ACTIVITY_WIDTH}
        ).fetchall()
    )
    return sparkline([slots.get(slot, 0) for slot in range(_ACTIVITY_WIDTH)])
