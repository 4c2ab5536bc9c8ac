"""The command line as a user has it: a process of its own, and a folder with a recording."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from recordings import Run, record


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def run(data: Path, tmp_path: Path) -> Run:
    """Runs ``recorder --data … `` with arguments, without a terminal."""

    def call(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "recorder", "--data", str(data), *map(str, arguments)]
        result = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=tmp_path, encoding="utf-8"
        )
        assert "Traceback" not in result.stderr
        return result

    return call


@pytest.fixture
def session(data: Path) -> str:
    """A recorded session of three messages."""
    texts = ["!ai How do I implement OAuth2?", "two\nlines", "\x1b[31mred [bold]x[/bold]"]
    asyncio.run(record(data, "oauth", texts))
    return "oauth"
