"""JSONL files that are truncated, or have a byte flipped, at any of their last bytes."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from recorder import SessionRecorder
from recorder.care.verification import verify
from recorder.store.database import DATABASE_NAME
from recorder.store.reading import Reader
from scripts.torture_runs.child import SESSION_FILE, Orders, running
from scripts.torture_runs.integrity import Result, recover

_MESSAGES = 40


def cut_files(folder: Path, count: int = 4096, *, step: int = 1) -> Result:
    """Truncate a file at each of its last `count` bytes, or at every `step` of them."""
    result = Result(f"file cut at each of its last {count:,} bytes")
    with _recorded(folder) as data:
        whole = (data / SESSION_FILE).read_bytes()
        for length in range(max(len(whole) - count, 0), len(whole), step):
            _damage(data, whole, whole[:length], length, result)
    return result


def flip_bytes(folder: Path, chance: random.Random, count: int = 4096, *, step: int = 1) -> Result:
    """Flip each of the last `count` bytes of a file, or every `step` of them."""
    result = Result(f"each of its last {count:,} bytes flipped")
    with _recorded(folder) as data:
        whole = (data / SESSION_FILE).read_bytes()
        for offset in range(max(len(whole) - count, 0), len(whole), step):
            changed = bytearray(whole)
            changed[offset] ^= chance.randint(1, 255)
            _damage(data, whole, bytes(changed), offset, result)
    return result


@contextmanager
def _recorded(folder: Path) -> Iterator[Path]:
    """Yield a data folder with a session that is still active."""
    with TemporaryDirectory(dir=folder) as name:
        data = Path(name) / "data"
        orders = Orders(str(data), count=_MESSAGES, at_once=10, rate=0)
        with running(orders.command, Path(name) / "output") as process:
            process.wait()
        yield data


def _damage(data: Path, whole: bytes, damaged: bytes, offset: int, result: Result) -> None:
    """Recover a damaged file by a start where that reads it, else by a repair."""
    file = data / SESSION_FILE
    reader = Reader(data)
    line = whole.count(b"\n", 0, offset) + 1
    (session,) = reader.sessions()
    result.runs += 1
    result.acknowledged = session.message_count

    file.write_bytes(damaged)
    faults = verify(reader, session, recording=False).faults
    if not faults or f", line {line}: " not in faults[0]:
        result.damage(f"byte {offset}: verify reports {faults} instead of line {line}")

    # As after a crash: only this much is known to be on disk.
    synced = whole.rfind(b"\n", 0, offset) + 1
    _set_synced(data, min(synced, len(damaged)))
    recover(data)
    if file.read_bytes() != whole:
        result.damage(f"byte {offset}: a start did not recover the file")

    file.write_bytes(damaged)  # now with all of it known to be on disk
    if len(damaged) == len(whole):
        recover(data)  # compares the size only
        asyncio.run(_repair(data, session.id))
    else:
        recover(data)
    if file.read_bytes() != whole:
        result.damage(f"byte {offset}: the file was not repaired")
    for copy in file.parent.glob("*.damaged*"):
        if copy.read_bytes() != damaged:
            result.damage(f"byte {offset}: the copy of the damaged file differs from it")
        copy.unlink()


async def _repair(data: Path, session_id: str) -> None:
    async with SessionRecorder(data) as recorder:
        await recorder.rewrite(session_id)


def _set_synced(data: Path, offset: int) -> None:
    with closing(sqlite3.connect(data / DATABASE_NAME)) as connection, connection:
        connection.execute("UPDATE recording_sessions SET synced_bytes = ?", (offset,))
