"""Copying the recordings while they are being recorded."""

from __future__ import annotations

from pathlib import Path

from recorder.database import DATABASE_NAME, prepare_folder
from recorder.errors import Conflict, StorageError
from recorder.store.checks import database_faults
from recorder.store.reading import Reader


def back_up(folder: Path, target: Path) -> int:
    """Copy the database of a data folder to a new data folder, and check the copy.

    Returns
    -------
    int
        The size of the copy in bytes.

    Raises
    ------
    Conflict
        The target exists and is not empty.
    StorageError
        It cannot be written, or the copy is damaged.
    """
    if target.exists() and any(target.iterdir()):
        raise Conflict(f"{target} is not empty. Name a new folder.")
    reader = Reader(folder)
    with reader.connect():
        prepare_folder(target)
    copy = target / DATABASE_NAME
    try:
        reader.copy_to(copy)
    except OSError as error:
        raise StorageError(f"{copy} cannot be written ({error.strerror}).") from error
    faults = database_faults(target, recording=False)
    if faults:
        raise StorageError(f"The copy in {target} is damaged: {faults[0]}")
    return copy.stat().st_size
