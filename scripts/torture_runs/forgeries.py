"""Forgeries: each change of a table, column, part of the schema or file has to be named.

A forger may write everything in the data folder. Of the seal there is a copy elsewhere.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from click.testing import CliRunner

from recorder.cli.main import main
from recorder.store.database import DATABASE_NAME
from recorder.store.seal_file import SEALS_NAME
from scripts.torture_runs import sealed_folder
from scripts.torture_runs.consistent_forgeries import CONSISTENT
from scripts.torture_runs.integrity import Result

# The state of what the recorder is about to do, and the number of a row that nothing refers to:
# none of it tells anything about the record.
OPERATIONAL = {
    ("attachments", "attempts"),
    ("attachments", "next_attempt_at"),
    ("attachments", "problem"),
    ("auto_recording", "user_id"),
    ("erasures", "finished"),
    ("recording_sessions", "synced_bytes"),
    ("session_intervals", "id"),
    ("sqlite_sequence", "seq"),
    ("sqlite_sequence", "name"),
}
_OPERATIONAL_TABLES = {"file_removals", "sqlite_sequence"}
# Parts of views, triggers and indexes, and what takes their place.
_REPLACED = {
    "WHERE NOT s.is_draft": "WHERE s.is_auto",
    "c.session_id = t.session_id": "c.session_id <> t.session_id",
    "new.id": "new.id + 0",
    "old.id": "old.id + 0",
    "(session_id": "(session_id || ''",
    "(channel_id)": "(channel_id || '')",
    "(next_attempt_at)": "(next_attempt_at || '')",
    "(coalesce(guild_id": "(coalesce(NULL, guild_id",
}
_FLIPS = 40  # of bytes at random places in each file


@dataclass(frozen=True, slots=True)
class Forgery:
    """A change of a data folder; `subject` is the table, or the kind of file, that it is of."""

    subject: str
    name: str
    apply: Callable[[Path], None]


def forge(folder: Path, chance: random.Random, *, step: int = 1) -> Iterator[Result]:
    """Forge a sealed data folder, and yield the result of each kind.

    Parameters
    ----------
    step
        Try every one of the forgeries of a single place, or fewer.
    """
    original, key = folder / "original", folder / "seal.key"
    seal = asyncio.run(sealed_folder.make(original, key))
    assert _faults(original, seal) == [], "the original is sound"
    results: dict[str, _Tally] = {}
    several = (Forgery("several places", name, apply) for name, apply in CONSISTENT.items())
    for forgery in (*islice(forgeries(original, chance), None, None, step), *several):
        forged = folder / "forged"
        shutil.copytree(original, forged)
        try:
            forgery.apply(forged)
            if _dump(forged) != _dump(original):
                results.setdefault(forgery.subject, _Tally()).add(forgery.name, forged, seal)
        finally:
            shutil.rmtree(forged)
    for subject, tally in results.items():
        yield tally.result(subject)


class _Tally:
    """The forgeries of one kind, by how they were named."""

    def __init__(self) -> None:
        self.by_verify = self.by_seal = 0
        self.unnoticed: list[str] = []
        self.crashed: list[str] = []

    def add(self, name: str, forged: Path, seal: str) -> None:
        try:
            if _faults(forged, None, but=SEALS_NAME):
                self.by_verify += 1
            elif _faults(forged, seal):
                self.by_seal += 1
            else:
                self.unnoticed.append(name)
        except AssertionError as error:
            self.crashed.append(f"{name}: {error}")

    def result(self, subject: str) -> Result:
        """Return the counts; unnoticed forgeries count as lost, errors of the program as damage."""
        result = Result(f"forged: {subject}")
        result.runs = self.by_verify + self.by_seal + len(self.unnoticed) + len(self.crashed)
        result.acknowledged, result.lost = self.by_verify, len(self.unnoticed)
        result.damaged = len(self.crashed)
        result.note = f"{self.by_seal} named with the seal alone" if self.by_seal else ""
        result.faults = [f"unnoticed: {name}" for name in self.unnoticed] + self.crashed
        return result


def _faults(folder: Path, seal: str | None, *, but: str | None = None) -> list[str]:
    """Return what ``recorder verify`` says of a data folder, without the file `but` in it."""
    arguments = ["--data", str(folder), "verify", "--json"]
    away = folder.with_name("away")
    if but is not None and (folder / but).exists():
        (folder / but).rename(away)
    try:
        result = CliRunner().invoke(main, arguments + ([] if seal is None else ["--against", seal]))
    finally:
        if away.exists():
            away.rename(folder / str(but))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise AssertionError(f"verify raised {result.exception!r}")
    if result.exit_code > 1 or not result.stdout.startswith("{"):
        return [result.output]
    report = json.loads(result.stdout)
    return [fault for each in (report, *report["sessions"]) for fault in each["faults"]]


def _dump(folder: Path) -> object:
    """Return all that a data folder says: rows, answers of the full-text index, schema, files."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(DATABASE_NAME)
    }
    files.pop("last_verification.json", None)
    files.pop("recorder.lock", None)
    try:
        with closing(sqlite3.connect(folder / DATABASE_NAME)) as connection:
            connection.text_factory = bytes
            tables = [name.decode() for (name,) in connection.execute(_TABLES)]
            rows = {
                name: connection.execute(f"SELECT * FROM {name}").fetchall()
                for name in tables
                if not name.startswith("messages_fts_")
            }
            connection.execute(_VOCABULARY)
            terms = connection.execute("SELECT term FROM vocabulary").fetchall()
            answers = [connection.execute(_ANSWER, term).fetchall() for term in terms]
            version = connection.execute("PRAGMA user_version").fetchall()
            identity = connection.execute("PRAGMA application_id").fetchall()
            definition = connection.execute("SELECT * FROM sqlite_schema").fetchall()
    except sqlite3.Error as error:
        return repr(error)
    return files, rows, terms, answers, version, identity, definition


