"""Exports and imports in processes of their own, so that their memory is theirs alone."""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from zoneinfo import ZoneInfo

from recorder import Message, SessionExporter, SessionRecorder
from recorder.record import jsonl
from recorder.recording.importing import import_file
from recorder.store.reading import Reader

_FIRST_ID = 1_300_000_000_000_000_000
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds on the clock and of the processor, and peak memory in kilobytes."""

    seconds: float
    cpu_seconds: float
    peak_memory: int


def _repeated(base: Sequence[Message], count: int) -> Iterator[Message]:
    for number, message in enumerate(islice(cycle(base), count)):
        yield replace(message, message_id=_FIRST_ID + number)


def write_jsonl(path: Path, base: Sequence[Message], count: int) -> None:
    """A file of as many messages, those of `base` again and again."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{jsonl.encode(message)}\n" for message in _repeated(base, count))


def write_dce(path: Path, base: Sequence[Message], count: int) -> None:
    """The same as DiscordChatExporter writes it: indented, with roles and pictures."""
    with path.open("w", encoding="utf-8") as file:
        file.write('{"guild": {"id": "1", "name": "g"}, "channel": {"id": "2", "name": "c"},')
        file.write('"messages": [')
        for number, message in enumerate(_repeated(base, count)):
            file.write(",\n" * bool(number) + json.dumps(_dce(message), indent=2))
        file.write(f'], "messageCount": {count}}}')


def _dce(message: Message) -> dict[str, object]:
    author = {
        "id": message.author_id,
        "name": message.author,
        "discriminator": "0000",
        "nickname": message.author.title(),
        "color": "#E91E63",
        "isBot": message.type == "bot_response",
        "roles": [{"id": "5", "name": "crew", "color": "#E91E63", "position": 1}],
        "avatarUrl": f"https://cdn.discordapp.com/avatars/{message.author_id}/a.png?size=512",
    }
    nothing = ("attachments", "embeds", "stickers", "reactions", "mentions", "inlineEmojis")
    return {
        "id": str(message.message_id),
        "type": "Default",
        "timestamp": message.timestamp.isoformat(),
        "timestampEdited": None,
        "callEndedTimestamp": None,
        "isPinned": False,
        "content": message.content,
        "author": author,
        **{key: [] for key in nothing},
    }


async def take_in(folder: Path, path: Path) -> None:
    """Import a file into a data folder."""
    async with SessionRecorder(folder) as recorder:
        await import_file(recorder, path, ZoneInfo("UTC"))


def export_elsewhere(folder: Path, format: str) -> Run:
    """Export the one session of a folder in another process."""
    return _elsewhere("export", str(folder), format)


def import_elsewhere(path: Path) -> Run:
    """Import a file into a fresh folder in another process."""
    return _elsewhere("import", str(path))


def _elsewhere(*arguments: str) -> Run:
    command = [sys.executable, "-m", "scripts.bench_formats", *arguments]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, cpu_seconds, memory = result.stdout.split()
    return Run(float(seconds), float(cpu_seconds), int(memory))


def _export(folder: Path, format: str) -> None:
    reader = Reader(folder)
    (session,) = reader.sessions()
    path = folder.with_name(f"out.{format}")
    SessionExporter(reader, ZoneInfo("UTC")).export(session, format, path, _NOW, overwrite=True)


def _import(path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        asyncio.run(take_in(Path(folder) / "data", path))


def _peak_memory() -> int:
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says counts the parent's memory, too
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    began, cpu_began = time.perf_counter(), time.process_time()
    what, first, *further = sys.argv[1:]
    if what == "export":
        _export(Path(first), *further)
    else:
        _import(Path(first))
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    print(seconds, cpu_seconds, _peak_memory())
