"""Erasing: the content of lines and their keys are destroyed, and the chain still verifies.

What is erased keeps its place, its time and Discord's id of the message, so that nothing else
moves and no history brings it back. Afterwards the writer writes the sessions' files anew,
removes the files that may hold it too, and lets nothing of it stay in the database's free
space, its full-text index or its log.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from recorder.models import Change, Deletion, Edit, Erased, Message
from recorder.record import chain, jsonl
from recorder.record.changes import current
from recorder.store import attachments, sessions
from recorder.store.journal import Journal
from recorder.store.message_rows import (
    UPDATE_MESSAGE,
    changes_of,
    message_in,
    message_row,
    withheld,
)
from recorder.store.reading import Reader

Reason = Literal["user", "message", "session", "retention", "deletion"]

_NOT_YET = "NOT EXISTS (SELECT 1 FROM erased_lines e WHERE e.line_id = {0}.id)"
_MESSAGES = (
    "SELECT m.id, m.session_id, m.message_id, (SELECT json_extract(line, '$.attachments') "
    "FROM lines WHERE id = m.id) FROM recording_sessions s "
    f"CROSS JOIN messages m ON m.session_id = s.id WHERE {_NOT_YET.format('m')} AND "
)
_REACTIONS = (
    "SELECT l.id, l.session_id, l.about, NULL FROM lines l WHERE l.about IS NOT NULL "
    f"AND {_NOT_YET.format('l')} AND json_extract(l.line, '$.type') = 'reaction' "
    "AND json_extract(l.line, '$.user_id') = ?"
)


@dataclass(frozen=True, slots=True)
class Selection:
    """What is to be erased: everything of a person, single messages, or what is older.

    Parameters
    ----------
    before
        Messages that were said before it, and stopped sessions that are older as a whole.
    """

    reason: Reason
    user_id: str | None = None
    message_ids: tuple[int, ...] = ()
    session_id: str | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What an erasure destroys."""

    selection: Selection
    messages: int
    line_ids: tuple[int, ...]
    session_ids: tuple[str, ...]
    """Sessions that hold some of it."""
    whole_session_ids: tuple[str, ...]
    """Sessions that go as a whole."""
    urls: tuple[str, ...]
    """Of attachments."""

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to be erased."""
        return not self.line_ids and not self.whole_session_ids


def plan(connection: sqlite3.Connection, selection: Selection) -> Plan:
    """What there is to be erased; nothing is changed."""
    whole = _whole_sessions(connection, selection)
    messages = list(_messages(connection, selection, whole))
    lines = dict.fromkeys(line_id for line_id, *_ in messages)
    urls = [url for *_, attached in messages if attached for url in _urls(attached)]
    for _, session_id, message_id, _ in messages:
        for line_id, change in _lines_about(connection, session_id, message_id):
            lines[line_id] = None
            if isinstance(change, Edit):
                urls += change.attachments
    reactions = []
    if selection.user_id is not None:
        reactions = connection.execute(_REACTIONS, (selection.user_id,)).fetchall()
    lines |= dict.fromkeys(line_id for line_id, *_ in reactions)
    sessions = dict.fromkeys(session_id for _, session_id, *_ in (*messages, *reactions))
    (in_whole,) = connection.execute(
        "SELECT coalesce(sum(message_count), 0) FROM recording_sessions "
        f"WHERE id IN ({', '.join('?' * len(whole))})",
        whole,
    ).fetchone()
    return Plan(
        selection=selection,
        messages=len(messages) + in_whole,
        line_ids=tuple(lines),
        session_ids=tuple(sessions),
        whole_session_ids=tuple(whole),
        urls=tuple(urls),
    )


def erase(journal: Journal, found: Plan, now: datetime, files: Iterable[str]) -> None:
    """Destroy what was found, in the transaction that the writer holds, and put it on record.

    Parameters
    ----------
    found
        Planned in the same transaction.
    files
        Further files that may hold some of it, to be removed: relative to the data folder.

    Raises
    ------
    Conflict
        A session that is to go as a whole still runs.
    """
    if found.nothing:
        return
    connection, selection = journal.connection, found.selection
    lines = len(found.line_ids)
    for session_id in found.whole_session_ids:
        lines += connection.execute(
            "SELECT line_count FROM recording_sessions WHERE id = ?", (session_id,)
        ).fetchone()[0]
        gone = attachments.forget(connection, attachments.urls_of(connection, session_id))
        sessions.delete(journal, session_id, gone)
    erasure_id = connection.execute(
        "INSERT INTO erasures (erased_at, reason, line_count) VALUES (?, ?, ?)",
        (now.isoformat(), selection.reason, lines),
    ).lastrowid
    touched = {_erase_line(connection, line_id, erasure_id or 0, now) for line_id in found.line_ids}
    for row_id in touched:
        _remake(connection, row_id)
    for session_id in found.session_ids:
        _lay_anew(connection, session_id)
    if selection.user_id is not None:
        connection.execute(
            "UPDATE recording_sessions SET user_id = NULL WHERE user_id = ?", (selection.user_id,)
        )
        connection.execute(
            "UPDATE auto_recording SET user_id = '0' WHERE user_id = ?", (selection.user_id,)
        )
    files = [*files, *attachments.forget(connection, found.urls)]
    connection.executemany(
        "INSERT OR IGNORE INTO file_removals VALUES (?)", [(path,) for path in files]
    )
    journal.reload(found.session_ids)


def unfinished(connection: sqlite3.Connection) -> set[Reason]:
    """Why something was erased of which a part may still be in a file."""
    rows = connection.execute("SELECT DISTINCT reason FROM erasures WHERE NOT finished")
    return {reason for (reason,) in rows}


def counts(reader: Reader) -> tuple[int, int]:
    """How many erasures there were, and how many are not finished."""
    with reader.connect() as connection:
        total, unfinished = connection.execute(
            "SELECT count(*), coalesce(sum(NOT finished), 0) FROM erasures"
        ).fetchone()
    return total, unfinished


def scrub(connection: sqlite3.Connection) -> None:
    """Leave nothing of what was erased in the index, in free space or in the log.

    While somebody reads, the log cannot be emptied: then it is left for the next time.
    """
    connection.execute("INSERT INTO messages_fts (messages_fts) VALUES ('optimize')")
    connection.execute("VACUUM")
    (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if not busy:
        connection.execute("UPDATE erasures SET finished = 1")


def _whole_sessions(connection: sqlite3.Connection, selection: Selection) -> list[str]:
    if selection.session_id is not None:
        return [selection.session_id]
    if selection.before is None:
        return []
    rows = connection.execute(
        "SELECT id FROM recording_sessions s WHERE status = 'stopped' AND stopped_at < :before "
        "AND NOT EXISTS (SELECT 1 FROM messages WHERE session_id = s.id AND timestamp >= :before)",
        {"before": selection.before.isoformat()},
    )
    return [session_id for (session_id,) in rows]


Found = tuple[int, str, int | None, str | None]


def _messages(
    connection: sqlite3.Connection, selection: Selection, whole: Sequence[str]
) -> Iterator[Found]:
    if selection.user_id is not None:
        yield from connection.execute(_MESSAGES + "m.author_id = ?", (selection.user_id,))
    for message_id in selection.message_ids:
        yield from connection.execute(_MESSAGES + "m.message_id = ?", (message_id,))
    if selection.before is not None:
        rows = connection.execute(_MESSAGES + "m.timestamp < ?", (selection.before.isoformat(),))
        yield from (row for row in rows if row[1] not in whole)


def _lines_about(
    connection: sqlite3.Connection, session_id: str, message_id: int | None
) -> Iterator[tuple[int, Change]]:
    """What is known of a message beside itself; only its deletion has no content."""
    if message_id is None:
        return
    for line_id, line in connection.execute(
        f"SELECT id, line FROM lines l WHERE session_id = ? AND about = ? "
        f"AND {_NOT_YET.format('l')}",
        (session_id, message_id),
    ):
        change = jsonl.decode(line)
        if not isinstance(change, Message | Deletion):
            yield line_id, change


def _erase_line(
    connection: sqlite3.Connection, line_id: int, erasure_id: int, now: datetime
) -> int:
    """Put what is left in the place of a line; gives the id of the message's row."""
    session_id, line, key = connection.execute(
        "SELECT session_id, line, key FROM lines WHERE id = ?", (line_id,)
    ).fetchone()
    said = jsonl.decode(line)
    if isinstance(said, Message):
        left, message = jsonl.encode(withheld(said, {"erased_at": now.isoformat()})), line_id
    else:
        left = jsonl.encode_change(Erased(said.timestamp, said.channel_id, said.message_id))
        (message,) = connection.execute(
            "SELECT id FROM messages WHERE session_id = ? AND message_id = ?",
            (session_id, said.message_id),
        ).fetchone()
    connection.execute("UPDATE lines SET line = ?, key = x'' WHERE id = ?", (left, line_id))
    connection.execute(
        "INSERT INTO erased_lines (line_id, erasure_id, digest) VALUES (?, ?, ?)",
        (line_id, erasure_id, chain.digest(key, line.encode())),
    )
    return message


