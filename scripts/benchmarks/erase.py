"""Erasing one user among many lines."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from recorder import SessionManager, SessionRecorder
from recorder.store.erasure import Selection
from recorder.store.scrubbing import is_unfinished
from scripts.benchmarks.bench import Bench
from scripts.benchmarks.corpus import CHANNEL, START, Corpus


@click.command()
@click.option("--count", default=100_000, show_default=True, help="Messages to record.")
@click.pass_obj
def erase(bench: Bench, count: int) -> None:
    """Erase the author with the most messages, and clear the free space: median seconds."""
    corpus = bench.corpus(count)
    messages = [message for session in corpus.values() for message in session]
    ((user_id, own),) = Counter(message.author_id for message in messages).most_common(1)
    seconds, processor = [], []
    for _ in range(bench.rounds):
        with bench.fresh_folder() as folder:
            asyncio.run(_fill(folder, corpus))
            began, used = time.perf_counter(), time.process_time()
            asyncio.run(_erase(folder, user_id))
            seconds.append(time.perf_counter() - began)
            processor.append(time.process_time() - used)
    bench.show(
        [
            {
                "messages": len(messages),
                "erased": own,
                "seconds": round(statistics.median(seconds), 2),
                "processor_seconds": round(statistics.median(processor), 2),
            }
        ]
    )


async def _fill(folder: Path, corpus: Corpus) -> None:
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, ZoneInfo("UTC"))
        for name, messages in corpus.items():
            await manager.start(name, CHANNEL, user_id="1", now=START)
            for message in messages:
                await recorder.enqueue(message)
            await manager.stop(CHANNEL.id, now=messages[-1].timestamp)


async def _erase(folder: Path, user_id: str) -> None:
    """Erase a user as `recorder erase` does, from opening the folder to closing it."""
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, ZoneInfo("UTC"))
        await manager.erase(Selection("user", user_id=user_id), now=START)
    assert not is_unfinished(manager.reader)
