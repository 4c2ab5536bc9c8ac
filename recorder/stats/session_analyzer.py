"""``SessionAnalyzer``: statistics of sessions, computed in SQL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from recorder.formatting import sparkline
from recorder.models import Session
from recorder.record.snowflake import EPOCH_SECONDS, IDS_A_MILLISECOND
from recorder.stats.timescale import QUARTER_HOUR, WINDOW
from recorder.stats.topics import Topic, topics
from recorder.store.database import Connection, stored_time
from recorder.store.reading import Reader

Parameters = dict[str, str | int | float]

_ACTIVITY_WIDTH = 24
_STREAM_PAUSE = 60  # seconds
_MOST_TEXTS = 20_000

IN_SESSIONS = "session_id IN (SELECT value FROM json_each(:sessions))"
"""SQL for the condition on a row; ``:sessions`` is from :func:`session_parameters`."""
_SECONDS = "(julianday({0}) - julianday({1})) * 86400.0"

# Of a message that was deleted in Discord only the fact counts, and nothing that it said.
_OVERVIEW = f"""
SELECT count(*), coalesce(sum(type = 'user_message'), 0), coalesce(sum(type = 'bot_response'), 0),
    coalesce(sum(type = 'system_message'), 0),
    coalesce(sum(length(trim(content)) - length(replace(trim(content), ' ', ''))
        + (trim(content) <> '')) FILTER (WHERE deleted_at IS NULL), 0),
    coalesce(sum(json_array_length(attachments)) FILTER (WHERE deleted_at IS NULL), 0),
    min(timestamp), max(timestamp)
