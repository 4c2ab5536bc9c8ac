"""A second recorder and a reader on the data folder of a running recorder."""

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
from scripts.torture_runs.child import Orders, read_report, running
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
    """Start a second recorder repeatedly while a first one writes.

    Parameters
    ----------
    within
        The maximum of seconds until it is refused, including the start of Python.
    """
    result = Result("second recorder while a first one writes")
    seconds = []
    with TemporaryDirectory(dir=folder) as name:
        data, output = Path(name) / "data", Path(name) / "output"
        with _loaded(data, output) as process:
            expected = f"AlreadyRunning Another recorder (process {process.pid}) is already"
            for number in range(tries):
                second = Path(name) / f"second-{number}"
                began = time.monotonic()
                with running(Orders(str(data), first=10_000_000).command, second) as other:
                    other.wait(_PATIENCE)
                seconds.append(time.monotonic() - began)
                report = read_report(second.read_bytes().splitlines(keepends=True))
                if not report.failure.startswith(expected) or seconds[-1] > within:
                    result.damage(f"after {seconds[-1]:.2f} s: {report.failure or 'not refused'}")
                result.runs += 1
        _check(data, output, result)
    result.note = f"refused after {max(seconds):.2f} s at most, including the start of Python"
    return result


@dataclass
class _Reading:
    """The report of a reader."""

    queries: int
    errors: list[str]
    slowest: float


def read(folder: Path, seconds: float) -> Result:
    """Query continuously while a recorder records about 1,000 messages per second."""
    result = Result(f"reader that queries for {seconds / 60:.4g} min under load")
    context = multiprocessing.get_context("spawn")
    with TemporaryDirectory(dir=folder) as name:
        data, output = Path(name) / "data", Path(name) / "output"
        log, largest = data / f"{DATABASE_NAME}-wal", 0
        with _loaded(data, output):
            answers: SimpleQueue[_Reading] = context.SimpleQueue()
            reader = context.Process(target=_query, args=(data, seconds, answers))
            reader.start()
            while reader.is_alive() and answers.empty():
                largest = max(largest, log.stat().st_size)
                time.sleep(0.05)
            reading = _Reading(0, ["the reader died"], 0) if answers.empty() else answers.get()
            reader.join()
        result.runs = reading.queries
        if reading.errors:
            result.damage(*reading.errors)
        _check(data, output, result)
    result.note = (
        f"{len(reading.errors)} errors, slowest query {reading.slowest:.2f} s, "
        f"WAL {largest / 1e6:.1f} MB at most, {result.acknowledged / seconds:,.0f} messages/s"
    )
    return result


@contextmanager
def _loaded(data: Path, output: Path) -> Iterator[Popen[bytes]]:
    """Start a recorder of about 1,000 messages per second, and kill it at the end."""
    with running(Orders(str(data), at_once=10).command, output) as process:
        until = time.monotonic() + _PATIENCE
        while not output.stat().st_size and time.monotonic() < until:
            time.sleep(0.01)
        yield process


def _check(data: Path, output: Path, result: Result) -> None:
    report = read_report(output.read_bytes().splitlines(keepends=True))
    if report.ended:
        result.damage(f"the recorder stopped: {report.failure}")
    result.acknowledged += len(report.acknowledged)
    result.check(data, report.acknowledged)


def _query(data: Path, seconds: float, answers: SimpleQueue[_Reading]) -> None:
    """Query as Datasette does: read-only, over one connection and over new ones."""
    chance = random.Random(1)
    uri = f"{(data / DATABASE_NAME).as_uri()}?mode=ro"
    reading = _Reading(0, [], 0)
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
                    reading.errors.append(f"{count} messages after {last_count}")
                last_count = count
            except sqlite3.Error as error:
                reading.errors.append(f"{type(error).__name__}: {error}")
            reading.queries += 2
            reading.slowest = max(reading.slowest, time.monotonic() - began)
    answers.put(reading)
