"""The system calls of a child on its data folder, as ``strace`` logs them."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.torture_runs.child import SESSION_FILE, Orders

# Every call that can change a file, a name or a position. The simulated disk raises for those
# that it does not know, so that none is overlooked. A question mark: not on every machine.
TRACED = (
    "write pwrite64 pwritev pwritev2 writev sendfile copy_file_range fallocate ftruncate truncate "
    "fsync fdatasync sync_file_range lseek openat ?open ?creat ?mkdir mkdirat ?rmdir ?unlink "
    "unlinkat ?rename renameat renameat2 ?link linkat ?symlink symlinkat"
).split()
SQLITE_FILES = ("recorder.db", "recorder.db-wal", "recorder.db-journal", "recorder.db-shm")
FOLDERS = ("sessions", "exports", "attachments")

_CALL = re.compile(rb"\d+ +(\w+)\((.*)\) += (-?\d+)(?:<([^>]*)>)?.*")
_UNFINISHED = re.compile(rb"(\d+) +(.*) <unfinished \.\.\.>")
_RESUMED = re.compile(rb"(\d+) +<\.\.\. \w+ resumed>(.*)")
_FILE = re.compile(rb"(?:AT_FDCWD|\d+)<([^>]*)>")
_TEXT = re.compile(rb'"((?:\\x[0-9a-f]{2})*)"')
_NUMBER = re.compile(rb", (-?\d+)")


@dataclass(frozen=True, slots=True)
class SystemCall:
    """A system call that has returned.

    Attributes
    ----------
    path
        The path of the file or folder.
    data
        The bytes that it writes.
    numbers
        The numeric arguments after the first.
    flags
        The other arguments.
    result
        The return value; negative when it failed.
    """

    name: str
    path: str
    data: bytes
    numbers: tuple[int, ...]
    flags: str
    result: int
    injected: bool


def has_strace() -> bool:
    """Return whether ``strace`` is installed."""
    return shutil.which("strace") is not None


def traced(
    orders: Orders,
    log: Path,
    output: Path,
    inject: Sequence[str] = (),
    only: Sequence[str] = (),
) -> list[str]:
    """Return the command line of a traced child.

    Parameters
    ----------
    log
        The file to append the calls to.
    output
        The file of the child's standard output, which is traced too.
    inject
        Faults in the syntax of ``strace``; they hit calls on the data folder only.
    only
        The names of the files in the data folder to trace; all by default.
    """
    folder = Path(orders.folder)
    names = only or (".", "..", *FOLDERS, *SQLITE_FILES, "recorder.lock", SESSION_FILE)
    paths = [os.path.normpath(folder / name) for name in names] + [str(output)]
    return [
        *("strace", "-f", "--seccomp-bpf", "-qq", "-y", "-xx", "-s", "99999999", "-A"),
        *("-o", str(log), "-e", "signal=none", "-e", f"trace={','.join(TRACED)}"),
        *(word for path in paths for word in ("-P", path)),
        *(word for fault in inject for word in ("-e", f"inject={fault}")),
        *orders.command,
    ]


def calls(log: Path) -> Iterator[SystemCall]:
    """Yield the calls of a log in the order in which they returned."""
    unfinished: dict[bytes, bytes] = {}
    with log.open("rb") as lines:
        for raw in lines:
            line = raw.rstrip(b"\n")
            if match := _UNFINISHED.fullmatch(line):
                unfinished[match[1]] = match[0].removesuffix(b" <unfinished ...>")
                continue
            if match := _RESUMED.fullmatch(line):
                line = unfinished.pop(match[1]) + match[2]
            if match := _CALL.fullmatch(line):
                yield _call(match)


def _call(match: re.Match[bytes]) -> SystemCall:
    name, arguments, result, opened = match.groups()
    texts = [_plain(text) for text in _TEXT.findall(arguments)]
    rest = _TEXT.sub(b"", arguments)
    file = _FILE.match(arguments)
    if opened:
        path = _plain(opened)
    elif file and not file[0].startswith(b"AT_FDCWD"):
        path = _plain(file[1])
    else:
        path = texts[0]
    return SystemCall(
        name.decode(),
        path.decode(),
        b"".join(texts),
        tuple(map(int, _NUMBER.findall(rest))),
        rest.decode(),
        int(result),
        match[0].endswith(b"(INJECTED)"),
    )


def _plain(text: bytes) -> bytes:
    return bytes.fromhex(text.replace(rb"\x", b"").decode())