FROM messages WHERE {IN_SESSIONS}
"""
# A command is a sign, a letter, then letters, digits, - and _ up to the first space. A slash
# command is known from its answers, which may be several.
_COMMANDS = f"""
WITH words AS (
    SELECT substr(content, 1, instr(replace(content, char(10), ' ') || ' ', ' ') - 1) AS word
    FROM messages
    WHERE {IN_SESSIONS} AND type = 'user_message' AND deleted_at IS NULL
        AND content GLOB '[!/?$.%&;~][A-Za-z]*'
), used AS (
    SELECT word FROM words WHERE substr(word, 2) NOT GLOB '*[^A-Za-z0-9_-]*'
    UNION ALL
    SELECT json_extract(interaction, '$.command') FROM messages
    WHERE {IN_SESSIONS} AND json_extract(interaction, '$.command') IS NOT NULL
        AND deleted_at IS NULL
    GROUP BY session_id, coalesce(json_extract(interaction, '$.id'), id)
)
SELECT word, count(*) FROM used GROUP BY word ORDER BY count(*) DESC, word
"""
_BUSIEST = f"""
SELECT {WINDOW} AS start, count(*)
FROM messages WHERE {IN_SESSIONS} GROUP BY start ORDER BY count(*) DESC, start LIMIT 1
"""
# Two messages with the start of an interval between them were separated by a pause.
_LONGEST_GAP = f"""
WITH pairs AS (
    SELECT session_id, timestamp AS later,
        lag(timestamp) OVER (PARTITION BY session_id ORDER BY message_index) AS earlier
    FROM messages WHERE {IN_SESSIONS}
)
SELECT earlier, later FROM pairs WHERE earlier < later AND NOT EXISTS (
    SELECT 1 FROM session_intervals i WHERE i.session_id = pairs.session_id
    AND i.started_at > earlier AND i.started_at <= later
) ORDER BY julianday(later) - julianday(earlier) DESC, earlier LIMIT 1
"""
_GAPS = f"SELECT count(*), coalesce(sum(fetched), 0) FROM session_gaps WHERE {IN_SESSIONS}"
_AUTHORS = f"""
SELECT author, count(*) FROM messages WHERE {IN_SESSIONS} AND type <> 'system_message'
GROUP BY author_id ORDER BY count(*) DESC, author LIMIT :limit
"""
_NAMES = f"SELECT DISTINCT author FROM messages WHERE {IN_SESSIONS}"
_MODELS = f"""
SELECT model, count(*) FROM messages
WHERE {IN_SESSIONS} AND model IS NOT NULL AND deleted_at IS NULL
GROUP BY model ORDER BY count(*) DESC, model LIMIT :limit
"""
# A command is asked at the time in the id of its interaction; only its first answer counts.
_ASKED_AT = (
    "strftime('%Y-%m-%dT%H:%M:%f+00:00', "
    f"interaction_id / {IDS_A_MILLISECOND} / 1000.0 + {EPOCH_SECONDS}, 'unixepoch')"
)
# A streamed answer is finished with the last of the edits that follow each other within a minute.
_STREAMED_UNTIL = f"""
SELECT max(edited_at) FROM (
    SELECT edited_at, sum(pause > {_STREAM_PAUSE}) OVER (ORDER BY edited_at) AS breaks FROM (
        SELECT edited_at, {_SECONDS.format("edited_at", "before")} AS pause FROM (
            SELECT edited_at, lag(edited_at, 1, begun_at) OVER (ORDER BY edited_at) AS before
            FROM (
                SELECT json_extract(line, '$.edited_timestamp') AS edited_at FROM lines
                WHERE session_id = answers.session_id AND about = answers.message_id
                AND json_extract(line, '$.type') = 'edit'
            ) WHERE edited_at > begun_at
        )
    )
) WHERE breaks = 0
"""
_ANSWERS = f"""
WITH in_order AS (
    SELECT type, session_id, message_id, message_index, timestamp, edited_at, interaction,
        CAST(json_extract(interaction, '$.id') AS INTEGER) AS interaction_id,
        iif(lag(type) OVER channel = 'user_message', lag(timestamp) OVER channel, NULL) AS before
    FROM messages WHERE {IN_SESSIONS}
    WINDOW channel AS (PARTITION BY session_id, channel_id ORDER BY message_index)
), answers AS (
    SELECT session_id, message_id, edited_at, iif(interaction_id, {_ASKED_AT}, before) AS asked_at,
        coalesce(json_extract(interaction, '$.answered_at'), timestamp) AS begun_at,
        row_number() OVER (
            PARTITION BY session_id, coalesce(interaction_id, -message_index) ORDER BY message_index
        ) AS number
    FROM in_order WHERE type = 'bot_response' AND (interaction_id OR before IS NOT NULL)
), finished AS (
    SELECT asked_at, coalesce(iif(edited_at IS NULL, NULL, ({_STREAMED_UNTIL})), begun_at)
        AS finished_at
    FROM answers WHERE number = 1
), waits AS (
    SELECT {_SECONDS.format("finished_at", "asked_at")} AS seconds FROM finished
), waited AS (
    SELECT seconds, row_number() OVER (ORDER BY seconds) AS rank, count(*) OVER () AS total
    FROM waits WHERE seconds >= 0
)
SELECT max(total), avg(seconds) FILTER (WHERE rank IN ((total + 1) / 2, (total + 2) / 2)),
    max(seconds)
FROM waited
"""
_ACTIVITY = f"""
SELECT min(:width - 1, CAST({_SECONDS.format("timestamp", ":first")} / :step AS INTEGER)) AS slot,
    count(*) FROM messages WHERE {IN_SESSIONS} GROUP BY slot
"""
_TEXTS = f"""
SELECT author_id, text FROM messages
WHERE {IN_SESSIONS} AND type <> 'system_message' AND deleted_at IS NULL
ORDER BY id DESC LIMIT :limit
"""


@dataclass(frozen=True, slots=True)
class Count:
    """A name and the number of its occurrences."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Span:
    """A time span, and the number of messages in it."""

    begin: datetime
    end: datetime
    messages: int = 0


