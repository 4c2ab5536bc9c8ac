"""Power cuts: the writes of a recorder are replayed up to a moment, and unsynced ones are lost.

A traced child records, and a second one continues after the first has ended, with or without
closing. Then the power fails at random calls of both. What a child had reported by then was
acknowledged.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.torture_runs.child import Orders, Report, read_report, running
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
        Whether this is the control, which must lose acknowledged messages.
    """
    result = Result("power cut at random moments")
    if synchronous_normal:
        result = Result("control: the same, synchronous=NORMAL", must_lose=True)
    while result.runs < cuts:
        with TemporaryDirectory(dir=folder) as name:
            run_folder = Path(name)
            orders = Orders(
                str(run_folder / "data"),
                count=chance.randint(50, 600),
                at_once=chance.choice([1, 7, 40]),
                sync_seconds=chance.choice([0.001, 0.02, 60]),
                synchronous_normal=synchronous_normal,
            )
            for first in (0, 100_000):
                record_traced(
                    replace(orders, first=first, abandon=chance.random() < 0.7), run_folder
                )
            log = list(calls(run_folder / "log"))
            moments = chance.sample(range(len(log)), min(_CUTS_A_RECORDING, cuts - result.runs))
            replay(run_folder, log, moments, chance, result)
    return result


def record_traced(
    orders: Orders, run_folder: Path, inject: Sequence[str] = (), only: Sequence[str] = ()
) -> Report:
    """Run a traced child until it ends, and append its calls to the file ``log``."""
    output = run_folder / f"output-{orders.first}"
    with running(traced(orders, run_folder / "log", output, inject, only), output) as process:
        process.wait(_PATIENCE)
    return read_report(output.read_bytes().splitlines(keepends=True))


def replay(
    run_folder: Path,
    log: Sequence[SystemCall],
    moments: Collection[int],
    chance: random.Random,
    result: Result,
) -> None:
    """Replay a log, and cut the power before each call whose number is in `moments`."""
    disk = SimulatedDisk(run_folder / "data")
    acknowledged: dict[int, int] = {}
    for number, call in enumerate(log):
        if number in moments:
            with TemporaryDirectory(dir=run_folder) as after:
                disk.cut_power(Path(after), chance)
                result.check(Path(after) / "data", acknowledged, torn_files=True)
            result.runs += 1
            result.acknowledged += len(acknowledged)
        if call.name == "writev":
            acknowledged |= read_report([call.data]).acknowledged
        disk.apply(call, chance)
