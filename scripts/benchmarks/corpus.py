"""Messages to measure with: read from a file, or random."""

from __future__ import annotations

import json
import lzma
import random
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from recorder import Channel, Message
from recorder.record import jsonl

CHANNEL = Channel("123456789012345678", "benchmark", "1")
START = datetime(2025, 11, 8, 15, 45, tzinfo=UTC)
FIRST_ID = 1_300_000_000_000_000_000

Corpus = dict[str, list[Message]]


def read(path: Path) -> Iterator[tuple[str, Message]]:
    """Yield the session and the message of each line of a JSONL file."""
    with lzma.open(path, "rt") if path.suffix == ".xz" else path.open() as file:
        for line in file:
            data = json.loads(line)
            session = str(data.pop("session", "benchmark"))
            message = jsonl.decode(json.dumps(data))
            if isinstance(message, Message):
                yield session, message


def generate(count: int) -> Iterator[tuple[str, Message]]:
    """Yield random messages whose word frequencies follow Zipf's law, as in a real language."""
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


def group(source: Iterable[tuple[str, Message]]) -> Corpus:
    """Return the messages by session, with ascending ids and one channel."""
    sessions: Corpus = {}
    for number, (session, message) in enumerate(source):
        sessions.setdefault(session, []).append(
            replace(message, message_id=FIRST_ID + number, channel_id=CHANNEL.id)
        )
    return sessions
