"""Erasure: destroy the content of lines and their keys; the chain still verifies.

An erased message keeps its position, its time and its Discord id, so that no other message
moves and no backfill restores it. After the commit the writer rewrites the sessions' files,
removes further files that may hold the content, and clears it from the database's free space,
full-text index and write-ahead log.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from sqlite_utils import Database

from recorder.models import Change, Deletion, Edit, Entry, Erased, Message, Reaction, SessionEvent
from recorder.record import chain, jsonl, session_events
from recorder.record.changes import current
from recorder.record.redaction import ANONYMOUS_ID, without_user
from recorder.record.snowflake import snowflake_at
from recorder.store import attachments, copied_messages, ledger, recorded_people, sessions
from recorder.store.database import Connection
from recorder.store.journal import Journal
from recorder.store.lines import PAGE
from recorder.store.message_rows import (
    Row,
    changes_of,
    message_in,
    message_row,
    update_messages,
    withheld,
)

Reason = Literal["user", "message", "session", "retention", "deletion"]

# A line of others that a user was removed from still has content.
_NOT_ERASED = (
    "(NOT EXISTS (SELECT 1 FROM erased_lines e WHERE e.line_id = l.id) "
    "OR json_extract(l.line, '$.redacted_at') IS NOT NULL)"
)
_MESSAGES = (
    "SELECT m.id, m.session_id, m.message_id, json_extract(l.line, '$.attachments') "
    "FROM recording_sessions s CROSS JOIN messages m ON m.session_id = s.id "
    f"JOIN lines l ON l.id = m.id WHERE {_NOT_ERASED} AND "
)
# Their own messages, and answers to their commands, which name them.
_BY_USER = "(m.author_id = :user OR json_extract(m.interaction, '$.user_id') = :user)"
# The first message of a thread shows the words of its source.
_BEFORE = (
    "(m.timestamp < ? OR (m.reply_to < ? AND json_extract(l.line, '$.starts_thread') IS NOT NULL))"
)
# Everything else that may name them.
_NAMING = (
    f"SELECT l.id, l.session_id, l.line FROM lines l WHERE instr(l.line, :user) AND {_NOT_ERASED}"
)
_STARTERS = ("recording_sessions", "auto_recording")


@dataclass(frozen=True, slots=True)
class Selection:
    """The selection of an erasure: a user, single messages, a session, or an age.

    Parameters
    ----------
    before
        Selects messages sent before it, and stopped sessions that are older as a whole.
    """

    reason: Reason
    user_id: str | None = None
    message_ids: tuple[int, ...] = ()
    session_id: str | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class ErasureScope:
    """Everything that an erasure destroys.

    Parameters
    ----------
    line_ids
        Lines that are erased.
    redacted_ids
        Lines of others that a user is removed from.
    session_ids
        Sessions that lose some of their content.
    whole_session_ids
        Sessions that are deleted as a whole.
    urls
        Attachments.
    started
        The number of sessions that a user started, and of auto-recordings.
    """

    selection: Selection
    messages: int
    line_ids: tuple[int, ...]
    redacted_ids: tuple[int, ...]
    session_ids: tuple[str, ...]
    whole_session_ids: tuple[str, ...]
    urls: tuple[str, ...]
    started: int

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to erase in the database."""
        return not (self.line_ids or self.redacted_ids or self.whole_session_ids or self.started)


