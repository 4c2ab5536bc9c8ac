"""EIO and ENOSPC from every system call that writes, by ``strace -e inject``.

A child records a few messages, each time with another call failing, once or from then on, until
no call is hit. What it acknowledged must be there when the disk works again, even when a sync
failed, another child recorded, and then the power failed.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.torture_runs.child import Orders
from scripts.torture_runs.integrity import Result
from scripts.torture_runs.power_cuts import record_traced, replay
from scripts.torture_runs.tracing import calls

CALLS = ("write", "pwrite64", "fsync", "fdatasync", "ftruncate", "openat", "mkdir", "unlink")
SYNCS = ("fsync", "fdatasync")
ERRORS = ("EIO", "ENOSPC")
EACH = range(1, 1_000_000)

_MESSAGES = 9
_CUTS_A_RUN = 19


def inject(
    folder: Path,
    *,
    names: Iterable[str] = CALLS,
    errors: Iterable[str] = ERRORS,
    numbers: Iterable[int] = EACH,
) -> Result:
    """Make the first, second, … call of each name fail with each error.

    Parameters
    ----------
    numbers
        Which calls fail, one per run; the first run without a hit is the last.
    """
    result = Result("EIO and ENOSPC at every write-like call")
    unnoticed: Counter[str] = Counter()
    for name, error, behind in itertools.product(names, errors, ("", "+")):
        for number in numbers:
            fault = f"{name}:error={error}:when={number}{behind}"
            with TemporaryDirectory(dir=folder) as run_folder:
                hit = _record_with(Path(run_folder), fault, result, unnoticed)
            if not hit:
                break
            result.runs += 1
    result.note = f"{sum(unnoticed.values())} did not stop the recording"
    if unnoticed:
        result.note += f": {', '.join(f'{name} {count}' for name, count in unnoticed.items())}"
    return result


def _record_with(run_folder: Path, fault: str, result: Result, unnoticed: Counter[str]) -> bool:
    """Record with a fault, and return whether it was hit."""
    orders = Orders(str(run_folder / "data"), count=_MESSAGES, at_once=3, rate=0, sync_seconds=0)
    report = record_traced(orders, run_folder, [fault])
    hits = [call for call in calls(run_folder / "log") if call.injected]
    if hits:
        result.acknowledged += len(report.acknowledged)
        if not report.ended:
            result.damage(f"{fault}: ended without a report")
        elif "Recording stopped" in report.failure:
            result.damage(f"{fault}: met an unknown error: {report.failure}")
        elif not report.failure:
            unnoticed[f"{hits[0].name} {Path(hits[0].path).name}"] += 1
        result.check(run_folder / "data", report.acknowledged)
    return bool(hits)


def fail_syncs(
    folder: Path,
    chance: random.Random,
    *,
    names: Iterable[str] = SYNCS,
    numbers: Iterable[int] = EACH,
) -> Result:
    """Make each sync fail, record more with a working disk, and cut the power.

    The power is cut at any moment after the first failed sync, also while the recorder closes.
    """
    result = Result("failed sync, start, power cut")
    for name, behind in itertools.product(names, ("", "+")):
        for number in numbers:
            with TemporaryDirectory(dir=folder) as directory:
                run_folder = Path(directory)
                orders = Orders(
                    str(run_folder / "data"), count=_MESSAGES, at_once=3, rate=0, sync_seconds=0
                )
                record_traced(orders, run_folder, [f"{name}:error=EIO:when={number}{behind}"])
                hits = [n for n, call in enumerate(calls(run_folder / "log")) if call.injected]
                if not hits:
                    break
                record_traced(replace(orders, first=100_000, abandon=True), run_folder)
                log = list(calls(run_folder / "log"))
                moments = {len(log) - 1, *chance.sample(range(hits[0], len(log) - 1), _CUTS_A_RUN)}
                replay(run_folder, log, moments, chance, result)
    return result
