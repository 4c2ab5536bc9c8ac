"""Backups of a data folder, taken while the recorder runs."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from recorder.errors import Conflict, StorageError
from recorder.store.checks import copy_faults
from recorder.store.database import DATABASE_NAME, sync_folder
from recorder.store.reading import Reader
from recorder.store.seal_file import SEALS_NAME

_PART = f"{DATABASE_NAME}.part"
_FOLDERS = ("attachments", "exports")


@dataclass(frozen=True, slots=True)
class Backup:
    """The size of a backup: the database and `files` other files, `bytes` in total."""

    bytes: int
    files: int


def back_up(folder: Path, target: Path) -> Backup:
    """Copy a data folder to a new one, and check the copy.

    The database is copied first, so that every attachment it refers to is copied after it, and
    renamed last, so that an interrupted backup is not a data folder. The JSONL files are not
    copied: the recorder rebuilds them from the database when it first opens the copy.

    Raises
    ------
    Conflict
        The target is not empty, or is inside the data folder.
    StorageError
        A file cannot be read or written, or the copy is damaged; then the copy is removed.
    """
    with Reader(folder).connect():
        pass  # raise if there is no database
    if folder.resolve() in (target.resolve(), *target.resolve().parents):
        raise Conflict(f"{target} is in the data folder itself. Choose a folder outside it.")
    try:
        is_new = not target.exists()
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = {path.name for path in target.iterdir()}
    except OSError as error:
        raise StorageError(
            f"The folder {target} cannot be used for a backup ({error.strerror}). "
            "Choose one that this user can create or write to."
        ) from error
    if _PART in names:
        raise Conflict(
            f"{target} contains a backup that was interrupted. Remove it, or choose a new folder."
        )
    if names:
        raise Conflict(f"{target} is not empty. Choose a new folder.")
    try:
        return _copy(folder, target)
    except OSError as error:
        _clear(target, is_new)
        raise StorageError(
            f"{error.filename or target} cannot be copied to {target} ({error.strerror})."
        ) from error
    except BaseException:
        _clear(target, is_new)
        raise


def _copy(folder: Path, target: Path) -> Backup:
    part = target / _PART
    # Before the database, which then has all entries that they seal.
    sealed = _copy_file(folder / SEALS_NAME, target / SEALS_NAME)
    Reader(folder).copy_to(part)
    sizes = [size for name in _FOLDERS for size in _copy_folder(folder / name, target / name)]
    sizes += [] if sealed is None else [sealed]
    faults = copy_faults(part)
    if faults:
        raise StorageError(f"No backup was made: the copy is damaged ({faults[0]}).")
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.rename(target / DATABASE_NAME)
    for changed in {path.parent for path in target.rglob("*")} | {target.parent}:
        sync_folder(changed)
    return Backup((target / DATABASE_NAME).stat().st_size + sum(sizes), len(sizes))


def _copy_folder(folder: Path, target: Path) -> Iterator[int]:
    """Copy the files of a folder and yield their sizes; skip links."""
    for parent, _, files in os.walk(folder):
        copies = target / Path(parent).relative_to(folder)
        copies.mkdir(mode=0o700)
        for file in files:
            size = _copy_file(Path(parent, file), copies / file)
            if size is not None:
                yield size


def _copy_file(path: Path, copy: Path) -> int | None:
    """Copy a file and return its size, or ``None`` if it is gone or not a regular file."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        source = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return None
    target = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(source, "rb") as original, open(target, "wb") as file:
        shutil.copyfileobj(original, file)
        file.flush()
        os.fsync(target)
        return file.tell()


def _clear(target: Path, is_new: bool) -> None:
    """Remove a partial copy, and its folder if the backup created it."""
    for path in target.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    if is_new:
        target.rmdir()
