"""Erasure: destroy the content of lines and their keys; the chain still verifies.

An erased message keeps its position, its time and its Discord id, so that no other message
moves and no backfill restores it. After the commit the writer rewrites the sessions' files,
removes further files that may hold the content, and clears it from the database's free space,
full-text index and write-ahead log.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from sqlite_utils import Database

from recorder.models import Change, Deletion, Edit, Erased, Message
from recorder.record import chain, jsonl
from recorder.record.changes import current
from recorder.store import attachments, ledger, sessions
from recorder.store.database import Connection
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

_NOT_ERASED = "NOT EXISTS (SELECT 1 FROM erased_lines e WHERE e.line_id = {0}.id)"
_MESSAGES = (
    "SELECT m.id, m.session_id, m.message_id, (SELECT json_extract(line, '$.attachments') "
    "FROM lines WHERE id = m.id) FROM recording_sessions s "
    f"CROSS JOIN messages m ON m.session_id = s.id WHERE {_NOT_ERASED.format('m')} AND "
)
# Their own messages, and answers to their commands, which name them.
_BY_USER = "(m.author_id = :user OR json_extract(m.interaction, '$.user_id') = :user)"
_REACTIONS = (
    "SELECT l.id, l.session_id, l.about, NULL FROM lines l WHERE l.about IS NOT NULL "
    f"AND {_NOT_ERASED.format('l')} AND json_extract(l.line, '$.type') = 'reaction' "
    "AND json_extract(l.line, '$.user_id') = ?"
)


@dataclass(frozen=True, slots=True)
class Selection:
    """The selection of an erasure: a user, single messages, a session, or an age.

    Parameters
    ----------
    before
        Selects messages sent before it, and stopped sessions that are older as a whole.
    """

    reason: Reason
    user_id: str | None = None
    message_ids: tuple[int, ...] = ()
    session_id: str | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class ErasureScope:
    """Everything that an erasure destroys.

    Parameters
    ----------
    session_ids
        Sessions that lose some lines.
    whole_session_ids
        Sessions that are deleted as a whole.
    urls
        Attachments.
    """

    selection: Selection
    messages: int
    line_ids: tuple[int, ...]
    session_ids: tuple[str, ...]
    whole_session_ids: tuple[str, ...]
    urls: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to erase."""
        return not self.line_ids and not self.whole_session_ids


@dataclass(frozen=True, slots=True)
class ErasureCounts:
    """The number of erasures, and of those that are not finished."""

    erasures: int
    unfinished: int


def find_scope(db: Database, selection: Selection) -> ErasureScope:
    """Determine what an erasure destroys; nothing is changed."""
    connection = db.conn
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
    session_ids = dict.fromkeys(session_id for _, session_id, *_ in (*messages, *reactions))
    deleted = sum(db.table("recording_sessions").get(id)["message_count"] for id in whole)
    return ErasureScope(
        selection=selection,
        messages=len(messages) + deleted,
        line_ids=tuple(lines),
        session_ids=tuple(session_ids),
        whole_session_ids=tuple(whole),
        urls=tuple(urls),
    )


def erase(journal: Journal, scope: ErasureScope, now: datetime, files: Iterable[str]) -> None:
    """Destroy everything in `scope`, and record the erasure.

    Parameters
    ----------
    scope
        Determined in the same transaction.
    files
        Further files that may hold some of it, to be removed: relative to the data folder.

    Raises
    ------
    Conflict
        A session that is to be deleted as a whole is running.
    """
    if scope.is_empty:
        return
    db, selection = journal.db, scope.selection
    lines = len(scope.line_ids)
    for session_id in scope.whole_session_ids:
        lines += db.table("recording_sessions").get(session_id)["line_count"]
        sessions.delete(journal, session_id)
    erasures = db.table("erasures").insert(
        {"erased_at": now.isoformat(), "reason": selection.reason, "line_count": lines}
    )
    erasure_id = erasures.last_pk
    assert isinstance(erasure_id, int)
    ledger.append_erasure(journal, erasure_id, selection.reason, lines, now)
    messages = {
        _erase_line(journal.connection, line_id, erasure_id, now) for line_id in scope.line_ids
    }
    for row_id in messages:
        _rebuild_message(journal.connection, row_id)
    for session_id in scope.session_ids:
        _rebuild_offsets(journal.connection, session_id)
    if selection.user_id is not None:
        journal.connection.execute(
            "UPDATE recording_sessions SET user_id = NULL WHERE user_id = ?", (selection.user_id,)
        )
        journal.connection.execute(
            "UPDATE auto_recording SET user_id = '0' WHERE user_id = ?", (selection.user_id,)
        )
    sessions.remove_files(journal, [*files, *attachments.forget(db, scope.urls)])
    journal.reload(scope.session_ids)


