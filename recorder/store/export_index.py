"""The index of ``exports/``: the session of each file, so that an erasure finds it."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from recorder.store.folder import NO_LINK, open_to_read

_NAME = ".sessions.jsonl"


def note(exports: Path, file_name: str, session_id: str, *, expires: bool = False) -> None:
    """Store the session of a file before the file is created, and whether it expires.

    Raises
    ------
    OSError
        It cannot be written.
    """
    entry = {"file": file_name, "session": session_id} | ({"expires": True} if expires else {})
    line = json.dumps(entry) + "\n"
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | NO_LINK
    descriptor = os.open(exports / _NAME, flags, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def files_of(exports: Path, session_ids: Collection[str]) -> list[str]:
    """Return the names of the files of these sessions, and of files of unknown origin."""
    known = _index(exports)
    return sorted(
        path.name
        for path in exports.iterdir()
        if path.name != _NAME
        and not path.is_dir()
        and (path.name not in known or known[path.name] & set(session_ids))
    )


def sessions_of(exports: Path, file_name: str) -> set[str]:
    """Return the ids of the sessions whose export a file is, or was."""
    return _index(exports).get(file_name, set())


def expired(exports: Path, before: float) -> list[Path]:
    """Return the files that expire and were last modified before a time."""
    expires: dict[str, bool] = {}
    for entry in _entries(exports):
        with suppress(KeyError, TypeError):
            expires[entry["file"]] = entry.get("expires") is True
    paths = [exports / name for name, does in expires.items() if does and name == Path(name).name]
    return [p for p in paths if p.is_file() and p.lstat().st_mtime < before]


def _index(exports: Path) -> dict[str, set[str]]:
    known: dict[str, set[str]] = {}
    for entry in _entries(exports):
        with suppress(KeyError, TypeError):
            known.setdefault(entry["file"], set()).add(entry["session"])
    return known


def _entries(exports: Path) -> Iterator[dict[str, Any]]:
    with suppress(FileNotFoundError), open_to_read(exports / _NAME) as file:
        for line in file.read().decode().splitlines():
            with suppress(ValueError):  # torn by a crash
                entry = json.loads(line)
                if isinstance(entry, dict):
                    yield entry
