"""Verification that file and database agree, and the result of the last one."""

from __future__ import annotations

import hmac
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from recorder.errors import DataFolderError, InvalidLine
from recorder.formatting import plural
from recorder.models import Change, Edit, Entry, Erased, KeptFile, Message, Session, SessionEvent
from recorder.record import chain, jsonl
from recorder.record.changes import current
from recorder.record.redaction import ANONYMOUS_ID, is_redacted
from recorder.record.session_events import numbers_in, with_effect
from recorder.recording.session_recorder import SessionRecorder
from recorder.store import attachment_checks, checks, derived_rows, ledger_checks
from recorder.store.folder import open_to_read, path_inside
from recorder.store.lines import Line, lines_from
from recorder.store.message_rows import MESSAGE_COLUMNS, message_row, withheld
from recorder.store.reading import Reader

LAST_VERIFICATION_NAME = "last_verification.json"

_EXCERPT_BYTES = 60


@dataclass(frozen=True, slots=True)
class Report:
    """The result of verifying a session; without faults it is sound."""

    session: Session
    lines: int
    messages: int
    erased: int
    """The number of lines whose content was erased."""
    erasures: frozenset[int]
    """The ids of the erasures of this content; one may concern several sessions."""
    kept: Mapping[str, KeptFile]
    """The kept files of its messages, by URL."""
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LastVerification:
    """The time and result of a verification of all sessions."""

    at: datetime
    sessions: int
    lines: int
    faults: int


