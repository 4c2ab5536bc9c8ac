"""A data folder on a small disk that fills up during recording."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from recorder.errors import StorageError
from scripts.torture_runs.child import Orders, read_report, running
from scripts.torture_runs.integrity import Result, recover

_PATIENCE = 60.0


def mount(*arguments: str | Path) -> None:
    """Run ``mount``."""
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Callable[[str], None]]:
    """Mount a small disk at `folder`, and yield a function that remounts it with other options."""
    folder.mkdir(parents=True, exist_ok=True)
    mount("-t", "tmpfs", "-o", f"size={size},mode=700", "recorder-test", folder)
    try:
        yield lambda options: mount("-o", f"remount,{options}", folder)
    finally:
        subprocess.run(["umount", folder], check=True, capture_output=True)


def can_mount() -> bool:
    """Return whether this user may mount a disk."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    try:
        with tempfile.TemporaryDirectory() as folder, small_disk(Path(folder), "64k"):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


def fill(folder: Path, runs: int, chance: random.Random, size: str = "4m") -> Result:
    """Record until the disk is full, start on the full disk, and start with room again."""
    result = Result(f"data folder on a disk of {size}B that fills")
    if not can_mount():
        result.skipped, result.note = True, "skipped: only root can mount a small disk"
        return result
    for number in range(runs):
        data, output = folder / "small", folder / f"output-{number}"
        with small_disk(data, size) as remount:
            orders = Orders(
                str(data),
                at_once=chance.choice([1, 7, 40]),
                rate=0,
                length=chance.choice([40, 400, 1900, 60_000]),
                sync_seconds=chance.choice([0.001, 0.02, 60]),
            )
            with running(orders.command, output) as process:
                process.wait(_PATIENCE)
            report = read_report(output.read_bytes().splitlines(keepends=True))
            if not report.failure.startswith("RecordingFailed Writing to "):
                result.damage(f"{orders}: ended with {report.failure or 'nothing'!r}")
            with suppress(StorageError):  # there may be room, or not
                recover(data)
            remount("size=64m")
            result.check(data, report.acknowledged)
        result.runs += 1
        result.acknowledged += len(report.acknowledged)
    return result
