"""The command line as a user has it, and a folder with a recording."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.command_line import Run
from support.recordings import record

from recorder.cli import main


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def run(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``recorder --data …`` with arguments, without a terminal."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = ["--data", str(data), *map(str, arguments)]
        result = CliRunner().invoke(main, command)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return subprocess.CompletedProcess(command, result.exit_code, result.stdout, result.stderr)

    return call


@pytest.fixture
def on_terminal(data: Path) -> Callable[..., tuple[int, str]]:
    """Runs it on a pseudo-terminal: the exit code, and all that appears with its codes."""
    pty = pytest.importorskip("pty", reason="there are no pseudo-terminals here")

    def call(*arguments: str, columns: int = 100) -> tuple[int, str]:
        leader, follower = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "recorder", "--data", data, *arguments],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns)},
        )
        os.close(follower)
        shown = b""
        while piece := _read(leader):
            shown += piece
        os.close(leader)
        return process.wait(), shown.decode()

    return call


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 1 << 16)
    except OSError:  # so Linux says that the other side is closed
        return b""


@pytest.fixture
def session(data: Path) -> str:
    """A recorded session of three messages."""
    texts = ["!ai How do I implement OAuth2?", "two\nlines", "\x1b[31mred [bold]x[/bold]"]
    asyncio.run(record(data, "oauth", texts))
    return "oauth"
