"""How quick searching is, beside the raw statement and ``grep`` on the JSONL files."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from zoneinfo import ZoneInfo

from recorder import Channel, Message, Session, SessionManager, SessionRecorder
from recorder.search.search_sql import Sort
from recorder.search.searcher import Searcher
from recorder.store.reading import Reader

PAGE = 20
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_SESSION_SIZE = 2_000
_SHARE = 5  # the word is in one of so many messages


@dataclass(frozen=True, slots=True)
class SearchTimes:
    """Medians in milliseconds of one search, ours and others'."""

    where: str
    messages: int
    sort: Sort
    hits: str
    recorder: float
    raw: float
    raw_snippet: float
    grep: float


async def fill(folder: Path, corpus: dict[str, list[Message]], copies: int) -> None:
    """Record the corpus several times: a copy's sessions interleaved, those of the last in turn."""
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, ZoneInfo("UTC"))
        number = 1_300_000_000_000_000_000
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


def _ordered(
    corpus: dict[str, list[Message]], *, interleaved: bool
) -> Iterator[tuple[str, Message]]:
    if not interleaved:
        yield from ((name, message) for name, some in corpus.items() for message in some)
        return
    for row in zip_longest(*corpus.values()):
        yield from ((n, m) for n, m in zip(corpus, row, strict=True) if m is not None)


def measure(folder: Path, copies: int, rounds: int) -> tuple[str, int, list[SearchTimes]]:
    """The word that is searched, how many messages there are, and the times."""
    reader = Reader(folder)
    sessions = reader.sessions()
    messages = sum(session.message_count for session in sessions)
    word = _common_word(reader, messages // _SHARE)
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
    return word, messages, times


def _common_word(reader: Reader, hits: int) -> str:
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
    found = searcher.search(word, sessions, now=_NOW, sort=sort, limit=PAGE)
    alone = sessions[0] if sessions and len(sessions) == 1 else None
    match = f"text : {word}" + (f" AND session_id : {alone.id}" if alone else "")
    order = "rank" if sort == "best" else "messages_fts.rowid DESC"
    raw_statement, snippet_statement = (
        f"SELECT m.timestamp, m.author, {text} FROM messages_fts JOIN messages m "
        f"ON m.id = messages_fts.rowid WHERE messages_fts MATCH ? ORDER BY {order} LIMIT {PAGE}"
        for text in ("m.text", "snippet(messages_fts, 0, '[', ']', '…', 24)")
    )
    files = sorted((reader.folder / "sessions").iterdir())
    searched = [reader.folder / alone.file_path] if alone else files
    with reader.connect() as connection:
        recorder, raw, raw_snippet = _medians(
            rounds * 20,
            lambda: searcher.search(word, sessions, now=_NOW, sort=sort, limit=PAGE),
            lambda: connection.execute(raw_statement, (match,)).fetchall(),
            lambda: connection.execute(snippet_statement, (match,)).fetchall(),
        )
    command = ["grep", "-hiw", word, *map(str, searched)]
    (grep,) = _medians(rounds, lambda: subprocess.run(command, check=True, capture_output=True))
    hits = f"{found.total:,}{'' if found.is_exact else '+'}"
    count = sum(s.message_count for s in (reader.sessions() if sessions is None else sessions))
    given = f"{where}, given" if sessions and not alone else where
    return SearchTimes(given, count, sort, hits, recorder, raw, raw_snippet, grep)


def _medians(rounds: int, *actions: Callable[[], object]) -> list[float]:
    """Milliseconds of each, taken in turn so that all share the machine's moods."""
    taken: list[list[float]] = [[] for _ in actions]
    for number in range(rounds + 1):
        for times, action in zip(taken, actions, strict=True):
            began = time.perf_counter()
            action()
            if number:  # the first one warms up
                times.append((time.perf_counter() - began) * 1000)
    return [statistics.median(times) for times in taken]
