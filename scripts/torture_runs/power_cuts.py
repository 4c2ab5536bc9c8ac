"""Power cuts: what a recorder wrote is replayed up to a moment, and what was not synced is lost.

A traced child records, a second one goes on where the first ended, with or without closing;
then the power fails at random calls of both. What a child had said by then was acknowledged.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.torture_runs.child import Orders, Said, read_said, running
from scripts.torture_runs.integrity import Result
from scripts.torture_runs.simulated_disk import SimulatedDisk
from scripts.torture_runs.tracing import SystemCall, calls, traced

_CUTS_A_RECORDING = 50
_PATIENCE = 60.0


def cut_power(
    folder: Path, cuts: int, chance: random.Random, *, synchronous_normal: bool = False
) -> Result:
    """Cut the power `cuts` times.

    Parameters
    ----------
    synchronous_normal
        Whether this is the control, which must lose what was acknowledged.
    """
    result = Result("power cut at random moments")
    if synchronous_normal:
        result = Result("control: the same, synchronous=NORMAL", must_lose=True)
    while result.runs < cuts:
        with TemporaryDirectory(dir=folder) as name:
            place = Path(name)
            orders = Orders(
                str(place / "data"),
                count=chance.randint(50, 600),
                at_once=chance.choice([1, 7, 40]),
                sync_seconds=chance.choice([0.001, 0.02, 60]),
                synchronous_normal=synchronous_normal,
            )
            for first in (0, 100_000):
                record_traced(replace(orders, first=first, abandon=chance.random() < 0.7), place)
            log = list(calls(place / "log"))
            moments = chance.sample(range(len(log)), min(_CUTS_A_RECORDING, cuts - result.runs))
            replay(place, log, moments, chance, result)
    return result


def record_traced(
    orders: Orders, place: Path, inject: Sequence[str] = (), only: Sequence[str] = ()
) -> Said:
    """Let a child record until it ends; the log of its calls goes on in the file ``log``."""
    says = place / f"says-{orders.first}"
    with running(traced(orders, place / "log", says, inject, only), says) as process:
        process.wait(_PATIENCE)
    return read_said(says.read_bytes().splitlines(keepends=True))


def replay(
    place: Path,
    log: Sequence[SystemCall],
    moments: Collection[int],
    chance: random.Random,
    result: Result,
) -> None:
    """Replay a log, and cut the power before each call whose number is in `moments`."""
    disk = SimulatedDisk(place / "data")
    acknowledged: dict[int, int] = {}
    for number, call in enumerate(log):
        if number in moments:
            with TemporaryDirectory(dir=place) as after:
                disk.cut_power(Path(after), chance)
                result.check(Path(after) / "data", acknowledged, torn_files=True)
            result.runs += 1
            result.acknowledged += len(acknowledged)
        if call.name == "writev":
            acknowledged |= read_said([call.data]).acknowledged
        disk.apply(call, chance)
