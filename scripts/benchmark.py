"""How quick recording is, each figure beside a reference measured in the same run.

Run it by ``scripts/bench SUBJECT``; machines are noisy, so medians and ratios are shown.
"""

from __future__ import annotations

import asyncio
import json
import lzma
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from recorder import Channel, Message, SessionManager, SessionRecorder
from recorder.care.verification import verify
from recorder.formats.session_exporter import FORMATS
from recorder.record import jsonl
from recorder.record.changes import Current
from recorder.store.database import DATABASE_NAME, open_for_writing, prepare_folder
from recorder.store.journal import LINE_COLUMNS
from recorder.store.message_rows import MESSAGE_COLUMNS, message_row
from scripts import bench_formats, bench_search
from scripts.burst import Burst, measure

CHANNEL = Channel("123456789012345678", "benchmark", "1")
START = datetime(2025, 11, 8, 15, 45, tzinfo=UTC)
FIRST_ID = 1_300_000_000_000_000_000

Corpus = dict[str, list[Message]]
Figures = dict[str, float | int | str]


@click.group()
@click.option(
    "--corpus",
    type=click.Path(path_type=Path, exists=True),
    help="JSONL or JSONL.xz with a key `session`; else messages are made up.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Where to write; on the disk that is to be measured.",
)
@click.option("--rounds", default=5, show_default=True, help="Of which the median is shown.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def main(
    context: click.Context, corpus: Path | None, folder: Path | None, rounds: int, as_json: bool
) -> None:
    """Measure the recorder."""
    context.obj = Bench(corpus, folder or Path.cwd(), rounds, as_json)


class Bench:
    """The options that all subjects share."""

    def __init__(self, corpus: Path | None, folder: Path, rounds: int, as_json: bool) -> None:
        self.rounds = rounds
        self._corpus = corpus
        self._folder = folder
        self._as_json = as_json

    def corpus(self, limit: int | None = None) -> Corpus:
        """Messages by session, with Discord ids, from the corpus or made up."""
        sessions: Corpus = {}
        source = _read(self._corpus) if self._corpus else _made_up(limit or 100_000)
        for number, (session, message) in enumerate(source):
            if limit is not None and number == limit:
                break
            sessions.setdefault(session, []).append(
                replace(message, message_id=FIRST_ID + number, channel_id=CHANNEL.id)
            )
        return sessions

    @contextmanager
    def fresh_folder(self) -> Iterator[Path]:
        """A data folder that is removed afterwards."""
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="bench-") as name:
            yield Path(name) / "data"

    def show(self, rows: list[Figures]) -> None:
        """Print the figures as a table, or as JSON."""
        if self._as_json:
            click.echo(json.dumps(rows, indent=2))
            return
        for row in rows:
            click.echo("  ".join(f"{key} {_figure(value)}" for key, value in row.items()))