def _remake(connection: sqlite3.Connection, row_id: int) -> None:
    """Make a message anew from what is left of its lines."""
    session_id, index, message_id, line = connection.execute(
        "SELECT m.session_id, m.message_index, m.message_id, l.line "
        "FROM messages m JOIN lines l ON l.id = m.id WHERE m.id = ?",
        (row_id,),
    ).fetchone()
    changes = [] if message_id is None else changes_of(connection, session_id, message_id)
    row = message_row(session_id, index, current(message_in(line), changes))
    connection.execute(UPDATE_MESSAGE, (*row, row_id))


def _lay_anew(connection: sqlite3.Connection, session_id: str) -> None:
    """Let each line begin where the one before it ends, and have the file written whole."""
    connection.execute(
        "UPDATE lines SET byte_offset = laid.byte_offset FROM (SELECT id, "
        "sum(length(CAST(line AS BLOB)) + 1) OVER (ORDER BY line_number) "
        "- length(CAST(line AS BLOB)) - 1 AS byte_offset FROM lines WHERE session_id = :id) laid "
        "WHERE lines.id = laid.id AND lines.byte_offset <> laid.byte_offset",
        {"id": session_id},
    )
    connection.execute(
        "UPDATE recording_sessions SET synced_bytes = 0, byte_size = "
        "(SELECT sum(length(CAST(line AS BLOB)) + 1) FROM lines WHERE session_id = :id) "
        "WHERE id = :id",
        {"id": session_id},
    )


def _urls(attachments: str) -> list[str]:
    return [str(url) for url in json.loads(attachments)]
