"""Calls of the command line, and the files that they leave."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from recorder.cli import main

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def call(folder: Path, *arguments: str | Path, typed: str | bytes = "") -> Result:
    """Run a command in this process, and raise what it does not handle."""
    result = CliRunner().invoke(main, ["--data", str(folder), *map(str, arguments)], input=typed)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def unprivileged(folder: Path, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run a command to which file modes apply, also as root."""
    command = [sys.executable, "-m", "recorder", "--data", str(folder), *map(str, arguments)]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root may write everywhere, and there is no setpriv")
        rights = "-dac_override,-dac_read_search"
        command = ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}", *command]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def state(folder: Path) -> dict[str, str]:
    """Return the hashes of the files in a data folder, without the lock and those of the WAL."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(("-shm", "-wal", ".lock"))
    }
