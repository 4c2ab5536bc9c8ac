"""A copy for publishing: chosen sessions and nothing else, without what was deleted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from recorder.errors import Conflict, StorageError
from recorder.models import Session
from recorder.store.publishing import copy_sessions
from recorder.store.reading import Reader


def publish(reader: Reader, sessions: Sequence[Session], path: Path) -> int:
    """Write a database with some sessions alone, and give its size in bytes.

    It holds messages, tags and the views, with the text of deleted messages left out; neither
    the lines with their keys, nor who started what, nor anything of other sessions.

    Raises
    ------
    Conflict
        There is such a file already.
    StorageError
        It cannot be written.
    """
    if path.exists() or path.is_symlink():
        raise Conflict(f"{path} exists already. Name another file, or remove it first.")
    try:
        copy_sessions(reader, [session.id for session in sessions], path)
        return path.stat().st_size
    except OSError as error:
        raise StorageError(f"{path} cannot be written ({error.strerror}).") from error
