"""An open recorder on a data folder of its own."""

from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import settings

from recorder import SessionManager, SessionRecorder

# How long an example takes says nothing while other tests run beside it.
settings.register_profile("beside others", deadline=None)
settings.load_profile("beside others")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the path of a data folder that does not exist yet."""
    return tmp_path / "data"


@pytest.fixture
async def recorder(folder: Path) -> AsyncIterator[SessionRecorder]:
    async with SessionRecorder(folder) as opened:
        yield opened


@pytest.fixture
def manager(recorder: SessionRecorder) -> SessionManager:
    return SessionManager(recorder, ZoneInfo("UTC"))
