"""A whole corpus: recording, verification, start and exports."""

from __future__ import annotations

import asyncio
import statistics
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from recorder import SessionManager, SessionRecorder
from recorder.care.verification import verify
from recorder.formats.session_exporter import FORMATS
from recorder.store.database import DATABASE_NAME
from scripts.benchmarks.bench import Bench, Figures
from scripts.benchmarks.corpus import CHANNEL, START, Corpus
from scripts.benchmarks.restart import open_recorder
from scripts.benchmarks.usage import measure


@click.command()
@click.pass_obj
def whole(bench: Bench) -> None:
    """Record the whole corpus by sessions, verify it, open it again and export it."""
    corpus = bench.corpus()
    count = sum(map(len, corpus.values()))
    with bench.fresh_folder() as folder:
        with measure() as recording:
            asyncio.run(_record(folder, corpus))
        manager = SessionManager(SessionRecorder(folder), ZoneInfo("UTC"))
        sessions = manager.reader.sessions()
        with measure() as verifying:
            faults = [
                fault
                for session in sessions
                for fault in verify(manager.reader, session, recording=False).faults
            ]
        starts = [asyncio.run(open_recorder(folder)).seconds for _ in range(bench.rounds)]
        exports: Figures = {}
        for format in FORMATS:
            with measure() as exporting:
                for session in sessions:
                    for _ in manager.exporter.render(session, format, START):
                        pass
            exports[f"{format}_per_s"] = round(count / exporting.seconds)
        files = sum(path.stat().st_size for path in (folder / "sessions").iterdir())
        bench.show(
            [
                {
                    "sessions": len(sessions),
                    "messages": sum(session.message_count for session in sessions),
                    "given": count,
                    "faults": len(faults),
                },
                {
                    "recorded_per_s": round(count / recording.seconds),
                    "verify_s": round(verifying.seconds, 2),
                    "restart_ms": round(statistics.median(starts) * 1000, 1),
                },
                {
                    "database_mb": round((folder / DATABASE_NAME).stat().st_size / 1e6, 1),
                    "files_mb": round(files / 1e6, 1),
                },
                exports,
            ]
        )


async def _record(folder: Path, corpus: Corpus) -> None:
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, ZoneInfo("UTC"))
        for name, messages in corpus.items():
            await manager.start(name, CHANNEL, user_id="1", now=messages[0].timestamp)
            for message in messages:
                await recorder.enqueue(message)
            await manager.stop(CHANNEL.id, now=messages[-1].timestamp)
