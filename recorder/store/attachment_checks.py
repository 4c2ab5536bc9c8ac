"""Verification of kept files: their rows, their content, and the lines that say so."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from recorder.errors import DataFolderError
from recorder.models import KeptFile
from recorder.store.folder import open_to_read, path_inside
from recorder.store.reading import Reader

_BLOCK_BYTES = 1 << 20


def faults(
    connection: sqlite3.Connection, folder: Path, kept: Mapping[str, KeptFile]
) -> Iterator[str]:
    """Yield the faults of the files that lines say are kept."""
    for url, file in kept.items():
        row = connection.execute(
            "SELECT file_path, byte_size, channel_id, message_id FROM attachments WHERE url = ?",
            (url,),
        ).fetchone()
        if row != (file.file_path, file.byte_size, file.channel_id, file.message_id):
            yield f"{file.file_path}: its row in attachments was changed or removed"
        elif fault := _content_fault(folder, file):
            yield f"{file.file_path}: {fault}"


def unknown_files(reader: Reader, kept: Collection[str]) -> list[str]:
    """Return the faults of kept files of which no line of any session says so."""
    rows = reader.query("SELECT url, file_path FROM attachments WHERE file_path IS NOT NULL")
    return [
        f"{row['file_path']}: no line says that it is kept"
        for row in rows
        if row["url"] not in kept
    ]


def _content_fault(folder: Path, file: KeptFile) -> str | None:
    try:
        with open_to_read(path_inside(folder, file.file_path, "attachments")) as content:
            digest = hashlib.sha256()
            while block := content.read(_BLOCK_BYTES):
                digest.update(block)
    except DataFolderError as error:
        return str(error)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None if digest.hexdigest() == file.sha256 else "its content was changed"
