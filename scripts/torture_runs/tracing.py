"""What a child did to its data folder, call by call, as ``strace`` saw it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.torture_runs.child import SESSION_FILE, Orders

# Whatever can change a file, a name or a position; what the simulated disk does not know of
# these ends the run, so that nothing is overlooked. A question mark: not on every machine.
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
    """A call that has returned.

    Attributes
    ----------
    path
        Of the file or folder that it worked on.
    data
        What was written.
    numbers
        Its numeric arguments behind the first.
    flags
        What else it was given.
    result
        What it returned; negative when it failed.
    """

    name: str
    path: str
    data: bytes
    numbers: tuple[int, ...]
    flags: str
    result: int
    injected: bool


def has_strace() -> bool:
    """Whether there is an ``strace`` to trace with."""
    return shutil.which("strace") is not None


def traced(
    orders: Orders,
    log: Path,
    says: Path,
    inject: Sequence[str] = (),
    only: Sequence[str] = (),
) -> list[str]:
    """The command line of a traced child.

    Parameters
    ----------
    log
        Where the calls go, behind those that are there.
    says
        The file that is the child's standard output; what it says is traced too.
    inject
        Faults, as ``strace`` takes them; they hit calls on the data folder alone.
    only
        The names of files in the data folder that are traced, instead of all that is there.
    """
    folder = Path(orders.folder)
    names = only or (".", "..", *FOLDERS, *SQLITE_FILES, "recorder.lock", SESSION_FILE)
    paths = [os.path.normpath(folder / name) for name in names] + [str(says)]
    return [
        *("strace", "-f", "--seccomp-bpf", "-qq", "-y", "-xx", "-s", "99999999", "-A"),
        *("-o", str(log), "-e", "signal=none", "-e", f"trace={','.join(TRACED)}"),
        *(word for path in paths for word in ("-P", path)),
        *(word for fault in inject for word in ("-e", f"inject={fault}")),
        *orders.command,
    ]


def calls(log: Path) -> Iterator[SystemCall]:
    """The calls of a log in the order in which they returned."""
    unfinished: dict[bytes, bytes] = {}
    with log.open("rb") as lines:
        for raw in lines:
            line = raw.rstrip(b"\n")
            if found := _UNFINISHED.fullmatch(line):
                unfinished[found[1]] = found[0].removesuffix(b" <unfinished ...>")
                continue
            if found := _RESUMED.fullmatch(line):
                line = unfinished.pop(found[1]) + found[2]
            if found := _CALL.fullmatch(line):
                yield _call(found)


def _call(found: re.Match[bytes]) -> SystemCall:
    name, arguments, result, opened = found.groups()
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
        found[0].endswith(b"(INJECTED)"),
    )


def _plain(text: bytes) -> bytes:
    return bytes.fromhex(text.replace(rb"\x", b"").decode())
