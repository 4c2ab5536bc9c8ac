"""The lock file of a data folder: it lets one process write, and names that process."""

from __future__ import annotations

import errno
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from recorder.errors import AlreadyRunning, DataFolderError
from recorder.store.folder import NO_LINK

LOCK_NAME = "recorder.lock"
_TRIES = 4
_SECONDS_BETWEEN = 0.05
_FOLDER_CANNOT_BE_LOCKED = (errno.EBADF, errno.EINVAL, errno.EISDIR)

if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        # A byte far behind the text, so that a second process can still read the text.
        os.lseek(file, 1 << 30, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        os.lseek(file, 0, os.SEEK_SET)

    def _open_folder(folder: Path) -> int | None:
        return None  # an open lock file cannot be removed
else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _open_folder(folder: Path) -> int | None:
        return os.open(folder, os.O_RDONLY)


class WriterLock:
    """The lock of the writing process, from construction to :meth:`release` or its end.

    The folder itself is locked too: the lock file may be removed while the process runs.

    Raises
    ------
    AlreadyRunning
        Another process holds it; the text names that process.
    DataFolderError
        The lock file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / LOCK_NAME
        self._files: list[int] = []
        try:
            self._files.append(os.open(path, os.O_RDWR | os.O_CREAT | NO_LINK, 0o600))
            folder_file = _open_folder(folder)
        except OSError as error:
            self.release()
            raise DataFolderError(
                f"The data folder {folder} cannot be written to ({error.strerror}). "
                "Give this user write access to it, or set RECORDER_DATA to another folder."
            ) from error
        if folder_file is not None:
            self._files.append(folder_file)
        file = self._files[0]
        if not (_lock_soon(file) and (folder_file is None or _lock_soon(folder_file))):
            holder = os.read(file, 200).decode(errors="replace").strip()
            self.release()
            raise AlreadyRunning(
                f"Another recorder ({holder or 'unknown process'}) is already writing to "
                f"{folder}. Stop it first, or use another data folder."
            )
        try:
            os.ftruncate(file, 0)
            os.write(file, f"process {os.getpid()}\n".encode())
        except OSError as error:
            self.release()
            raise DataFolderError(
                f"Writing to {path} failed ({error.strerror}). Nothing is recorded. "
                "Free space or mend the disk, then start the recorder again."
            ) from error

    def release(self) -> None:
        """Release the lock."""
        while self._files:
            os.close(self._files.pop())


def is_locked(folder: Path) -> bool:
    """Return whether a recorder is writing to a data folder now."""
    for path in (folder / LOCK_NAME, folder):
        with suppress(OSError):
            file = _open_folder(path) if path == folder else os.open(path, os.O_RDWR | NO_LINK)
            if file is None:
                continue
            try:
                if not _lock_soon(file):
                    return True
            finally:
                os.close(file)
    return False


def _lock_soon(file: int) -> bool:
    """Try to lock a file, for a moment: :func:`is_locked` holds the lock for an instant.

    Return ``True`` also for a folder on a file system that locks none.
    """
    for _ in range(_TRIES):
        try:
            _lock(file)
        except OSError as error:
            if error.errno in _FOLDER_CANNOT_BE_LOCKED:
                return True
            time.sleep(_SECONDS_BETWEEN)
        else:
            return True
    return False