@main.command()
@click.option("--messages", default=50_000, show_default=True, help="At 256 waiting ones.")
@click.pass_obj
def ingest(bench: Bench, messages: int) -> None:
    """Messages a second at 1, 16 and 256 waiting, beside the shortest loop over sqlite3."""
    corpus = [message for session in bench.corpus(messages).values() for message in session]
    rows: list[Figures] = []
    for waiting, share in ((1, 20), (16, 4), (256, 1)):
        some = corpus[: max(len(corpus) // share, waiting)]
        loops: dict[str, Callable[[Path, list[Message], int], float]] = {
            "recorder": lambda folder, some, waiting: asyncio.run(_record(folder, some, waiting)),
            "raw": partial(_raw, _insert_each),
            "raw_many_rows": partial(_raw, _insert_at_once),
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


@main.command()
@click.pass_obj
def whole(bench: Bench) -> None:
    """The whole corpus by sessions: recorded, verified, started again, exported."""
    corpus = bench.corpus()
    count = sum(map(len, corpus.values()))
    with bench.fresh_folder() as folder:
        seconds = asyncio.run(_record_sessions(folder, corpus))
        manager = SessionManager(SessionRecorder(folder), ZoneInfo("UTC"))
        sessions = manager.reader.sessions()
        began = time.perf_counter()
        faults = [f for s in sessions for f in verify(manager.reader, s, recording=False).faults]
        verifying = time.perf_counter() - began
        restart = statistics.median(asyncio.run(_open(folder)) for _ in range(bench.rounds))
        exports: Figures = {}
        for format in FORMATS:
            began = time.perf_counter()
            for session in sessions:
                for _ in manager.exporter.render(session, format, START):
                    pass
            exports[f"{format}_per_s"] = round(count / (time.perf_counter() - began))
        files = sum(path.stat().st_size for path in (folder / "sessions").iterdir())
        bench.show(
            [
                {
                    "sessions": len(sessions),
                    "messages": sum(s.message_count for s in sessions),
                    "given": count,
                    "faults": len(faults),
                },
                {
                    "recorded_per_s": round(count / seconds),
                    "verify_s": round(verifying, 2),
                    "restart_ms": round(restart * 1000, 1),
                },
                {
                    "database_mb": round((folder / DATABASE_NAME).stat().st_size / 1e6, 1),
                    "files_mb": round(files / 1e6, 1),
                },
                exports,
            ]
        )


@main.command()
@click.option("--messages", default=2_500_000, show_default=True)
@click.pass_obj
def restart(bench: Bench, messages: int) -> None:
    """Time and memory of a start on a large database with three active sessions."""
    base = [message for session in bench.corpus(100_000).values() for message in session]
    rows: list[Figures] = []
    for count in (messages // 100, messages):
        with bench.fresh_folder() as folder:
            asyncio.run(_fill(folder, base, count))
            runs = [_start_elsewhere(folder) for _ in range(bench.rounds)]
            rows.append(
                {
                    "messages": count,
                    "database_mb": round((folder / DATABASE_NAME).stat().st_size / 1e6),
                    "ready_ms": round(statistics.median(r[0] for r in runs) * 1000, 1),
                    "peak_memory_mb": round(statistics.median(r[1] for r in runs) / 1024, 1),
                }
            )
    bench.show(rows)


@main.command(hidden=True)
@click.argument("folder", type=click.Path(path_type=Path))
def start_once(folder: Path) -> None:
    """Open a data folder and print seconds and peak memory in kilobytes."""
    seconds = asyncio.run(_open(folder))
    click.echo(f"{seconds} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}")


@main.command()
@click.option("--messages", default=4_000, show_default=True, help="In the burst.")
@click.pass_obj
def burst(bench: Bench, messages: int) -> None:
    """A burst of gateway events through the bot, beside a listener that does nothing."""
    texts = [m.content or "…" for s in bench.corpus(messages).values() for m in s][:messages]
    bursts: dict[bool, list[Burst]] = {False: [], True: []}
    for _ in range(bench.rounds):
        for recording, runs in bursts.items():
            with bench.fresh_folder() as folder:
                runs.append(measure(folder, texts, recording=recording))
    rows: list[Figures] = [
        {
            "listener": "recorder" if recording else "nothing",
            "delivered_per_s": round(len(texts) / statistics.median(b.delivered for b in runs)),
            "committed_per_s": round(len(texts) / statistics.median(b.committed for b in runs)),
            "loop_held_ms": round(statistics.median(b.longest_hold for b in runs) * 1000, 1),
        }
        for recording, runs in bursts.items()
    ]
    for what in ("delivered_per_s", "committed_per_s"):
        rows.append({f"ratio_{what}": round(float(rows[1][what]) / float(rows[0][what]), 2)})
    bench.show(rows)


@main.command()
@click.option("--copies", default=5, show_default=True, help="Of the corpus, in one database.")
@click.option(
    "--data", type=click.Path(path_type=Path), help="A data folder that is kept, filled once."
)
@click.pass_obj
def search(bench: Bench, copies: int, data: Path | None) -> None:
    """A word of every fifth message, beside the raw statement and grep; medians in ms."""
    with bench.fresh_folder() as fresh:
        folder = data or fresh
        if not (folder / DATABASE_NAME).exists():
            asyncio.run(bench_search.fill(folder, bench.corpus(), copies))
        word, messages, times = bench_search.measure(folder, copies, bench.rounds)
    rows: list[Figures] = [{"word": word, "messages": messages}]
    for one in times:
        rows.append(
            {
                "where": one.where,
                "messages": one.messages,
                "sort": one.sort,
                "hits": one.hits,
                "recorder_ms": round(one.recorder, 2),
                "raw_ms": round(one.raw, 2),
                "raw_with_snippet_ms": round(one.raw_snippet, 2),
                "ratio": round(one.recorder / one.raw, 2),
                "grep_ms": round(one.grep, 1),
            }
        )
    bench.show(rows)


@main.command()
@click.option("--messages", default=100_000, show_default=True, help="Exported.")
@click.option("--imported", default=1_000_000, show_default=True, help="Imported.")
@click.pass_obj
def formats(bench: Bench, messages: int, imported: int) -> None:
    """Exports and imports: messages a second and peak memory, each in a process of its own."""
    base = [message for session in bench.corpus().values() for message in session]
    rows: list[Figures] = []
    with bench.fresh_folder() as folder:
        bench_formats.write_jsonl(folder.with_name("exported.jsonl"), base, messages)
        bench_formats.write_jsonl(folder.with_name("imported.jsonl"), base, imported)
        asyncio.run(bench_formats.take_in(folder, folder.with_name("exported.jsonl")))
        for format in ("json", "dce", "csv", "html"):
            runs = [bench_formats.export_elsewhere(folder, format) for _ in range(bench.rounds)]
            rows.append(_row(f"export {format}", messages, runs))
        runs = [bench_formats.import_elsewhere(folder.with_name("imported.jsonl"))]
        rows.append(_row("import jsonl", imported, runs))
        bench_formats.write_dce(folder.with_name("imported.json"), base, imported)
        runs = [bench_formats.import_elsewhere(folder.with_name("imported.json"))]
        rows.append(_row("import dce", imported, runs))
    bench.show(rows)


def _row(what: str, messages: int, runs: list[bench_formats.Run]) -> Figures:
    return {
        "what": what,
        "messages": messages,
        "per_s": round(messages / statistics.median(run.seconds for run in runs)),
        "per_cpu_s": round(messages / statistics.median(run.cpu_seconds for run in runs)),
        "peak_memory_mb": round(max(run.peak_memory for run in runs) / 1024, 1),
    }


async def _record(folder: Path, messages: list[Message], waiting: int) -> float:
    """Seconds for recording `messages` while never more than `waiting` of them wait."""
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


Rows = Sequence[tuple[object, ...]]
Insert = Callable[[sqlite3.Connection, str, Rows], object]


def _insert_each(connection: sqlite3.Connection, table: str, rows: Rows) -> None:
    connection.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * len(rows[0]))})", rows)


def _insert_at_once(connection: sqlite3.Connection, table: str, rows: Rows) -> None:
    row = f"({','.join('?' * len(rows[0]))})"
    connection.execute(
        f"INSERT INTO {table} VALUES {','.join([row] * len(rows))}",
        [value for values in rows for value in values],
    )


def _raw(insert: Insert, folder: Path, messages: list[Message], waiting: int) -> float:
    """The shortest loop that writes the same rows and lines, without any of the care."""
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


async def _record_sessions(folder: Path, corpus: Corpus) -> float:
    began = time.perf_counter()
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, ZoneInfo("UTC"))
        for name, messages in corpus.items():
            await manager.start(name, CHANNEL, user_id="1", now=messages[0].timestamp)
            for message in messages:
                await recorder.enqueue(message)
            await manager.stop(CHANNEL.id, now=messages[-1].timestamp)
    return time.perf_counter() - began


