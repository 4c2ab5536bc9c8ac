"""Reading the lines of the record, and the state of their files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from recorder.errors import NotFound
from recorder.store.database import Connection

PAGE = 1_000
"""Rows read at a time: a page's read transaction is over before its rows are used."""

LINE_SQL = (
    "l.line_number, l.byte_offset, l.line, l.key, l.hash, "
    "(SELECT digest FROM erased_lines WHERE line_id = l.id), l.id, l.about FROM lines l "
)
_FILE_STATES = "SELECT id, file_path, byte_size, synced_bytes FROM recording_sessions"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the record in the database."""

    line_number: int
    byte_offset: int
    line: str
    key: bytes
    hash: bytes
    erased_digest: bytes | None
    """The digest of the content of an erased line."""
    id: int
    about: int | None
    """For a later change: the Discord id of the message."""


@dataclass(frozen=True, slots=True)
class FileState:
    """The size of a session's file, and the offset up to which it is synced to the disk."""

    session_id: str
    file_path: str
    byte_size: int
    synced_bytes: int


def line_at(connection: Connection, session_id: str, byte_offset: int) -> Line | None:
    """Return the line that contains a byte of the file; ``None`` behind the last one.

    Offsets grow with line numbers: a binary search needs no index on them.
    """
    low = 1
    high = _one(
        connection,
        "SELECT line_count FROM recording_sessions WHERE id = ? AND byte_size > ?",
        session_id,
        byte_offset,
    )
    if not high:
        return None
    while low < high:
        middle = (low + high + 1) // 2
        start = _one(
            connection,
            "SELECT byte_offset FROM lines WHERE session_id = ? AND line_number = ?",
            session_id,
            middle,
        )
        low, high = (middle, high) if start <= byte_offset else (low, middle - 1)
    return next(lines_from(connection, session_id, low))


def lines_from(connection: Connection, session_id: str, line_number: int = 1) -> Iterator[Line]:
    """Yield the lines of a session from `line_number` on, page by page."""
    last = line_number - 1
    while True:
        page = connection.execute(
            f"SELECT {LINE_SQL} WHERE l.session_id = ? AND l.line_number > ? "
            "ORDER BY l.line_number LIMIT ?",
            (session_id, last, PAGE),
        ).fetchall()
        yield from (Line(*row) for row in page)
        if len(page) < PAGE:
            return
        last = page[-1][0]


def file_states(connection: Connection) -> list[FileState]:
    """Return the expected state of all sessions' files."""
    return [FileState(*row) for row in connection.execute(_FILE_STATES)]


def file_state(connection: Connection, session_id: str) -> FileState:
    """Return the expected state of a session's file.

    Raises
    ------
    NotFound
        The session was deleted.
    """
    row = connection.execute(f"{_FILE_STATES} WHERE id = ?", (session_id,)).fetchone()
    if row is None:
        raise NotFound("This session was deleted in the meantime.")
    return FileState(*row)


def _one(connection: Connection, sql: str, *parameters: str | int) -> int:
    """Return the number that a query returns, 0 when it returns no row."""
    row = connection.execute(sql, parameters).fetchone()
    return int(row[0]) if row else 0