def find_scope(db: Database, selection: Selection) -> ErasureScope:
    """Determine what an erasure destroys; nothing is changed."""
    connection = db.conn
    whole = _whole_sessions(connection, selection)
    messages = list(_messages(connection, selection, whole))
    lines = dict.fromkeys(line_id for line_id, *_ in messages)
    urls = [url for *_, attached in messages if attached for url in json.loads(attached)]
    session_ids = dict.fromkeys(session_id for _, session_id, *_ in messages)
    for _, session_id, message_id, _ in messages:
        for line_id, change in _lines_about(connection, session_id, message_id):
            lines[line_id] = None
            if isinstance(change, Edit):
                urls += change.attachments
    redacted = []
    for line_id, session_id, is_whole in _lines_naming(connection, selection, set(lines)):
        if is_whole:
            lines[line_id] = None
        else:
            redacted.append(line_id)
        session_ids[session_id] = None
    deleted = sum(db.table("recording_sessions").get(id)["message_count"] for id in whole)
    return ErasureScope(
        selection=selection,
        messages=len(messages) + deleted,
        line_ids=tuple(lines),
        redacted_ids=tuple(redacted),
        session_ids=tuple(session_ids),
        whole_session_ids=tuple(whole),
        urls=tuple(urls),
        started=sum(
            db.table(table).count_where("user_id = ?", (selection.user_id,)) for table in _STARTERS
        ),
    )


def erase(journal: Journal, scope: ErasureScope, now: datetime, files: Iterable[str]) -> None:
    """Destroy everything in `scope`, and record the erasure.

    Parameters
    ----------
    scope
        Determined in the same transaction.
    files
        Further files that may hold some of it, to be removed: relative to the data folder.

    Raises
    ------
    Conflict
        A session that is to be deleted as a whole is running.
    """
    db, selection = journal.db, scope.selection
    lines = len(scope.line_ids) + len(scope.redacted_ids)
    for session_id in scope.whole_session_ids:
        lines += db.table("recording_sessions").get(session_id)["line_count"]
        sessions.delete(journal, session_id)
    erasures = db.table("erasures").insert(
        {"erased_at": now.isoformat(), "reason": selection.reason, "line_count": lines}
    )
    erasure_id = erasures.last_pk
    assert isinstance(erasure_id, int)
    ledger.append_erasure(journal, erasure_id, selection.reason, lines, now)
    connection, erased_at = journal.connection, now.isoformat()
    _take_over(connection, (*scope.line_ids, *scope.redacted_ids), erasure_id)
    replaced = dict.fromkeys(scope.line_ids, _remains(erased_at))
    if selection.user_id is not None and scope.redacted_ids:
        anonymous = _anonymous(connection, selection.user_id, erased_at)
        replaced |= dict.fromkeys(scope.redacted_ids, anonymous)
    messages: dict[int, Message | None] = {}
    for line_id, remains in replaced.items():
        row_id, message = _replace_line(connection, line_id, erasure_id, remains)
        if row_id is not None:
            messages[row_id] = message or messages.get(row_id)
    _rebuild_messages(connection, messages)
    for session_id in scope.session_ids:
        _rebuild_offsets(journal.connection, session_id)
    for table in _STARTERS:  # not NULL: that is the starter of an imported session
        connection.execute(
            f"UPDATE {table} SET user_id = ? WHERE user_id = ?", (ANONYMOUS_ID, selection.user_id)
        )
    sessions.remove_files(journal, [*files, *attachments.forget(db, scope.urls)])
    journal.reload(scope.session_ids)
    for session_id in scope.session_ids:
        _record(journal, session_id, erasure_id, selection.reason, now)
    if selection.reason != "deletion":
        journal.scrub_due = True


def _whole_sessions(connection: Connection, selection: Selection) -> list[str]:
    if selection.session_id is not None:
        rows = connection.execute(
            "SELECT id FROM recording_sessions WHERE id = ?", (selection.session_id,)
        )
        return [session_id for (session_id,) in rows]
    if selection.before is None:
        return []
    rows = connection.execute(
        "SELECT id FROM recording_sessions s WHERE status = 'stopped' AND stopped_at < :before "
        "AND NOT EXISTS (SELECT 1 FROM messages WHERE session_id = s.id AND timestamp >= :before)",
        {"before": selection.before.isoformat()},
    )
    return [session_id for (session_id,) in rows]


