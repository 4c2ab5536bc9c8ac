"""EIO and ENOSPC from every call that changes something, by ``strace -e inject``.

A child records a little, each time with another call failing, once or from then on, until a
run ends without having been hit. What it acknowledged has to be there when the disk is well
again; and also when a sync failed, another child recorded, and the power failed then.
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
    """Let the first, second, … call of each name fail with each error.

    Parameters
    ----------
    numbers
        Which calls fail, one in each run; the first run that is not hit is the last.
    """
    result = Result("EIO and ENOSPC at every write-like call")
    unnoticed: Counter[str] = Counter()
    for name, error, behind in itertools.product(names, errors, ("", "+")):
        for number in numbers:
            fault = f"{name}:error={error}:when={number}{behind}"
            with TemporaryDirectory(dir=folder) as place:
                hit = _record_with(Path(place), fault, result, unnoticed)
            if not hit:
                break
            result.runs += 1
    result.note = f"{sum(unnoticed.values())} did not keep it from recording"
    if unnoticed:
        result.note += f": {', '.join(f'{name} {count}' for name, count in unnoticed.items())}"
    return result


def _record_with(place: Path, fault: str, result: Result, unnoticed: Counter[str]) -> bool:
    """Record with a fault; whether it was hit."""
    orders = Orders(str(place / "data"), count=_MESSAGES, at_once=3, rate=0, sync_seconds=0)
    said = record_traced(orders, place, [fault])
    hits = [call for call in calls(place / "log") if call.injected]
    if hits:
        result.acknowledged += len(said.acknowledged)
        if not said.ended:
            result.damage(f"{fault}: ended without a word")
        elif "Recording stopped" in said.failure:
            result.damage(f"{fault}: met an error that it does not know: {said.failure}")
        elif not said.failure:
            unnoticed[f"{hits[0].name} {Path(hits[0].path).name}"] += 1
        result.check(place / "data", said.acknowledged)
    return bool(hits)


def fail_syncs(
    folder: Path,
    chance: random.Random,
    *,
    names: Iterable[str] = SYNCS,
    numbers: Iterable[int] = EACH,
) -> Result:
    """Let each sync fail, record more with the disk well again, and cut the power.

    It is cut at any moment behind the first sync that failed, so also while the recorder closes.
    """
    result = Result("failed sync, start, power cut")
    for name, behind in itertools.product(names, ("", "+")):
        for number in numbers:
            with TemporaryDirectory(dir=folder) as name_of_place:
                place = Path(name_of_place)
                orders = Orders(
                    str(place / "data"), count=_MESSAGES, at_once=3, rate=0, sync_seconds=0
                )
                record_traced(orders, place, [f"{name}:error=EIO:when={number}{behind}"])
                hits = [n for n, call in enumerate(calls(place / "log")) if call.injected]
                if not hits:
                    break
                record_traced(replace(orders, first=100_000, abandon=True), place)
                log = list(calls(place / "log"))
                moments = {len(log) - 1, *chance.sample(range(hits[0], len(log) - 1), _CUTS_A_RUN)}
                replay(place, log, moments, chance, result)
    return result
