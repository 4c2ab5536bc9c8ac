"""Damage to the database by other programs, as opposed to bugs of the recorder."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from recorder.errors import DamagedDatabase, DamagedRow, RecorderError
from recorder.store.reading import Reader
from recorder.store.schema import schema, statements

_INVALID = {
    "TEXT": "typeof({0}) NOT IN ('text', 'null')",
    "INTEGER": "typeof({0}) NOT IN ('integer', 'null')",
    "BLOB": "typeof({0}) NOT IN ('blob', 'null')",
    "TIMESTAMP": "{0} IS NOT NULL AND "
    "(typeof({0}) <> 'text' OR julianday({0}) IS NULL OR {0} NOT LIKE '%+00:00')",
}
# The declared columns allow NULL, but the recorder never writes it.
_NEVER_NULL = {
    "recording_sessions": ("id", "name", "started_at", "message_count", "file_path", "status"),
    "session_tags": ("session_id", "tag", "timestamp", "message_index"),
}
_JSON = {"lines": "line", "messages": "attachments"}


def damage_in(folder: Path) -> DamagedDatabase | None:
    """Return the first damage in the tables and rows of a database, or ``None``.

    This reads the whole database, so call it only if an error has no other cause.
    """
    try:
        with Reader(folder).connect() as connection:
            damage = next(_damage(connection), None)
    except DamagedDatabase as error:
        return error
    except (RecorderError, sqlite3.Error):
        return None
    return DamagedRow(damage) if damage else None


def _damage(connection: sqlite3.Connection) -> Iterator[str]:
    with closing(sqlite3.connect(":memory:")) as fresh:
        for statement in statements(schema()):
            fresh.execute(statement)
        expected = {table: _columns(fresh, table) for table in _tables(fresh)}
    tables = _tables(connection)
    for table, columns in expected.items():
        if table not in tables:
            yield f"the table {table} is missing"
        missing = columns.keys() - _columns(connection, table).keys()
        if missing:
            yield f"the table {table} has no column {min(missing)}"
        if not table.startswith("messages_fts"):
            yield from _invalid_values(connection, table, columns)
    for table, rowid, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        yield f"row {rowid} of {table} refers to a missing row of {parent}"


def _invalid_values(
    connection: sqlite3.Connection, table: str, columns: dict[str, str]
) -> Iterator[str]:
    conditions = [
        (name, _INVALID[kind].format(name)) for name, kind in columns.items() if kind in _INVALID
    ]
    conditions += [(name, f"{name} IS NULL") for name in _NEVER_NULL.get(table, ())]
    if table in _JSON:
        name = _JSON[table]
        conditions.append((name, f"{name} <> '' AND NOT json_valid({name})"))
    for name, condition in conditions:
        for (value,) in connection.execute(f"SELECT {name} FROM {table} WHERE {condition} LIMIT 1"):
            yield f"the column {name} of {table} contains {value!r:.60}"


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {
        name
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
    }


def _columns(connection: sqlite3.Connection, table: str) -> dict[str, str]:
    """Return the columns of a table with their declared types, except generated columns."""
    return dict(connection.execute("SELECT name, type FROM pragma_table_info(?)", (table,)))
