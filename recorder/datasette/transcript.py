"""A page of a session, as the plugin shows it."""

from __future__ import annotations

from dataclasses import dataclass

from recorder.models import RecordedMessage, Session
from recorder.store.reading import Reader

PAGE = 200
"""Messages on a page."""


@dataclass(frozen=True, slots=True)
class TranscriptPage:
    """Some messages of a session; `before` and `after` are where the pages beside it begin."""

    session: Session
    messages: tuple[RecordedMessage, ...]
    before: int | None
    after: int | None


def read_page(reader: Reader, session_id: str, index: int) -> TranscriptPage:
    """The page that holds the message with this index, or the last one.

    Raises
    ------
    NotFound
        There is no such session.
    StorageError
        The database cannot be read.
    """
    session = reader.session(session_id)
    index = max(1, min(index, session.message_count))
    first = (index - 1) // PAGE * PAGE + 1
    messages = tuple(reader.messages(session.id, first, first + PAGE - 1))
    return TranscriptPage(
        session,
        messages,
        before=first - PAGE if first > 1 else None,
        after=first + PAGE if first + PAGE <= session.message_count else None,
    )
