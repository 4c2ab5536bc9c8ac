"""When the recordings were last verified, and with what result: a small file beside them."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from recorder.store.folder import open_to_read

FILE_NAME = "last_verification.json"


@dataclass(frozen=True, slots=True)
class LastVerification:
    """A verification of all sessions: `at` which time, of how many lines, with how many faults."""

    at: datetime
    sessions: int
    lines: int
    faults: int


def remember(folder: Path, last: LastVerification) -> None:
    """Note a verification in a data folder, or nowhere when that cannot be written."""
    text = json.dumps({**asdict(last), "at": last.at.isoformat()})
    with suppress(OSError):
        file, path = tempfile.mkstemp(dir=folder, prefix=f".{FILE_NAME}-")
        with open(file, "w", encoding="utf-8") as written:
            written.write(f"{text}\n")
        os.replace(path, folder / FILE_NAME)  # noqa: PTH105


def last_verification(folder: Path) -> LastVerification | None:
    """The last verification, ``None`` when there was none or its note cannot be read."""
    try:
        with open_to_read(folder / FILE_NAME) as file:
            found = json.loads(file.read())
        at = datetime.fromisoformat(found.pop("at"))
        last = LastVerification(at, **{name: int(value) for name, value in found.items()})
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return None
    return last if at.tzinfo else None
