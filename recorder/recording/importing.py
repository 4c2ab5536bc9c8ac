"""Reading files into sessions: DiscordChatExporter's JSON, our JSONL, and plain JSONL."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from zoneinfo import ZoneInfo

from recorder.errors import InvalidInput
from recorder.formats.import_sources import Record, Source, Unreadable, open_source
from recorder.formatting import local_time
from recorder.models import Change, Message, Session
from recorder.record.names import check_name, file_stem, nearest_name
from recorder.recording.projection import Projection
from recorder.recording.session_manager import free_file_path
from recorder.recording.session_recorder import SessionRecorder
from recorder.store import sessions
from recorder.store.already_imported import Held
from recorder.store.journal import Journal, OpenSession

_DATED = re.compile(r"^(?P<name>.+)_\d{4}-\d{2}-\d{2}(-\d+)?$")
_RECORDS_AT_ONCE = 1_000
_NAMED = 100


@dataclass(frozen=True, slots=True)
class Imported:
    """What came in, and what was left out.

    Parameters
    ----------
    added
        How many messages the session did not hold before.
    left_out
        What could not be read; of very many the first.
    left_out_count
        How much that was in all.
    """

    session: Session
    added: int
    left_out: tuple[Unreadable, ...]
    left_out_count: int


class _LeftOut:
    """What could not be read: the first ones, and how many."""

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
    progress: Callable[[int], None] = lambda count: None,
) -> Imported:
    """Read a file into a new, stopped session, or what is new in it into that of an earlier import.

    Parameters
    ----------
    name
        Of the session; by default what the file says (its channel), else the file's name
        without date and suffix.
    guild_id
        The guild it belongs to, so that its members find it; by default what the file says.
    strict
        Take in nothing when something cannot be read, instead of leaving that out. The file
        is then read twice.
    progress
        Called with the number of bytes read since the last call.

    Raises
    ------
    NotFound
        The file cannot be read.
    InvalidInput
        It has no message, or something that cannot be read and `strict` is set.
    Conflict
        The name is taken.
    """
    if name is not None:
        name = check_name(name)
    if strict:
        _check(path, progress)

    def insert(journal: Journal, projection: Projection) -> tuple[OpenSession, int, int]:
        with open_source(path, progress) as source:
            records = iter(_readable(source.records, left_out))
            first = next((record for record in records if isinstance(record, Message)), None)
            if first is None:
                raise _no_messages(path, left_out)
            place = _Place(
                name or _name(path, source), guild_id or source.guild_id, source.channel_id
            )
            session, held = _existing(journal, place, first) or (
                _new(journal, projection, place, first, timezone),
                None,
            )
            messages, lines = session.message_count, session.line_count
            _take_in(journal, session, held, chain([first], records))
            return session, session.message_count - messages, session.line_count - lines

    left_out = _LeftOut()
    imported, messages, lines = await recorder.call(insert)
    if lines:
        await recorder.rewrite(imported.id)
    session = await recorder.call(lambda journal, _: sessions.session(journal, imported.id))
    return Imported(session, messages, tuple(left_out.first), left_out.count)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a file belongs."""

    name: str
    guild_id: str | None
    channel_id: str | None


def _check(path: Path, progress: Callable[[int], None]) -> None:
    """Refuse a file of which something cannot be read."""
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


def _readable(records: Iterator[Record], left_out: _LeftOut) -> Iterator[Message | Change]:
    for record in records:
        if isinstance(record, Unreadable):
            left_out.add(record)
        else:
            yield record


def _no_messages(path: Path, left_out: _LeftOut) -> InvalidInput:
    why = f" {left_out.first[0]}." if left_out.first else ""
    return InvalidInput(f"{path} holds no messages. Nothing was imported.{why}")


def _name(path: Path, source: Source) -> str:
    """What the file says it holds, else what it is called."""
    said = nearest_name(source.name) if source.name else None
    dated = _DATED.match(path.stem)
    return said or check_name(dated["name"] if dated else path.stem)


def _existing(journal: Journal, place: _Place, first: Message) -> tuple[OpenSession, Held] | None:
    """The session that an earlier import made, if the file is of the same conversation."""
    found = sessions.find_imported(journal, place.name, place.guild_id, place.channel_id)
    if found is None:
        return None
    session = journal.open_session(found)
    held = Held(journal, session)
    return (session, held) if held.has_channel(place.channel_id) or held.has(first) else None


def _new(
    journal: Journal, projection: Projection, place: _Place, first: Message, timezone: ZoneInfo
) -> OpenSession:
    stem = file_stem(place.name, local_time(first.timestamp, timezone).date())
    session_id = sessions.insert_imported(
        journal,
        place.name,
        place.guild_id,
        place.channel_id,
        lambda: free_file_path(journal, projection, stem),
        first.timestamp,
    )
    return journal.open_session(session_id)


def _take_in(
    journal: Journal,
    session: OpenSession,
    held: Held | None,
    records: Iterable[Message | Change],
) -> None:
    """Append what the session does not hold yet."""
    lines = session.line_count
    oldest = newest = None
    for number, record in enumerate(records, 1):
        if held is not None and held.take(record):
            continue
        if isinstance(record, Message):
            journal.append(session, record)
            oldest = record.timestamp if oldest is None else min(oldest, record.timestamp)
            newest = record.timestamp if newest is None else max(newest, record.timestamp)
        else:
            journal.append_change(session, record)
        if number % _RECORDS_AT_ONCE == 0:
            journal.flush()
            journal.leave_unwritten(session.file_path)  # it is written whole, after the commit
    journal.flush()
    journal.leave_unwritten(session.file_path)
    if oldest is not None and newest is not None and session.line_count > lines:
        sessions.end_imported(journal, session.id, oldest, newest)