def verify(
    reader: Reader,
    session: Session,
    *,
    recording: bool,
    heads: Iterable[chain.Head] = (),
    progress: Callable[[int], None] = lambda lines: None,
) -> Report:
    """Compare the file, lines, chain, messages and counts of a session with each other.

    Parameters
    ----------
    recording
        Whether a recorder is running; then the file may lack the last lines.
    heads
        Heads that were noted earlier; the lines up to each of them must be unchanged.
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
        if not check.faults:
            found = derived_rows.faults(connection, session.id, check.events, check.channels)
            check.faults += [f"{session.file_path}: {fault}" for fault in found]
            check.faults += attachment_checks.faults(connection, reader.folder, check.kept)
    return Report(
        session,
        check.lines,
        check.messages,
        len(check.erased),
        _erasures(check.events),
        check.kept,
        tuple(check.faults),
    )


def _erasures(events: Sequence[SessionEvent]) -> frozenset[int]:
    ids = [e.details.get("erasure") for e in with_effect(events) if e.event == "erasure"]
    return frozenset(number for number in ids if isinstance(number, int))


def verify_database(folder: Path) -> list[str]:
    """Return the faults of the database as a whole, of its full-text index and its ledger."""
    with checks.snapshot(Reader(folder)) as connection:
        faults = list(ledger_checks.faults(connection))
    return [*checks.database_faults(folder), *faults]


def unknown_files(reader: Reader, reports: Iterable[Report]) -> list[str]:
    """Return the faults of kept files of which no line of the verified sessions says so."""
    kept = {url for report in reports for url in report.kept}
    return attachment_checks.unknown_files(reader, kept)


async def rebuild_index(recorder: SessionRecorder) -> None:
    """Rebuild the full-text index from the messages."""
    await recorder.call(lambda journal: checks.rebuild_index(journal.connection))


def save_last_verification(folder: Path, last: LastVerification) -> None:
    """Save the result of a verification in a data folder; do nothing if that cannot be written."""
    text = json.dumps({**asdict(last), "at": last.at.isoformat()})
    with suppress(OSError):
        descriptor, path = tempfile.mkstemp(dir=folder, prefix=f".{LAST_VERIFICATION_NAME}-")
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{text}\n")
        os.replace(path, folder / LAST_VERIFICATION_NAME)  # noqa: PTH105


def load_last_verification(folder: Path) -> LastVerification | None:
    """Return the result of the last verification, or ``None`` if there is no readable one."""
    try:
        with open_to_read(folder / LAST_VERIFICATION_NAME) as file:
            values = json.loads(file.read())
        at = datetime.fromisoformat(values.pop("at"))
        last = LastVerification(at, **{name: int(value) for name, value in values.items()})
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return None
    return last if at.tzinfo else None


class _Check:
    """A pass over the lines of a session, which stops at the first one that differs."""

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
        # A running recorder may not yet have written what it committed after this byte.
        self._optional_from = totals.synced_bytes if recording else totals.byte_size
        self._offset = 0
        self._file_ended = False
        self._hash = chain.genesis(session.id)
        self._changes = changes
        self._last_id = 0
        self._newest_time: datetime | None = None
        self._in_order = True
        self.events: list[SessionEvent] = []
        self.channels: set[str] = set()
        self.kept: dict[str, KeptFile] = {}
        self.erased: dict[int, bytes] = {}  # the digests of their remains

    def run(
        self,
        lines: Iterator[tuple[Line, tuple[Any, ...] | None]],
        file: BinaryIO | None,
        progress: Callable[[int], None],
    ) -> None:
        for line, row in lines:
            if not isinstance(line.line, str):  # in a damaged database
                self.faults.append(f"{self._session.file_path}, line {self.lines + 1}: is no text")
                return
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
        """Add a fault for the first of the noted heads that does not match the chain."""
        path, agree = self._session.file_path, not self.faults
        number, matched, hash_ = 0, 0, chain.genesis(self._session.id)
        for head in sorted(heads, key=lambda head: head.lines):
            for line in islice(lines, head.lines - number):
                number += 1
                hash_ = _next_hash(hash_, line)
            if number < head.lines:
                self.faults.append(
                    f"{path}: had {plural(head.lines, 'line')} when the head {head} was noted, and "
                    f"has {number} now: lines were removed"
                )
            elif not hmac.compare_digest(hash_, head.hash):
                self.faults.append(
                    f"{path}, lines {matched + 1} to {head.lines}: do not match the head {head}: "
                    "some were changed, removed, added or moved after it was noted"
                )
            else:
                matched = number
                continue
            if agree:
                self.faults.append(
                    f"{path}: file, database and chain agree, so the whole record was rewritten "
                    "(unless the head belongs to another session)"
                )
            return

    def _chain_fault(self, line: Line) -> str | None:
        if line.line_number != self.lines + 1:
            return f"is missing in the database (the next one there is {line.line_number})"
        if line.id <= self._last_id:
            return f"has the id {line.id}, less than that of the line before"
        self._last_id = line.id
        if line.byte_offset != self._offset:
            return f"begins at byte {self._offset}, the database has {line.byte_offset}"
        self._hash = _next_hash(self._hash, line)
        if not hmac.compare_digest(self._hash, line.hash):
            return "was changed in the database (its hash does not match)"
        return None

    def _file_fault(self, expected: bytes, file: BinaryIO) -> str | None:
        if self._file_ended:  # later bytes belong to earlier lines
            return None
        actual = file.read(len(expected))
        if actual == expected:
            return None
        if self._offset >= self._optional_from and expected.startswith(actual):
            self._file_ended = True
            return None
        if not actual:
            return "is missing in the file, which ends before it"
        begin = next(
            (n for n, (a, b) in enumerate(zip(actual, expected, strict=False)) if a != b),
            len(actual),
        )
        has = f"has {_excerpt(actual[begin:])}" if actual[begin:] else "ends there"
        return (
            f"differs from byte {begin} on: the file {has}, "
            f"the database has {_excerpt(expected[begin:])}"
        )

    def _message_fault(self, line: Line, row: tuple[Any, ...] | None) -> str | None:
        try:
            entry = jsonl.decode(line.line)
            if fault := self._about_fault(line, entry) or self._erasure_fault(line, entry):
                return fault
            if not isinstance(entry, Message):
                self._take(entry)
                return "has a row in messages but is no message" if row else None
            message_id = -1 if entry.message_id is None else entry.message_id
            later = [jsonl.decode(change) for change in self._changes.get(message_id, ())]
        except InvalidLine as error:
            return str(error)
        self.messages += 1
        self.channels.add(entry.channel_id or "")
        if self._newest_time is not None and entry.timestamp < self._newest_time:
            self._in_order = False
        else:
            self._newest_time = entry.timestamp
        if row is None:
            return "has no row in messages"
        message = current(entry, [change for change in later if isinstance(change, Change)])
        expected_row = message_row(self._session.id, self.messages, message)
        for column, actual, expected in zip(MESSAGE_COLUMNS[1:], row, expected_row, strict=True):
            if actual != expected:
                return (
                    "its message was changed in the database: "
                    f"{column} is {actual!r}, not {expected!r}"
                )
        return None

    def _take(self, entry: Change | SessionEvent) -> None:
        if isinstance(entry, SessionEvent):
            self.events.append(entry)
        elif isinstance(entry, KeptFile):
            self.kept[entry.url] = entry

    def _about_fault(self, line: Line, entry: Entry) -> str | None:
        about = entry.message_id if isinstance(entry, Change) else None
        if line.about == about:
            return None
        return f"is about the message {about}, the database has {line.about}"

    def _erasure_fault(self, line: Line, entry: Entry) -> str | None:
        if line.erased_digest is None:
            return None
        if not _is_erased(entry):
            return "is marked as erased but has content"
        self.erased[line.line_number] = chain.digest(b"", line.line.encode())
        return "is erased but has a key" if line.key else None

    def _erasure_faults(self) -> Iterator[str]:
        """Yield the faults of erased lines: each has to be covered by the line of an erasure.

        A later erasure of one of its lines covers all lines of an earlier one.
        """
        covered: set[int] = set()
        for event in reversed(list(with_effect(self.events))):
            if event.event != "erasure":
                continue
            try:
                numbers = numbers_in(str(event.details.get("lines")))
                if covered.issuperset(numbers) and numbers:
                    continue
                remains = chain.commitment(self.erased[number] for number in numbers)
            except (KeyError, ValueError):
                yield f"lines that are not erased are in an erasure: {event.content}"
                continue
            if remains != event.details.get("remains"):
                yield f"what remains of erased lines was changed: {event.content}"
            covered.update(numbers)
        for number in sorted(self.erased.keys() - covered):
            yield f"line {number} was erased, but no erasure says so"

    def _end(self, file: BinaryIO | None) -> None:
        path, totals = self._session.file_path, self._totals
        for what, counted, stored in (
            ("messages", self.messages, totals.message_count),
            ("rows in messages", totals.messages, totals.message_count),
            ("lines", self.lines, totals.line_count),
            ("bytes", self._offset, totals.byte_size),
        ):
            if counted != stored:
                self.faults.append(f"{path}: has {counted} {what}, the database counts {stored}")
        if self._in_order != totals.in_order:
            self.faults.append(f"{path}: in_order is {totals.in_order} in the database")
        if not 0 <= totals.synced_bytes <= totals.byte_size:
            self.faults.append(f"{path}: synced_bytes is {totals.synced_bytes} in the database")
        self.faults += (f"{path}: {fault}" for fault in self._erasure_faults())
        if not self.faults and not hmac.compare_digest(self._hash, totals.head):
            self.faults.append(f"{path}: the head of the chain does not match")
        # A running recorder may have written more since this snapshot.
        growing = self._recording and self._session.status != "stopped"
        if file and not growing and not self._file_ended and (more := file.read(_EXCERPT_BYTES)):
            self.faults.append(
                f"{path}, line {self.lines + 1}: is not in the database: {_excerpt(more)}"
            )


def _is_erased(entry: Entry) -> bool:
    """Return whether a line has only what an erasure leaves."""
    if isinstance(entry, Message | Edit) and is_redacted(entry.extra):
        return True
    if isinstance(entry, SessionEvent):
        return "erased_at" in entry.details and entry.details.get("user_id") == ANONYMOUS_ID
    if isinstance(entry, Message):
        erased_at = entry.extra.get("erased_at")
        return entry == withheld(entry, {"erased_at": erased_at}) and entry.withheld == "erased"
    return isinstance(entry, Erased)


def _next_hash(previous: bytes, line: Line) -> bytes:
    return chain.link(previous, line.erased_digest or chain.digest(line.key, line.line.encode()))


def _excerpt(data: bytes) -> str:
    return repr(data[:_EXCERPT_BYTES].decode(errors="replace"))
