"""Every damage is noticed and named; what a file lost is brought back from the database."""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from support.recordings import CHANNEL, NOW, UTC_ZONE, assert_sound, said

from recorder import SessionManager, SessionRecorder
from recorder.care.verification import rebuild_index, verify, verify_database
from recorder.models import Annotation, Deletion, Edit
from recorder.store.database import DATABASE_NAME
from recorder.store.reading import Reader

MESSAGES = 20
LINES = MESSAGES + 5  # with a start, three changes, and a stop


async def record_into(folder: Path) -> Path:
    """The file of a stopped session: twenty messages, then an edit, a model, and a deletion."""
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, UTC_ZONE)
        await manager.start("session", CHANNEL, user_id="5", now=NOW)
        for number in range(1, MESSAGES + 1):
            recorder.post(said(number, f"message {number} ärger 刷新"))
        recorder.change(Edit(NOW, CHANNEL.id, 1005, "edited"))
        recorder.annotate(Annotation(NOW, CHANNEL.id, 1006, "a-model"))
        recorder.change(Deletion(NOW, CHANNEL.id, 1007))
        session = await manager.stop(CHANNEL.id, now=NOW)
    return folder / session.file_path


@pytest.fixture
def file(folder: Path) -> Path:
    path = asyncio.run(record_into(folder))
    assert_sound(folder)
    return path


def faults(folder: Path) -> tuple[str, ...]:
    (session,) = Reader(folder).sessions()
    return verify(Reader(folder), session, recording=False).faults


