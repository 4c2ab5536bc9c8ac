"""Queries of users: one statement that can only read, within limits of time and memory."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence, Set
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from recorder.errors import InvalidInput
from recorder.store.database import DATABASE_NAME, Connection, open_for_reading, sqlite_errors

Value: TypeAlias = str | int | float | bytes | None

_HINT = "The tables and columns are described in docs/schema.md."
_MAX_VALUE = 16 << 20  # bytes of one text or blob
_MAX_BYTES = 64 << 20  # of all rows together
_MAX_MEMORY = 512 << 20  # bytes that SQLite may allocate
_STEPS_BETWEEN_CHECKS = 10_000
GRACE_SECONDS = 1.0
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: _MAX_VALUE,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 1 << 20,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1_000,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}

# SQLite's own functions are allowed, except for those with this flag, such as load_extension:
# SQLite sets it where a function has side effects. Functions of other origin are not allowed.
_DIRECT_ONLY = 0x80000
_FTS5_FUNCTIONS = frozenset({"bm25", "highlight", "match", "snippet"})
# They describe tables, columns and indexes. FTS5 itself reads data_version.
_PRAGMAS = frozenset(
    "table_info table_xinfo table_list index_list index_info index_xinfo foreign_key_list "
    "data_version".split()
)
_TABLE_FUNCTIONS = frozenset({"json_each", "json_tree"} | {f"pragma_{name}" for name in _PRAGMAS})


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The rows of a query; `is_truncated` if there were more than the limits allow."""

    columns: tuple[str, ...]
    rows: list[tuple[Value, ...]]
    is_truncated: bool


def query(folder: Path, sql: str, *, seconds: float, limit: int) -> QueryResult:
    """Run one statement that reads.

    It runs in its own thread, because a single call inside SQLite cannot be interrupted. The
    limit on SQLite's memory applies to the whole process from then on.

    Parameters
    ----------
    seconds
        The time limit.
    limit
        The maximum number of rows.

    Raises
    ------
    InvalidInput
        The statement is invalid, does more than read, takes too long or needs too much memory.
    StorageError
        The database cannot be read.
    """
    result: Future[QueryResult] = Future()

    def run() -> None:
        try:
            result.set_result(_query(folder, sql, seconds, limit))
        except Exception as error:
            result.set_exception(error)

    threading.Thread(target=run, name="recorder-sql", daemon=True).start()
    try:
        return result.result(min(seconds + GRACE_SECONDS, threading.TIMEOUT_MAX))
    except TimeoutError:
        raise _too_long(seconds) from None


def _query(folder: Path, sql: str, seconds: float, limit: int) -> QueryResult:
    with closing(open_for_reading(folder)) as connection, sqlite_errors(folder / DATABASE_NAME):
        tables = _TABLE_FUNCTIONS | {"sqlite_schema", "sqlite_master"}
        tables |= _names(connection, "sqlite_schema WHERE type IN ('table', 'view')")
        functions = _FTS5_FUNCTIONS | _names(
            connection, f"pragma_function_list WHERE builtin AND NOT flags & {_DIRECT_ONLY}"
        )
        limit_statements(connection)
        connection.text_factory = lambda text: text.decode(errors="replace")
        # A first use declares a virtual table, which the authorizer would refuse.
        for table in _TABLE_FUNCTIONS | {"messages_fts"}:
            connection.execute(f"SELECT 1 FROM {table} LIMIT 0")
        refused: list[str] = []
        connection.set_authorizer(_authorizer(tables, functions, refused))
        end = time.monotonic() + seconds
        connection.set_progress_handler(lambda: time.monotonic() > end, _STEPS_BETWEEN_CHECKS)
        try:
            return _read(connection, sql, limit)
        except MemoryError:
            raise InvalidInput("The query needs too much memory. Query less at once.") from None
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            raise _explained(error, refused, seconds) from error


