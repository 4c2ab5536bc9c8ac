"""Auto-recording: where it is on, and the session of the day."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import date, datetime

from recorder.models import AutoRecording, Channel, Session
from recorder.record.names import nearest_name
from recorder.store import sessions
from recorder.store.journal import Journal
from recorder.store.reading import auto_places


def switch_on(journal: Journal, place: AutoRecording) -> None:
    """Record a channel, or a guild, day by day from now on."""
    journal.connection.execute(
        "INSERT INTO auto_recording (place_id, guild_id, user_id) VALUES (?, ?, ?) "
        "ON CONFLICT (place_id) DO UPDATE SET user_id = excluded.user_id",
        (place.place_id, place.guild_id, place.user_id),
    )


def switch_off(journal: Journal, place_id: str, now: datetime) -> None:
    """Record a channel, or a guild, no more; its sessions of auto-recording stop."""
    journal.connection.execute("DELETE FROM auto_recording WHERE place_id = ?", (place_id,))
    kept = {place.place_id for place in auto_places(journal.connection)}
    for channel_id in list(journal.running):
        session = sessions.running(journal, channel_id)
        if session.is_auto and not kept & {channel_id, session.guild_id}:
            sessions.stop(journal, channel_id, now)


def begin(
    journal: Journal,
    channel: Channel,
    user_id: str,
    day: date,
    file_path: Callable[[str], str],
    now: datetime,
) -> Session | None:
    """Begin the session of the day in a channel, or go on with it; yesterday's stops.

    Parameters
    ----------
    file_path
        Reserves a file for the name that it is given, and gives its path.

    Returns
    -------
    Session or None
        ``None`` when the session of the day, or one that somebody started, runs there.
    """
    prefix = f"auto_{day.isoformat()}"
    if channel.id in journal.running:
        current = sessions.running(journal, channel.id)
        if not current.is_auto or current.name.startswith(prefix):
            return None
    row = journal.connection.execute(
        "SELECT id FROM recording_sessions WHERE channel_id = ? AND is_auto "
        "AND substr(name, 1, ?) = ?",
        (channel.id, len(prefix), prefix),
    ).fetchone()
    if row is not None:
        return sessions.reopen(journal, row[0], channel, now)
    name = next(
        name
        for name in _names(prefix, channel)
        if sessions.name_is_free(journal, name, channel.guild_id, channel.id)
    )
    return sessions.create(
        journal, name, channel, user_id, lambda: file_path(name), now, is_auto=True
    )


def _names(prefix: str, channel: Channel) -> Iterator[str]:
    """A further channel on a day adds its name."""
    yield prefix
    longer = f"{prefix}_{nearest_name(channel.name) or channel.id}"
    yield longer
    yield from (f"{longer}-{number}" for number in itertools.count(2))
