"""Messages in order of time, in their present or an earlier state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from recorder.models import Annotation, RecordedMessage
from recorder.record.changes import current
from recorder.store.database import Connection
from recorder.store.message_rows import changes_of, message_in
from recorder.store.time_limit import check_limit

_LARGEST = (1 << 63) - 1


def ids_in_order(
    connection: Connection, session_id: str, first: int, last: int | None
) -> Iterator[int]:
    """Yield the row ids of messages in order of time, by position."""
    row = connection.execute(
        "SELECT in_order FROM recording_sessions WHERE id = ?", (session_id,)
    ).fetchone()
    if row and row[0]:
        rows = connection.execute(
            "SELECT id FROM messages WHERE session_id = ? AND message_index >= ? "
            "AND message_index <= ? ORDER BY message_index",
            (session_id, first, _LARGEST if last is None else last),
        )
    else:
        rows = connection.execute(
            "SELECT id FROM messages WHERE session_id = ? "
            "ORDER BY timestamp, message_id, message_index LIMIT ? OFFSET ?",
            (session_id, -1 if last is None else max(last - first + 1, 0), first - 1),
        )
    return (row_id for (row_id,) in rows)


def recorded_rows(connection: Connection, ids: Sequence[int]) -> list[tuple[Any, ...]]:
    """Return what :func:`recorded` takes of the messages with these row ids, in their order."""
    rows = connection.execute(
        "SELECT m.id, m.message_index, l.line, (SELECT group_concat(tag, char(10)) "
        "FROM session_tags t WHERE t.session_id = m.session_id "
        "AND t.message_index = m.message_index), EXISTS (SELECT 1 FROM lines c "
        "WHERE c.session_id = m.session_id AND c.about = m.message_id) "
        f"FROM messages m JOIN lines l ON l.id = m.id WHERE m.id IN ({', '.join('?' * len(ids))})",
        tuple(ids),
    )
    by_id = {row_id: values for row_id, *values in rows}
    return [tuple(by_id[row_id]) for row_id in ids if row_id in by_id]


def recorded(
    connection: Connection,
    session_id: str,
    as_of: datetime | None,
    index: int,
    line: str,
    tags: str | None,
    is_changed: bool,
) -> RecordedMessage:
    """Return a message from a row of :func:`recorded_rows`, in its state at `as_of`."""
    check_limit()
    message = message_in(line)
    changes = []
    if is_changed and message.message_id is not None:
        changes = changes_of(connection, session_id, message.message_id)
        if as_of:  # the model of an answer holds at any time, whenever it was named
            changes = [c for c in changes if c.timestamp <= as_of or isinstance(c, Annotation)]
    now = current(message, changes)
    names = tuple(tags.split("\n")) if tags else ()
    return RecordedMessage(index, now.message, names, now.edited_at, now.deleted_at, now.reactions)
