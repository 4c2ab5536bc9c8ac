"""What was acknowledged is there after a crash, and the files are brought to it."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from support.recordings import CHANNEL, NOW, UTC_ZONE, assert_sound, said, texts

from recorder import SessionManager, SessionRecorder
from recorder.errors import RecordingFailed
from recorder.store.database import DATABASE_NAME
from scripts.torture_runs.integrity import recover

# What a start makes of the files.


async def record_into(folder: Path, count: int) -> Path:
    """The file of a session that still runs."""
    async with SessionRecorder(folder) as recorder:
        session = await SessionManager(recorder, UTC_ZONE).start(
            "session", CHANNEL, user_id="5", now=NOW
        )
        for number in range(count):
            recorder.post(said(number, f"message {number} ärger 刷新"))
    return folder / session.file_path


@pytest.fixture
def file(folder: Path) -> Path:
    return asyncio.run(record_into(folder, 20))


def set_synced(folder: Path, offset: int) -> None:
    """As after a crash: no more than this is known to be on disk."""
    with closing(sqlite3.connect(folder / DATABASE_NAME)) as connection, connection:
        connection.execute("UPDATE recording_sessions SET synced_bytes = ?", (offset,))


def line_ends(data: bytes) -> list[int]:
    return [at + 1 for at, byte in enumerate(data) if byte == 10]


Damage = Callable[[bytes], bytes]
DAMAGE: dict[str, Damage] = {
    "empty": lambda data: b"",
    "last newline missing": lambda data: data[:-1],
    "tail of zeros": lambda data: data[:-90] + bytes(90),
    "longer tail of zeros": lambda data: data[:-90] + bytes(4096),
    "zeros behind": lambda data: data + bytes(4096),
    "line behind": lambda data: data + b'{"foreign": true}\n',
    "something else": lambda data: b"something else\n" * 500,
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("synced_lines", [0, 2])
def test_a_start_makes_a_file_whole(
    folder: Path, file: Path, damage: str, synced_lines: int
) -> None:
    whole = file.read_bytes()
    damaged = DAMAGE[damage](whole)
    if damaged[: line_ends(whole)[1]] != whole[: line_ends(whole)[1]]:
        synced_lines = 0  # what is known to be on disk is not looked at
    set_synced(folder, [0, *line_ends(whole)][synced_lines])
    file.write_bytes(damaged)
    recover(folder)
    assert file.read_bytes() == whole
    assert_sound(folder)
    kept = [path.read_bytes() for path in file.parent.glob("*.damaged*")]
    assert kept == ([] if whole.startswith(damaged) else [damaged])


def test_a_start_restores_a_missing_file(folder: Path, file: Path) -> None:
    whole = file.read_bytes()
    file.unlink()
    recover(folder)
    assert file.read_bytes() == whole
    assert_sound(folder)


def test_only_what_is_not_known_to_be_on_disk_is_written_again(folder: Path, file: Path) -> None:
    whole = file.read_bytes()
    synced = line_ends(whole)[9]
    set_synced(folder, synced)
    changed = whole.replace(b"message 3", b"MESSAGE 3")
    assert changed.find(b"MESSAGE 3") < synced
    file.write_bytes(changed[:-100])
    recover(folder)
    assert file.read_bytes() == changed, "before the synced offset nothing is touched"


def test_a_file_that_is_known_to_be_on_disk_is_not_written(folder: Path, file: Path) -> None:
    before = file.stat()
    recover(folder)
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert file.stat().st_ino == before.st_ino


def test_a_synced_offset_is_the_end_of_what_is_in_the_file(folder: Path, file: Path) -> None:
    with closing(sqlite3.connect(folder / DATABASE_NAME)) as connection:
        states = connection.execute("SELECT synced_bytes, byte_size FROM recording_sessions")
        assert states.fetchall() == [(file.stat().st_size,) * 2]


def test_a_session_that_was_recovered_goes_on(folder: Path, file: Path) -> None:
    whole = file.read_bytes()
    set_synced(folder, 0)
    file.write_bytes(whole[:333])

    async def go_on() -> None:
        async with SessionRecorder(folder) as recorder:
            recorded = await recorder.record(said(100, "after the crash"))
            assert recorded is not None
            assert recorded.message_index == 21

    asyncio.run(go_on())
    assert file.read_bytes().startswith(whole)
    assert texts(folder)[-1] == "after the crash"
    assert_sound(folder)


def test_the_file_of_a_deleted_session_is_removed_after_a_crash_before_it(
    folder: Path, file: Path
) -> None:
    with closing(sqlite3.connect(folder / DATABASE_NAME)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("INSERT INTO file_removals SELECT file_path FROM recording_sessions")
        connection.execute("DELETE FROM messages")
        connection.execute("DELETE FROM recording_sessions")
    recover(folder)
    assert not file.exists()
    with closing(sqlite3.connect(folder / DATABASE_NAME)) as connection:
        assert connection.execute("SELECT * FROM file_removals").fetchall() == []


def test_the_empty_file_of_a_session_that_was_not_committed_is_removed(
    folder: Path, file: Path
) -> None:
    reserved, foreign = file.with_name("reserved.jsonl"), file.with_name("foreign.jsonl")
    reserved.touch()
    foreign.write_text("{}\n")
    recover(folder)
    assert not reserved.exists()
    assert foreign.read_text() == "{}\n"


def test_a_link_in_place_of_a_file_is_not_followed(folder: Path, file: Path) -> None:
    target = folder.parent / "precious.txt"
    target.write_text("mine")
    file.unlink()
    file.symlink_to(target)
    with pytest.raises(RecordingFailed, match="Nothing more is recorded") as caught:
        recover(folder)
    assert file.name in str(caught.value)
    assert target.read_text() == "mine"
