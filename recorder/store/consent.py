"""Opting out of being recorded, and how much is recorded of a user."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recorder.models import SessionEvent
from recorder.record import session_events
from recorder.store import ledger
from recorder.store.journal import Journal
from recorder.store.reading import Reader


@dataclass(frozen=True, slots=True)
class RecordedOfUser:
    """The numbers of what is stored of a user in a guild or DM channel.

    Parameters
    ----------
    messages, sessions
        Their messages, and the sessions that hold them.
    edits, files, tags
        Earlier and later texts of these messages, their attached files, and their tags.
    commands
        Answers of bots to their slash commands.
    reactions
        Reactions, added or removed.
    mentions
        Lines of others with their name.
    forwards
        Forwards by others of what they wrote.
    started, auto
        Sessions that they started, and auto-recordings that they switched on.
    """

    messages: int
    sessions: int
    edits: int
    files: int
    tags: int
    commands: int
    reactions: int
    mentions: int
    forwards: int
    started: int
    auto: int


# The lines that may name the user are read once; the rest is indexed.
_RECORDED_OF = """
WITH scope AS (
    SELECT id, user_id FROM recording_sessions
    WHERE coalesce(guild_id, channel_id) = :scope AND NOT is_draft
), own AS (
    SELECT m.session_id, m.message_id, m.message_index, m.attachments
    FROM messages m JOIN scope ON scope.id = m.session_id WHERE m.author_id = :user
), naming AS MATERIALIZED (
    SELECT l.line, json_extract(l.line, '$.type') AS type
    FROM scope CROSS JOIN lines l ON l.session_id = scope.id WHERE instr(l.line, :user)
)
SELECT
    (SELECT count(*) FROM own) AS messages,
    (SELECT count(DISTINCT session_id) FROM own) AS sessions,
    (SELECT count(*) FROM own JOIN lines l ON l.session_id = own.session_id
        AND l.about = own.message_id AND json_extract(l.line, '$.type') = 'edit') AS edits,
    (SELECT coalesce(sum(json_array_length(attachments)), 0) FROM own) AS files,
    (SELECT count(*) FROM own JOIN session_tags t ON t.session_id = own.session_id
        AND t.message_index = own.message_index) AS tags,
    (SELECT count(*) FROM messages m JOIN scope ON scope.id = m.session_id
        WHERE json_extract(m.interaction, '$.user_id') = :user) AS commands,
    (SELECT count(*) FROM naming
        WHERE type = 'reaction' AND json_extract(line, '$.user_id') = :user) AS reactions,
    (SELECT count(*) FROM naming WHERE (instr(line, :mention) OR instr(line, :old_mention))
        AND coalesce(json_extract(line, '$.author_id'), '') <> :user) AS mentions,
    (SELECT count(*) FROM naming
        WHERE json_extract(line, '$.forwarded.author_id') = :user) AS forwards,
    (SELECT count(*) FROM scope WHERE user_id = :user) AS started,
    (SELECT count(*) FROM auto_recording
        WHERE user_id = :user AND :scope IN (guild_id, place_id)) AS auto
"""


def opt_out(journal: Journal, scope_id: str, user_id: str, now: datetime) -> bool:
    """Stop recording a user in a guild or DM channel; return ``False`` if that was so before."""
    if journal.is_opted_out(scope_id, user_id, now):
        return False
    journal.db.table("opted_out").upsert(
        {"place_id": scope_id, "user_id": user_id, "since": now.isoformat(), "until": None},
        pk=("place_id", "user_id", "since"),
    )
    ledger.append_opted_out(journal, scope_id, user_id, now.isoformat(), None)
    journal.load_opted_out()
    _note(journal, scope_id, session_events.opt_out(now))
    return True


def opt_in(journal: Journal, scope_id: str, user_id: str, now: datetime) -> bool:
    """Record a user again; return ``False`` if they are recorded already.

    A message that was sent before stays without content, also when it is fetched later.
    """
    if not journal.is_opted_out(scope_id, user_id, now):
        return False
    rows = journal.connection.execute(
        "UPDATE opted_out SET until = ? WHERE place_id = ? AND user_id = ? AND until IS NULL "
        "RETURNING since",
        (now.isoformat(), scope_id, user_id),
    ).fetchall()
    for (since,) in rows:
        ledger.append_opted_out(journal, scope_id, user_id, since, now.isoformat())
    journal.load_opted_out()
    _note(journal, scope_id, session_events.opt_in(now))
    return True


def _note(journal: Journal, scope_id: str, event: SessionEvent) -> None:
    """Append an event to the running sessions of a guild or DM channel."""
    for session in journal.running.values():
        if session.scope_id == scope_id and not session.is_draft:
            journal.append_event(session, event)


def opted_out_since(reader: Reader, scope_id: str, user_id: str) -> datetime | None:
    """Return when a user opted out in a guild or DM channel; ``None`` if they did not."""
    rows = reader.query(
        "SELECT since FROM opted_out WHERE place_id = ? AND user_id = ? AND until IS NULL",
        scope_id,
        user_id,
    )
    return datetime.fromisoformat(rows[0]["since"]) if rows else None


def recorded_of(reader: Reader, user_id: str, scope_id: str) -> RecordedOfUser:
    """Count everything that is stored of a user in a guild or DM channel."""
    with reader.database() as db:
        (row,) = db.query(
            _RECORDED_OF,
            {
                "user": user_id,
                "scope": scope_id,
                "mention": f'"<@{user_id}>": "',
                "old_mention": f'"<@!{user_id}>": "',
            },
        )
    return RecordedOfUser(**row)
