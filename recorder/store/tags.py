"""Tags: marked messages of a session."""

from __future__ import annotations

import itertools
from datetime import datetime

from recorder.errors import NotFound
from recorder.models import Tag
from recorder.record import session_events
from recorder.record.json_values import clean_text
from recorder.store.database import stored_time
from recorder.store.journal import Journal
from recorder.store.session_rows import tags_of


def add(
    journal: Journal, session_id: str, name: str, message_index: int | None, now: datetime
) -> Tag:
    """Tag a message, or the newest one, and return the tag; a taken name gets ``-2``, ``-3``, ….

    Raises
    ------
    NotFound
        The session has no such message.
    """
    journal.flush()
    message = journal.connection.execute(
        "SELECT timestamp, message_index FROM messages WHERE session_id = :id AND message_index = "
        "coalesce(:index, (SELECT max(message_index) FROM messages WHERE session_id = :id))",
        {"id": session_id, "index": message_index},
    ).fetchone()
    if message is None:
        raise NotFound("There is no message yet that could be tagged.")
    timestamp, message_index = message
    taken = {tag.name for tag in tags_of(journal.db, session_id)}
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    free = next(candidate for candidate in names if candidate not in taken)
    tag = Tag(free, stored_time(timestamp), message_index)
    event = session_events.tag(free, message_index, tag.timestamp, now)
    journal.append_event(journal.session(session_id), event)
    return tag


def remove(journal: Journal, session_id: str, name: str, now: datetime) -> None:
    """Remove a tag; the message stays as it is.

    Raises
    ------
    NotFound
        There is no such tag.
    """
    name = clean_text(name)
    tags = journal.db.table("session_tags")
    if not tags.count_where("session_id = ? AND tag = ?", (session_id, name)):
        raise NotFound(f'There is no tag "{name}" in this session. See `record tags`.')
    journal.append_event(journal.session(session_id), session_events.untag(name, now))


def message_index_of(journal: Journal, session_id: str, message_id: int) -> int:
    """Return the index of a Discord message in a session.

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
