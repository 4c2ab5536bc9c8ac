"""Tags: moments of a session that somebody marked."""

from __future__ import annotations

import itertools

from recorder.errors import NotFound
from recorder.models import Tag
from recorder.record.jsonl import clean_text
from recorder.store.database import stored_time
from recorder.store.journal import Journal
from recorder.store.reading import tags_of


def add(journal: Journal, session_id: str, tag: str, message_index: int | None) -> Tag:
    """Mark a message, or the newest one, and give the tag; a second one of a name gets ``-2``.

    Raises
    ------
    NotFound
        The session has no message yet.
    """
    journal.flush()
    message = journal.connection.execute(
        "SELECT timestamp, message_index FROM messages WHERE session_id = :id AND message_index = "
        "coalesce(:index, (SELECT max(message_index) FROM messages WHERE session_id = :id))",
        {"id": session_id, "index": message_index},
    ).fetchone()
    if message is None:
        raise NotFound("There is no message yet that could be tagged.")
    taken = {known.name for known in tags_of(journal.connection, session_id)}
    names = itertools.chain([tag], (f"{tag}-{number}" for number in itertools.count(2)))
    free = next(name for name in names if name not in taken)
    journal.connection.execute(
        "INSERT INTO session_tags (session_id, tag, timestamp, message_index) VALUES (?, ?, ?, ?)",
        (session_id, free, *message),
    )
    return Tag(free, stored_time(message[0]), message[1])


def remove(journal: Journal, session_id: str, tag: str) -> None:
    """Remove a tag; the message stays as it is.

    Raises
    ------
    NotFound
        There is no such tag.
    """
    found = journal.connection.execute(
        "DELETE FROM session_tags WHERE session_id = ? AND tag = ?",
        (session_id, clean_text(tag)),
    )
    if not found.rowcount:
        raise NotFound(f'There is no tag "{tag}" in this session. See `record tags`.')


def message_index_of(journal: Journal, session_id: str, message_id: int) -> int:
    """Where a Discord message stands in a session.

    Raises
    ------
    NotFound
        The session does not hold it.
    """
    journal.flush()
    row = journal.connection.execute(
        "SELECT message_index FROM messages WHERE session_id = ? AND message_id = ?",
        (session_id, message_id),
    ).fetchone()
    if row is None:
        raise NotFound("That message is not in this session, so it cannot be tagged.")
    return int(row[0])
