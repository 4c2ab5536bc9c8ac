"""Sessions that were imported from files: stopped, and without a starter."""

from __future__ import annotations

from datetime import datetime

from recorder.models import SessionEvent
from recorder.record import session_events
from recorder.record.names import name_key
from recorder.store import sessions
from recorder.store.journal import Journal
from recorder.store.open_session import OpenSession
from recorder.store.session_rows import tags_of


def insert(
    journal: Journal,
    name: str,
    guild_id: str | None,
    channel_id: str | None,
    *,
    stem: str,
    started_at: datetime,
) -> str:
    """Insert a stopped session without messages and without a starter; return its id.

    Raises
    ------
    Conflict
        The name is taken.
    """
    sessions.require_free_name(journal, name, guild_id, channel_id)
    return sessions.insert(
        journal,
        name=name,
        guild_id=guild_id,
        channel_id=channel_id,
        user_id=None,
        file_path=sessions.free_file_path(journal, stem),
        started_at=started_at,
        status="stopped",
    )


def find(journal: Journal, name: str, guild_id: str | None, channel_id: str | None) -> str | None:
    """Return the id of the imported session of this name in a guild or DM channel."""
    rows = journal.db.query(
        "SELECT id FROM recording_sessions WHERE coalesce(guild_id, channel_id, '') = ? "
        "AND name_key = ? AND user_id IS NULL AND status = 'stopped'",
        (guild_id or channel_id or "", name_key(name)),
    )
    return next((row["id"] for row in rows), None)


def append_event(
    journal: Journal, session: OpenSession, event: SessionEvent, *, is_new: bool
) -> None:
    """Append an event of the recording in a file: only tags and gaps have an effect here.

    Parameters
    ----------
    is_new
        Whether the session is new, so that its messages have the same indexes as in the file.
    """
    if is_new and (session_events.is_gap(event) or _is_tag(journal, session, event)):
        journal.append_event(session, event)
    else:
        imported = session_events.imported_event(event)
        journal.append_event(session, imported, has_effect=False)


def _is_tag(journal: Journal, session: OpenSession, event: SessionEvent) -> bool:
    """Return whether an event sets or removes a tag that can be set or removed here."""
    name, index = event.details.get("tag"), event.details.get("message_index")
    tags = {tag.name for tag in tags_of(journal.db, session.id)}
    if event.event == "untag":
        return name in tags
    rows = journal.connection.execute(
        "SELECT timestamp FROM messages WHERE session_id = ? AND message_index = ?",
        (session.id, index if isinstance(index, int) else 0),
    ).fetchone()
    return (
        event.event == "tag"
        and isinstance(name, str)
        and name not in tags
        and rows == (event.details.get("message_timestamp"),)
    )


def end(
    journal: Journal,
    session: OpenSession,
    source: str,
    oldest: datetime,
    newest: datetime,
    now: datetime,
) -> None:
    """Record an import, after its messages.

    Parameters
    ----------
    source
        The name of the file.
    oldest, newest
        The times of its first and last message, which become those of the recording; messages
        of earlier imports count, too.
    """
    before = sessions.session(journal, session.id)
    if before.stopped_at is not None:
        oldest, newest = min(oldest, before.started_at), max(newest, before.stopped_at)
    journal.append_event(session, session_events.imported(before, source, oldest, newest, now))
