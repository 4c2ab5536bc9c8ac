"""The index of ``exports/``: the session of each file, so that an erasure finds it."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from recorder.store.database import sync_folder
from recorder.store.folder import NO_LINK, open_to_read

TEMPORARY = ".export-"
"""The beginning of the names of files and folders of exports in progress."""
_NAME = ".sessions.jsonl"


def note(exports: Path, path: Path, session_id: str) -> None:
    """Store the session of a file before it is created, if it will be in `exports` to stay.

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
        os.write(descriptor, _line(name, session_id).encode())
    finally:
        os.close(descriptor)


def files(exports: Path) -> dict[str, set[str]]:
    """Return the sessions of each file, also in sub folders; none if its origin is unknown."""
    known = _entries(exports)
    paths = (Path(folder, name) for folder, _, names in os.walk(exports) for name in names)
    names = sorted(path.relative_to(exports).as_posix() for path in paths)
    return {name: known.get(name, set()) for name in names if name != _NAME}


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
    entries = _entries(exports)
    kept = {name: sessions for name, sessions in entries.items() if (exports / name).exists()}
    if len(kept) == len(entries):
        return
    descriptor, temporary = tempfile.mkstemp(prefix=TEMPORARY, dir=exports)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.writelines(_line(name, id) for name, ids in kept.items() for id in sorted(ids))
        file.flush()
        os.fsync(descriptor)
    Path(temporary).replace(exports / _NAME)
    sync_folder(exports)


def _line(name: str, session_id: str) -> str:
    return json.dumps({"file": name, "session": session_id}) + "\n"


def _entries(exports: Path) -> dict[str, set[str]]:
    known: dict[str, set[str]] = {}
    with suppress(FileNotFoundError), open_to_read(exports / _NAME) as file:
        for line in file.read().decode(errors="replace").splitlines():
            with suppress(ValueError, KeyError, TypeError):  # torn by a crash
                entry = json.loads(line)
                known.setdefault(str(entry["file"]), set()).add(str(entry["session"]))
    return known
