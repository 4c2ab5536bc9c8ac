"""``seals.jsonl`` in the data folder: the seals of the ledger, only ever appended to."""

from __future__ import annotations

import os
from pathlib import Path

from recorder.errors import StorageError
from recorder.store.database import sync_folder
from recorder.store.folder import NO_LINK, open_to_read

SEALS_NAME = "seals.jsonl"


def read_seal_lines(folder: Path) -> tuple[list[str], str]:
    """Return the lines of the file, and the rest of one that was cut off.

    Raises
    ------
    StorageError
        The file cannot be read. It may be missing: then there are no lines.
    """
    try:
        with open_to_read(folder / SEALS_NAME) as file:
            *lines, rest = file.read().decode(errors="replace").split("\n")
            return lines, rest
    except FileNotFoundError:
        return [], ""
    except OSError as error:
        raise _failure(folder, "read", error) from error


def append_seal_line(folder: Path, line: str) -> None:
    """Append a line, and sync it; the rest of one that a crash cut off is removed.

    Raises
    ------
    StorageError
        The file cannot be written.
    """
    path = folder / SEALS_NAME
    flags = os.O_RDWR | os.O_CREAT | NO_LINK
    try:
        with open(os.open(path, flags, 0o600), "rb+") as file:
            file.truncate(file.read().rfind(b"\n") + 1)
            file.seek(0, os.SEEK_END)
            file.write(f"{line}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        sync_folder(folder)
    except OSError as error:
        raise _failure(folder, "written", error) from error


def _failure(folder: Path, done: str, error: OSError) -> StorageError:
    return StorageError(
        f"{folder / SEALS_NAME} cannot be {done} ({error.strerror}). "
        "Give this user access to it, and check that it is not a link."
    )