def unfinished_reasons(db: Database) -> set[Reason]:
    """Return the reasons of the erasures with content that may still be in a file."""
    rows = db.query("SELECT DISTINCT reason FROM erasures WHERE NOT finished")
    return {row["reason"] for row in rows}


def is_unfinished(reader: Reader) -> bool:
    """Return whether erased content may still be in a file."""
    with reader.database() as db:
        return bool(unfinished_reasons(db))


def count_erasures(reader: Reader) -> ErasureCounts:
    """Count the erasures."""
    (row,) = reader.query(
        "SELECT count(*) AS erasures, coalesce(sum(NOT finished), 0) AS unfinished FROM erasures"
    )
    return ErasureCounts(**row)


def scrub(connection: Connection) -> None:
    """Clear erased content from the full-text index, the free space and the log.

    While a reader is active, the log cannot be truncated: the erasure stays unfinished.
    """
    connection.execute("INSERT INTO messages_fts (messages_fts) VALUES ('optimize')")
    connection.execute("VACUUM")
    (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if not busy:
        connection.execute("UPDATE erasures SET finished = 1")


def _whole_sessions(connection: Connection, selection: Selection) -> list[str]:
    if selection.session_id is not None:
        rows = connection.execute(
            "SELECT id FROM recording_sessions WHERE id = ?", (selection.session_id,)
        )
        return [session_id for (session_id,) in rows]
    if selection.before is None:
        return []
    rows = connection.execute(
        "SELECT id FROM recording_sessions s WHERE status = 'stopped' AND stopped_at < :before "
        "AND NOT EXISTS (SELECT 1 FROM messages WHERE session_id = s.id AND timestamp >= :before)",
        {"before": selection.before.isoformat()},
    )
    return [session_id for (session_id,) in rows]


# The ids of a line, its session and its message, and the attachments in the line.
_Selected: TypeAlias = tuple[int, str, int | None, str | None]


def _messages(
    connection: Connection, selection: Selection, whole: Sequence[str]
) -> Iterator[_Selected]:
    if selection.user_id is not None:
        yield from connection.execute(_MESSAGES + _BY_USER, {"user": selection.user_id})
    for message_id in selection.message_ids:
        yield from connection.execute(_MESSAGES + "m.message_id = ?", (message_id,))
    if selection.before is not None:
        rows = connection.execute(_MESSAGES + "m.timestamp < ?", (selection.before.isoformat(),))
        yield from (row for row in rows if row[1] not in whole)


def _lines_about(
    connection: Connection, session_id: str, message_id: int | None
) -> Iterator[tuple[int, Change]]:
    """Yield the changes of a message that have content: all but its deletion."""
    if message_id is None:
        return
    for line_id, line in connection.execute(
        f"SELECT id, line FROM lines l WHERE session_id = ? AND about = ? "
        f"AND {_NOT_ERASED.format('l')}",
        (session_id, message_id),
    ):
        change = jsonl.decode(line)
        if not isinstance(change, Message | Deletion):
            yield line_id, change


def _erase_line(connection: Connection, line_id: int, erasure_id: int, now: datetime) -> int:
    """Replace a line with its remains; return the id of the row of its message."""
    session_id, line, key = connection.execute(
        "SELECT session_id, line, key FROM lines WHERE id = ?", (line_id,)
    ).fetchone()
    record = jsonl.decode(line)
    if isinstance(record, Message):
        remains = jsonl.encode(withheld(record, {"erased_at": now.isoformat()}))
        message = line_id
    else:
        remains = jsonl.encode_change(
            Erased(record.timestamp, record.channel_id, record.message_id)
        )
        (message,) = connection.execute(
            "SELECT id FROM messages WHERE session_id = ? AND message_id = ?",
            (session_id, record.message_id),
        ).fetchone()
    connection.execute("UPDATE lines SET line = ?, key = x'' WHERE id = ?", (remains, line_id))
    connection.execute(
        "INSERT INTO erased_lines (line_id, erasure_id, digest) VALUES (?, ?, ?)",
        (line_id, erasure_id, chain.digest(key, line.encode())),
    )
    return int(message)


def _rebuild_message(connection: Connection, row_id: int) -> None:
    """Derive the row of a message again from the remains of its lines."""
    session_id, index, message_id, line = connection.execute(
        "SELECT m.session_id, m.message_index, m.message_id, l.line "
        "FROM messages m JOIN lines l ON l.id = m.id WHERE m.id = ?",
        (row_id,),
    ).fetchone()
    changes = [] if message_id is None else changes_of(connection, session_id, message_id)
    row = message_row(session_id, index, current(message_in(line), changes))
    connection.execute(UPDATE_MESSAGE, (*row, row_id))


def _rebuild_offsets(connection: Connection, session_id: str) -> None:
    """Compute the lines' offsets again, and have the file rewritten as a whole."""
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
