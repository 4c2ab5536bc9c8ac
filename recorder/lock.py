"""One process writes to a data folder: a lock file that names who holds it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from recorder.errors import AlreadyRunning, DataFolderError

if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        # A byte far behind the text, so that a second process can still read who holds it.
        os.lseek(file, 1 << 30, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        os.lseek(file, 0, os.SEEK_SET)
else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class WriterLock:
    """Held from construction until :meth:`release`, or until the process ends.

    Raises
    ------
    AlreadyRunning
        Another process holds it; the text names that process.
    DataFolderError
        The lock file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise DataFolderError(
                f"The data folder {path.parent} cannot be written to ({error.strerror}). "
                "Give this user write access to it, or set RECORDER_DATA to another folder."
            ) from error
        try:
            _lock(self._file)
        except OSError as error:
            holder = os.read(self._file, 200).decode(errors="replace").strip()
            os.close(self._file)
            raise AlreadyRunning(
                f"Another recorder ({holder or 'unknown process'}) is already writing to "
                f"{path.parent}. Stop it first, or use another data folder."
            ) from error
        os.ftruncate(self._file, 0)
        os.write(self._file, f"process {os.getpid()}\n".encode())

    def release(self) -> None:
        """Let another process write."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
