"""Calling the command line, and what it leaves behind."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from recorder.cli import main


def call(folder: Path, *arguments: str | Path, typed: str | bytes = "") -> Result:
    """Run a command in this process; only a mistake of ours ends in a traceback."""
    result = CliRunner().invoke(main, ["--data", str(folder), *map(str, arguments)], input=typed)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def unprivileged(folder: Path, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run a command that may not write where the mode says so, also for root."""
    command = [sys.executable, "-m", "recorder", "--data", str(folder), *map(str, arguments)]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root may write everywhere, and there is no setpriv")
        rights = "-dac_override,-dac_read_search"
        command = ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}", *command]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def state(folder: Path) -> dict[str, str]:
    """The files of a data folder, without what SQLite and the lock leave behind."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(("-shm", "-wal", ".lock"))
    }
