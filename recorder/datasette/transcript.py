"""The pages of a transcript, as the plugin shows them."""

from __future__ import annotations

from dataclasses import dataclass

from recorder.models import RecordedMessage, Session
from recorder.store.reading import Reader

PAGE = 200
"""The number of messages on a page."""


@dataclass(frozen=True, slots=True)
class TranscriptPage:
    """Messages of a session; `before` and `after` are the first indexes of the adjacent pages."""

    session: Session
    messages: tuple[RecordedMessage, ...]
    before: int | None
    after: int | None


def read_page(reader: Reader, session_id: str, index: int) -> TranscriptPage:
    """Return the page with the message of this index, or the last page.

    Raises
    ------
    NotFound
        The session does not exist.
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
