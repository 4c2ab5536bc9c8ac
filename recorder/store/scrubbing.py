"""Scrubbing: clear erased content from the database's free space, index and log."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from sqlite_utils import Database

from recorder.store.database import Connection
from recorder.store.reading import Reader

_TIMEOUT = 1_000  # milliseconds to wait for readers


@dataclass(frozen=True, slots=True)
class ErasureCounts:
    """The number of erasures, and of those that are not finished."""

    erasures: int
    unfinished: int


def has_unfinished(db: Database) -> bool:
    """Return whether erased content may still be in a file."""
    return bool(db.table("erasures").count_where("NOT finished"))


def is_unfinished(reader: Reader) -> bool:
    """Return whether erased content may still be in a file."""
    with reader.database() as db:
        return has_unfinished(db)


def count_erasures(reader: Reader) -> ErasureCounts:
    """Count the erasures."""
    (row,) = reader.query(
        "SELECT count(*) AS erasures, coalesce(sum(NOT finished), 0) AS unfinished FROM erasures"
    )
    return ErasureCounts(**row)


def scrub(connection: Connection) -> None:
    """Clear erased content from the full-text index, the free space and the log.

    While a reader is active, the log cannot be truncated, and without room on the disk the free
    space cannot be cleared: the erasure stays unfinished.
    """
    (timeout,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute(f"PRAGMA busy_timeout = {_TIMEOUT}")
    try:
        connection.execute("INSERT INTO messages_fts (messages_fts) VALUES ('optimize')")
        connection.execute("VACUUM")
        (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY):
            raise
        busy = True
    finally:
        connection.execute(f"PRAGMA busy_timeout = {timeout}")
    if not busy:
        connection.execute("UPDATE erasures SET finished = 1")
