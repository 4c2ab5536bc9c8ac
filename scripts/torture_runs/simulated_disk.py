"""A disk that keeps synced data, and any part of the rest, when the power fails.

The content of a file is synced by ``fsync`` or ``fdatasync`` of the file; its name, like that
of a folder, by a sync of the parent folder. A failed sync drops its data for good: a later one
reports success without it, as on Linux.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

from scripts.torture_runs.tracing import SystemCall

_SECTOR = 512


@dataclass(frozen=True, slots=True)
class _Write:
    offset: int
    data: bytes

    def apply(self, content: bytearray) -> None:
        if len(content) < self.offset:
            content.extend(bytes(self.offset - len(content)))
        content[self.offset : self.offset + len(self.data)] = self.data

    def torn(self, chance: random.Random) -> list[_Change]:
        """Return what may reach the disk: of each sector all, nothing, or the first bytes."""
        kept: list[_Change] = []
        at = self.offset
        end = at + len(self.data)
        while at < end:
            until = min(at - at % _SECTOR + _SECTOR, end)
            share = chance.choice([0, 0, 1, 1, chance.random()])
            part = self.data[at - self.offset : at - self.offset + int((until - at) * share)]
            if part:
                kept.append(_Write(at, part))
            at = until
        return kept


@dataclass(frozen=True, slots=True)
class _Truncate:
    size: int

    def apply(self, content: bytearray) -> None:
        content.extend(bytes(max(self.size - len(content), 0)))
        del content[self.size :]

    def torn(self, chance: random.Random) -> list[_Change]:
        return [self] if chance.random() < 0.5 else []


_Change = _Write | _Truncate


@dataclass(slots=True)
class _File:
    is_folder: bool = False
    content: bytearray = field(default_factory=bytearray)
    unsynced: list[_Change] = field(default_factory=list)

    def sync(self) -> None:
        for change in self.unsynced:
            change.apply(self.content)
        self.unsynced.clear()

    def after_power_cut(self, chance: random.Random) -> bytes:
        """Return the synced content with none, the first, any or all of the other changes."""
        how = chance.choice(["nothing", "first part", "any part", "all"])
        whole, torn = len(self.unsynced), 0
        if how == "first part":
            whole = chance.randint(0, whole)
            torn = 1
        elif how != "all":
            whole, torn = 0, whole if how == "any part" else 0
        return bytes(self._with(whole, torn, chance))

    def fail_to_sync(self, chance: random.Random) -> None:
        """Drop all or some of the unsynced changes; a later sync does not retry them."""
        torn = chance.choice([0, len(self.unsynced)])
        self.content = self._with(0, torn, chance)
        self.unsynced.clear()

    def _with(self, whole: int, torn: int, chance: random.Random) -> bytearray:
        """Return the synced content with `whole` complete changes and then `torn` partial ones."""
        content = bytearray(self.content)
        for change in self.unsynced[:whole]:
            change.apply(content)
        for change in self.unsynced[whole : whole + torn]:
            for part in change.torn(chance):
                part.apply(content)
        return content


class SimulatedDisk:
    """A folder on a disk, as the system calls of a traced process leave it.

    Parameters
    ----------
    folder
        The folder of the process; it need not exist any more.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._now: dict[Path, _File] = {folder.parent: _File(is_folder=True)}
        self._synced: dict[Path, _File] = dict(self._now)
        self._renamed: dict[Path, list[tuple[Path, _File | None]]] = {}
        self._positions: dict[Path, int] = {}

    def apply(self, call: SystemCall, chance: random.Random) -> None:
        """Apply a call; `chance` decides what a failed sync keeps.

        Raises
        ------
        NotImplementedError
            The call is unknown.
        """
        path = Path(call.path)
        if self._folder not in (path, *path.parents) and path != self._folder.parent:
            return
        if call.name in ("fsync", "fdatasync"):
            self._sync(path, call.result == 0, chance)
        elif call.result < 0:
            return
        elif call.name in ("openat", "mkdir"):
            self._open(path, call)
        elif call.name == "unlink":
            self._rename(path, None)
        elif call.name == "lseek":
            self._positions[path] = call.result
        elif call.name == "write":
            self._change(path, _Write(self._positions[path], call.data[: call.result]))
            self._positions[path] += call.result
        elif call.name == "pwrite64":
            self._change(path, _Write(call.numbers[-1], call.data[: call.result]))
        elif call.name == "ftruncate":
            self._change(path, _Truncate(call.numbers[-1]))
        else:
            raise NotImplementedError(f"the simulated disk does not know {call.name}")

    def cut_power(self, target: Path, chance: random.Random) -> None:
        """Write the state of the disk after a power cut to the folder `target`."""
        entries: dict[Path, _File | None] = dict(self._synced)
        for changes in self._renamed.values():  # in order, as with a journal
            entries |= changes[: chance.randint(0, len(changes))]
        for path, file in sorted(entries.items(), key=lambda entry: entry[0]):
            copy = target / path.relative_to(self._folder.parent)
            if file is None or not copy.parent.is_dir() or path.name.endswith("-shm"):
                continue  # shared memory is rebuilt
            if file.is_folder:
                copy.mkdir(mode=0o700, exist_ok=True)
            else:
                copy.write_bytes(file.after_power_cut(chance))

    def _open(self, path: Path, call: SystemCall) -> None:
        self._positions[path] = 0
        if path not in self._now:
            self._rename(path, _File(is_folder=call.name == "mkdir"))
        if "O_TRUNC" in call.flags:
            self._change(path, _Truncate(0))

    def _rename(self, path: Path, file: _File | None) -> None:
        """Bind a name to another file, or to none."""
        if file is None:
            self._now.pop(path, None)
        else:
            self._now[path] = file
        self._renamed.setdefault(path.parent, []).append((path, file))

    def _change(self, path: Path, change: _Change) -> None:
        if path in self._now:  # otherwise its name is removed, and the data with it
            self._now[path].unsynced.append(change)

    def _sync(self, path: Path, succeeded: bool, chance: random.Random) -> None:
        file = self._now.get(path)
        if file is None:
            return
        if not succeeded:
            file.fail_to_sync(chance)
        elif file.is_folder:
            for name, entry in self._renamed.pop(path, []):
                if entry is None:
                    self._synced.pop(name, None)
                else:
                    self._synced[name] = entry
        else:
            file.sync()
