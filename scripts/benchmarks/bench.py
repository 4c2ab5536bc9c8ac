"""The options and the output that all benchmarks share."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import click

from recorder import Message
from scripts.benchmarks.corpus import Corpus, generate, group, read

Figures = dict[str, float | int | str]


@dataclass(frozen=True)
class Bench:
    """The options of the command line."""

    corpus_file: Path | None
    folder: Path
    rounds: int
    as_json: bool

    def corpus(self, limit: int | None = None) -> Corpus:
        """Return messages by session, with Discord ids, from the corpus or random ones."""
        source = read(self.corpus_file) if self.corpus_file else generate(limit or 100_000)
        return group(islice(source, limit))

    def messages(self, limit: int | None = None) -> list[Message]:
        """Return the messages of the corpus, session by session."""
        return [message for session in self.corpus(limit).values() for message in session]

    @contextmanager
    def fresh_folder(self) -> Iterator[Path]:
        """Yield the path of a new data folder, and remove it afterwards."""
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="bench-") as name:
            yield Path(name) / "data"

    def show(self, rows: list[Figures]) -> None:
        """Print the figures as a table, or as JSON."""
        if self.as_json:
            click.echo(json.dumps(rows, indent=2))
            return
        for row in rows:
            click.echo("  ".join(f"{key} {_text(value)}" for key, value in row.items()))


def _text(value: float | int | str) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
