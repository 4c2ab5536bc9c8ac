"""The projection: JSONL files that follow the database, at the offsets stored there.

A file never leads the database: a line is written after its commit. Lines that a crash may
have lost or torn lie past the last synced offset, and are written again from the database.
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from recorder.store.database import sync_folder
from recorder.store.folder import NO_LINK, path_inside
from recorder.store.line_journal import WrittenLines
from recorder.store.lines import FileState, Line

T = TypeVar("T")

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
        """Whether written lines are waiting to be synced."""
        return bool(self._unsynced)

    def write(self, file_path: str, written: WrittenLines) -> None:
        """Write committed lines at their offset.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        data = b"\n".join(written.lines) + b"\n"
        _write_all(self._open(file_path), data, written.offset)
        self._unsynced[file_path] = written.offset + len(data)

    def sync(self) -> dict[str, int]:
        """Sync the files, and return the synced offset of each.

        Raises
        ------
        OSError
            A sync failed. Do not retry it: the kernel may have dropped the data, and would
            report success.
        """
        synced, self._unsynced = self._unsynced, {}
        for file_path in synced:
            os.fsync(self._open(file_path))
        return synced

    def recover(self, state: FileState, lines: Callable[[], Iterator[Line]], offset: int) -> None:
        """Rewrite a file from `offset` on; a file that differs is kept beside it.

        Parameters
        ----------
        lines
            Returns, each time it is called, the lines from the one at `offset` on.
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
        """Replace a session's file with one of these lines, and keep nothing of the old one.

        A crash leaves one or the other, complete.
        """
        self._close(state.file_path)
        path = self._path(state.file_path)
        temporary = path.with_name(_TEMPORARY)
        file = self._with_descriptors(lambda: os.open(temporary, _FLAGS | os.O_TRUNC, 0o600))
        try:
            offset = 0
            for data in _blocks(lines):
                _write_all(file, data, offset)
                offset += len(data)
            os.fsync(file)
        finally:
            os.close(file)
        temporary.replace(path)
        self._with_descriptors(lambda: sync_folder(path.parent))

    def size(self, file_path: str) -> int:
        """Return the size of a file in bytes; -1 when it is missing."""
        try:
            return (self.folder / file_path).lstat().st_size
        except FileNotFoundError:
            return -1

    def reserve(self, file_path: str) -> bool:
        """Create an empty file; return ``False`` when the path is taken."""
        path = self._path(file_path)
        try:
            os.close(self._with_descriptors(lambda: os.open(path, _FLAGS | os.O_EXCL, 0o600)))
        except FileExistsError:
            return False
        return True

    def remove(self, file_path: str) -> None:
        """Remove a file of a deleted or erased session, and the sub folders that get empty."""
        self._close(file_path)
        path = self._path(file_path, *_FOLDERS)
        path.unlink(missing_ok=True)
        for folder in path.relative_to(self.folder).parents[:-2]:
            with suppress(OSError):
                (self.folder / folder).rmdir()

    def remove_temporary(self) -> None:
        """Remove the file that a killed :meth:`replace` left."""
        self._path(f"sessions/{_TEMPORARY}").unlink(missing_ok=True)

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
        file = self._with_descriptors(lambda: os.open(path, _FLAGS, 0o600))
        if new:
            self._with_descriptors(lambda: sync_folder(path.parent))
        self._files[file_path] = file
        if len(self._files) > _OPEN_FILES:
            self._close_oldest()
        return file

    def _with_descriptors(self, work: Callable[[], T]) -> T:
        """Run `work`; where the process may open no more files, close those of others first."""
        try:
            return work()
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE) or not self._files:
                raise
        while self._files:
            self._close_oldest()
        return work()

    def _close_oldest(self) -> None:
        oldest, file = self._files.popitem(last=False)
        if oldest in self._unsynced:
            os.fsync(file)
        os.close(file)


def _write_all(file: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    os.lseek(file, offset, os.SEEK_SET)
    while view:
        view = view[os.write(file, view) :]


def _blocks(lines: Iterator[Line]) -> Iterator[bytes]:
    """Yield the bytes of `lines`, in blocks of about a megabyte."""
    block = bytearray()
    for line in lines:
        block += line.line.encode() + b"\n"
        if len(block) >= _BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def _is_foreign(file: int, lines: Iterator[Line], offset: int) -> bool:
    """Return whether the file, from `offset` on, differs from the beginning of `lines`."""
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
    """Copy a file to the first free name with ``.damaged`` appended."""
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
