"""Auto-recording: the channels and guilds where it is on, and the session of the day."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date, datetime

from recorder.models import AutoRecording, Channel, Json, Session
from recorder.record.names import nearest_name
from recorder.store import drafts, ledger, sessions
from recorder.store.journal import Journal
from recorder.store.session_rows import auto_recordings


def switch_on(journal: Journal, recording: AutoRecording) -> None:
    """Record a channel, or a guild, day by day from now on."""
    journal.db.table("auto_recording").upsert(asdict(recording), pk="place_id")
    _note(journal, recording.place_id, recording.guild_id, on=True)


def switch_off(journal: Journal, scope_id: str, now: datetime) -> None:
    """Stop recording a channel, or a guild, day by day, and stop its running sessions."""
    journal.db.table("auto_recording").delete_where("place_id = ?", (scope_id,))
    _note(journal, scope_id, None, on=False)
    remaining = {recording.place_id for recording in auto_recordings(journal.db)}
    for channel_id in list(journal.running):
        session = sessions.running(journal, channel_id)
        if session.is_auto and not remaining & {channel_id, session.guild_id}:
            sessions.stop(journal, channel_id, now)


def _note(journal: Journal, scope_id: str, guild_id: str | None, *, on: bool) -> None:
    entry: dict[str, Json] = {"entry": "auto_recording", "place": scope_id, "on": on}
    ledger.append(journal, {**entry, "guild": guild_id} if on else entry)


def prepare(
    journal: Journal, channel: Channel, user_id: str, day: date, now: datetime
) -> Session | None:
    """Return the session of the day in a channel, to be started once its notice is sent.

    Returns
    -------
    Session or None
        A draft, or the stopped session of the same day; ``None`` when the session of the day, or
        one that a user started, is running there.
    """
    prefix = f"auto_{day.isoformat()}"
    if channel.id in journal.running:
        if journal.running[channel.id].is_draft:
            return None
        current = sessions.running(journal, channel.id)
        if not current.is_auto or current.name.startswith(prefix):
            return None
    rows = journal.db.query(
        "SELECT id FROM recording_sessions WHERE channel_id = ? AND is_auto AND NOT is_draft "
        "AND substr(name, 1, ?) = ?",
        (channel.id, len(prefix), prefix),
    )
    if (earlier := next(iter(rows), None)) is not None:
        return sessions.session(journal, earlier["id"])
    name = next(
        name
        for name in _names(prefix, channel)
        if sessions.name_is_free(journal, name, channel.guild_id, channel.id)
    )
    return drafts.prepare(journal, name, channel, user_id, stem=name, now=now, is_auto=True)


def _names(prefix: str, channel: Channel) -> Iterator[str]:
    """Yield candidate names; a further channel on the same day adds its own name."""
    yield prefix
    longer = f"{prefix}_{nearest_name(channel.name) or channel.id}"
    yield longer
    yield from (f"{longer}-{number}" for number in itertools.count(2))
