"""Files on their way into ``attachments/``, where each is named by the hash of its content.

A file is first written under a name of its own. Once it is whole and on the disk it waits
until its row is committed, and then takes its place: no half file ever has a hash for a name,
and no file stays that no row knows of, wherever a crash falls.
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
    """A new file in a data folder; what is not completed is gone at the end of the context.

    Raises
    ------
    OSError
        The disk does not take it.
    """
    descriptor, name = tempfile.mkstemp(prefix=_PART, dir=folder / _FOLDER)
    try:
        with open(descriptor, "wb") as file:
            yield IncomingFile(folder, Path(name), file)
    finally:
        Path(name).unlink(missing_ok=True)


class IncomingFile:
    """A file that is being written.

    Attributes
    ----------
    size
        What was written so far, in bytes.

    Raises
    ------
    OSError
        From every method, when the disk does not take it.
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
        """Bring the file to the disk, and give the path in the data folder that it will have.

        Parameters
        ----------
        name
            What its sender called it; only a harmless suffix is kept of it.

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
    """Let a completed file take its place, or remove it when it was erased meanwhile.

    Raises
    ------
    OSError
        The disk does not take it.
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
    """Settle what a crash left on its way.

    Raises
    ------
    OSError
        The disk does not take it.
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
    """Make the folder of a file, and give the file's whole path."""
    target = path_inside(folder, file_path, _FOLDER)
    target.parent.mkdir(mode=0o700, exist_ok=True)
    return target
