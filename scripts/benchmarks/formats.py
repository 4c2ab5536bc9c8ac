"""Exports and imports, each in a process of its own, so that its memory is measured alone."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from recorder import Message, SessionExporter, SessionRecorder
from recorder.record import jsonl
from recorder.recording.importing import import_file
from recorder.store.reading import Reader
from scripts.benchmarks.bench import Bench, Figures
from scripts.benchmarks.corpus import FIRST_ID
from scripts.benchmarks.usage import Usage, measure, run_module

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


@click.command()
@click.option("--messages", default=100_000, show_default=True, help="Messages to export.")
@click.option("--imported", default=1_000_000, show_default=True, help="Messages to import.")
@click.pass_obj
def formats(bench: Bench, messages: int, imported: int) -> None:
    """Export and import: messages per second and peak memory, each in its own process."""
    base = bench.messages()
    rows: list[Figures] = []
    with bench.fresh_folder() as folder:
        exported_file = folder.with_name("exported.jsonl")
        jsonl_file, dce_file = folder.with_name("imported.jsonl"), folder.with_name("imported.json")
        _write_jsonl(exported_file, base, messages)
        _write_jsonl(jsonl_file, base, imported)
        asyncio.run(_import(folder, exported_file))
        for format in ("json", "dce", "csv", "html"):
            runs = [
                run_module(__spec__.name, "export", folder, format) for _ in range(bench.rounds)
            ]
            rows.append(_figures(f"export {format}", messages, runs))
        runs = [run_module(__spec__.name, "import", jsonl_file)]
        rows.append(_figures("import jsonl", imported, runs))
        _write_dce(dce_file, base, imported)
        runs = [run_module(__spec__.name, "import", dce_file)]
        rows.append(_figures("import dce", imported, runs))
    bench.show(rows)


def _figures(what: str, messages: int, runs: Sequence[Usage]) -> Figures:
    return {
        "what": what,
        "messages": messages,
        "per_s": round(messages / statistics.median(run.seconds for run in runs)),
        "per_cpu_s": round(messages / statistics.median(run.cpu_seconds for run in runs)),
        "peak_memory_mb": round(max(run.peak_memory for run in runs) / 1024, 1),
    }


def _repeated(base: Sequence[Message], count: int) -> Iterator[Message]:
    for number, message in enumerate(islice(cycle(base), count)):
        yield replace(message, message_id=FIRST_ID + number)


def _write_jsonl(path: Path, base: Sequence[Message], count: int) -> None:
    """Write `count` messages, repeating those of `base`."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{jsonl.encode(message)}\n" for message in _repeated(base, count))


def _write_dce(path: Path, base: Sequence[Message], count: int) -> None:
    """Write them as DiscordChatExporter does: indented, with roles and avatars."""
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


async def _import(folder: Path, path: Path) -> None:
    async with SessionRecorder(folder) as recorder:
        await import_file(recorder, path, ZoneInfo("UTC"), now=_NOW)


def _measure_export(folder: Path, format: str) -> Usage:
    """Export the one session of a data folder."""
    with measure() as usage:
        reader = Reader(folder)
        (session,) = reader.sessions()
        path = folder.with_name(f"out.{format}")
        SessionExporter(reader, ZoneInfo("UTC")).export(session, format, path, _NOW, overwrite=True)
    return usage


def _measure_import(path: Path) -> Usage:
    """Import a file into a new data folder."""
    with measure() as usage, tempfile.TemporaryDirectory(dir=path.parent) as folder:
        asyncio.run(_import(Path(folder) / "data", path))
    return usage


if __name__ == "__main__":
    action, file, *options = sys.argv[1:]
    measured = _measure_export if action == "export" else _measure_import
    measured(Path(file), *options).dump()
