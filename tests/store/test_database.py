"""The database file: what a fresh one is, what is refused, and how an old one is upgraded."""

import asyncio
import re
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database
from support.recordings import record

from recorder import SessionManager, SessionRecorder
from recorder.errors import DamagedDatabase, DataFolderError, ForeignDatabase, StorageError
from recorder.store import database, schema
from recorder.store.database import (
    APPLICATION_ID,
    DATABASE_NAME,
    SCHEMA_VERSION,
    open_for_reading,
    open_for_writing,
    prepare_folder,
    sqlite_errors,
)
from recorder.store.reading import Reader
from recorder.store.upgrades import UPGRADES, Upgrade

VERSION_1 = Path(__file__).parent / "data" / "schema_v1.sql"


@pytest.fixture
def empty(folder: Path) -> Path:
    """The path of the database in a folder that has none yet."""
    prepare_folder(folder)
    return folder / DATABASE_NAME


@pytest.fixture
def made(empty: Path) -> Path:
    """The path of a fresh database, with nothing left in the write-ahead log."""
    open_for_writing(empty.parent).close()
    return empty


def execute(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def pragma(path: Path, name: str) -> object:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]


def normalised_schema(path: Path) -> list[tuple[str, ...]]:
    """What is in the database, whatever the white space, the comments and the order."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema"
        )
        return sorted((*row[:3], " ".join(re.sub("--.*", "", row[3]).split())) for row in rows)


# What a fresh one is.


def test_a_fresh_database_is_what_schema_sql_says(made: Path, tmp_path: Path) -> None:
    execute(tmp_path / "by_hand.db", schema.schema())
    assert normalised_schema(made) == normalised_schema(tmp_path / "by_hand.db")
    assert pragma(made, "application_id") == APPLICATION_ID == int.from_bytes(b"DREC")
    assert pragma(made, "user_version") == SCHEMA_VERSION
    assert pragma(made, "journal_mode") == "wal"
    assert pragma(made, "integrity_check") == "ok"


def test_the_writer_waits_for_the_disk_and_checks_references(made: Path) -> None:
    with closing(open_for_writing(made.parent)) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_sqlite_utils_finds_the_full_text_index(made: Path) -> None:
    with closing(sqlite3.connect(made)) as connection:
        assert Database(connection).table("messages").detect_fts() == "messages_fts"


def test_nothing_can_be_read_by_others(made: Path) -> None:
    with closing(open_for_writing(made.parent)) as connection:
        connection.execute("INSERT INTO file_removals VALUES ('x')")
        parts = [made.parent, *made.parent.rglob("*")]
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in parts}
    assert modes == {
        "data": 0o700,
        "sessions": 0o700,
        "exports": 0o700,
        "attachments": 0o700,
        "recorder.db": 0o600,
        "recorder.db-wal": 0o600,
        "recorder.db-shm": 0o600,
    }


def test_the_files_that_a_recorder_makes_can_be_read_by_their_owner_alone(folder: Path) -> None:
    asyncio.run(record(folder, "session", ["one"]))
    made = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.name for path in made} >= {"recorder.lock", "session_2025-11-08.jsonl"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}


def test_the_schema_is_described_with_its_comments() -> None:
    described = {item.name: item for item in schema.describe_schema()}
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(schema.schema())
        tables = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') "
            "AND name NOT LIKE 'sqlite_%' "
            "AND name NOT LIKE 'messages_fts_%'"
        )
        assert {name for (name,) in tables} == described.keys()
    assert all(item.comment and item.sql.startswith("CREATE") for item in described.values())
    assert described["messages"].columns["spaced_text"] == (
        "the parts of the text in scripts without spaces between words, "
        "with a space after each character, so that words are found"
    )
    assert described["conversation"].columns["discord_url"] == "link to it in Discord"
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(schema.schema())
        for item in described.values():
            found = connection.execute(f"SELECT name FROM pragma_table_xinfo('{item.name}')")
            assert {name for (name,) in found} >= item.columns.keys()


# What is refused.


def foreign(path: Path) -> None:
    execute(path, "CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine')")


def of_another_program(path: Path) -> None:
    execute(path, "PRAGMA application_id = 42")


def with_a_version_only(path: Path) -> None:
    execute(path, "PRAGMA user_version = 3")


def newer(path: Path) -> None:
    open_for_writing(path.parent).close()
    execute(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")


def a_text(path: Path) -> None:
    path.write_text("This is not a database at all, but long enough for one.\n" * 100)


def damaged_header(path: Path) -> None:
    open_for_writing(path.parent).close()
    data = path.read_bytes()
    path.write_bytes(b"SQLite format 9\0" + data[16:])


def damaged_schema_page(path: Path) -> None:
    open_for_writing(path.parent).close()
    data = bytearray(path.read_bytes())
    data[100:4096] = b"\xff" * 3996
    path.write_bytes(data)


REFUSED: dict[Callable[[Path], None], tuple[type[StorageError], str]] = {
    foreign: (ForeignDatabase, "is not a database of the recorder"),
    of_another_program: (ForeignDatabase, "is not a database of the recorder"),
    with_a_version_only: (ForeignDatabase, "is not a database of the recorder"),
    newer: (ForeignDatabase, f"newer recorder .version {SCHEMA_VERSION + 1}"),
    a_text: (DamagedDatabase, "is damaged"),
    damaged_header: (DamagedDatabase, "is damaged"),
    damaged_schema_page: (DamagedDatabase, "is damaged"),
}


def look(folder: Path) -> None:
    Reader(folder).sessions()


def record_to(folder: Path) -> None:
    asyncio.run(SessionRecorder(folder).open())


@pytest.mark.parametrize("damage", REFUSED)
@pytest.mark.parametrize("use", [open_for_writing, look, record_to])
def test_what_is_not_ours_is_refused_and_left_as_it_is(
    empty: Path, damage: Callable[[Path], None], use: Callable[[Path], object]
) -> None:
    error, says = REFUSED[damage]
    damage(empty)
    before = empty.read_bytes()
    with pytest.raises(error, match=says) as caught:
        use(empty.parent)
    assert str(empty) in str(caught.value)
    assert type(caught.value) is error
    assert empty.read_bytes() == before


def test_a_damaged_page_is_met_with_a_sentence(empty: Path) -> None:
    texts = [f"message {number} " + "x" * 500 for number in range(50)]
    asyncio.run(record(empty.parent, "session", texts))
    with closing(sqlite3.connect(empty)) as connection:
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'lines'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    data = bytearray(empty.read_bytes())
    data[(root - 1) * size : root * size] = b"\xa5" * size
    empty.write_bytes(data)
    reader = Reader(empty.parent)
    session = reader.sessions()[0]
    with pytest.raises(DamagedDatabase, match="put back the last backup") as caught:
        list(reader.messages(session.id))
    assert str(empty) in str(caught.value)
    assert empty.read_bytes() == data


def test_an_older_database_is_not_for_readers(made: Path) -> None:
    execute(made, f"PRAGMA user_version = {SCHEMA_VERSION - 1}")
    before = made.read_bytes()
    with pytest.raises(ForeignDatabase, match=r"older recorder.*`recorder init`") as caught:
        open_for_reading(made.parent)
    assert str(made) in str(caught.value)
    assert made.read_bytes() == before


def test_there_is_none_to_read(folder: Path) -> None:
    with pytest.raises(DataFolderError, match="`recorder init`") as caught:
        open_for_reading(folder)
    assert str(folder / DATABASE_NAME) in str(caught.value)
    assert not folder.exists()
    folder.write_text("mine")
    with pytest.raises(DataFolderError, match=f"{folder} is a file"):
        open_for_reading(folder)


def test_an_empty_file_is_not_for_readers(empty: Path) -> None:
    empty.touch()
    with pytest.raises(ForeignDatabase):
        open_for_reading(empty.parent)
    assert empty.read_bytes() == b""


def test_a_reader_cannot_write(made: Path) -> None:
    with closing(open_for_reading(made.parent)) as connection:
        for query_only in ("ON", "OFF"):
            connection.execute(f"PRAGMA query_only = {query_only}")
            for sql in ("INSERT INTO file_removals VALUES ('x')", "DROP TABLE lines", "VACUUM"):
                with pytest.raises(sqlite3.OperationalError, match="readonly"):
                    connection.execute(sql)


async def test_a_reader_neither_waits_for_the_writer_nor_stops_it(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    with (
        closing(open_for_reading(recorder.folder)) as reading,
        closing(open_for_writing(recorder.folder)) as writing,
    ):
        reading.execute("BEGIN")
        count = "SELECT count(*) FROM file_removals"
        assert reading.execute(count).fetchone() == (0,)
        writing.execute("BEGIN IMMEDIATE")
        writing.execute("INSERT INTO file_removals VALUES ('x')")
        assert reading.execute(count).fetchone() == (0,)
        writing.execute("COMMIT")
        assert reading.execute(count).fetchone() == (0,)
        reading.execute("COMMIT")
        assert reading.execute(count).fetchone() == (1,)


def test_another_program_that_writes_is_named_as_the_reason(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_WRITER_BUSY_SECONDS", 0)
    with closing(open_for_writing(made.parent)) as ours, closing(sqlite3.connect(made)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="locked by another program"), sqlite_errors(made):
            ours.execute("BEGIN IMMEDIATE")


def test_a_mistake_in_our_own_sql_is_not_hidden(made: Path) -> None:
    with closing(open_for_writing(made.parent)) as connection:
        with pytest.raises(sqlite3.OperationalError, match="no such table"), sqlite_errors(made):
            connection.execute("SELECT * FROM unheard_of")
        with pytest.raises(sqlite3.IntegrityError), sqlite_errors(made):
            connection.execute("INSERT INTO auto_recording (place_id) VALUES ('1')")


# How an old one is upgraded.


def add_table(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE added (text)")


def fill_table(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO added SELECT name FROM recording_sessions")


def fail(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO added VALUES (1), (2)")
    connection.execute("INSERT INTO not_there VALUES (1)")


def know(monkeypatch: pytest.MonkeyPatch, *further: Upgrade) -> None:
    """Make the recorder one that knows further upgrades."""
    monkeypatch.setattr(database, "UPGRADES", (*UPGRADES, *further))
    monkeypatch.setattr(database, "SCHEMA_VERSION", SCHEMA_VERSION + len(further))


async def test_an_old_database_is_upgraded_step_by_step_when_a_recorder_opens_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record(folder, "kept", ["one", "two"])
    path = folder / DATABASE_NAME
    know(monkeypatch, add_table, fill_table)
    with pytest.raises(ForeignDatabase, match="older"):
        Reader(folder).sessions()
    async with SessionRecorder(folder):
        pass
    assert pragma(path, "user_version") == SCHEMA_VERSION + 2
    with closing(open_for_reading(folder)) as connection:
        assert connection.execute("SELECT * FROM added").fetchall() == [("kept",)]
    async with SessionRecorder(folder):  # no step is taken twice
        pass
    session = Reader(folder).find("kept")
    texts = [recorded.message.content for recorded in Reader(folder).messages(session.id)]
    assert texts == ["one", "two"]


async def test_only_the_steps_that_are_missing_are_taken(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(monkeypatch, fail, add_table)
    execute(made, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    open_for_writing(made.parent).close()
    assert pragma(made, "user_version") == SCHEMA_VERSION + 2


async def test_a_step_that_fails_leaves_the_old_version(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record(folder, "kept", ["one"])
    path = folder / DATABASE_NAME
    before = dump(path)
    with monkeypatch.context() as patched:
        know(patched, add_table, fail)
        with pytest.raises(sqlite3.OperationalError, match="not_there"):
            open_for_writing(folder)
        with pytest.raises(StorageError, match="not_there"):
            await SessionRecorder(folder).open()
    assert pragma(path, "user_version") == SCHEMA_VERSION
    assert dump(path) == before
    assert Reader(folder).find("kept").message_count == 1


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def test_an_upgraded_database_has_the_schema_of_a_fresh_one(made: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    prepare_folder(old)
    execute(old / DATABASE_NAME, VERSION_1.read_text(encoding="utf-8"))
    execute(
        old / DATABASE_NAME,
        f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1",
    )
    open_for_writing(old).close()
    assert pragma(old / DATABASE_NAME, "user_version") == SCHEMA_VERSION
    assert normalised_schema(old / DATABASE_NAME) == normalised_schema(made), (
        "schema.sql was changed without a step in database.UPGRADES"
    )
