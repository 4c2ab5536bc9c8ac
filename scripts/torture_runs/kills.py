"""SIGKILL at random moments while messages come in."""

from __future__ import annotations

import random
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.torture_runs.child import Orders, Said, read_said, running
from scripts.torture_runs.integrity import Result

_KILLS_A_FOLDER = 25
_PATIENCE = 60.0


def kill(folder: Path, kills: int, chance: random.Random) -> Result:
    """Kill a recorder `kills` times, most of them while it takes about 1,000 messages/s."""
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
                says = Path(name) / f"says-{number}"
                # Some are killed while they start, and so while they recover.
                while_starting = chance.random() < 0.2
                wait = chance.random() * (0.4 if while_starting else 0.5)
                said = _record_until_killed(orders, says, wait, while_starting)
                seconds += 0 if while_starting else wait
                if said.ended:
                    result.damage(f"stopped before it was killed: {said.failure}")
                acknowledged |= said.acknowledged
                result.runs += 1
                if not while_starting or number == last:  # else the next recorder recovers
                    result.check(data, acknowledged)
            result.acknowledged += len(acknowledged)
    result.note = f"{result.acknowledged / max(seconds, 0.001):,.0f} messages/s"
    return result


def _record_until_killed(orders: Orders, says: Path, wait: float, while_starting: bool) -> Said:
    with running(orders.command, says) as process:
        until = time.monotonic() + _PATIENCE
        while not while_starting and not says.stat().st_size and time.monotonic() < until:
            time.sleep(0.001)
        time.sleep(wait)
    if process.returncode != -9:
        return Said(failure=f"exit code {process.returncode}", ended=True)
    return read_said(says.read_bytes().splitlines(keepends=True))
