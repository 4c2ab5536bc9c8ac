"""A database of chosen sessions, and what Datasette is to be told of it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recorder.datasette.configuration import metadata
from recorder.errors import Conflict, StorageError
from recorder.models import Session
from recorder.store.public_copy import make_public_copy
from recorder.store.reading import Reader


@dataclass(frozen=True, slots=True)
class Published:
    """What was made: the database's size in `bytes`, its messages, and the file beside it."""

    bytes: int
    messages: int
    metadata: Path


def publish(reader: Reader, sessions: Sequence[Session], path: Path) -> Published:
    """Make a database to publish, and beside it its metadata for Datasette 0.65.

    Raises
    ------
    Conflict
        There is such a file.
    NotFound
        A session is gone.
    StorageError
        The database cannot be read, or a file cannot be written.
    """
    about = path.with_suffix(".metadata.json")
    if about.exists():
        raise Conflict(f"{about} exists already. Name another file.")
    messages = make_public_copy(reader, list(dict.fromkeys(s.id for s in sessions)), path)
    try:
        descriptor = os.open(about, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(metadata(path.stem, public=True), file, ensure_ascii=False, indent=2)
    except OSError as error:
        path.unlink()
        raise StorageError(f"{about} cannot be written ({error.strerror}).") from error
    return Published(path.stat().st_size, messages, about)
