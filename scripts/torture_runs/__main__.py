"""The command line of ``scripts/torture``."""

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
from scripts.torture_runs.discord_runs import play, play_with_kills
from scripts.torture_runs.forgeries import forge
from scripts.torture_runs.full_disk import fill
from scripts.torture_runs.injected_errors import fail_syncs, inject
from scripts.torture_runs.integrity import Result
from scripts.torture_runs.kills import kill
from scripts.torture_runs.other_processes import read, refuse_second
from scripts.torture_runs.power_cuts import cut_power
from scripts.torture_runs.tracing import has_strace

SUBJECTS = (
    *("kills", "power", "errors", "syncs", "full", "files", "second", "reader", "discord"),
    "forge",
)
_WITH_STRACE = {"power", "errors", "syncs"}


@click.command()
@click.argument("subjects", nargs=-1, type=click.Choice(SUBJECTS))
@click.option("--kills", default=1_000, show_default=True, help="How often to kill a recorder.")
@click.option("--cuts", default=1_000, show_default=True, help="How often to cut the power.")
@click.option("--fills", default=20, show_default=True, help="How often to fill a small disk.")
@click.option("--minutes", default=10.0, show_default=True, help="How long to query from a reader.")
@click.option("--runs", default=2_000, show_default=True, help="How many lives to give a bot.")
@click.option("--steps", default=200, show_default=True, help="Steps of each of these lives.")
@click.option(
    "--seed", default=1, show_default=True, help="Seed of the random moments and positions."
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True),
    default=".",
    help="Where to write; choose the disk to test.",
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
    """Try to make a recorder lose or damage data, by the given SUBJECTS or by all.

    Exit with 1 when anything was lost or damaged, or when the control lost nothing.
    """
    runs_of: dict[str, list[Callable[[Path, random.Random], Result | list[Result]]]] = {
        "kills": [lambda folder, chance: kill(folder, kills, chance)],
        "power": [
            lambda folder, chance: cut_power(folder, cuts, chance),
            lambda folder, chance: cut_power(
                folder, max(cuts // 4, 1), chance, synchronous_normal=True
            ),
        ],
        "errors": [lambda folder, chance: inject(folder)],
        "syncs": [fail_syncs],
        "full": [lambda folder, chance: fill(folder, fills, chance)],
        "files": [
            lambda folder, chance: cut_files(folder),
            flip_bytes,
        ],
        "second": [lambda folder, chance: refuse_second(folder, 20, within=1.0)],
        "reader": [lambda folder, chance: read(folder, minutes * 60)],
        "discord": [
            lambda folder, chance: play(runs, steps, seed),
            lambda folder, chance: play_with_kills(runs // 20, seed),
        ],
        "forge": [lambda folder, chance: list(forge(folder, chance))],
    }
    results: list[Result] = []
    for subject in subjects or SUBJECTS:
        if subject in _WITH_STRACE and not has_strace():
            results.append(Result(subject, skipped=True, note="skipped: strace is not installed"))
            continue
        for run in runs_of[subject]:
            with TemporaryDirectory(dir=folder, prefix="torture-") as name:
                began = time.monotonic()
                result = run(Path(name).absolute(), random.Random(seed))
            results += result if isinstance(result, list) else [result]
            seconds = time.monotonic() - began
            click.echo(f"{results[-1].subject}: {seconds:.0f} s", err=True)
    show(results)
    sys.exit(not all(result.passed for result in results))


def show(results: list[Result]) -> None:
    """Print the results as a table, and their notes and faults below it."""
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
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no child process survives
    main()
