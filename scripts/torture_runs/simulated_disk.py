"""A disk that keeps what was synced, and of the rest what it likes, when the power fails.

A file's content is kept by ``fsync`` or ``fdatasync`` of the file; its name, and that of a
folder, by a sync of the folder that it stands in. A sync that fails drops what it should
have kept for good: a later one reports success without it, as Linux does.
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
        """What the disk has of it: of each sector all, nothing, or the first bytes."""
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
        """The content with nothing, a first part, any part or all of what is not synced."""
        how = chance.choice(["nothing", "first part", "any part", "all"])
        whole, torn = len(self.unsynced), 0
        if how == "first part":
            whole = chance.randint(0, whole)
            torn = 1
        elif how != "all":
            whole, torn = 0, whole if how == "any part" else 0
        return bytes(self._with(whole, torn, chance))

    def fail_to_sync(self, chance: random.Random) -> None:
        """Drop all or some of what is not synced; a later sync knows nothing of it."""
        torn = chance.choice([0, len(self.unsynced)])
        self.content = self._with(0, torn, chance)
        self.unsynced.clear()

    def _with(self, whole: int, torn: int, chance: random.Random) -> bytearray:
        """The synced content with so many whole changes, and so many torn ones behind them."""
        content = bytearray(self.content)
        for change in self.unsynced[:whole]:
            change.apply(content)
        for change in self.unsynced[whole : whole + torn]:
            for part in change.torn(chance):
                part.apply(content)
        return content


class SimulatedDisk:
    """What the calls of a traced process have made of a folder and what is in it.

    Parameters
    ----------
    folder
        The folder that the process was given; it need not exist any more.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._now: dict[Path, _File] = {folder.parent: _File(is_folder=True)}
        self._synced: dict[Path, _File] = dict(self._now)
        self._renamed: dict[Path, list[tuple[Path, _File | None]]] = {}
        self._positions: dict[Path, int] = {}

    def apply(self, call: SystemCall, chance: random.Random) -> None:
        """Do what a call did; `chance` says what a sync that fails has kept.

        Raises
        ------
        NotImplementedError
            A call that this disk does not know.
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
        """Write to `target`, a folder that is made, what is on the disk afterwards."""
        entries: dict[Path, _File | None] = dict(self._synced)
        for changes in self._renamed.values():  # in order, as by a journal
            entries |= changes[: chance.randint(0, len(changes))]
        for path, file in sorted(entries.items(), key=lambda entry: entry[0]):
            place = target / path.relative_to(self._folder.parent)
            if file is None or not place.parent.is_dir() or path.name.endswith("-shm"):
                continue  # what is in shared memory is rebuilt
            if file.is_folder:
                place.mkdir(mode=0o700, exist_ok=True)
            else:
                place.write_bytes(file.after_power_cut(chance))

    def _open(self, path: Path, call: SystemCall) -> None:
        self._positions[path] = 0
        if path not in self._now:
            self._rename(path, _File(is_folder=call.name == "mkdir"))
        if "O_TRUNC" in call.flags:
            self._change(path, _Truncate(0))

    def _rename(self, path: Path, file: _File | None) -> None:
        """Let a name stand for another file, or for none."""
        if file is None:
            self._now.pop(path, None)
        else:
            self._now[path] = file
        self._renamed.setdefault(path.parent, []).append((path, file))

    def _change(self, path: Path, change: _Change) -> None:
        if path in self._now:  # else its name is gone, and what is written will be too
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
