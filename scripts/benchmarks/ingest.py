"""Recording as fast as possible, beside the shortest loop over sqlite3."""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from recorder import Message, SessionManager, SessionRecorder
from recorder.record import jsonl
from recorder.record.changes import Current
from recorder.store.database import open_for_writing, prepare_folder
from recorder.store.line_journal import LINE_COLUMNS
from recorder.store.message_rows import MESSAGE_COLUMNS, message_row
from scripts.benchmarks.bench import Bench, Figures
from scripts.benchmarks.corpus import CHANNEL, START

Rows = Sequence[tuple[object, ...]]
Insert = Callable[[sqlite3.Connection, str, Rows], object]


@click.command()
@click.option("--messages", default=50_000, show_default=True, help="Messages at 256 waiting.")
@click.pass_obj
def ingest(bench: Bench, messages: int) -> None:
    """Record with 1, 16 and 256 messages waiting, beside the shortest loop over sqlite3."""
    corpus = bench.messages(messages)
    rows: list[Figures] = []
    for waiting, share in ((1, 20), (16, 4), (256, 1)):
        some = corpus[: max(len(corpus) // share, waiting)]
        loops: dict[str, Callable[[Path, list[Message], int], float]] = {
            "recorder": lambda folder, some, waiting: asyncio.run(_record(folder, some, waiting)),
            "raw": partial(_write_raw, _insert_each),
            "raw_many_rows": partial(_write_raw, _insert_at_once),
        }
        rates: dict[str, list[float]] = {name: [] for name in loops}
        for _ in range(bench.rounds):
            for name, loop in loops.items():
                with bench.fresh_folder() as folder:
                    rates[name].append(len(some) / loop(folder, some, waiting))
        medians = {name: statistics.median(values) for name, values in rates.items()}
        rows.append(
            {
                "waiting": waiting,
                **{f"{name}_per_s": round(rate) for name, rate in medians.items()},
                "ratio": round(medians["recorder"] / medians["raw"], 2),
                "ratio_many_rows": round(medians["recorder"] / medians["raw_many_rows"], 2),
            }
        )
    bench.show(rows)


async def _record(folder: Path, messages: list[Message], waiting: int) -> float:
    """Record `messages`, at most `waiting` of them queued at a time, and return the seconds."""
    async with SessionRecorder(folder, queue_limit=waiting) as recorder:
        manager = SessionManager(recorder, ZoneInfo("UTC"))
        await manager.start("benchmark", CHANNEL, user_id="1", now=START)
        began = time.perf_counter()
        for message in messages[:-1]:
            await recorder.enqueue(message)
        await recorder.record(messages[-1])
        seconds = time.perf_counter() - began
        session = await manager.stop(CHANNEL.id, now=START)
        assert session.message_count == len(messages)
        return seconds


def _write_raw(insert: Insert, folder: Path, messages: list[Message], waiting: int) -> float:
    """Write the same rows and lines without any safeguards, and return the seconds."""
    prepare_folder(folder)
    connection = open_for_writing(folder)
    connection.execute(
        "INSERT INTO recording_sessions (id, name_key, head, status) "
        "VALUES ('raw', 'raw', '', 'active')"
    )
    columns = {"lines": ", ".join(LINE_COLUMNS), "messages": ", ".join(MESSAGE_COLUMNS)}
    key, digest = b"0" * 16, b"0" * 32
    with (folder / "raw.jsonl").open("wb") as file:
        offset = number = 0
        began = time.perf_counter()
        for first in range(0, len(messages), waiting):
            lines, rows, block = [], [], b""
            for message in messages[first : first + waiting]:
                number += 1
                line = jsonl.encode(message)
                lines.append((number, "raw", number, offset + len(block), line, None, key, digest))
                rows.append((number, *message_row("raw", number, Current(message))))
                block += line.encode() + b"\n"
            connection.execute("BEGIN IMMEDIATE")
            insert(connection, f"lines ({columns['lines']})", lines)
            insert(connection, f"messages ({columns['messages']})", rows)
            connection.execute("UPDATE recording_sessions SET message_count = ?", (number,))
            connection.execute("COMMIT")
            file.write(block)
            file.flush()
            offset += len(block)
        seconds = time.perf_counter() - began
    connection.close()
    return seconds


def _insert_each(connection: sqlite3.Connection, table: str, rows: Rows) -> None:
    connection.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * len(rows[0]))})", rows)


def _insert_at_once(connection: sqlite3.Connection, table: str, rows: Rows) -> None:
    row = f"({','.join('?' * len(rows[0]))})"
    connection.execute(
        f"INSERT INTO {table} VALUES {','.join([row] * len(rows))}",
        [value for values in rows for value in values],
    )
