"""An open recorder on a data folder of its own."""

from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from recorder import SessionManager, SessionRecorder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder that is not there yet."""
    return tmp_path / "data"


@pytest.fixture
async def recorder(folder: Path) -> AsyncIterator[SessionRecorder]:
    async with SessionRecorder(folder) as opened:
        yield opened


@pytest.fixture
def manager(recorder: SessionRecorder) -> SessionManager:
    return SessionManager(recorder, ZoneInfo("UTC"))
