"""The lock file of a data folder: it lets one process write, and names that process."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from recorder.errors import AlreadyRunning, DataFolderError
from recorder.store.folder import NO_LINK

LOCK_NAME = "recorder.lock"
_TRIES = 4
_SECONDS_BETWEEN = 0.05

if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        # A byte far behind the text, so that a second process can still read the text.
        os.lseek(file, 1 << 30, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        os.lseek(file, 0, os.SEEK_SET)
else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class WriterLock:
    """The lock of the writing process, from construction to :meth:`release` or its end.

    Raises
    ------
    AlreadyRunning
        Another process holds it; the text names that process.
    DataFolderError
        The lock file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / LOCK_NAME
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | NO_LINK, 0o600)
        except OSError as error:
            raise DataFolderError(
                f"The data folder {folder} cannot be written to ({error.strerror}). "
                "Give this user write access to it, or set RECORDER_DATA to another folder."
            ) from error
        if not _lock_soon(self._file):
            holder = os.read(self._file, 200).decode(errors="replace").strip()
            os.close(self._file)
            raise AlreadyRunning(
                f"Another recorder ({holder or 'unknown process'}) is already writing to "
                f"{folder}. Stop it first, or use another data folder."
            )
        try:
            os.ftruncate(self._file, 0)
            os.write(self._file, f"process {os.getpid()}\n".encode())
        except OSError as error:
            self.release()
            raise DataFolderError(
                f"Writing to {path} failed ({error.strerror}). Nothing is recorded. "
                "Free space or mend the disk, then start the recorder again."
            ) from error

    def release(self) -> None:
        """Release the lock."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def is_locked(folder: Path) -> bool:
    """Return whether a recorder is writing to a data folder now."""
    try:
        file = os.open(folder / LOCK_NAME, os.O_RDWR | NO_LINK)
    except OSError:
        return False
    try:
        return not _lock_soon(file)
    finally:
        os.close(file)


def _lock_soon(file: int) -> bool:
    """Try to lock a file, for a moment: :func:`is_locked` holds the lock for an instant."""
    for _ in range(_TRIES):
        try:
            _lock(file)
        except OSError:
            time.sleep(_SECONDS_BETWEEN)
        else:
            return True
    return False
