"""SQL that somebody typed: one statement that can do nothing but read, within limits."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence, Set
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from recorder.errors import InvalidInput
from recorder.store.database import DATABASE_NAME, Connection, open_for_reading, sqlite_errors

Value: TypeAlias = str | int | float | bytes | None

_HINT = "The tables and columns are described in docs/schema.md."
_LONGEST_VALUE = 16 << 20  # bytes of one text or blob
_MOST_BYTES = 64 << 20  # of all rows together
_MOST_MEMORY = 512 << 20  # bytes that SQLite may take
_STEPS_BETWEEN_LOOKS = 10_000
_GRACE_SECONDS = 1.0
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: _LONGEST_VALUE,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 1 << 20,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1_000,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}

_FUNCTIONS = frozenset(
    "abs avg bm25 ceil ceiling char coalesce concat concat_ws count cume_dist current_date "
    "current_time current_timestamp date datetime degrees dense_rank exp first_value floor format "
    "glob group_concat hex highlight ifnull iif instr json json_array json_array_length "
    "json_each json_extract json_group_array json_group_object json_object json_quote json_type "
    "json_valid julianday lag last_value lead length like likelihood likely ln log log10 log2 "
    "lower ltrim match max min mod nth_value ntile nullif octet_length percent_rank pi pow power "
    "printf quote random rank replace round row_number rtrim sign snippet sqlite_version sqrt "
    "strftime string_agg substr substring sum time timediff total trim trunc typeof unhex unicode "
    "unistr unixepoch unlikely upper -> ->>".split()
)
# They tell of tables, columns and indexes. FTS5 asks for data_version by itself.
_PRAGMAS = frozenset(
    "table_info table_xinfo table_list index_list index_info index_xinfo foreign_key_list "
    "data_version".split()
)
_TABLE_FUNCTIONS = frozenset({"json_each", "json_tree"} | {f"pragma_{name}" for name in _PRAGMAS})
_FURTHER_TABLES = _TABLE_FUNCTIONS | {"sqlite_schema", "sqlite_master"}
_REFUSED = {
    sqlite3.SQLITE_ATTACH: "it attaches a file",
    sqlite3.SQLITE_DETACH: "it detaches a database",
    sqlite3.SQLITE_TRANSACTION: "it begins or ends a transaction",
    sqlite3.SQLITE_SAVEPOINT: "it begins or ends a transaction",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of a query; `is_cut` when there were more than were asked for or can be held."""

    columns: tuple[str, ...]
    rows: list[tuple[Value, ...]]
    is_cut: bool


def query(folder: Path, sql: str, *, seconds: float, limit: int) -> Answer:
    """Run one statement that reads.

    It runs in a thread of its own, so that not even a single long call inside SQLite makes
    anybody wait. The limit on SQLite's memory holds for the whole process from then on.

    Parameters
    ----------
    seconds
        How long it may take.
    limit
        How many rows it may give.

    Raises
    ------
    InvalidInput
        It is no SQL, does more than read, takes too long or needs too much memory.
    StorageError
        The database cannot be read.
    """
    answer: Future[Answer] = Future()

    def run() -> None:
        try:
            answer.set_result(_query(folder, sql, seconds, limit))
        except Exception as error:
            answer.set_exception(error)

    threading.Thread(target=run, name="recorder-sql", daemon=True).start()
    try:
        return answer.result(min(seconds + _GRACE_SECONDS, threading.TIMEOUT_MAX))
    except TimeoutError:
        raise _too_long(seconds) from None


def _query(folder: Path, sql: str, seconds: float, limit: int) -> Answer:
    with closing(open_for_reading(folder)) as connection, sqlite_errors(folder / DATABASE_NAME):
        tables = _FURTHER_TABLES.union(
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')"
            )
        )
        for category, most in _LIMITS.items():
            connection.setlimit(category, most)
        connection.execute(f"PRAGMA hard_heap_limit = {_MOST_MEMORY}")
        connection.execute("PRAGMA temp_store = MEMORY")  # nothing is written, no file at all
        connection.text_factory = lambda text: text.decode(errors="replace")
        for table in _TABLE_FUNCTIONS | {"messages_fts"}:
            connection.execute(f"SELECT 1 FROM {table} LIMIT 0")  # declares its columns for good
        refused: list[str] = []
        connection.set_authorizer(_authorizer(tables, refused))
        end = time.monotonic() + seconds
        connection.set_progress_handler(lambda: time.monotonic() > end, _STEPS_BETWEEN_LOOKS)
        try:
            return _read(connection, sql, limit)
        except MemoryError:
            raise InvalidInput("The query needs too much memory. Ask for less at once.") from None
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            raise _explained(error, refused, seconds) from error


def _read(connection: Connection, sql: str, limit: int) -> Answer:
    cursor = connection.execute(sql)
    if cursor.description is None:
        raise InvalidInput(f"That is no query. Begin with SELECT. {_HINT}")
    columns = tuple(column[0] for column in cursor.description)
    rows: list[tuple[Value, ...]] = []
    held = 0
    for row in cursor:
        held += sum(len(value) if isinstance(value, str | bytes) else 8 for value in row)
        if len(rows) == limit or held > _MOST_BYTES:
            return Answer(columns, rows, is_cut=True)
        rows.append(row)
    return Answer(columns, rows, is_cut=False)


def _authorizer(
    tables: Set[str], refused: list[str]
) -> Callable[[int, str | None, str | None, str | None, str | None], int]:
    """Asked by SQLite for each thing that a statement would do; notes what was refused."""

    def authorize(
        action: int, first: str | None, second: str | None, _: str | None, __: str | None
    ) -> int:
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ:
            # Without a column it is only named: one of ours, or a part of the query itself.
            allowed, reason = first in tables or not second, f"{first} is not one of our tables"
        elif action == sqlite3.SQLITE_FUNCTION:
            allowed, reason = second in _FUNCTIONS, f"the function {second} is not allowed"
        elif action == sqlite3.SQLITE_PRAGMA:
            allowed, reason = first in _PRAGMAS, f"PRAGMA {first} is not allowed"
        else:
            allowed, reason = False, _REFUSED.get(action, "it does more than read our tables")
        if allowed:
            return sqlite3.SQLITE_OK
        refused.append(reason)
        return sqlite3.SQLITE_DENY

    return authorize


def _explained(error: Exception, refused: Sequence[str], seconds: float) -> Exception:
    """What a user can do about an error; one of the database's own stays as it is."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    text = str(error)
    if primary == sqlite3.SQLITE_INTERRUPT:
        return _too_long(seconds)
    if refused:
        says = f"This is refused: {refused[0]}. `recorder sql` only reads. {_HINT}"
    elif primary == sqlite3.SQLITE_TOOBIG or isinstance(error, sqlite3.DataError):
        says = f"A text or blob, or the query itself, is too large ({text}). Ask for less at once."
    elif "one statement at a time" in text:
        says = "Only one statement at a time: leave out what follows the semicolon."
    elif "binding" in text:
        says = "There is nothing to put in for ? or :name. Write the values out."
    elif primary in (None, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE):
        says = f"SQLite says: {text}. {_HINT}"
    else:
        return error
    return InvalidInput(says)


def _too_long(seconds: float) -> InvalidInput:
    return InvalidInput(
        f"The query took longer than {seconds:g} seconds and was ended. "
        "Ask for less, or give it more with --seconds."
    )
