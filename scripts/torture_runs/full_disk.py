"""A data folder on a small disk that fills while messages come in."""

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
from scripts.torture_runs.child import Orders, read_said, running
from scripts.torture_runs.integrity import Result, recover

_PATIENCE = 60.0


def mount(*arguments: str | Path) -> None:
    """Call ``mount``."""
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Callable[[str], None]]:
    """A disk of its own at `folder`; what is given changes the options of its mount."""
    folder.mkdir(parents=True, exist_ok=True)
    mount("-t", "tmpfs", "-o", f"size={size},mode=700", "recorder-test", folder)
    try:
        yield lambda options: mount("-o", f"remount,{options}", folder)
    finally:
        subprocess.run(["umount", folder], check=True, capture_output=True)


def can_mount() -> bool:
    """Whether this user may mount a disk."""
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
        data, says = folder / "small", folder / f"says-{number}"
        with small_disk(data, size) as remount:
            orders = Orders(
                str(data),
                at_once=chance.choice([1, 7, 40]),
                rate=0,
                length=chance.choice([40, 400, 1900, 60_000]),
                sync_seconds=chance.choice([0.001, 0.02, 60]),
            )
            with running(orders.command, says) as process:
                process.wait(_PATIENCE)
            said = read_said(says.read_bytes().splitlines(keepends=True))
            if not said.failure.startswith("RecordingFailed Writing to "):
                result.damage(f"{orders}: ended with {said.failure or 'nothing'!r}")
            with suppress(StorageError):  # it may find room, or say that there is none
                recover(data)
            remount("size=64m")
            result.check(data, said.acknowledged)
        result.runs += 1
        result.acknowledged += len(said.acknowledged)
    return result
