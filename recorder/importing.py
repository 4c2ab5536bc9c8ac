"""Reading JSONL files back: ours, and those with only the specification's keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from recorder import jsonl
from recorder.errors import InvalidInput, InvalidLine, NotFound
from recorder.models import Change, Message, Session
from recorder.names import check_name, file_stem
from recorder.projection import Projection
from recorder.session_manager import free_file_path
from recorder.session_recorder import SessionRecorder
from recorder.store import lifecycle
from recorder.store.journal import Journal

_DATED = re.compile(r"^(?P<name>.+)_\d{4}-\d{2}-\d{2}(-\d+)?$")
_LINES_AT_ONCE = 1_000
_LONGEST_LINE = 64 << 20


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is not a message: where it stands and what is wrong with it."""

    path: Path
    line_number: int
    fault: str

    def __str__(self) -> str:
        return f"{self.path}, line {self.line_number}: {self.fault}"


@dataclass(frozen=True, slots=True)
class Imported:
    """What came in, and what was left out."""

    session: Session
    left_out: tuple[BadLine, ...]


async def import_jsonl(
    recorder: SessionRecorder,
    path: Path,
    timezone: ZoneInfo,
    *,
    name: str | None = None,
    guild_id: str | None = None,
    skip_bad_lines: bool = False,
    progress: Callable[[int], None] = lambda count: None,
) -> Imported:
    """Read a JSONL file into a new, stopped session: all of it, or nothing.

    Parameters
    ----------
    name
        Of the session; by default the file's name without date and suffix.
    guild_id
        The guild it belongs to, so that its members find it; none by default.
    skip_bad_lines
        Leave out lines that are no messages, instead of refusing the file.
    progress
        Called with the number of bytes read since the last call.

    Raises
    ------
    NotFound
        The file cannot be read.
    InvalidInput
        It has a bad line, or no message at all.
    Conflict
        The name is taken.
    """
    dated = _DATED.match(path.stem)
    name = check_name(name or (dated["name"] if dated else path.stem))
    bad = [line for line in _read(path, progress) if isinstance(line, BadLine)]
    if bad and not skip_bad_lines:
        more = f" ({len(bad) - 1} further lines are bad too)" if len(bad) > 1 else ""
        raise InvalidInput(
            f"{bad[0]}{more}. Nothing was imported. Mend the file, or leave such lines out with "
            "--skip-bad-lines."
        )
    first = next((line for line in _read(path) if isinstance(line, Message)), None)
    if first is None:
        raise InvalidInput(f"{path} holds no messages. Nothing was imported.")
    stem = file_stem(name, first.timestamp.astimezone(timezone).date())

    def insert(journal: Journal, projection: Projection) -> str:
        session_id = lifecycle.insert_imported(
            journal,
            name,
            guild_id,
            lambda: free_file_path(journal, projection, stem),
            first.timestamp,
        )
        session = journal.open_session(session_id)
        newest = first.timestamp
        for number, line in enumerate(_read(path, progress), 1):
            if isinstance(line, Message):
                journal.append(session, line)
                newest = max(newest, line.timestamp)
            elif not isinstance(line, BadLine):
                journal.append_change(session, line)
            if number % _LINES_AT_ONCE == 0:
                journal.flush()
                journal.leave_unwritten(
                    session.file_path
                )  # the file is written whole, after the commit
        journal.flush()
        journal.leave_unwritten(session.file_path)
        lifecycle.end_imported(journal, session_id, first.timestamp, newest)
        return session_id

    session_id = await recorder.call(insert)
    await recorder.rewrite(session_id)
    session = await recorder.call(lambda journal, _: lifecycle.session(journal, session_id))
    return Imported(session, tuple(bad))


def _read(
    path: Path, progress: Callable[[int], None] = lambda count: None
) -> Iterator[Message | Change | BadLine]:
    """The lines of a file, empty ones left out."""
    try:
        with path.open("rb") as file:
            number = 0
            while data := file.readline(_LONGEST_LINE):
                number += 1
                progress(len(data))
                if data.strip():
                    yield _parse(path, number, data)
    except OSError as error:
        raise NotFound(f"{path} cannot be read ({error.strerror}).") from error


def _parse(path: Path, number: int, data: bytes) -> Message | Change | BadLine:
    try:
        # Some editors put a byte order mark before the first line.
        text = data.decode("utf-8-sig" if number == 1 else "utf-8")
        return jsonl.decode(text.rstrip("\r\n"))
    except UnicodeDecodeError as error:
        return BadLine(path, number, f"is not UTF-8 (byte {error.start + 1} of the line)")
    except InvalidLine as error:
        torn = "" if data.endswith(b"\n") else " and has no end: it may be torn"
        return BadLine(path, number, f"{error}{torn}")
