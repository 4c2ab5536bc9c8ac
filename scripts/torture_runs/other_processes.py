"""Others at a data folder while a recorder writes to it: a reader, and a second recorder."""

from __future__ import annotations

import math
import multiprocessing
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from subprocess import Popen
from tempfile import TemporaryDirectory

from recorder.store.database import DATABASE_NAME
from scripts.torture_runs.child import Orders, read_said, running
from scripts.torture_runs.integrity import Result

_PATIENCE = 60.0
_QUERIES = (
    "SELECT count(*) FROM messages",
    "SELECT count(*) FROM messages_fts WHERE messages_fts MATCH 'message'",
    "SELECT m.message_index, m.content FROM messages_fts f JOIN messages m ON m.id = f.rowid "
    "WHERE messages_fts MATCH 'ärger' ORDER BY f.rowid DESC LIMIT 20",
    "SELECT author, count(*), max(timestamp) FROM messages GROUP BY author",
    "SELECT * FROM recording_sessions",
)


def refuse_second(folder: Path, tries: int, *, within: float = math.inf) -> Result:
    """Start a second recorder again and again while a first one writes.

    Parameters
    ----------
    within
        How many seconds it may take until it is refused, the start of Python included.
    """
    result = Result("second recorder while a first one writes")
    seconds = []
    with TemporaryDirectory(dir=folder) as name:
        data, says = Path(name) / "data", Path(name) / "says"
        with _loaded(data, says) as process:
            expected = f"AlreadyRunning Another recorder (process {process.pid}) is already"
            for number in range(tries):
                second = Path(name) / f"second-{number}"
                began = time.monotonic()
                with running(Orders(str(data), first=10_000_000).command, second) as other:
                    other.wait(_PATIENCE)
                seconds.append(time.monotonic() - began)
                said = read_said(second.read_bytes().splitlines(keepends=True))
                if not said.failure.startswith(expected) or seconds[-1] > within:
                    result.damage(f"after {seconds[-1]:.2f} s: {said.failure or 'not refused'}")
                result.runs += 1
        _check(data, says, result)
    result.note = f"refused after {max(seconds):.2f} s at most, the start of Python included"
    return result


@dataclass
class _Read:
    """What a reader has to say at the end."""

    queries: int
    errors: list[str]
    slowest: float


def read(folder: Path, seconds: float) -> Result:
    """Let a reader query all the time while a recorder takes about 1,000 messages/s."""
    result = Result(f"reader that queries for {seconds / 60:.4g} min under load")
    context = multiprocessing.get_context("spawn")
    with TemporaryDirectory(dir=folder) as name:
        data, says = Path(name) / "data", Path(name) / "says"
        log, largest = data / f"{DATABASE_NAME}-wal", 0
        with _loaded(data, says):
            answers: SimpleQueue[_Read] = context.SimpleQueue()
            reader = context.Process(target=_query, args=(data, seconds, answers))
            reader.start()
            while reader.is_alive() and answers.empty():
                largest = max(largest, log.stat().st_size)
                time.sleep(0.05)
            found = _Read(0, ["the reader died"], 0) if answers.empty() else answers.get()
            reader.join()
        result.runs = found.queries
        if found.errors:
            result.damage(*found.errors)
        _check(data, says, result)
    result.note = (
        f"{len(found.errors)} errors, slowest query {found.slowest:.2f} s, "
        f"WAL {largest / 1e6:.1f} MB at most, {result.acknowledged / seconds:,.0f} messages/s"
    )
    return result


@contextmanager
def _loaded(data: Path, says: Path) -> Iterator[Popen[bytes]]:
    """A recorder that takes about 1,000 messages/s, once it does; killed at the end."""
    with running(Orders(str(data), at_once=10).command, says) as process:
        until = time.monotonic() + _PATIENCE
        while not says.stat().st_size and time.monotonic() < until:
            time.sleep(0.01)
        yield process


def _check(data: Path, says: Path, result: Result) -> None:
    said = read_said(says.read_bytes().splitlines(keepends=True))
    if said.ended:
        result.damage(f"the recorder stopped: {said.failure}")
    result.acknowledged += len(said.acknowledged)
    result.check(data, said.acknowledged)


def _query(data: Path, seconds: float, answers: SimpleQueue[_Read]) -> None:
    """Query as Datasette does: read-only, with a connection that is kept, and with new ones."""
    chance = random.Random(1)
    uri = f"{(data / DATABASE_NAME).as_uri()}?mode=ro"
    found = _Read(0, [], 0)
    until = time.monotonic() + seconds
    last_count = 0
    with closing(sqlite3.connect(uri, uri=True)) as kept:
        while time.monotonic() < until:
            began = time.monotonic()
            try:
                if chance.random() < 0.2:
                    with closing(sqlite3.connect(uri, uri=True)) as fresh:
                        fresh.execute(chance.choice(_QUERIES)).fetchall()
                else:
                    kept.execute(chance.choice(_QUERIES)).fetchall()
                (count,) = kept.execute(_QUERIES[0]).fetchone()
                if count < last_count:
                    found.errors.append(f"{count} messages after {last_count}")
                last_count = count
            except sqlite3.Error as error:
                found.errors.append(f"{type(error).__name__}: {error}")
            found.queries += 2
            found.slowest = max(found.slowest, time.monotonic() - began)
    answers.put(found)
