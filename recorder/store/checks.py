"""What verification needs of the database: lines beside their messages, and the index."""

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
from recorder.store.lines import LINE_SQL, PAGE, Line
from recorder.store.message_rows import MESSAGE_COLUMNS
from recorder.store.reading import Reader

COPY_PREFIX = ".verify-"
"""Of the folder with the copy that is verified."""


def sqlite_version() -> str:
    """The version of the SQLite library."""
    return sqlite3.sqlite_version


@dataclass(frozen=True, slots=True)
class Totals:
    """What a session's row says of its lines."""

    message_count: int
    line_count: int
    byte_size: int
    synced_bytes: int
    head: bytes
    messages: int
    """Rows that ``messages`` really has."""


@contextmanager
def snapshot(reader: Reader) -> Iterator[sqlite3.Connection]:
    """A connection that sees the database as it is now, whatever is written meanwhile."""
    with reader.connect() as connection:
        connection.execute("BEGIN")
        yield connection


def totals(connection: sqlite3.Connection, session_id: str) -> Totals:
    """The counts of a session."""
    return Totals(
        *connection.execute(
            "SELECT message_count, line_count, byte_size, synced_bytes, head, "
            "(SELECT count(*) FROM messages WHERE session_id = :id) "
            "FROM recording_sessions WHERE id = :id",
            {"id": session_id},
        ).fetchone()
    )


def changes(connection: sqlite3.Connection, session_id: str) -> dict[int, list[str]]:
    """The lines of later changes, by the Discord id of the message that they speak of."""
    found: dict[int, list[str]] = {}
    for about, line in connection.execute(
        "SELECT about, line FROM lines WHERE session_id = ? AND about IS NOT NULL "
        "ORDER BY line_number",
        (session_id,),
    ):
        found.setdefault(about, []).append(line)
    return found


def lines_with_messages(
    connection: sqlite3.Connection, session_id: str
) -> Iterator[tuple[Line, tuple[Any, ...] | None]]:
    """Each line of a session with the row of the message that was made from it, if any.

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
    """What SQLite and the full-text index say of themselves.

    The index can only be checked by a connection that may write, so a copy is checked: in
    the data folder, or where that cannot be written, in the system's folder for such files.

    Raises
    ------
    StorageError
        The database cannot be read, or there is no room for the copy.
    """
    place = folder if os.access(folder, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=place, prefix=COPY_PREFIX) as temporary:
        copy = Path(temporary) / DATABASE_NAME
        Reader(folder).copy_to(copy)
        with sqlite_errors(folder / DATABASE_NAME):
            return copy_faults(copy)


def copy_faults(path: Path) -> list[str]:
    """What :func:`database_faults` says, of a copy that nobody else uses yet."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return _faults(connection)


def rebuild_index(connection: sqlite3.Connection) -> None:
    """Build the full-text index anew from the messages."""
    connection.execute("INSERT INTO messages_fts (messages_fts) VALUES ('rebuild')")


def _faults(connection: sqlite3.Connection) -> list[str]:
    faults = [
        f"database: {message}"
        for (message,) in connection.execute("PRAGMA quick_check")
        if message != "ok"
    ]
    try:
        # Without rank 1 a row that is missing from the index is not noticed.
        connection.execute(
            "INSERT INTO messages_fts (messages_fts, rank) VALUES ('integrity-check', 1)"
        )
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
            raise
        faults.append("full-text index: differs from the messages; `recorder repair` rebuilds it")
    return faults
