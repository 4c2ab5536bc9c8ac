"""The index of ``exports/``: the session of each file, so that an erasure finds it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from recorder.store.database import sync_folder
from recorder.store.folder import NO_LINK, open_to_read

TEMPORARY = ".export-"
"""The beginning of the names of files and folders of exports in progress."""
_NAME = ".sessions.jsonl"


@dataclass(frozen=True, slots=True)
class _Export:
    """A file of a session; `file` is relative to the folder of exports."""

    file: str
    session: str
    expires: bool

    def __str__(self) -> str:
        entry = {"file": self.file, "session": self.session}
        return json.dumps(entry | ({"expires": True} if self.expires else {})) + "\n"


def note(exports: Path, path: Path, session_id: str, *, expires: bool = False) -> None:
    """Store the session of a file before it is created, if it will be in `exports` to stay.

    Parameters
    ----------
    expires
        Whether it is removed after some days.

    Raises
    ------
    OSError
        It cannot be written.
    """
    exports, path = exports.resolve(), path.parent.resolve() / path.name
    if not path.is_relative_to(exports):
        return
    name = path.relative_to(exports).as_posix()
    if is_temporary(name):
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | NO_LINK
    descriptor = os.open(exports / _NAME, flags, 0o600)
    try:
        os.write(descriptor, str(_Export(name, session_id, expires)).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def files(exports: Path) -> dict[str, set[str]]:
    """Return the sessions of each file, also in sub folders; none if its origin is unknown."""
    known = _sessions(exports)
    paths = (Path(folder, name) for folder, _, names in os.walk(exports) for name in names)
    names = sorted(path.relative_to(exports).as_posix() for path in paths)
    return {name: known.get(name, set()) for name in names if name != _NAME}


def sessions_of(exports: Path, file_name: str) -> set[str]:
    """Return the ids of the sessions whose export a file is, or was."""
    return _sessions(exports).get(file_name, set())


def expired(exports: Path, before: float) -> list[Path]:
    """Return the files that expire and were last modified before a time."""
    expires = {export.file: export.expires for export in _noted(exports)}
    paths = [exports / name for name, does in expires.items() if does and name == Path(name).name]
    return [path for path in paths if path.is_file() and path.lstat().st_mtime < before]


def is_temporary(name: str) -> bool:
    """Return whether a file is one of an export in progress, or of one that was killed."""
    return any(part.startswith(TEMPORARY) for part in name.split("/"))


def remove_temporary(exports: Path) -> None:
    """Remove the files of exports that were killed."""
    for name in filter(is_temporary, files(exports)):
        (exports / name).unlink(missing_ok=True)
    for folder in exports.rglob(f"{TEMPORARY}*"):
        with suppress(OSError):
            folder.rmdir()


def forget_removed(exports: Path) -> None:
    """Remove the names of files that do not exist any more."""
    noted = list(_noted(exports))
    kept = [export for export in noted if (exports / export.file).exists()]
    if len(kept) == len(noted):
        return
    descriptor, temporary = tempfile.mkstemp(prefix=TEMPORARY, dir=exports)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.writelines(map(str, dict.fromkeys(kept)))
        file.flush()
        os.fsync(descriptor)
    Path(temporary).replace(exports / _NAME)
    sync_folder(exports)


def _sessions(exports: Path) -> dict[str, set[str]]:
    known: dict[str, set[str]] = {}
    for export in _noted(exports):
        known.setdefault(export.file, set()).add(export.session)
    return known


def _noted(exports: Path) -> Iterator[_Export]:
    with suppress(FileNotFoundError), open_to_read(exports / _NAME) as file:
        for line in file.read().decode(errors="replace").splitlines():
            with suppress(ValueError, KeyError, TypeError):  # torn by a crash
                entry = json.loads(line)
                expires = entry.get("expires") is True
                yield _Export(str(entry["file"]), str(entry["session"]), expires)
