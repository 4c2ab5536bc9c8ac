"""Searches, beside the raw SQL statement and ``grep`` on the JSONL files."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from recorder import Channel, Message, Session, SessionManager, SessionRecorder
from recorder.search.search_sql import Sort
from recorder.search.searcher import Searcher
from recorder.store.database import DATABASE_NAME
from recorder.store.reading import Reader
from scripts.benchmarks.bench import Bench, Figures
from scripts.benchmarks.corpus import FIRST_ID, Corpus

_PAGE = 20
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_SESSION_SIZE = 2_000
_SHARE = 5  # one in five messages contains the word


@dataclass(frozen=True, slots=True)
class SearchTimes:
    """The median times of one search in milliseconds, and those of its references."""

    where: str
    messages: int
    sort: Sort
    hits: str
    recorder: float
    raw: float
    raw_snippet: float
    grep: float


@click.command()
@click.option("--copies", default=5, show_default=True, help="Copies of the corpus to record.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="A data folder to keep; it is filled if it has no database.",
)
@click.pass_obj
def search(bench: Bench, copies: int, data: Path | None) -> None:
    """Search a word of every fifth message, beside the raw statement and grep; medians in ms."""
    with bench.fresh_folder() as fresh:
        folder = data or fresh
        if not (folder / DATABASE_NAME).exists():
            asyncio.run(_fill(folder, bench.corpus(), copies))
        reader = Reader(folder)
        messages = sum(session.message_count for session in reader.sessions())
        word = _common_word(reader, messages // _SHARE)
        times = _measure_all(reader, word, copies, bench.rounds)
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


async def _fill(folder: Path, corpus: Corpus, copies: int) -> None:
    """Record the corpus several times: interleaved sessions, and in the last copy one by one."""
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, ZoneInfo("UTC"))
        number = FIRST_ID
        for copy in range(copies):
            channels = {
                name: Channel(str(10**17 + place), "benchmark", "1")
                for place, name in enumerate(corpus)
            }
            for name, channel in channels.items():
                await manager.start(f"{name} {copy}", channel, user_id="1", now=_NOW)
            for name, message in _ordered(corpus, interleaved=copy < copies - 1):
                number += 1
                await recorder.enqueue(
                    replace(message, message_id=number, channel_id=channels[name].id)
                )
            for channel in channels.values():
                await manager.stop(channel.id, now=_NOW)


def _ordered(corpus: Corpus, *, interleaved: bool) -> Iterator[tuple[str, Message]]:
    if not interleaved:
        yield from ((name, message) for name, some in corpus.items() for message in some)
        return
    for row in zip_longest(*corpus.values()):
        yield from ((n, m) for n, m in zip(corpus, row, strict=True) if m is not None)


def _measure_all(reader: Reader, word: str, copies: int, rounds: int) -> list[SearchTimes]:
    """Search a session of either kind, and all of them."""
    sessions = reader.sessions()
    sizes = sorted(sessions, key=lambda s: (abs(s.message_count - _SESSION_SIZE), s.name))
    one_of = {s.name.rpartition(" ")[2]: s for s in reversed(sizes)}
    times = [
        _measure(reader, word, where, [session], sort, rounds)
        for where, session in (
            ("interleaved session", one_of["0"]),
            ("session in turn", one_of[str(copies - 1)]),
        )
        for sort in ("newest", "best")
    ]
    times.append(_measure(reader, word, "all sessions", sessions, "newest", rounds))
    times.append(_measure(reader, word, "all sessions", None, "newest", rounds))
    return times


def _common_word(reader: Reader, hits: int) -> str:
    """Return the word whose number of messages is nearest to `hits`."""
    with reader.connect() as connection:
        connection.execute("PRAGMA query_only = OFF")
        connection.execute(
            "CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, messages_fts, col)"
        )
        row = connection.execute(
            "SELECT term FROM temp.vocabulary WHERE col = 'text' ORDER BY abs(doc - ?) LIMIT 1",
            (hits,),
        ).fetchone()
    return str(row[0])


def _measure(
    reader: Reader,
    word: str,
    where: str,
    sessions: list[Session] | None,
    sort: Sort,
    rounds: int,
) -> SearchTimes:
    searcher = Searcher(reader, ZoneInfo("UTC"))
    result = searcher.search(word, sessions, now=_NOW, sort=sort, limit=_PAGE)
    alone = sessions[0] if sessions and len(sessions) == 1 else None
    match = f"text : {word}" + (f" AND session_id : {alone.id}" if alone else "")
    order = "rank" if sort == "best" else "messages_fts.rowid DESC"
    raw_statement, snippet_statement = (
        f"SELECT m.timestamp, m.author, {text} FROM messages_fts JOIN messages m "
        f"ON m.id = messages_fts.rowid WHERE messages_fts MATCH ? ORDER BY {order} LIMIT {_PAGE}"
        for text in ("m.text", "snippet(messages_fts, 0, '[', ']', '…', 24)")
    )
    files = sorted((reader.folder / "sessions").iterdir())
    searched = [reader.folder / alone.file_path] if alone else files
    with reader.connect() as connection:
        recorder, raw, raw_snippet = _medians(
            rounds * 20,
            lambda: searcher.search(word, sessions, now=_NOW, sort=sort, limit=_PAGE),
            lambda: connection.execute(raw_statement, (match,)).fetchall(),
            lambda: connection.execute(snippet_statement, (match,)).fetchall(),
        )
    command = ["grep", "-hiw", word, *map(str, searched)]
    (grep,) = _medians(rounds, lambda: subprocess.run(command, check=True, capture_output=True))
    hits = f"{result.total:,}{'' if result.is_exact else '+'}"
    count = sum(s.message_count for s in (reader.sessions() if sessions is None else sessions))
    given = f"{where}, given" if sessions and not alone else where
    return SearchTimes(given, count, sort, hits, recorder, raw, raw_snippet, grep)


def _medians(rounds: int, *actions: Callable[[], object]) -> list[float]:
    """Return the milliseconds of each action; they take turns, so that noise hits them alike."""
    taken: list[list[float]] = [[] for _ in actions]
    for number in range(rounds + 1):
        for times, action in zip(taken, actions, strict=True):
            began = time.perf_counter()
            action()
            if number:  # the first round warms up
                times.append((time.perf_counter() - began) * 1000)
    return [statistics.median(times) for times in taken]
