"""Changes of one message: the cost of the last ones beside that of the first."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from recorder import Message, SessionManager, SessionRecorder
from recorder.models import Change, Edit, Reaction
from scripts.benchmarks.bench import Bench, Figures
from scripts.benchmarks.corpus import CHANNEL, START

_SAMPLE = 200


@click.command()
@click.option("--count", default=10_000, show_default=True, help="Changes of one message.")
@click.pass_obj
def changes(bench: Bench, count: int) -> None:
    """Edit one message, or react to it, many times: milliseconds a change, first and last."""
    kinds: dict[str, Callable[[int], Change]] = {"edits": _edit, "reactions": _reaction}
    rows: list[Figures] = []
    for name, change in kinds.items():
        first, last = [], []
        for _ in range(bench.rounds):
            with bench.fresh_folder() as folder:
                seconds = asyncio.run(_change(folder, change, count))
            first.append(statistics.median(seconds[:_SAMPLE]))
            last.append(statistics.median(seconds[-_SAMPLE:]))
        before, after = statistics.median(first), statistics.median(last)
        rows.append(
            {
                "changes": name,
                "count": count,
                "first_ms": round(before * 1000, 3),
                "last_ms": round(after * 1000, 3),
                "ratio": round(after / before, 2),
            }
        )
    bench.show(rows)


async def _change(folder: Path, change: Callable[[int], Change], count: int) -> list[float]:
    """Return the seconds that each change took until its commit."""
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, ZoneInfo("UTC"))
        await manager.start("benchmark", CHANNEL, user_id="1", now=START)
        time_of_message = START + timedelta(seconds=1)
        await recorder.record(
            Message(
                time_of_message,
                "bot",
                "2",
                "…",
                "bot_response",
                message_id=1,
                channel_id=CHANNEL.id,
            )
        )
        seconds = []
        for number in range(count):
            began = time.perf_counter()
            recorder.change(change(number))
            await recorder.flush()
            seconds.append(time.perf_counter() - began)
        return seconds


def _edit(number: int) -> Edit:
    time_of_edit = START + timedelta(seconds=2 + number)
    return Edit(
        time_of_edit, CHANNEL.id, 1, f"answer {number}",
        extra={"edited_timestamp": time_of_edit.isoformat()},
    )  # fmt: skip


def _reaction(number: int) -> Reaction:
    return Reaction(START + timedelta(seconds=2 + number), CHANNEL.id, 1, "add", "👍", str(number))
