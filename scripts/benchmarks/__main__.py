"""The command line of ``scripts/bench``: the shared options, and one command for each benchmark."""

from __future__ import annotations

from pathlib import Path

import click

from scripts.benchmarks.bench import Bench
from scripts.benchmarks.burst import burst
from scripts.benchmarks.changes import changes
from scripts.benchmarks.erase import erase
from scripts.benchmarks.formats import formats
from scripts.benchmarks.ingest import ingest
from scripts.benchmarks.restart import restart
from scripts.benchmarks.search import search
from scripts.benchmarks.whole import whole


@click.group()
@click.option(
    "--corpus",
    type=click.Path(path_type=Path, exists=True),
    help="JSONL or JSONL.xz with a key `session`; random messages by default.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Where to write; choose the disk to measure.",
)
@click.option("--rounds", default=5, show_default=True, help="Rounds; the median is shown.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def main(
    context: click.Context, corpus: Path | None, folder: Path | None, rounds: int, as_json: bool
) -> None:
    """Measure the recorder.

    Machines are noisy: look at the ratios rather than at single figures.
    """
    context.obj = Bench(corpus, folder or Path.cwd(), rounds, as_json)


for command in (ingest, changes, whole, restart, burst, search, formats, erase):
    main.add_command(command)

if __name__ == "__main__":
    main()
