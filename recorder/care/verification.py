"""Proving that file and database say the same, and bringing back a file that does not."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from recorder.errors import DataFolderError, InvalidLine
from recorder.formatting import plural
from recorder.models import Change, Erased, Message, Session
from recorder.record import chain, jsonl
from recorder.record.changes import current
from recorder.recording.session_recorder import SessionRecorder
from recorder.store import checks
from recorder.store.folder import open_to_read, path_inside
from recorder.store.lines import Line, lines_from
from recorder.store.message_rows import MESSAGE_COLUMNS, message_row, withheld
from recorder.store.reading import Reader

_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Report:
    """What the verification of a session found; without faults all is well."""

    session: Session
    lines: int
    messages: int
    faults: tuple[str, ...]


def verify(
    reader: Reader,
    session: Session,
    *,
    recording: bool,
    heads: Iterable[chain.Head] = (),
    progress: Callable[[int], None] = lambda lines: None,
) -> Report:
    """Compare a session's file, lines, chain, messages and counts with each other.

    Parameters
    ----------
    recording
        Whether a recorder is running: then the last lines may not have reached the file.
    heads
        Heads that were noted earlier: the lines up to each of them have to be the same still.
    progress
        Called with the number of lines checked since the last call.
    """
    with checks.snapshot(reader) as connection, ExitStack() as files:
        totals = checks.totals(connection, session.id)
        check = _Check(session, totals, checks.changes(connection, session.id), recording)
        file: BinaryIO | None = None
        try:
            path = path_inside(reader.folder, session.file_path)
            file = files.enter_context(open_to_read(path))
        except DataFolderError as error:
            check.faults.append(str(error))
        except OSError as error:
            check.faults.append(f"{session.file_path}: cannot be read ({error.strerror})")
        check.run(checks.lines_with_messages(connection, session.id), file, progress)
        check.compare(lines_from(connection, session.id), heads)
    return Report(session, check.lines, check.messages, tuple(check.faults))


def verify_database(folder: Path) -> list[str]:
    """The faults of the database and its full-text index as a whole."""
    return checks.database_faults(folder)


async def rebuild_index(recorder: SessionRecorder) -> None:
    """Build the full-text index anew from the messages."""
    await recorder.call(lambda journal, _: checks.rebuild_index(journal.connection))


class _Check:
    """The walk over a session's lines; stops at the first one that differs."""

    def __init__(
        self,
        session: Session,
        totals: checks.Totals,
        changes: Mapping[int, list[str]],
        recording: bool,
    ) -> None:
        self.faults: list[str] = []
        self.lines = 0
        self.messages = 0
        self._session = session
        self._totals = totals
        self._recording = recording
        # Bytes that a running recorder has committed but need not have written yet.
        self._may_lack_from = totals.synced_bytes if recording else totals.byte_size
        self._offset = 0
        self._file_ended = False
        self._hash = chain.genesis(session.id)
        self._changes = changes

    def run(
        self,
        lines: Iterator[tuple[Line, tuple[Any, ...] | None]],
        file: BinaryIO | None,
        progress: Callable[[int], None],
    ) -> None:
        for line, row in lines:
            data = line.line.encode()
            fault = (
                self._chain_fault(line)
                or (self._file_fault(data + b"\n", file) if file else None)
                or self._message_fault(line, row)
            )
            if fault:
                self.faults.append(f"{self._session.file_path}, line {self.lines + 1}: {fault}")
                return
            self.lines += 1
            self._offset += len(data) + 1
            progress(1)
        self._end(file)

    def compare(self, lines: Iterator[Line], heads: Iterable[chain.Head]) -> None:
        """Look for the first of some heads, noted earlier, that the chain does not run through."""
        path, agree = self._session.file_path, not self.faults
        number, same, reached = 0, 0, chain.genesis(self._session.id)
        for head in sorted(heads, key=lambda head: head.lines):
            for line in islice(lines, head.lines - number):
                number += 1
                reached = _next_hash(reached, line)
            if number < head.lines:
                self.faults.append(
                    f"{path}: had {plural(head.lines, 'line')} when the head {head} was noted, and "
                    f"has {number} now: lines were dropped"
                )
            elif not hmac.compare_digest(reached, head.hash):
                self.faults.append(
                    f"{path}, lines {same + 1} to {head.lines}: are not those of the head {head}: "
                    "one or more were changed, dropped, added or moved after it was noted"
                )
            else:
                same = number
                continue
            if agree:
                self.faults.append(
                    f"{path}: file, database and chain agree, so the record was rewritten as a "
                    "whole, and only the head shows it (if it is one of this session)"
                )
            return

    def _chain_fault(self, line: Line) -> str | None:
        if line.line_number != self.lines + 1:
            return f"is missing in the database (the next one there is {line.line_number})"
        if line.byte_offset != self._offset:
            return f"begins at byte {self._offset}, the database says {line.byte_offset}"
        self._hash = _next_hash(self._hash, line)
        if not hmac.compare_digest(self._hash, line.hash):
            return "was changed in the database (its hash does not fit)"
        return None

    def _file_fault(self, expected: bytes, file: BinaryIO) -> str | None:
        if self._file_ended:  # bytes that are written meanwhile belong to earlier lines
            return None
        found = file.read(len(expected))
        if found == expected:
            return None
        if self._offset >= self._may_lack_from and expected.startswith(found):
            self._file_ended = True
            return None
        if not found:
            return "is missing in the file, which ends before it"
        differs = next(
            (n for n, (a, b) in enumerate(zip(found, expected, strict=False)) if a != b),
            len(found),
        )
        has = f"has {_shown(found[differs:])}" if found[differs:] else "ends there"
        return (
            f"differs from byte {differs} on: the file {has}, "
            f"the database has {_shown(expected[differs:])}"
        )

    def _message_fault(self, line: Line, row: tuple[Any, ...] | None) -> str | None:
        try:
            said = jsonl.decode(line.line)
            if line.erased_digest and not _is_erased(said):
                return "is noted as erased and says something"
            if not isinstance(said, Message):
                return "stands among the messages and is none" if row else None
            about = -1 if said.message_id is None else said.message_id
            later = [jsonl.decode(change) for change in self._changes.get(about, ())]
        except InvalidLine as error:
            return str(error)
        self.messages += 1
        if row is None:
            return "is missing among the messages"
        now = current(said, [change for change in later if not isinstance(change, Message)])
        expected = message_row(self._session.id, self.messages, now)
        for column, is_now, was in zip(MESSAGE_COLUMNS[1:], row, expected, strict=True):
            if is_now != was:
                return (
                    f"its message was changed in the database: {column} is {is_now!r}, not {was!r}"
                )
        return None

    def _end(self, file: BinaryIO | None) -> None:
        path, totals = self._session.file_path, self._totals
        for what, counted, stored in (
            ("messages", self.messages, totals.message_count),
            ("rows among the messages", totals.messages, totals.message_count),
            ("lines", self.lines, totals.line_count),
            ("bytes", self._offset, totals.byte_size),
        ):
            if counted != stored:
                self.faults.append(f"{path}: has {counted} {what}, the database counts {stored}")
        if not self.faults and not hmac.compare_digest(self._hash, totals.head):
            self.faults.append(f"{path}: the head of the chain does not fit")
        # Behind this snapshot a running recorder may have written more.
        growing = self._recording and self._session.status != "stopped"
        if file and not growing and not self._file_ended and (more := file.read(_SHOWN)):
            self.faults.append(
                f"{path}, line {self.lines + 1}: is not in the database: {_shown(more)}"
            )


def _is_erased(said: Message | Change) -> bool:
    """Whether a line holds no more than an erasure leaves."""
    if isinstance(said, Message):
        erased_at = said.extra.get("erased_at")
        return said == withheld(said, {"erased_at": erased_at}) and said.withheld == "erased"
    return isinstance(said, Erased)


def _next_hash(before: bytes, line: Line) -> bytes:
    return chain.link(before, line.erased_digest or chain.digest(line.key, line.line.encode()))


def _shown(data: bytes) -> str:
    return repr(data[:_SHOWN].decode(errors="replace"))