_VOCABULARY = "CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, messages_fts, row)"
_ANSWER = "SELECT rowid FROM messages_fts WHERE messages_fts MATCH '\"' || ? || '\"'"
_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'messages_fts'"


def forgeries(original: Path, chance: random.Random) -> Iterator[Forgery]:
    """Yield every forgery of a single place in a data folder."""
    with closing(sqlite3.connect(original / DATABASE_NAME)) as connection:
        names = [name for (name,) in connection.execute(_TABLES)]
        for table in names:
            yield from _of_table(connection, table)
        yield from _of_schema(connection)
    yield from _of_files(original, chance)


def _of_table(connection: sqlite3.Connection, table: str) -> Iterator[Forgery]:
    """Yield changes of each column in the first and last row, and of whole rows."""
    if table in _OPERATIONAL_TABLES:
        return
    info = connection.execute(f"PRAGMA table_info({table})").fetchall()
    keys = [name for _, name, _, _, _, number in info if number] or ["rowid"]
    order = ", ".join(keys)
    rows = connection.execute(f"SELECT {order} FROM {table} ORDER BY {order}").fetchall()
    for row in dict.fromkeys((rows[0], rows[len(rows) // 2], rows[-1])) if rows else ():
        where = " AND ".join(f"{key} = ?" for key in keys)
        yield _statement(table, f"a row deleted {row}", f"DELETE FROM {table} WHERE {where}", row)
        for _, column, *_ in info:
            if (table, column) in OPERATIONAL:
                continue
            (value,) = connection.execute(
                f"SELECT {column} FROM {table} WHERE {where}", row
            ).fetchone()
            for new in _others(value):
                sql = f"UPDATE {table} SET {column} = ? WHERE {where}"
                yield _statement(table, f"{column} {value!r:.40} → {new!r:.40}", sql, (new, *row))
    if rows:
        columns = ", ".join(name for _, name, *_ in info)
        for column in keys:
            changed = columns.replace(column, f"{column} || '9'", 1)
            sql = f"INSERT INTO {table} ({columns}) SELECT {changed} FROM {table} LIMIT 1"
            yield _statement(table, f"a row added, with another {column}", sql, ())


def _others(value: object) -> Iterator[object]:
    """Yield other values for a column."""
    if value is not None:
        yield None
    if isinstance(value, int):
        yield from {value + 1, value - 1, 0 if value else 1} - {value}
    elif isinstance(value, bytes):
        yield bytes([value[0] ^ 1, *value[1:]]) if value else b"\x00"
        yield b""
    elif isinstance(value, str):
        yield f"{value}9"
        if value:
            yield ""
    else:
        yield "9"


def _statement(table: str, name: str, sql: str, values: tuple[object, ...]) -> Forgery:
    def apply(folder: Path) -> None:
        with closing(sqlite3.connect(folder / DATABASE_NAME)) as connection, connection:
            try:
                connection.execute(sql, values)
            except sqlite3.Error:  # the schema does not allow it
                connection.rollback()

    return Forgery(table, name, apply)


def _of_schema(connection: sqlite3.Connection) -> Iterator[Forgery]:
    """Yield views, triggers and indexes that are dropped or replaced, and new ones."""
    schema = connection.execute(
        "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND type <> 'table'"
    ).fetchall()
    for type, name, sql in schema:
        yield _statement("schema", f"{type} {name} dropped", f"DROP {type} {name}", ())

        replacement = sql
        for old, new in _REPLACED.items():
            replacement = replacement.replace(old, new)
        assert replacement != sql, name
        yield _replaced(type, name, replacement)
    for name, sql in {
        "trigger added": "CREATE TRIGGER t AFTER INSERT ON lines BEGIN "
        "UPDATE messages SET content = 'x' WHERE id = new.id; END",
        "table added": "CREATE TABLE more (x)",
        "view added": "CREATE VIEW more AS SELECT 1",
        "index added": "CREATE INDEX more ON messages (content)",
        "column added": "ALTER TABLE messages ADD COLUMN more TEXT",
        "version": "PRAGMA user_version = 0",
        "identity": "PRAGMA application_id = 1",
    }.items():
        yield _statement("schema", name, sql, ())


def _replaced(type: str, name: str, sql: str) -> Forgery:
    def apply(folder: Path) -> None:
        with closing(sqlite3.connect(folder / DATABASE_NAME)) as connection, connection:
            connection.execute(f"DROP {type} {name}")
            connection.execute(sql)

    return Forgery("schema", f"{type} {name} replaced", apply)


def _of_files(original: Path, chance: random.Random) -> Iterator[Forgery]:
    """Yield changes of the bytes of each file, and files that are removed or exchanged."""
    for path in sorted(original.rglob("*")):
        name = path.relative_to(original).as_posix()
        if not path.is_file() or name in ("recorder.lock", "last_verification.json"):
            continue
        kind = path.parent.relative_to(original).parts[0] if path.parent != original else path.name
        size = path.stat().st_size
        places = {0, size // 2, size - 1} | {chance.randrange(size) for _ in range(_FLIPS)}
        for place in sorted(places):
            yield _file(kind, f"{name}: byte {place} flipped", name, _flipped(place))
        yield _file(kind, f"{name}: last byte removed", name, lambda data: data[:-1])
        yield _file(kind, f"{name}: emptied", name, lambda data: b"")
        yield _file(kind, f"{name}: a byte appended", name, lambda data: data + b" ")
        yield _file(kind, f"{name}: last line removed", name, _without_last_line)
        if name != DATABASE_NAME:
            yield Forgery(f"files: {kind}", f"{name}: removed", _removed(name))


def _removed(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _flipped(place: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def _without_last_line(data: bytes) -> bytes:
    return b"".join(data.splitlines(keepends=True)[:-1])


def _file(kind: str, name: str, path: str, change: Callable[[bytes], bytes]) -> Forgery:
    def apply(folder: Path) -> None:
        (folder / path).write_bytes(change((folder / path).read_bytes()))

    return Forgery(f"files: {kind}", name, apply)
