"""Inserting many rows with few statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from recorder.store.database import Connection

Row: TypeAlias = tuple[Any, ...]

# Twice as fast as one row a statement, and few enough texts for the statement cache.
_ROWS_A_STATEMENT = (256, 64, 16, 4, 1)


class BatchInsert:
    """The INSERT statements of a table for batches of any size.

    Parameters
    ----------
    columns
        In the order in which rows hold their values.
    """

    def __init__(self, table: str, columns: Sequence[str]) -> None:
        row = f"({', '.join('?' * len(columns))})"
        self._statements = {
            rows: f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * rows)}"
            for rows in _ROWS_A_STATEMENT
        }

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Insert `rows`."""
        start = 0
        for count, statement in self._statements.items():
            while len(rows) - start >= count:
                values = [value for row in rows[start : start + count] for value in row]
                connection.execute(statement, values)
                start += count
