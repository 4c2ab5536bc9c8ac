"""Verification that the rows of a session are those that its events lead to."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

from sqlite_utils import Database

from recorder.models import SessionEvent
from recorder.record.session_events import with_effect
from recorder.store.event_rows import add_channel, apply_event
from recorder.store.schema import schema, statements

_SESSION = "FROM recording_sessions WHERE id = :id"
_BEGINNINGS = ("start", "merge", "import")
_DERIVED = {
    "the session": "SELECT name, name_key, guild_id, channel_id, user_id, started_at, stopped_at, "
    f"status, is_auto, is_draft {_SESSION}",
    "interval": "SELECT started_at, ended_at, channel_id FROM session_intervals "
    "WHERE session_id = :id ORDER BY started_at, id",
    "gap": "SELECT number, started_at, ended_at, reason, fetched, problem, complete "
    "FROM session_gaps WHERE session_id = :id ORDER BY number",
    "tag": "SELECT tag, timestamp, message_index FROM session_tags "
    "WHERE session_id = :id ORDER BY tag",
    "channel": "SELECT channel_id, watermark, threads_watermark FROM session_channels "
    "WHERE session_id = :id ORDER BY channel_id",
}


def faults(
    connection: sqlite3.Connection,
    session_id: str,
    events: Sequence[SessionEvent],
    channel_ids: Iterable[str],
) -> Iterator[str]:
    """Yield where the rows of a session differ from what its events lead to.

    Parameters
    ----------
    channel_ids
        The channels of its messages.
    """
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as memory:
        create_schema(memory)
        db = Database(memory, execute_plugins=False)
        row: dict[str, str | bytes] = {"id": session_id, "name_key": "", "head": b""}
        db.table("recording_sessions").insert({**row, "is_draft": 1})
        try:
            for channel_id in channel_ids:
                add_channel(db, session_id, channel_id)
            for event in with_effect(events):
                apply_event(db, session_id, event)
                yield from _path_faults(connection, session_id, event)
        except (KeyError, TypeError, ValueError, sqlite3.Error) as error:
            yield f"its events contradict each other ({error!r:.80})"
            return
        for what, sql in _DERIVED.items():
            yield from _differences(what, memory, connection, sql, session_id)


def _path_faults(
    connection: sqlite3.Connection, session_id: str, event: SessionEvent
) -> Iterator[str]:
    """Yield that an event names another file; only the number of a taken name is free."""
    if event.event in _BEGINNINGS:
        (path,) = connection.execute(f"SELECT file_path {_SESSION}", {"id": session_id}).fetchone()
        stem = re.escape(str(event.details["file_path"]).removesuffix(".jsonl"))
        if not re.fullmatch(rf"{stem}(-\d+)?\.jsonl", str(path)):
            yield f"by its lines, the file is another one than {path}"


def create_schema(connection: sqlite3.Connection) -> None:
    """Create the tables of a new database."""
    for statement in statements(schema()):
        connection.execute(statement)


def _differences(
    what: str,
    expected: sqlite3.Connection,
    actual: sqlite3.Connection,
    sql: str,
    session_id: str,
) -> Iterator[str]:
    lines, rows = (_rows(connection, sql, session_id) for connection in (expected, actual))
    for row in (Counter(lines) - Counter(rows)).elements():
        yield f"by its lines, {what} is {row}; the database has something else"
    for row in (Counter(rows) - Counter(lines)).elements():
        yield f"no line says that {what} is {row}, as the database has it"
    if lines != rows and sorted(lines) == sorted(rows):
        yield f"the order of each {what} differs from that of its lines"


def _rows(connection: sqlite3.Connection, sql: str, session_id: str) -> list[str]:
    cursor = connection.execute(sql, {"id": session_id})
    names = [column[0] for column in cursor.description]
    rows = (zip(names, row, strict=True) for row in cursor)
    return [", ".join(f"{name} {value!r}" for name, value in row) for row in rows]