async def _fill(folder: Path, base: list[Message], count: int) -> None:
    """Three active sessions, their messages interleaved."""
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, ZoneInfo("UTC"))
        channels = [replace(CHANNEL, id=str(number)) for number in range(1, 4)]
        for channel in channels:
            await manager.start(f"session {channel.id}", channel, user_id="1", now=START)
        for number in range(count):
            message = base[number % len(base)]
            await recorder.enqueue(
                replace(message, message_id=FIRST_ID + number, channel_id=channels[number % 3].id)
            )


async def _open(folder: Path) -> float:
    recorder = SessionRecorder(folder)
    began = time.perf_counter()
    await recorder.open()
    seconds = time.perf_counter() - began
    await recorder.close()
    return seconds


def _start_elsewhere(folder: Path) -> tuple[float, int]:
    command = [sys.executable, "-m", "scripts.benchmark", "start-once", str(folder)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds, kilobytes = output.split()
    return float(seconds), int(kilobytes)


def _read(path: Path) -> Iterator[tuple[str, Message]]:
    with lzma.open(path, "rt") if path.suffix == ".xz" else path.open() as file:
        for line in file:
            data = json.loads(line)
            session = str(data.pop("session", "benchmark"))
            message = jsonl.decode(json.dumps(data))
            if isinstance(message, Message):
                yield session, message


def _made_up(count: int) -> Iterator[tuple[str, Message]]:
    """Messages whose words are as unevenly common as in a real language (Zipf)."""
    chance = random.Random(12)
    syllables = [a + b for a in "bcdfgklmnprstvw" for b in ("a", "e", "i", "o", "u", "an", "er")]
    words = ["".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(20_000)]
    weights = [1 / (rank + 2) for rank in range(len(words))]
    for number in range(count):
        content = " ".join(chance.choices(words, weights, k=max(1, int(chance.gauss(11, 6)))))
        author = f"user{int(chance.paretovariate(1.2)) % 300}"
        yield (
            f"session {number // 1_300}",
            Message(
                START + timedelta(seconds=20 * number),
                author,
                str(zlib.crc32(author.encode())),
                content,
                "user_message",
            ),
        )


def _figure(value: float | int | str) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    main()
