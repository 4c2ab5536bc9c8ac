"""A command that is killed at one system call after the other."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_SYSCALLS = "write,pwrite64,fsync,fdatasync,ftruncate,rename,renameat2,unlink,unlinkat,rmdir"

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def killed(original: Path, folder: Path, *arguments: str, times: int = 16) -> Iterator[int]:
    """Run a command on a copy of a data folder, killed at a later write each time.

    Yields the number of the system call, when the folder is as the kill left it.
    """
    command = [sys.executable, "-m", "recorder", "--data", str(folder), *arguments]
    log = folder.with_name("calls")
    _copy(original, folder)
    counting = ["strace", "-f", "-o", str(log), "-e", f"trace={_SYSCALLS}"]
    subprocess.run([*counting, *command], check=True, capture_output=True)
    calls = sum("(" in line for line in log.read_text(errors="replace").splitlines())
    for number in range(1, calls, max(calls // times, 1)):
        _copy(original, folder)
        killing = ["strace", "-f", "-o", os.devnull, "-e", f"trace={_SYSCALLS}"]
        killing += ["-e", f"inject={_SYSCALLS}:signal=SIGKILL:when={number}"]
        subprocess.run([*killing, *command], capture_output=True, check=False)
        yield number


def _copy(original: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(original, folder)
