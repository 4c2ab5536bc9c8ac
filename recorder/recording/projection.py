"""The JSONL files: written behind the database, at the offsets that the database gives.

A file never leads the database: a line is written after its commit. What may be missing or
torn after a crash lies past the last synced offset and is written again from the database.
"""

from __future__ import annotations

import glob
import itertools
import os
import shutil
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path

from recorder.store.database import sync_folder
from recorder.store.folder import NO_LINK, path_inside
from recorder.store.journal import WrittenLines
from recorder.store.lines import FileState, Line

_OPEN_FILES = 64
_FOLDERS = ("sessions", "exports", "attachments")
_TEMPORARY = ".rewritten"
_BLOCK_BYTES = 1 << 20
_FLAGS = os.O_RDWR | os.O_CREAT | NO_LINK | getattr(os, "O_BINARY", 0)


class Projection:
    """The open JSONL files of a data folder; used by the writer thread alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: OrderedDict[str, int] = OrderedDict()
        self._unsynced: dict[str, int] = {}

    @property
    def unsynced(self) -> bool:
        """Whether something was written that may not be on disk yet."""
        return bool(self._unsynced)

    def write(self, file_path: str, written: WrittenLines) -> None:
        """Write committed lines at their offset.

        Raises
        ------
        OSError
            The disk does not take them.
        """
        data = b"\n".join(written.lines) + b"\n"
        _write_all(self._open(file_path), data, written.offset)
        self._unsynced[file_path] = written.offset + len(data)

    def sync(self) -> dict[str, int]:
        """Bring what was written to the disk, and give each file's synced offset.

        Raises
        ------
        OSError
            A sync failed. It must not be tried again: the kernel may have dropped the data
            and would report success.
        """
        synced, self._unsynced = self._unsynced, {}
        for file_path in synced:
            os.fsync(self._open(file_path))
        return synced

    def recover(self, state: FileState, lines: Callable[[], Iterator[Line]], offset: int) -> None:
        """Write a file anew from `offset` on.

        Parameters
        ----------
        lines
            Gives, each time it is called, the lines from the one at `offset` on.

        What stands there and is not what the database says is kept in a file beside it.
        """
        file = self._open(state.file_path)
        if _is_foreign(file, lines(), offset):
            _keep_copy(file, self.folder / state.file_path)
        os.ftruncate(file, offset)
        for data in _blocks(lines()):
            _write_all(file, data, offset)
            offset += len(data)
        os.fsync(file)

    def replace(self, state: FileState, lines: Iterator[Line]) -> None:
        """Put a file of these lines in the place of a session's file, and keep nothing of that.

        After a crash one or the other is there, whole.
        """
        self._close(state.file_path)
        path = self._path(state.file_path)
        temporary = path.with_name(_TEMPORARY)
        file = os.open(temporary, _FLAGS | os.O_TRUNC, 0o600)
        try:
            offset = 0
            for data in _blocks(lines):
                _write_all(file, data, offset)
                offset += len(data)
            os.fsync(file)
        finally:
            os.close(file)
        temporary.replace(path)
        sync_folder(path.parent)

    def size(self, file_path: str) -> int:
        """The size of a file in bytes; -1 when there is none."""
        try:
            return (self.folder / file_path).lstat().st_size
        except FileNotFoundError:
            return -1

    def reserve(self, file_path: str) -> bool:
        """Make an empty file under this path; false when there is one already."""
        try:
            os.close(os.open(self._path(file_path), _FLAGS | os.O_EXCL, 0o600))
        except FileExistsError:
            return False
        return True

    def remove(self, file_path: str) -> None:
        """Remove a file of a deleted or erased session."""
        self._close(file_path)
        self._path(file_path, *_FOLDERS).unlink(missing_ok=True)

    def close(self) -> None:
        """Close all files."""
        while self._files:
            os.close(self._files.popitem()[1])

    def _close(self, file_path: str) -> None:
        file = self._files.pop(file_path, None)
        if file is not None:
            os.close(file)
        self._unsynced.pop(file_path, None)

    def _path(self, file_path: str, *folders: str) -> Path:
        return path_inside(self.folder, file_path, *folders)

    def _open(self, file_path: str) -> int:
        file = self._files.get(file_path)
        if file is not None:
            self._files.move_to_end(file_path)
            return file
        path = self._path(file_path)
        new = not path.exists()
        file = os.open(path, _FLAGS, 0o600)
        if new:
            sync_folder(path.parent)
        self._files[file_path] = file
        if len(self._files) > _OPEN_FILES:
            oldest, old_file = self._files.popitem(last=False)
            if oldest in self._unsynced:
                os.fsync(old_file)
            os.close(old_file)
        return file


def damaged_copies(folder: Path, file_path: str) -> list[str]:
    """What was kept of a session's file when it was damaged, relative to the data folder."""
    path = folder / file_path
    found = path.parent.glob(f"{glob.escape(path.name)}.damaged*")
    return sorted(f"sessions/{copy.name}" for copy in found)


def _write_all(file: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    os.lseek(file, offset, os.SEEK_SET)
    while view:
        view = view[os.write(file, view) :]


def _blocks(lines: Iterator[Line]) -> Iterator[bytes]:
    """The bytes of `lines`, in blocks of about a megabyte."""
    block = bytearray()
    for line in lines:
        block += line.line.encode() + b"\n"
        if len(block) >= _BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def _is_foreign(file: int, lines: Iterator[Line], offset: int) -> bool:
    """Whether the file, from `offset` on, holds anything but a first part of `lines`."""
    os.lseek(file, offset, os.SEEK_SET)
    for expected in _blocks(lines):
        found = _read(file, len(expected))
        if found != expected:
            return not expected.startswith(found)
    return bool(_read(file, 1))


def _read(file: int, count: int) -> bytes:
    data = b""
    while len(data) < count and (more := os.read(file, count - len(data))):
        data += more
    return data


def _keep_copy(file: int, path: Path) -> None:
    """Copy a file as it is to the first free name with ``.damaged`` behind."""
    for number in itertools.count(1):
        copy = path.with_name(f"{path.name}.damaged" + (f"-{number}" if number > 1 else ""))
        if not os.path.lexists(copy):
            break
    with copy.open("xb") as target, open(os.dup(file), "rb") as source:
        copy.chmod(0o600)
        source.seek(0)
        shutil.copyfileobj(source, target)
        target.flush()
        os.fsync(target.fileno())
