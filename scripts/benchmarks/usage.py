"""Time and memory, measured in this process or in a process of its own."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass
class Usage:
    """Wall-clock and CPU seconds, and peak memory in kilobytes."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0

    def dump(self) -> None:
        """Print the usage for `run_module`."""
        print(json.dumps(asdict(self)))


@contextmanager
def measure() -> Iterator[Usage]:
    """Measure the usage of a block; the figures are set when the block ends."""
    usage = Usage()
    began, cpu_began = time.perf_counter(), time.process_time()
    yield usage
    usage.seconds = time.perf_counter() - began
    usage.cpu_seconds = time.process_time() - cpu_began
    usage.peak_memory = _peak_memory()


def run_module(module: str, *arguments: str | Path) -> Usage:
    """Run a module in a new process, so that its memory is measured alone."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return Usage(**json.loads(result.stdout))


def _peak_memory() -> int:
    status = Path("/proc/self/status")
    if status.exists():  # getrusage includes the memory of the parent process before exec
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
