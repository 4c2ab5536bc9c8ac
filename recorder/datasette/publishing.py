"""A public copy of selected sessions, with its metadata for Datasette."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recorder.datasette.configuration import metadata
from recorder.errors import Conflict, StorageError
from recorder.models import Session
from recorder.store.public_copy import LeftOut, make_public_copy
from recorder.store.reading import Reader


@dataclass(frozen=True, slots=True)
class Published:
    """A public copy: its size in `bytes`, its messages, what it lacks, and its metadata file."""

    bytes: int
    messages: int
    left_out: LeftOut
    metadata: Path


def publish(reader: Reader, sessions: Sequence[Session], path: Path) -> Published:
    """Write a database to publish, and its metadata for Datasette 0.65 beside it.

    Raises
    ------
    Conflict
        The file exists.
    NotFound
        A session does not exist.
    StorageError
        The database cannot be read, or a file cannot be written.
    """
    metadata_path = path.with_suffix(".metadata.json")
    if metadata_path.exists():
        raise Conflict(f"{metadata_path} already exists. Choose another file.")
    copy = make_public_copy(reader, list(dict.fromkeys(s.id for s in sessions)), path)
    try:
        descriptor = os.open(metadata_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(metadata(path.stem, public=True), file, ensure_ascii=False, indent=2)
    except OSError as error:
        path.unlink()
        raise StorageError(f"{metadata_path} cannot be written ({error.strerror}).") from error
    return Published(path.stat().st_size, copy.messages, copy.left_out, metadata_path)
