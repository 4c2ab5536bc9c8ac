"""A process that records at a steady rate and reports each acknowledgement at once.

It writes its reports to standard output with ``writev``, a call that the recorder does not use,
so that a trace of the process tells the two apart.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock
from zoneinfo import ZoneInfo

from recorder import Channel, Message, SessionManager, SessionRecorder
from recorder.errors import StorageError
from recorder.models import Edit
from recorder.store.database import open_for_writing
from scripts.torture_runs.integrity import FIRST_ID

CHANNEL = Channel("77", "development", "1")
NOW = datetime(2025, 11, 8, 15, 45, tzinfo=UTC)
SESSION_FILE = "sessions/tortured_2025-11-08.jsonl"


@dataclass(frozen=True)
class Orders:
    """The orders that a child process carries out.

    Attributes
    ----------
    first, count
        The number of its first message, and how many it records; 0 for no limit.
    at_once
        How many messages are recorded concurrently.
    rate
        The maximum of messages per second; 0 for no limit.
    length
        The length of each message in characters.
    sync_seconds
        The interval at which the recorder syncs its files.
    abandon
        Whether it ends without closing the recorder, as in a crash.
    synchronous_normal
        Whether SQLite does not sync with each commit: the control.
    """

    folder: str
    first: int = 0
    count: int = 0
    at_once: int = 7
    rate: float = 1000
    length: int = 40
    sync_seconds: float = 1.0
    abandon: bool = False
    synchronous_normal: bool = False

    @property
    def command(self) -> list[str]:
        """The command line of the child."""
        return [sys.executable, "-m", __spec__.name, json.dumps(asdict(self))]


@dataclass
class Report:
    """The acknowledgements of a child process, and how it ended."""

    acknowledged: dict[int, int] = field(default_factory=dict)
    failure: str = ""
    ended: bool = False


def environment() -> dict[str, str]:
    """Return an environment in which a process can import what this one can."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


@contextmanager
def running(command: Sequence[str], output: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process whose output goes to the file `output`, and kill it at the end."""
    with output.open("ab") as stream:
        process = subprocess.Popen(
            command, stdout=stream, env=environment(), start_new_session=True
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # with the process that it traces
        process.wait()


def read_report(lines: Iterable[bytes]) -> Report:
    """Read the reports of a child, without a torn last line."""
    report = Report()
    for line in lines:
        words = line.decode().split(maxsplit=2)
        if not line.endswith(b"\n"):
            break
        if words[0] == "acknowledged":
            report.acknowledged[int(words[1])] = int(words[2])
        elif words[0] == "failed":
            report.failure = " ".join(words[1:])
        report.ended = words[0] in ("failed", "closed")
    return report


def _say(*words: object) -> None:
    os.writev(1, [f"{' '.join(map(str, words))}\n".encode()])


async def _run(orders: Orders) -> None:
    recorder = SessionRecorder(
        Path(orders.folder), queue_limit=64, sync_seconds=orders.sync_seconds
    )
    failures: list[StorageError] = []
    recorder.on_failure = failures.append
    try:
        await recorder.open()
        manager = SessionManager(recorder, ZoneInfo("UTC"))
        if not recorder.channels:
            await manager.start("tortured", CHANNEL, user_id="1", now=NOW)
        _say("records")
        await _record(recorder, orders)
        if orders.abandon:
            os._exit(0)
        await recorder.close()
    except StorageError as error:
        failures.append(error)
    else:
        if failures:
            _say("failed", type(failures[0]).__name__, failures[0])
        else:
            _say("closed")
        return
    try:  # nothing more may be acknowledged, even if the disk works again
        await _acknowledge(recorder, orders, orders.first + 50_000)
    except StorageError:
        await recorder.close()
        _say("failed", type(failures[0]).__name__, failures[0])


async def _record(recorder: SessionRecorder, orders: Orders) -> None:
    began = time.monotonic()
    for done in itertools.count(0, orders.at_once):
        if orders.count and done >= orders.count:
            return
        first = orders.first + done
        numbers = range(first, first + orders.at_once)
        await asyncio.gather(*(_acknowledge(recorder, orders, number) for number in numbers))
        if done % 5 == 0:
            edited = f"message {first} was edited"
            recorder.change(Edit(NOW, CHANNEL.id, FIRST_ID + first, edited))
        if orders.rate:
            ahead = (done + orders.at_once) / orders.rate - (time.monotonic() - began)
            await asyncio.sleep(max(ahead, 0))


async def _acknowledge(recorder: SessionRecorder, orders: Orders, number: int) -> None:
    recorded = await recorder.record(
        Message(
            NOW + timedelta(milliseconds=number),
            "STRYK",
            "5",
            f"message {number} ärger 刷新 ".ljust(orders.length, "x"),
            "user_message",
            message_id=FIRST_ID + number,
            channel_id=CHANNEL.id,
        )
    )
    if recorded is None:
        raise RuntimeError(f"message {number} was taken for a duplicate")
    _say("acknowledged", number, recorded.message_index)


def _open_with_synchronous_normal(folder: Path) -> sqlite3.Connection:
    connection = open_for_writing(folder)
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def main() -> None:
    """Carry out the orders, which are the only argument, as JSON."""
    logging.disable(logging.CRITICAL)  # failures are reported on standard output
    orders = Orders(**json.loads(sys.argv[1]))
    control = mock.patch(
        "recorder.recording.writer.open_for_writing", _open_with_synchronous_normal
    )
    with control if orders.synchronous_normal else nullcontext():
        asyncio.run(_run(orders))


if __name__ == "__main__":
    main()