def execute(folder: Path, *statements: str) -> None:
    """Change the database as somebody with a SQLite shell would."""
    with closing(sqlite3.connect(folder / DATABASE_NAME)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_what_is_sound_is_said_to_be_sound(folder: Path, file: Path) -> None:
    (session,) = Reader(folder).sessions()
    counted: list[int] = []
    report = verify(Reader(folder), session, recording=False, progress=counted.append)
    assert report.faults == ()
    assert (report.lines, report.messages) == (LINES, MESSAGES)
    assert sum(counted) == report.lines
    assert verify_database(folder) == []


# Damage in the file.

Lines = list[bytes]


def flipped(lines: Lines) -> Lines:
    return [*lines[:9], lines[9].replace(b"message 9", b"message 8"), *lines[10:]]


def cut(lines: Lines) -> Lines:
    return [*lines[:9], lines[9][:-20] + b"\n", *lines[10:]]


def without_its_end(lines: Lines) -> Lines:
    return [*lines[:-1], lines[-1][:-1]]


def dropped(lines: Lines) -> Lines:
    return [*lines[:9], *lines[10:]]


def added(lines: Lines) -> Lines:
    return [*lines[:9], lines[0], *lines[9:]]


def swapped(lines: Lines) -> Lines:
    return [*lines[:9], lines[10], lines[9], *lines[11:]]


def appended(lines: Lines) -> Lines:
    return [*lines, b'{"type": "user_message"}\n']


def with_zeros_behind(lines: Lines) -> Lines:
    return [*lines, bytes(100)]


def last_line_dropped(lines: Lines) -> Lines:
    return lines[:-1]


def other_line_ends(lines: Lines) -> Lines:
    return [line.replace(b"\n", b"\r\n") for line in lines]


def with_byte_order_mark(lines: Lines) -> Lines:
    return [b"\xef\xbb\xbf", *lines]


def emptied(lines: Lines) -> Lines:
    return []


FILE_DAMAGE: dict[Callable[[Lines], Lines], tuple[int, str]] = {
    flipped: (10, "differs from byte"),
    cut: (10, "differs from byte"),
    without_its_end: (LINES, "differs from byte 165 on: the file ends there"),
    dropped: (10, "differs from byte"),
    added: (10, "differs from byte"),
    swapped: (10, "differs from byte"),
    appended: (LINES + 1, "is not in the database"),
    with_zeros_behind: (LINES + 1, "is not in the database"),
    last_line_dropped: (LINES, "is missing in the file"),
    other_line_ends: (1, "differs from byte"),
    with_byte_order_mark: (1, "differs from byte 0"),
    emptied: (1, "is missing in the file"),
}


@pytest.mark.parametrize("damage", FILE_DAMAGE)
def test_damage_of_the_file_is_named_by_its_line_and_repaired(
    folder: Path, file: Path, damage: Callable[[Lines], Lines]
) -> None:
    line, says = FILE_DAMAGE[damage]
    whole = file.read_bytes()
    damaged = b"".join(damage(whole.splitlines(keepends=True)))
    file.write_bytes(damaged)
    (fault,) = faults(folder)
    assert fault.startswith(f"sessions/{file.name}, line {line}: {says}")
    assert file.read_bytes() == damaged, "who verifies changes nothing"
    repair(folder)
    assert file.read_bytes() == whole
    kept = [path.read_bytes() for path in file.parent.glob("*.damaged")]
    assert kept == ([] if whole.startswith(damaged) else [damaged])
    assert_sound(folder)


def test_a_missing_file_is_named_and_repaired(folder: Path, file: Path) -> None:
    whole = file.read_bytes()
    file.unlink()
    (fault,) = faults(folder)
    assert fault == f"sessions/{file.name}: cannot be read (No such file or directory)"
    repair(folder)
    assert file.read_bytes() == whole
    assert_sound(folder)


def test_each_damaged_file_is_kept(folder: Path, file: Path) -> None:
    for number in range(3):
        file.write_bytes(f"damage {number}".encode())
        repair(folder)
    kept = {path.name: path.read_text() for path in file.parent.glob("*.damaged*")}
    assert kept == {
        f"{file.name}.damaged": "damage 0",
        f"{file.name}.damaged-2": "damage 1",
        f"{file.name}.damaged-3": "damage 2",
    }


def repair(folder: Path) -> None:
    async def run() -> None:
        async with SessionRecorder(folder) as recorder:
            for session in Reader(folder).sessions():
                await recorder.rewrite(session.id)

    asyncio.run(run())


# Damage in the database.

CHANGED_LINE = (
    "UPDATE lines SET line = replace(line, 'message 7', 'message 8') WHERE line_number = 8"
)

DATABASE_DAMAGE: dict[str, tuple[tuple[str, ...], str]] = {
    "line": ((CHANGED_LINE,), ", line 8: was changed in the database (its hash"),
    "hash": (
        ("UPDATE lines SET hash = zeroblob(32) WHERE line_number = 8",),
        ", line 8: was changed in the database (its hash",
    ),
    "key": (
        ("UPDATE lines SET key = zeroblob(16) WHERE line_number = 8",),
        ", line 8: was changed in the database (its hash",
    ),
    "line deleted": (
        ("DELETE FROM messages WHERE message_index = 7", "DELETE FROM lines WHERE line_number = 8"),
        ", line 8: is missing in the database (the next one there is 9)",
    ),
    "last line deleted": (
        (f"DELETE FROM lines WHERE line_number = {LINES}",),
        f"has {LINES - 1} lines, the database counts {LINES}",
    ),
    "last line deleted and all counts with it": (
        (
            "UPDATE recording_sessions SET line_count = line_count - 1, byte_size = "
            "(SELECT max(byte_offset) FROM lines), synced_bytes = 0, head = "
            f"(SELECT hash FROM lines WHERE line_number = {LINES - 1})",
            f"DELETE FROM lines WHERE line_number = {LINES}",
        ),
        f", line {LINES}: is not in the database",
    ),
    "offset": (
        ("UPDATE lines SET byte_offset = byte_offset + 1 WHERE line_number = 8",),
        ", line 8: begins at byte",
    ),
    "lines swapped": (
        (
            "UPDATE lines SET line_number = -8 WHERE line_number = 8",
            "UPDATE lines SET line_number = 8 WHERE line_number = 9",
            "UPDATE lines SET line_number = 9 WHERE line_number = -8",
        ),
        ", line 8: begins at byte",
    ),
    "message deleted": (
        ("DELETE FROM messages WHERE message_index = 7",),
        ", line 8: has no row in messages",
    ),
    "message added": (
        (
            "INSERT INTO messages (id, session_id, message_index, timestamp, author, author_id, "
            "type, content) SELECT l.id, m.session_id, 99, m.timestamp, m.author, m.author_id, "
            "m.type, m.content FROM messages m, lines l WHERE m.message_index = 1 "
            "AND l.line_number = 22",
        ),
        ", line 22: has a row in messages but is no message",
    ),
    "content": (
        ("UPDATE messages SET content = 'never said' WHERE message_index = 7",),
        ", line 8: its message was changed in the database: content is 'never said', not 'm",
    ),
    "edit undone": (
        ("UPDATE messages SET content = 'message 5' WHERE message_index = 5",),
        ", line 6: its message was changed in the database: content is 'message 5', not 'edited'",
    ),
    "shown text": (
        ("UPDATE messages SET shown_text = 'x' WHERE message_index = 7",),
        ", line 8: its message was changed in the database: shown_text",
    ),
    "author": (
        ("UPDATE messages SET author = 'mallory' WHERE message_index = 7",),
        ", line 8: its message was changed in the database: author is 'mallory', not 'STRYK'",
    ),
    "time": (
        ("UPDATE messages SET timestamp = '2020-01-01T00:00:00+00:00' WHERE message_index = 7",),
        ", line 8: its message was changed in the database: timestamp",
    ),
    "model": (
        ("UPDATE messages SET model = NULL WHERE message_index = 6",),
        ", line 7: its message was changed in the database: model is None, not 'a-model'",
    ),
    "deletion undone": (
        ("UPDATE messages SET deleted_at = NULL WHERE message_index = 7",),
        ", line 8: its message was changed in the database: deleted_at",
    ),
    "message count": (
        ("UPDATE recording_sessions SET message_count = 19",),
        "has 20 messages, the database counts 19",
    ),
    "line count": (
        ("UPDATE recording_sessions SET line_count = 26",),
        "has 25 lines, the database counts 26",
    ),
    "size": (
        ("UPDATE recording_sessions SET byte_size = byte_size + 1",),
        "bytes, the database counts",
    ),
    "head": (
        ("UPDATE recording_sessions SET head = zeroblob(32)",),
        ": the head of the chain does not match",
    ),
}


@pytest.mark.parametrize("damage", DATABASE_DAMAGE)
def test_damage_of_the_database_is_named(folder: Path, file: Path, damage: str) -> None:
    statements, says = DATABASE_DAMAGE[damage]
    whole = file.read_bytes()
    execute(folder, *statements)
    found = faults(folder)
    assert found
    assert found[0].startswith(f"sessions/{file.name}")
    assert says in found[0]
    assert file.read_bytes() == whole


def test_a_line_that_was_changed_in_both_is_found_by_its_hash(folder: Path, file: Path) -> None:
    execute(folder, CHANGED_LINE)
    file.write_bytes(file.read_bytes().replace(b"message 7", b"message 8"))
    (fault,) = faults(folder)
    assert ", line 8: was changed in the database" in fault


INDEX_DAMAGE = {
    "row missing": (
        "INSERT INTO messages_fts (messages_fts, rowid, text, session_id, spaced_text) "
        "SELECT 'delete', id, text, session_id, spaced_text FROM messages WHERE message_index = 7",
    ),
    "size missing": ("DELETE FROM messages_fts_docsize WHERE id = 7",),
    "row twice": (
        "INSERT INTO messages_fts (rowid, text, session_id, spaced_text) "
        "SELECT id, text, session_id, spaced_text FROM messages WHERE message_index = 7",
    ),
    "row wrong": (
        "INSERT INTO messages_fts (messages_fts, rowid, text, session_id, spaced_text) "
        "SELECT 'delete', id, text, session_id, spaced_text FROM messages WHERE message_index = 7",
        "INSERT INTO messages_fts (rowid, text, session_id, spaced_text) "
        "SELECT id, 'else', session_id, spaced_text FROM messages WHERE message_index = 7",
    ),
    "all missing": ("INSERT INTO messages_fts (messages_fts) VALUES ('delete-all')",),
}


@pytest.mark.parametrize("damage", INDEX_DAMAGE)
def test_damage_of_the_index_is_named_and_repaired(folder: Path, file: Path, damage: str) -> None:
    execute(folder, *INDEX_DAMAGE[damage])
    assert faults(folder) == (), "the record itself is sound"
    (fault,) = verify_database(folder)
    assert fault.startswith("full-text index: differs")
    assert "`recorder repair`" in fault

    async def run() -> None:
        async with SessionRecorder(folder) as recorder:
            await rebuild_index(recorder)

    asyncio.run(run())
    assert_sound(folder)


# While a recorder is recording.


@pytest.mark.slow
async def test_there_is_no_false_fault_while_a_recorder_records(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    session = await manager.start("session", CHANNEL, user_id="5", now=NOW)
    done = asyncio.Event()

    def verify_again_and_again() -> list[int]:
        checked = []
        while not done.is_set():
            now = manager.reader.session(session.id)
            report = verify(manager.reader, now, recording=True)
            assert report.faults == ()
            assert verify_database(recorder.folder) == []
            checked.append(report.lines)
        return checked

    checking = asyncio.create_task(asyncio.to_thread(verify_again_and_again))
    number = 0
    while not checking.done() and number < 3000:
        number += 1
        await recorder.enqueue(said(number, f"message {number}"))
        if number % 7 == 0:
            recorder.change(Edit(NOW, CHANNEL.id, 1000 + number // 2, f"edit {number}"))
        if number % 50 == 0:
            await recorder.flush()
    done.set()
    checked = await checking
    assert checked == sorted(checked)
    assert len(set(checked)) > 1, "it grew meanwhile"
    await manager.stop(CHANNEL.id, now=NOW)
    assert_sound(recorder.folder, recording=True)


async def test_what_is_not_yet_in_the_file_is_no_fault_while_a_recorder_records(
    folder: Path,
) -> None:
    async with SessionRecorder(folder, sync_seconds=600) as recorder:
        manager = SessionManager(recorder, UTC_ZONE)
        session = await manager.start("session", CHANNEL, user_id="5", now=NOW)
        await recorder.record(said(1, "synced"))
        await recorder.call(lambda journal: None)  # syncs the files
        synced = manager.reader.session(session.id).byte_size
        for number in (2, 3):
            await recorder.record(said(number, "committed"))
        now, path = manager.reader.session(session.id), folder / session.file_path
        whole = path.read_bytes()
        for length in reversed(range(synced, len(whole))):
            os.truncate(path, length)
            assert verify(manager.reader, now, recording=True).faults == ()
        assert verify(manager.reader, now, recording=False).faults
        os.truncate(path, synced - 1)
        assert verify(manager.reader, now, recording=True).faults


async def test_a_file_that_grows_during_the_verification_is_no_fault(folder: Path) -> None:
    async with SessionRecorder(folder, sync_seconds=600) as recorder:
        manager = SessionManager(recorder, UTC_ZONE)
        session = await manager.start("session", CHANNEL, user_id="5", now=NOW)
        for number in range(5):
            await recorder.record(said(number, "committed"))
        now, path = manager.reader.session(session.id), folder / session.file_path
        whole = path.read_bytes()

        def grow(_: int) -> None:
            path.write_bytes(whole)

        for length in (whole.index(b"\n") + 1, len(whole) // 2):
            os.truncate(path, length)
            report = verify(manager.reader, now, recording=True, progress=grow)
            assert (report.faults, report.messages) == ((), 5)


async def test_a_real_fault_is_found_while_a_recorder_records(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    session = await manager.start("session", CHANNEL, user_id="5", now=NOW)
    await recorder.record(said(1, "kept"))
    await recorder.record(said(2, "kept"))
    path = recorder.folder / session.file_path
    path.write_bytes(path.read_bytes().replace(b"kept", b"sent", 1))
    (fault,) = verify(manager.reader, manager.reader.session(session.id), recording=True).faults
    assert ", line 2: differs from byte" in fault
