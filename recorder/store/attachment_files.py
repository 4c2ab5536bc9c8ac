"""Files in ``attachments/``, each named by the hash of its content.

A file is first written under a temporary name. A complete and synced one keeps a waiting name
until its row is committed, and is then renamed: at no point of a crash does a partial file
have a hash for a name, or a file remain without a row.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from recorder.store.database import sync_folder
from recorder.store.folder import path_inside

_FOLDER = "attachments"
_PART = ".part-"
_WHOLE = ".whole-"
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")


@contextmanager
def incoming(folder: Path) -> Iterator[IncomingFile]:
    """Create a file in a data folder; remove it at the end of the context unless it is complete.

    Raises
    ------
    OSError
        It cannot be written.
    """
    descriptor, name = tempfile.mkstemp(prefix=_PART, dir=folder / _FOLDER)
    try:
        with open(descriptor, "wb") as file:
            yield IncomingFile(folder, Path(name), file)
    finally:
        Path(name).unlink(missing_ok=True)


class IncomingFile:
    """A file in progress.

    Attributes
    ----------
    size
        The number of bytes written so far.

    Raises
    ------
    OSError
        From every method, when it cannot be written.
    """

    def __init__(self, folder: Path, path: Path, file: BinaryIO) -> None:
        self.size = 0
        self._folder = folder
        self._path = path
        self._file = file
        self._hash = hashlib.sha256()

    def write(self, block: bytes) -> None:
        """Append a block."""
        self._file.write(block)
        self._hash.update(block)
        self.size += len(block)

    def complete(self, name: str) -> str:
        """Sync the file, and return its future path in the data folder.

        Parameters
        ----------
        name
            The name given by its sender; only a harmless suffix of it is kept.

        Raises
        ------
        DataFolderError
            The path leads out of ``attachments/``.
        """
        suffix = PurePosixPath(name).suffix.lower()
        suffix = suffix if _SUFFIX.fullmatch(suffix) else ""
        file_path = _path_of(f"{self._hash.hexdigest()}{suffix}")
        _folder_for(self._folder, file_path)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._path.replace(_waiting(self._folder, file_path))
        sync_folder(self._folder / _FOLDER)
        return file_path


def settle(folder: Path, file_path: str, *, is_kept: bool) -> None:
    """Rename a completed file to its final path, or remove it when it was erased.

    Raises
    ------
    OSError
        It cannot be written.
    """
    waiting = _waiting(folder, file_path)
    if not is_kept:
        waiting.unlink(missing_ok=True)
        return
    target = _folder_for(folder, file_path)
    waiting.replace(target)
    sync_folder(target.parent)
    sync_folder(waiting.parent)


def recover(folder: Path, is_kept: Callable[[str], bool]) -> None:
    """Settle the files that a crash left in progress.

    Raises
    ------
    OSError
        It cannot be written.
    """
    for part in (folder / _FOLDER).glob(f"{_PART}*"):
        part.unlink()
    for waiting in (folder / _FOLDER).glob(f"{_WHOLE}*"):
        file_path = _path_of(waiting.name.removeprefix(_WHOLE))
        settle(folder, file_path, is_kept=is_kept(file_path))


def _path_of(name: str) -> str:
    return f"{_FOLDER}/{name[:2]}/{name}"


def _waiting(folder: Path, file_path: str) -> Path:
    return folder / _FOLDER / f"{_WHOLE}{PurePosixPath(file_path).name}"


def _folder_for(folder: Path, file_path: str) -> Path:
    """Create the folder of a file, and return the full path of the file."""
    target = path_inside(folder, file_path, _FOLDER)
    target.parent.mkdir(mode=0o700, exist_ok=True)
    return target