def limit_statements(connection: Connection) -> None:
    """Limit the length of values and statements, and the memory of SQLite in this process."""
    for category, value in _LIMITS.items():
        connection.setlimit(category, value)
    connection.execute(f"PRAGMA hard_heap_limit = {_MAX_MEMORY}")
    connection.execute("PRAGMA temp_store = MEMORY")  # no temporary files


@contextmanager
def limit_rows(connection: Connection) -> Iterator[None]:
    """Return rows as :class:`sqlite3.Row`, up to the limit on the bytes of all rows together.

    Raises
    ------
    sqlite3.OperationalError
        The rows are larger, or SQLite needs too much memory.
    """
    size = 0

    def row(cursor: sqlite3.Cursor, values: tuple[Value, ...]) -> sqlite3.Row:
        nonlocal size
        size += _size(values)
        if size > _MAX_BYTES:
            raise sqlite3.OperationalError("the result is too large: query less at once")
        return sqlite3.Row(cursor, values)

    connection.row_factory = row
    try:
        yield
    except MemoryError:
        raise sqlite3.OperationalError("the query needs too much memory") from None


def _size(row: Sequence[Value]) -> int:
    return sum(len(value) if isinstance(value, str | bytes) else 8 for value in row)


def _names(connection: Connection, source: str) -> frozenset[str]:
    return frozenset(name for (name,) in connection.execute(f"SELECT name FROM {source}"))


def _read(connection: Connection, sql: str, limit: int) -> QueryResult:
    cursor = connection.execute(sql)
    if cursor.description is None:
        raise InvalidInput(f"This is not a query. Begin with SELECT. {_HINT}")
    columns = tuple(column[0] for column in cursor.description)
    rows: list[tuple[Value, ...]] = []
    size = 0
    for row in cursor:
        size += _size(row)
        if len(rows) == limit or size > _MAX_BYTES:
            return QueryResult(columns, rows, is_truncated=True)
        rows.append(row)
    return QueryResult(columns, rows, is_truncated=False)


def _authorizer(
    tables: Set[str], functions: Set[str], refused: list[str]
) -> Callable[[int, str | None, str | None, str | None, str | None], int]:
    """Return a callback that decides on each action of a statement, and appends to `refused`."""

    def authorize(
        action: int, first: str | None, second: str | None, _: str | None, __: str | None
    ) -> int:
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ:
            # Without a column nothing is read: a table in count(*), or a part of the query itself.
            allowed, what = first in tables or not second, f"the table {first}"
        elif action == sqlite3.SQLITE_FUNCTION:
            allowed, what = second in functions, f"the function {second}"
        elif action == sqlite3.SQLITE_PRAGMA:
            allowed, what = first in _PRAGMAS, f"PRAGMA {first}"
        else:
            allowed, what = False, "this statement"
        if allowed:
            return sqlite3.SQLITE_OK
        refused.append(what)
        return sqlite3.SQLITE_DENY

    return authorize


def _explained(error: Exception, refused: Sequence[str], seconds: float) -> Exception:
    """Return an error that tells the user what to do; an error of the database stays as it is."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    text = str(error)
    if primary == sqlite3.SQLITE_INTERRUPT:
        return _too_long(seconds)
    if refused:
        advice = f"`recorder sql` only reads: {refused[0]} is not allowed. {_HINT}"
    elif primary == sqlite3.SQLITE_TOOBIG or isinstance(error, sqlite3.DataError):
        advice = f"A value, or the statement itself, is too large ({text}). Query less at once."
    elif "one statement at a time" in text:
        advice = "Only one statement at a time: leave out what follows the semicolon."
    elif "binding" in text:
        advice = "There are no values for ? or :name. Write the values into the statement."
    elif primary in (None, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE):
        advice = f"SQLite reports: {text}. {_HINT}"
    else:
        return error
    return InvalidInput(advice)


def _too_long(seconds: float) -> InvalidInput:
    return InvalidInput(
        f"The query took longer than {seconds:g} seconds and was stopped. "
        "Query less, or allow more with --seconds."
    )