@dataclass(frozen=True, slots=True)
class Answers:
    """The time that bots took until their answers were finished, in seconds."""

    count: int
    median: float
    slowest: float


@dataclass(frozen=True, slots=True)
class Statistics:
    """The statistics of sessions; ``duration`` is in seconds, without pauses."""

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
    """The number of times in which a recording session received no events."""
    fetched_later: int = 0
    """The number of messages that were fetched from the history for these gaps."""


class SessionAnalyzer:
    """The analysis of one session or of several."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def analyze(self, sessions: Sequence[Session], now: datetime, *, limit: int = 5) -> Statistics:
        """Return the statistics of all `sessions` together.

        Parameters
        ----------
        now
            The end of sessions that are still running, for their duration.
        limit
            The largest number of authors, models and topics.
        """
        parameters = session_parameters(sessions) | {"limit": limit}
        with self._reader.connect() as connection:
            connection.execute("BEGIN")  # one snapshot for all queries
            overview = connection.execute(_OVERVIEW, parameters).fetchone()
            texts = connection.execute(_TEXTS, {**parameters, "limit": _MOST_TEXTS}).fetchall()
            gaps, fetched = connection.execute(_GAPS, parameters).fetchone()
            names = [name for (name,) in connection.execute(_NAMES, parameters)]
            return Statistics(
                sessions=len(sessions),
                duration=sum(session.duration(now) for session in sessions),
                messages=overview[0],
                user_messages=overview[1],
                bot_responses=overview[2],
                system_messages=overview[3],
                words=overview[4],
                attachments=overview[5],
                commands=_counts(connection, _COMMANDS, parameters),
                most_active=_most_active(connection, parameters),
                longest_gap=_longest_gap(connection, parameters),
                authors=_counts(connection, _AUTHORS, parameters),
                models=_counts(connection, _MODELS, parameters),
                answers=_answers(connection, parameters),
                activity=_activity(connection, parameters, overview[6], overview[7]),
                topics=tuple(topics(texts, limit, names=names)),
                gaps=gaps,
                fetched_later=fetched,
            )


def session_parameters(sessions: Sequence[Session]) -> Parameters:
    """Return the parameters of SQL with :data:`IN_SESSIONS`."""
    return {"sessions": json.dumps([session.id for session in sessions])}


def _counts(connection: Connection, sql: str, parameters: Parameters) -> tuple[Count, ...]:
    return tuple(Count(name, count) for name, count in connection.execute(sql, parameters))


def _most_active(connection: Connection, parameters: Parameters) -> Span | None:
    row = connection.execute(_BUSIEST, {**parameters, "window": QUARTER_HOUR}).fetchone()
    if row is None:
        return None
    begin = datetime.fromtimestamp(row[0], UTC)
    return Span(begin, begin + timedelta(seconds=QUARTER_HOUR), row[1])


def _longest_gap(connection: Connection, parameters: Parameters) -> Span | None:
    row = connection.execute(_LONGEST_GAP, parameters).fetchone()
    return Span(stored_time(row[0]), stored_time(row[1])) if row else None


def _answers(connection: Connection, parameters: Parameters) -> Answers | None:
    count, median, slowest = connection.execute(_ANSWERS, parameters).fetchone()
    return Answers(count, round(median, 3), round(slowest, 3)) if count else None


def _activity(
    connection: Connection, parameters: Parameters, first: str | None, last: str | None
) -> str:
    """Return the number of messages over time as a sparkline."""
    if first is None or last is None:
        return ""
    span = (stored_time(last) - stored_time(first)).total_seconds()
    step = max(span, 1.0) / _ACTIVITY_WIDTH
    slots = dict(
        connection.execute(
            _ACTIVITY, {**parameters, "first": first, "step": step, "width": _ACTIVITY_WIDTH}
        ).fetchall()
    )
    return sparkline([slots.get(slot, 0) for slot in range(_ACTIVITY_WIDTH)])
