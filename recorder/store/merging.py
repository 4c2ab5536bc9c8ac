"""Merging: copy the messages and intervals of several sessions into a new one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from recorder.models import Deletion, Json, Session
from recorder.record.changes import current
from recorder.store import tags
from recorder.store.database import stored_time
from recorder.store.journal import Journal
from recorder.store.message_rows import changes_of, message_in
from recorder.store.open_session import OpenSession
from recorder.store.reading import tags_of

_MESSAGES_AT_ONCE = 1_000


def copy_messages(journal: Journal, sources: Sequence[Session], target: OpenSession) -> None:
    """Append the messages of `sources` to `target`: by time, each Discord message once.

    The origin of a message stands in its ``merged_from``; its tags are copied.
    """
    names = {source.id: source.name for source in sources}
    source_tags = {
        (source.id, tag.message_index): tag.name
        for source in sources
        for tag in tags_of(journal.db, source.id)
    }
    marks = ", ".join("?" * len(sources))
    rows = journal.connection.execute(
        "SELECT m.session_id, m.message_index, m.message_id, l.line FROM messages m "
        f"JOIN lines l ON l.id = m.id WHERE m.session_id IN ({marks}) "
        "ORDER BY m.timestamp, m.message_id, m.id",
        list(names),
    )
    indexes: dict[int, int] = {}
    tagged: list[tuple[str, int]] = []
    while page := rows.fetchmany(_MESSAGES_AT_ONCE):
        for session_id, index, message_id, line in page:
            copied = indexes.get(message_id) if message_id is not None else None
            if copied is None:
                source: Json = {"session": names[session_id], "message_index": index}
                _copy(journal, session_id, line, message_id, source, target)
                copied = target.message_count
                if message_id is not None:
                    indexes[message_id] = copied
            if (session_id, index) in source_tags:
                tagged.append((source_tags[session_id, index], copied))
        journal.flush()
        journal.leave_unwritten(target.file_path)  # the file is rewritten after the commit
    for name, index in dict.fromkeys(tagged):
        tags.add(journal, target.id, name, index)


def _copy(
    journal: Journal,
    session_id: str,
    line: str,
    message_id: int | None,
    source: Json,
    target: OpenSession,
) -> None:
    """Append a message in its current state."""
    message = message_in(line)
    changes = [] if message_id is None else changes_of(journal.connection, session_id, message_id)
    now = current(message, changes)
    reactions: dict[str, Json] = {"reactions": {**now.reactions}} if now.reactions else {}
    extra = {**now.message.extra, **reactions, "merged_from": source}
    journal.append(target, replace(now.message, extra=extra))
    for change in changes:
        if isinstance(change, Deletion):
            journal.append_change(target, change)


def copy_intervals(journal: Journal, sources: Sequence[Session], target_id: str) -> None:
    """Copy the times in which the sources were recording; overlapping intervals are joined."""
    marks = ", ".join("?" * len(sources))
    spans = journal.connection.execute(
        "SELECT started_at, coalesce(ended_at, started_at) FROM session_intervals "
        f"WHERE session_id IN ({marks}) ORDER BY started_at",
        [source.id for source in sources],
    ).fetchall()
    journal.db.table("session_intervals").insert_all(
        {"session_id": target_id, "started_at": begin, "ended_at": end}
        for begin, end in _joined(spans)
    )


def _joined(spans: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    joined: list[tuple[str, str]] = []
    for begin, end in spans:
        if joined and stored_time(begin) <= stored_time(joined[-1][1]):
            joined[-1] = (joined[-1][0], max(joined[-1][1], end, key=stored_time))
        else:
            joined.append((begin, end))
    return joined
