"""``scripts/torture``: does what a disk, a power line and a user do to a recorder."""

from __future__ import annotations

import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.table import Table

from scripts.torture_runs.damaged_files import cut_files, flip_bytes
from scripts.torture_runs.discord_runs import play
from scripts.torture_runs.full_disk import fill
from scripts.torture_runs.injected_errors import fail_syncs, inject
from scripts.torture_runs.kills import kill
from scripts.torture_runs.other_processes import read, refuse_second
from scripts.torture_runs.power_cuts import cut_power
from scripts.torture_runs.soundness import Result
from scripts.torture_runs.tracing import has_strace

SUBJECTS = ("kills", "power", "errors", "syncs", "full", "files", "second", "reader", "discord")
_WITH_STRACE = {"power", "errors", "syncs"}


@click.command()
@click.argument("subjects", nargs=-1, type=click.Choice(SUBJECTS))
@click.option("--kills", default=1_000, show_default=True, help="How often a recorder is killed.")
@click.option("--cuts", default=1_000, show_default=True, help="How often the power is cut.")
@click.option("--fills", default=20, show_default=True, help="How often a small disk is filled.")
@click.option("--minutes", default=10.0, show_default=True, help="How long a reader queries.")
@click.option("--runs", default=2_000, show_default=True, help="How many lives a bot has.")
@click.option("--steps", default=200, show_default=True, help="Of each of these lives.")
@click.option("--seed", default=1, show_default=True, help="Of the random moments and places.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True),
    default=".",
    help="Where to write; on the disk that is to be used.",
)
def main(
    subjects: tuple[str, ...],
    kills: int,
    cuts: int,
    fills: int,
    minutes: float,
    runs: int,
    steps: int,
    seed: int,
    folder: Path,
) -> None:
    """Try to make a recorder lose or damage something: all SUBJECTS, or some.

    Exits with 1 when anything was lost or damaged, or when the control lost nothing.
    """
    subjects_runs: dict[str, list[Callable[[Path, random.Random], Result]]] = {
        "kills": [lambda place, chance: kill(place, kills, chance)],
        "power": [
            lambda place, chance: cut_power(place, cuts, chance),
            lambda place, chance: cut_power(
                place, max(cuts // 4, 1), chance, synchronous_normal=True
            ),
        ],
        "errors": [lambda place, chance: inject(place)],
        "syncs": [fail_syncs],
        "full": [lambda place, chance: fill(place, fills, chance)],
        "files": [
            lambda place, chance: cut_files(place),
            flip_bytes,
        ],
        "second": [lambda place, chance: refuse_second(place, 20, within=1.0)],
        "reader": [lambda place, chance: read(place, minutes * 60)],
        "discord": [lambda place, chance: play(runs, steps, seed)],
    }
    results = []
    for subject in subjects or SUBJECTS:
        if subject in _WITH_STRACE and not has_strace():
            results.append(Result(subject, skipped=True, note="skipped: strace is not installed"))
            continue
        for run in subjects_runs[subject]:
            with TemporaryDirectory(dir=folder, prefix="torture-") as name:
                began = time.monotonic()
                results.append(run(Path(name).absolute(), random.Random(seed)))
            seconds = time.monotonic() - began
            click.echo(f"{results[-1].subject}: {seconds:.0f} s", err=True)
    show(results)
    sys.exit(not all(result.passed for result in results))


def show(results: list[Result]) -> None:
    """Print the table, and below it what is to be said of it."""
    table = Table("what")
    for column in ("runs", "acknowledged", "lost", "damaged"):
        table.add_column(column, justify="right")
    table.add_column("verdict")
    for result in results:
        figures = (result.runs, result.acknowledged, result.lost, result.damaged)
        table.add_row(result.subject, *(f"{figure:,}" for figure in figures), result.verdict)
    console = Console()
    console.print(table)
    for result in results:
        for sentence in filter(None, (result.note, *result.faults)):
            console.print(f"{result.subject}: {sentence}", markup=False, highlight=False)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no child is left behind
    main()
