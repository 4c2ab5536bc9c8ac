"""Opening a data folder with a large database."""

from __future__ import annotations

import asyncio
import statistics
import sys
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from recorder import Message, SessionManager, SessionRecorder
from recorder.store.database import DATABASE_NAME
from scripts.benchmarks.bench import Bench, Figures
from scripts.benchmarks.corpus import CHANNEL, FIRST_ID, START
from scripts.benchmarks.usage import Usage, measure, run_module


@click.command()
@click.option("--messages", default=2_500_000, show_default=True)
@click.pass_obj
def restart(bench: Bench, messages: int) -> None:
    """Open a large database with three active sessions: time and memory."""
    base = bench.messages(100_000)
    rows: list[Figures] = []
    for count in (messages // 100, messages):
        with bench.fresh_folder() as folder:
            asyncio.run(_fill(folder, base, count))
            runs = [run_module(__spec__.name, folder) for _ in range(bench.rounds)]
            rows.append(
                {
                    "messages": count,
                    "database_mb": round((folder / DATABASE_NAME).stat().st_size / 1e6),
                    "ready_ms": round(statistics.median(run.seconds for run in runs) * 1000, 1),
                    "peak_memory_mb": round(
                        statistics.median(run.peak_memory for run in runs) / 1024, 1
                    ),
                }
            )
    bench.show(rows)


async def open_recorder(folder: Path) -> Usage:
    """Open and close a recorder, and return the usage of the opening."""
    recorder = SessionRecorder(folder)
    with measure() as usage:
        await recorder.open()
    await recorder.close()
    return usage


async def _fill(folder: Path, base: list[Message], count: int) -> None:
    """Record into three active sessions, their messages interleaved."""
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


if __name__ == "__main__":
    asyncio.run(open_recorder(Path(sys.argv[1]))).dump()
