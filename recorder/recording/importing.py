"""Import files into sessions: DiscordChatExporter's JSON, JSONL of the recorder, plain JSONL."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from zoneinfo import ZoneInfo

from recorder.errors import InvalidInput
from recorder.formats.import_sources import Record, Source, Unreadable, open_source
from recorder.formatting import local_time
from recorder.models import Entry, KeptFile, Message, Session, SessionEvent
from recorder.record.names import check_name, file_stem, nearest_name
from recorder.recording.session_recorder import SessionRecorder
from recorder.store import imported_sessions, sessions
from recorder.store.already_imported import AlreadyImported
from recorder.store.journal import Journal
from recorder.store.open_session import OpenSession, load_open_session

_DATED = re.compile(r"^(?P<name>.+)_\d{4}-\d{2}-\d{2}(-\d+)?$")
_RECORDS_AT_ONCE = 1_000
_NAMED = 100


@dataclass(frozen=True, slots=True)
class Imported:
    """The result of an import.

    Parameters
    ----------
    added
        The number of messages that the session did not hold before.
    left_out
        The places in the file that could not be read; of very many the first.
    left_out_count
        The number of all such places.
    """

    session: Session
    added: int
    left_out: tuple[Unreadable, ...]
    left_out_count: int


class _LeftOut:
    """The places that could not be read: the first ones, and the number of all."""

    def __init__(self) -> None:
        self.first: list[Unreadable] = []
        self.count = 0

    def add(self, record: Unreadable) -> None:
        self.count += 1
        if len(self.first) < _NAMED:
            self.first.append(record)


async def import_file(
    recorder: SessionRecorder,
    path: Path,
    timezone: ZoneInfo,
    *,
    name: str | None = None,
    guild_id: str | None = None,
    strict: bool = False,
    now: datetime,
    progress: Callable[[int], None] = lambda count: None,
) -> Imported:
    """Import a file into a new, stopped session, or its new content into that of an earlier import.

    Parameters
    ----------
    name
        The name of the session; by default the channel's name in the file, else the file's name
        without date and suffix.
    guild_id
        The guild with the members who may find it; by default the one in the file.
    strict
        Import nothing when a place cannot be read, instead of leaving it out. The file is then
        read twice.
    progress
        Called with the number of bytes read since the last call.

    Raises
    ------
    NotFound
        The file cannot be read.
    InvalidInput
        It has no message, or a place that cannot be read and `strict` is set.
    Conflict
        The name is taken.
    """
    if name is not None:
        name = check_name(name)
    if strict:
        _check(path, progress)

    def insert(journal: Journal) -> tuple[OpenSession, int, int]:
        with open_source(path, progress) as source:
            records = iter(_readable(source.records, left_out))
            first, leading = _first_message(records)
            if first is None:
                raise _no_messages(path, left_out)
            target = _Target(
                name or _name(path, source), guild_id or source.guild_id, source.channel_id
            )
            session, before = _existing(journal, target, first) or (
                _new(journal, target, first, timezone),
                None,
            )
            messages, lines = session.message_count, session.line_count
            _append(journal, session, before, chain(leading, records), path.name, now)
            return session, session.message_count - messages, session.line_count - lines

    left_out = _LeftOut()
    imported, messages, lines = await recorder.call(insert)
    if lines:
        await recorder.rewrite(imported.id)
    session = await recorder.call(lambda journal: sessions.session(journal, imported.id))
    return Imported(session, messages, tuple(left_out.first), left_out.count)


@dataclass(frozen=True, slots=True)
class _Target:
    """The session that a file is imported into."""

    name: str
    guild_id: str | None
    channel_id: str | None


def _check(path: Path, progress: Callable[[int], None]) -> None:
    """Raise an error for a file with a place that cannot be read."""
    left_out = _LeftOut()
    with open_source(path, progress) as source:
        for _ in _readable(source.records, left_out):
            pass
    if left_out.count:
        more = f" ({left_out.count - 1} further places are bad too)" if left_out.count > 1 else ""
        raise InvalidInput(
            f"{left_out.first[0]}{more}. Nothing was imported. Mend the file, or leave out "
            "--strict to have the rest come in."
        )


def _readable(records: Iterator[Record], left_out: _LeftOut) -> Iterator[Entry]:
    for record in records:
        if isinstance(record, Unreadable):
            left_out.add(record)
        else:
            yield record


def _first_message(records: Iterator[Entry]) -> tuple[Message | None, list[Entry]]:
    """Return the first message, and all records up to it."""
    leading = []
    for record in records:
        leading.append(record)
        if isinstance(record, Message):
            return record, leading
    return None, leading


def _no_messages(path: Path, left_out: _LeftOut) -> InvalidInput:
    why = f" {left_out.first[0]}." if left_out.first else ""
    return InvalidInput(f"{path} holds no messages. Nothing was imported.{why}")


def _name(path: Path, source: Source) -> str:
    """Return the name in the file, else the name of the file."""
    named = nearest_name(source.name) if source.name else None
    dated = _DATED.match(path.stem)
    return named or check_name(dated["name"] if dated else path.stem)


def _existing(
    journal: Journal, target: _Target, first: Message
) -> tuple[OpenSession, AlreadyImported] | None:
    """Return the session of an earlier import of the same conversation."""
    session_id = imported_sessions.find(journal, target.name, target.guild_id, target.channel_id)
    if session_id is None:
        return None
    session = load_open_session(journal.db, session_id)
    before = AlreadyImported(journal, session)
    is_same = before.has_channel(target.channel_id) or before.has(first)
    return (session, before) if is_same else None


def _new(journal: Journal, target: _Target, first: Message, timezone: ZoneInfo) -> OpenSession:
    session_id = imported_sessions.insert(
        journal,
        target.name,
        target.guild_id,
        target.channel_id,
        stem=file_stem(target.name, local_time(first.timestamp, timezone).date()),
        started_at=first.timestamp,
    )
    return load_open_session(journal.db, session_id)


def _append(
    journal: Journal,
    session: OpenSession,
    before: AlreadyImported | None,
    records: Iterable[Entry],
    source: str,
    now: datetime,
) -> None:
    """Append the records that the session does not hold yet, then the import itself."""
    lines = session.line_count
    oldest = newest = None
    for number, record in enumerate(records, 1):
        if before is not None and before.take(record):
            continue
        if isinstance(record, KeptFile):  # the file itself is not imported
            continue
        if isinstance(record, Message):
            journal.append(session, record)
            oldest = record.timestamp if oldest is None else min(oldest, record.timestamp)
            newest = record.timestamp if newest is None else max(newest, record.timestamp)
        elif isinstance(record, SessionEvent):
            imported_sessions.append_event(journal, session, record, is_new=before is None)
        else:
            journal.append_change(session, record)
        if number % _RECORDS_AT_ONCE == 0:
            journal.flush()
            journal.leave_unwritten(session.file_path)  # it is rewritten after the commit
    journal.flush()
    if oldest is not None and newest is not None and session.line_count > lines:
        imported_sessions.end(journal, session, source, oldest, newest, now)
    journal.leave_unwritten(session.file_path)
