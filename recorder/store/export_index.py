"""Which file in ``exports/`` was made from which session, so that an erasure finds it."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from recorder.store.folder import NO_LINK, open_to_read

_NAME = ".sessions.jsonl"


def note(exports: Path, file_name: str, session_id: str) -> None:
    """Note from which session a file of the folder is made, before it is there.

    Raises
    ------
    OSError
        The disk does not take it.
    """
    line = json.dumps({"file": file_name, "session": session_id}) + "\n"
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | NO_LINK
    descriptor = os.open(exports / _NAME, flags, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def files_of(exports: Path, session_ids: Collection[str]) -> list[str]:
    """The names of the files made from these sessions, and of those of which nothing is known."""
    known: dict[str, set[str]] = {}
    with suppress(FileNotFoundError), open_to_read(exports / _NAME) as file:
        for line in file.read().decode().splitlines():
            with suppress(ValueError, KeyError, TypeError):  # torn by a crash
                noted = json.loads(line)
                known.setdefault(noted["file"], set()).add(noted["session"])
    return sorted(
        path.name
        for path in exports.iterdir()
        if path.name != _NAME
        and not path.is_dir()
        and (path.name not in known or known[path.name] & set(session_ids))
    )
