"""Queries of the verification: lines with their messages, counts, and the full-text index."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recorder.store.database import DATABASE_NAME, sqlite_errors
from recorder.store.derived_rows import create_schema
from recorder.store.lines import LINE_SQL, PAGE, Line
from recorder.store.message_rows import MESSAGE_COLUMNS
from recorder.store.reading import Reader

_LOOKED_UP = 5_000  # terms of the full-text index
COPY_PREFIX = ".verify-"
"""The prefix of the folder for the copy that is verified."""


def sqlite_version() -> str:
    """Return the version of the SQLite library."""
    return sqlite3.sqlite_version


@dataclass(frozen=True, slots=True)
class Totals:
    """The counts in the row of a session."""

    message_count: int
    line_count: int
    byte_size: int
    synced_bytes: int
    in_order: int
    head: bytes
    messages: int
    """The actual number of rows in ``messages``."""


@contextmanager
def snapshot(reader: Reader) -> Iterator[sqlite3.Connection]:
    """Yield a connection that sees the database as it is now, whatever is written meanwhile."""
    with reader.connect() as connection:
        connection.execute("BEGIN")
        yield connection


def totals(connection: sqlite3.Connection, session_id: str) -> Totals:
    """Return the counts of a session."""
    return Totals(
        *connection.execute(
            "SELECT message_count, line_count, byte_size, synced_bytes, in_order, head, "
            "(SELECT count(*) FROM messages WHERE session_id = :id) "
            "FROM recording_sessions WHERE id = :id",
            {"id": session_id},
        ).fetchone()
    )


def changes(connection: sqlite3.Connection, session_id: str) -> dict[int, list[str]]:
    """Return the lines of later changes by the Discord id of the message they are about."""
    changes: dict[int, list[str]] = {}
    for message_id, line in connection.execute(
        "SELECT about, line FROM lines WHERE session_id = ? AND about IS NOT NULL "
        "ORDER BY line_number",
        (session_id,),
    ):
        changes.setdefault(message_id, []).append(line)
    return changes


def lines_with_messages(
    connection: sqlite3.Connection, session_id: str
) -> Iterator[tuple[Line, tuple[Any, ...] | None]]:
    """Yield each line of a session with the row of its message, if it has one.

    The row has the columns of :data:`recorder.store.message_rows.MESSAGE_COLUMNS` after the id.
    """
    columns = ", ".join(f"m.{column}" for column in MESSAGE_COLUMNS)
    last, width = 0, len(MESSAGE_COLUMNS)
    while True:
        page = connection.execute(
            f"SELECT {columns}, {LINE_SQL} LEFT JOIN messages m ON m.id = l.id "
            "WHERE l.session_id = ? AND l.line_number > ? ORDER BY l.line_number LIMIT ?",
            (session_id, last, PAGE),
        ).fetchall()
        for row in page:
            line = Line(*row[width:])
            yield line, row[1:width] if row[0] is not None else None
        if len(page) < PAGE:
            return
        last = line.line_number


def database_faults(folder: Path) -> list[str]:
    """Return the faults that SQLite finds in the database and its full-text index.

    Only a connection that can write can check the index, so this checks a copy: in the data
    folder, or if that is read-only, in the folder for temporary files.

    Raises
    ------
    StorageError
        The database cannot be read, or there is no space for the copy.
    """
    parent = folder if os.access(folder, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=parent, prefix=COPY_PREFIX) as temporary:
        copy = Path(temporary) / DATABASE_NAME
        Reader(folder).copy_to(copy)
        with sqlite_errors(folder / DATABASE_NAME):
            return copy_faults(copy)


def copy_faults(path: Path) -> list[str]:
    """Return the same as :func:`database_faults` for a copy that no other connection uses."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return _faults(connection)


def rebuild_index(connection: sqlite3.Connection) -> None:
    """Rebuild the full-text index from the messages."""
    connection.execute("INSERT INTO messages_fts (messages_fts) VALUES ('rebuild')")


# A draft becomes a session by one of these events.
_HIDDEN = """
SELECT DISTINCT s.id FROM recording_sessions s JOIN lines l ON l.session_id = s.id
WHERE s.is_draft AND l.about IS NULL AND json_extract(l.line, '$.author_id') = 'recorder'
    AND json_extract(l.line, '$.event') IN ('start', 'merge', 'import')
    AND json_extract(l.line, '$.imported') IS NULL
"""


def _faults(connection: sqlite3.Connection) -> list[str]:
    faults = [
        f"database: {message}"
        for (message,) in connection.execute("PRAGMA quick_check")
        if message != "ok"
    ]
    faults += [
        f"database: a row of {table} belongs to no row of {parent}"
        for table, _, parent, _ in connection.execute("PRAGMA foreign_key_check")
    ]
    faults += [
        f"database: the session {id} is hidden as a draft" for (id,) in connection.execute(_HIDDEN)
    ]
    faults += _schema_faults(connection)
    try:
        # Without rank 1, rows that are missing from the index are not detected.
        connection.execute(
            "INSERT INTO messages_fts (messages_fts, rank) VALUES ('integrity-check', 1)"
        )
        is_complete = _answers_every_term(connection)
    except sqlite3.DatabaseError as error:
        is_of_index = str(error).startswith("invalid fts5 file format")
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT and not is_of_index:
            raise
        is_complete = False
    if not is_complete:
        faults.append("full-text index: differs from the messages; `recorder repair` rebuilds it")
    return faults


def _answers_every_term(connection: sqlite3.Connection) -> bool:
    """Return whether searches find the terms of the full-text index, of very many some thousand.

    SQLite's own check does not look at the b-tree by which a search finds the page of a term.
    """
    connection.execute(
        "CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, messages_fts, row)"
    )
    terms = [term for (term,) in connection.execute("SELECT term FROM vocabulary")]
    step = len(terms) // _LOOKED_UP + 1
    return all(
        connection.execute(
            "SELECT 1 FROM messages_fts WHERE messages_fts MATCH ? LIMIT 1", (f'"{term}"',)
        ).fetchone()
        for term in terms[::step]
    )


def _schema_faults(connection: sqlite3.Connection) -> Iterator[str]:
    """Yield where tables, views, triggers and indexes differ from those of a new database."""
    sql = "SELECT type, name, tbl_name, sql FROM sqlite_schema"
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as memory:
        create_schema(memory)
        expected = {row[:2]: row[2:] for row in memory.execute(sql)}
    actual = {row[:2]: row[2:] for row in connection.execute(sql)}
    for type, name in sorted(expected.keys() | actual.keys()):
        part = (type, name)
        if part not in actual:
            yield f"database: the {type} {name} of schema.sql is missing"
        elif part not in expected:
            yield f"database: the {type} {name} is not in schema.sql"
        elif actual[part] != expected[part]:
            yield f"database: the {type} {name} differs from schema.sql"
