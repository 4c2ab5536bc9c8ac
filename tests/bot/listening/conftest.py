"""A bot that records, in the Discord of the tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.live import Live, live


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Live]:
    async with live(tmp_path) as opened:
        yield opened
