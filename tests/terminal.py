"""The command line on a pseudo-terminal."""

import os
import pty
import subprocess
import sys


def on_terminal(*arguments: str, columns: int = 100) -> tuple[int, str]:
    """The exit code and all that appears on the terminal, with the codes that draw it."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns)}
    process = subprocess.Popen(
        [sys.executable, "-m", "recorder", *arguments],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=environment,
    )
    os.close(follower)
    shown = b""
    while data := _read(leader):
        shown += data
    os.close(leader)
    return process.wait(), shown.decode()


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 1 << 16)
    except OSError:  # Linux says so that the other side is closed
        return b""
