"""Paths in a data folder: neither a link in it nor a path in its database leads out of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from recorder.errors import DataFolderError

NO_LINK = getattr(os, "O_NOFOLLOW", 0)
"""A flag for :func:`os.open` that refuses a symbolic link."""

_PARTS = ("recorder.db", "recorder.lock", "seals.jsonl", "sessions", "exports", "attachments")


def refuse_links(folder: Path) -> None:
    """Raise an error if a part of a data folder is a link; the folder itself may be one.

    Raises
    ------
    DataFolderError
        A part is a link.
    """
    for name in _PARTS:
        if (folder / name).is_symlink():
            raise DataFolderError(
                f"{folder / name} is a link, and links in the data folder are not followed. "
                "Mount what it points to there instead."
            )


def path_inside(folder: Path, file_path: str, *names: str) -> Path:
    """Return the path of a file in one of these parts of a data folder, by default ``sessions/``.

    Raises
    ------
    DataFolderError
        The path leads elsewhere.
    """
    path, names = folder / file_path, names or ("sessions",)
    parent = path.parent.resolve()
    if not any(parent.is_relative_to(folder.resolve() / name) for name in names):
        raise DataFolderError(f"{file_path} lies outside the folder {names[0]}/; refused.")
    return path


def open_to_read(path: Path) -> BinaryIO:
    """Open a file of a data folder.

    Raises
    ------
    OSError
        It is missing, is a link, or may not be read.
    """
    return open(path, "rb", opener=lambda name, flags: os.open(name, flags | NO_LINK))