# The ids of a line, its session and its message, and the attachments in the line.
_Selected: TypeAlias = tuple[int, str, int | None, str | None]


def _messages(
    connection: Connection, selection: Selection, whole: Sequence[str]
) -> Iterator[_Selected]:
    if selection.user_id is not None:
        yield from connection.execute(_MESSAGES + _BY_USER, {"user": selection.user_id})
    for message_id in selection.message_ids:
        yield from connection.execute(_MESSAGES + "m.message_id = ?", (message_id,))
        for session_id, copy_id, _ in copied_messages.first_messages(connection, message_id):
            yield from connection.execute(
                _MESSAGES + "s.id = ? AND m.message_id = ?", (session_id, copy_id)
            )
    if selection.before is not None:
        rows = connection.execute(
            _MESSAGES + _BEFORE, (selection.before.isoformat(), snowflake_at(selection.before))
        )
        yield from (row for row in rows if row[1] not in whole)


def _lines_about(
    connection: Connection, session_id: str, message_id: int | None
) -> Iterator[tuple[int, Change]]:
    """Yield the changes of a message that have content: all but its deletion."""
    if message_id is None:
        return
    for line_id, line in connection.execute(
        f"SELECT id, line FROM lines l WHERE session_id = ? AND about = ? AND {_NOT_ERASED}",
        (session_id, message_id),
    ):
        change = jsonl.decode(line)
        if not isinstance(change, Message | Deletion | SessionEvent):
            yield line_id, change


def _lines_naming(
    connection: Connection, selection: Selection, own: Collection[int]
) -> Iterator[tuple[int, str, bool]]:
    """Yield lines of others that name a user: id, session, and whether nothing of it is left."""
    if selection.user_id is None:
        return
    anonymous: Callable[[Entry], Entry] | None = None
    for line_id, session_id, line in connection.execute(_NAMING, {"user": selection.user_id}):
        if line_id in own:
            continue
        anonymous = anonymous or _anonymous(connection, selection.user_id, "")
        record = jsonl.decode(line)
        if isinstance(record, Reaction):
            if record.user_id == selection.user_id:
                yield line_id, session_id, True
        elif anonymous(record) != record:
            yield line_id, session_id, False


def _remains(erased_at: str) -> Callable[[Entry], Entry]:
    """Return a function that returns what is left of an erased line."""

    def remains(record: Entry) -> Entry:
        if isinstance(record, Message):
            return withheld(record, {"erased_at": erased_at})
        if isinstance(record, SessionEvent):  # it has no content
            return record
        return Erased(record.timestamp, record.channel_id, record.message_id)

    return remains


def _anonymous(connection: Connection, user_id: str, now: str) -> Callable[[Entry], Entry]:
    """Return a function that returns a line of others without a user."""
    names = recorded_people.names_of(connection, user_id)

    def anonymous(record: Entry) -> Entry:
        if isinstance(record, Message):
            return without_user(record, user_id, names, now)
        if isinstance(record, Edit):
            return without_user(record, user_id, names, now)
        if isinstance(record, SessionEvent):
            return session_events.without_user(record, user_id, now)
        return record

    return anonymous


def _take_over(connection: Connection, line_ids: Sequence[int], erasure_id: int) -> None:
    """Let an erasure commit to the remains of earlier ones of its lines, in the same sessions."""
    connection.execute(
        "UPDATE erased_lines SET erasure_id = ? WHERE line_id IN ("
        "SELECT e.line_id FROM erased_lines e JOIN lines l ON l.id = e.line_id "
        "WHERE (e.erasure_id, l.session_id) IN (SELECT e.erasure_id, l.session_id "
        "FROM json_each(?) JOIN erased_lines e ON e.line_id = value "
        "JOIN lines l ON l.id = e.line_id))",
        (erasure_id, json.dumps(line_ids)),
    )


