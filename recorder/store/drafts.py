"""Drafts: sessions that are hidden until their notice is sent, or their merge is complete."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from recorder.models import Channel, Session
from recorder.store import sessions
from recorder.store.journal import Journal
from recorder.store.merging import Merge
from recorder.store.open_session import load_open_session


def prepare(
    journal: Journal,
    name: str,
    channel: Channel,
    user_id: str,
    *,
    stem: str,
    now: datetime,
    since: datetime | None = None,
    is_auto: bool = False,
) -> Session:
    """Create a draft that occupies its channel until :func:`activate` or :func:`discard`.

    Nothing is recorded before its notice is sent, and nobody sees it; a crash removes it.
    Parameters and errors are those of :func:`recorder.store.sessions.create`; `since` is the
    time of an earlier message with which it is to begin.
    """
    sessions.require_free_name(journal, name, channel.guild_id, channel.id)
    now = sessions.stop_auto_session(journal, channel.id, now)
    session_id = sessions.insert(
        journal,
        name=name,
        guild_id=channel.guild_id,
        channel_id=channel.id,
        user_id=user_id,
        file_path=sessions.free_file_path(journal, stem),
        started_at=since or now,
        status="paused",
        is_auto=is_auto,
        is_draft=True,
    )
    journal.add_channel(session_id, channel.id)
    journal.running[channel.id] = load_open_session(journal.db, session_id)
    return sessions.session(journal, session_id)


def activate(journal: Journal, session_id: str, now: datetime) -> Session:
    """Start recording a prepared session.

    Raises
    ------
    NotFound
        It was discarded.
    """
    return sessions.begin(journal, session_id, now)


def discard(journal: Journal, session_id: str) -> None:
    """Delete a draft, if it is still one."""
    table = journal.db.table("recording_sessions")
    for row in list(table.rows_where("id = ? AND is_draft", (session_id,))):
        open_session = journal.running.get(row["channel_id"] or "")
        if open_session is not None and open_session.id == session_id:
            del journal.running[row["channel_id"]]
        journal.db.table("messages").delete_where("session_id = ?", (session_id,))
        table.delete(session_id)
        sessions.remove_files(journal, [row["file_path"]])


def discard_drafts(journal: Journal) -> None:
    """Delete the drafts that a crash left behind."""
    for row in list(journal.db.query("SELECT id FROM recording_sessions WHERE is_draft")):
        discard(journal, row["id"])


def begin_merge(
    journal: Journal,
    name: str,
    sources: Sequence[Session],
    channel: Channel,
    user_id: str,
    *,
    stem: str,
) -> Merge:
    """Create the draft of a merged session; the messages of its sources are copied in slices.

    Raises
    ------
    Conflict
        The name is taken.
    NotFound
        A source was deleted.
    """
    sessions.require_free_name(journal, name, channel.guild_id, channel.id)
    sources = [sessions.session(journal, source.id) for source in sources]
    session_id = sessions.insert(
        journal,
        name=name,
        guild_id=channel.guild_id,
        channel_id=channel.id,
        user_id=user_id,
        file_path=sessions.free_file_path(journal, stem),
        started_at=min(source.started_at for source in sources),
        status="stopped",
        is_draft=True,
    )
    return Merge(journal, sources, session_id)


def finish_merge(journal: Journal, merge: Merge, now: datetime) -> Session:
    """Complete a merged session.

    Raises
    ------
    NotFound
        A source was deleted in the meantime.
    """
    sources = [sessions.session(journal, source.id) for source in merge.sources]
    merge.finish(journal, sources, now)
    return sessions.session(journal, merge.session_id)
