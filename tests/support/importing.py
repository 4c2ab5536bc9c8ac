"""Imports of files into a data folder."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from support.recordings import NOW, UTC_ZONE, dump, record

from recorder import SessionRecorder
from recorder.errors import RecorderError
from recorder.recording.importing import Imported, import_file


def take_in(folder: Path, file: Path, **options: Any) -> Imported:
    async def run() -> Imported:
        async with SessionRecorder(folder) as recorder:
            return await import_file(recorder, file, UTC_ZONE, now=NOW, **options)

    return asyncio.run(run())


def refused(
    folder: Path, file: Path, error: type[RecorderError], says: str, **options: str | bool
) -> None:
    """Assert that an import fails, and that a folder with a recording in it is left unchanged."""
    if not folder.exists():
        asyncio.run(record(folder, "kept", ["one"]))
    before = dump(folder)
    with pytest.raises(error, match=says):
        take_in(folder, file, **options)
    assert dump(folder) == before