def _replace_line(
    connection: Connection, line_id: int, erasure_id: int, replaced: Callable[[Entry], Entry]
) -> tuple[int | None, Message | None]:
    """Replace a line with what is left of it.

    Returns
    -------
    tuple
        The id of the row of its message, if any, and what is left of the message itself.
    """
    session_id, line, key = connection.execute(
        "SELECT session_id, line, key FROM lines WHERE id = ?", (line_id,)
    ).fetchone()
    record = replaced(jsonl.decode(line))
    row_id: int | None = None
    if isinstance(record, SessionEvent):
        remains = jsonl.encode_event(record)
    elif isinstance(record, Message):
        remains = jsonl.encode(record)
        row_id = line_id
    else:
        remains = jsonl.encode_change(record)
        (row_id,) = connection.execute(
            "SELECT id FROM messages WHERE session_id = ? AND message_id = ?",
            (session_id, record.message_id),
        ).fetchone()
    connection.execute("UPDATE lines SET line = ?, key = x'' WHERE id = ?", (remains, line_id))
    # The digest stays that of the original line.
    connection.execute(
        "INSERT INTO erased_lines (line_id, erasure_id, digest) VALUES (?, ?, ?) "
        "ON CONFLICT (line_id) DO NOTHING",
        (line_id, erasure_id, chain.digest(key, line.encode())),
    )
    return row_id, record if isinstance(record, Message) else None


def _record(
    journal: Journal, session_id: str, erasure_id: int, reason: Reason, now: datetime
) -> None:
    """Append the erasure to a session, with a commitment to what remains of its lines."""
    rows = journal.connection.execute(
        "SELECT l.line_number, l.line FROM lines l CROSS JOIN erased_lines e "
        "ON e.line_id = l.id WHERE l.session_id = ? AND e.erasure_id = ? ORDER BY l.line_number",
        (session_id, erasure_id),
    ).fetchall()
    session = journal.session(session_id)
    remains = chain.commitment(chain.digest(b"", line.encode()) for _, line in rows)
    numbers = [number for number, _ in rows]
    journal.append_event(session, session_events.erasure(erasure_id, reason, numbers, remains, now))
    journal.leave_unwritten(session.file_path)


def _rebuild_messages(connection: Connection, messages: Mapping[int, Message | None]) -> None:
    """Derive rows of messages again from the remains of their lines, which may be known."""
    row_ids = sorted(messages)
    for start in range(0, len(row_ids), PAGE):
        some = row_ids[start : start + PAGE]
        update_messages(connection, [_rebuilt(connection, id, messages[id]) for id in some])


def _rebuilt(connection: Connection, row_id: int, message: Message | None) -> Row:
    session_id, index, message_id = connection.execute(
        "SELECT session_id, message_index, message_id FROM messages WHERE id = ?", (row_id,)
    ).fetchone()
    if message is None:
        (line,) = connection.execute("SELECT line FROM lines WHERE id = ?", (row_id,)).fetchone()
        message = message_in(line)
    changes = [] if message_id is None else changes_of(connection, session_id, message_id)
    return (*message_row(session_id, index, current(message, changes)), row_id)


def _rebuild_offsets(connection: Connection, session_id: str) -> None:
    """Compute the lines' offsets again, and have the file rewritten as a whole."""
    connection.execute(
        "UPDATE lines SET byte_offset = laid.byte_offset FROM (SELECT id, "
        "sum(length(CAST(line AS BLOB)) + 1) OVER (ORDER BY line_number) "
        "- length(CAST(line AS BLOB)) - 1 AS byte_offset FROM lines WHERE session_id = :id) laid "
        "WHERE lines.id = laid.id AND lines.byte_offset <> laid.byte_offset",
        {"id": session_id},
    )
    connection.execute(
        "UPDATE recording_sessions SET synced_bytes = 0, byte_size = "
        "(SELECT sum(length(CAST(line AS BLOB)) + 1) FROM lines WHERE session_id = :id) "
        "WHERE id = :id",
        {"id": session_id},
    )
