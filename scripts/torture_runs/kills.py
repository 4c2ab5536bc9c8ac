"""SIGKILL at random moments during recording."""

from __future__ import annotations

import random
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.torture_runs.child import Orders, Report, read_report, running
from scripts.torture_runs.integrity import Result

_KILLS_A_FOLDER = 25
_PATIENCE = 60.0


def kill(folder: Path, kills: int, chance: random.Random) -> Result:
    """Kill a recorder `kills` times, mostly while it records about 1,000 messages per second."""
    result = Result("killed at random moments")
    seconds = 0.0
    while result.runs < kills:
        with TemporaryDirectory(dir=folder) as name:
            data, acknowledged = Path(name) / "data", dict[int, int]()
            last = min(_KILLS_A_FOLDER, kills - result.runs) - 1
            for number in range(last + 1):
                orders = Orders(
                    str(data),
                    first=number * 100_000,
                    at_once=chance.choice([1, 7, 40]),
                    sync_seconds=chance.choice([0.001, 0.02, 60]),
                )
                output = Path(name) / f"output-{number}"
                # Some are killed during their start, while they recover.
                while_starting = chance.random() < 0.2
                wait = chance.random() * (0.4 if while_starting else 0.5)
                report = _record_until_killed(orders, output, wait, while_starting)
                seconds += 0 if while_starting else wait
                if report.ended:
                    result.damage(f"stopped before it was killed: {report.failure}")
                acknowledged |= report.acknowledged
                result.runs += 1
                if not while_starting or number == last:  # otherwise the next recorder recovers
                    result.check(data, acknowledged)
            result.acknowledged += len(acknowledged)
    result.note = f"{result.acknowledged / max(seconds, 0.001):,.0f} messages/s"
    return result


def _record_until_killed(orders: Orders, output: Path, wait: float, while_starting: bool) -> Report:
    with running(orders.command, output) as process:
        until = time.monotonic() + _PATIENCE
        while not while_starting and not output.stat().st_size and time.monotonic() < until:
            time.sleep(0.001)
        time.sleep(wait)
    if process.returncode != -9:
        return Report(failure=f"exit code {process.returncode}", ended=True)
    return read_report(output.read_bytes().splitlines(keepends=True))
