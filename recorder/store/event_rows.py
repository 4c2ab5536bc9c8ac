"""The rows that derive from the events of a recording: its session, intervals, gaps and tags."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from recorder.models import Json, SessionEvent
from recorder.record.names import name_key
from recorder.record.snowflake import snowflake_at

Values = Mapping[str, Any]


def apply_event(db: Database, session_id: str, event: SessionEvent) -> None:
    """Bring the rows of a session into the state after an event.

    The row of the session itself exists already.
    """
    effect = _EFFECTS.get(event.event)
    if effect is not None:
        effect(db, session_id, event.timestamp.isoformat(), event.details)


def add_channel(db: Database, session_id: str, channel_id: str) -> None:
    """Store that a session holds messages of a channel, or may hold them."""
    db.conn.execute(
        "INSERT OR IGNORE INTO session_channels (session_id, channel_id) VALUES (?, ?)",
        (session_id, channel_id),
    )


def _start(db: Database, session_id: str, time: str, values: Values) -> None:
    _update(
        db,
        session_id,
        **_identity(values),
        started_at=values["started_at"],
        status="active",
        is_auto=values["is_auto"],
        is_draft=0,
    )
    _run(db, session_id, time, values["channel_id"])


def _resume(db: Database, session_id: str, time: str, values: Values) -> None:
    channel_id = values["channel_id"]
    _update(db, session_id, status="active", stopped_at=None, channel_id=channel_id)
    _run(db, session_id, time, channel_id)


def _run(db: Database, session_id: str, time: str, channel_id: str) -> None:
    add_channel(db, session_id, channel_id)
    _raise_watermark(db, session_id, channel_id, snowflake_at(datetime.fromisoformat(time)))
    _interval(db, session_id, time, None, channel_id)


def _pause(db: Database, session_id: str, time: str, values: Values) -> None:
    _update(db, session_id, status="paused")
    _end_interval(db, session_id, time)


def _stop(db: Database, session_id: str, time: str, values: Values) -> None:
    _end_interval(db, session_id, time)
    _update(db, session_id, status="stopped", stopped_at=time)


def _end_interval(db: Database, session_id: str, time: str) -> None:
    db.conn.execute(
        "UPDATE session_intervals SET ended_at = max(started_at, ?) "
        "WHERE session_id = ? AND ended_at IS NULL",
        (time, session_id),
    )


def _gap(db: Database, session_id: str, time: str, values: Values) -> None:
    columns = "number started_at ended_at reason fetched problem complete".split()
    db.table("session_gaps").upsert(
        {"session_id": session_id, **{column: values[column] for column in columns}},
        pk=("session_id", "number"),
    )


def _compared(db: Database, session_id: str, time: str, values: Values) -> None:
    add_channel(db, session_id, values["channel_id"])
    column = "threads_watermark" if values["threads"] else "watermark"
    _raise_watermark(db, session_id, values["channel_id"], int(values["watermark"]), column)


def _raise_watermark(
    db: Database, session_id: str, channel_id: str, watermark: int, column: str = "watermark"
) -> None:
    """Store the id up to which a channel's history is known; it never decreases."""
    db.conn.execute(
        f"UPDATE session_channels SET {column} = max(coalesce({column}, 0), ?) "
        "WHERE session_id = ? AND channel_id = ?",
        (watermark, session_id, channel_id),
    )


def _tag(db: Database, session_id: str, time: str, values: Values) -> None:
    db.table("session_tags").insert(
        {
            "session_id": session_id,
            "tag": values["tag"],
            "timestamp": values["message_timestamp"],
            "message_index": values["message_index"],
        }
    )


def _untag(db: Database, session_id: str, time: str, values: Values) -> None:
    db.table("session_tags").delete_where("session_id = ? AND tag = ?", (session_id, values["tag"]))


def _rename(db: Database, session_id: str, time: str, values: Values) -> None:
    _update(db, session_id, name=values["name"], name_key=name_key(values["name"]))


def _merge(db: Database, session_id: str, time: str, values: Values) -> None:
    _complete(db, session_id, values)
    for began, ended in values["intervals"]:
        _interval(db, session_id, began, ended, None)


def _import(db: Database, session_id: str, time: str, values: Values) -> None:
    _complete(db, session_id, values)
    db.table("session_intervals").delete_where("session_id = ?", (session_id,))
    began, ended = values["started_at"], values["stopped_at"]
    _interval(db, session_id, began, ended, values["channel_id"])


def _complete(db: Database, session_id: str, values: Values) -> None:
    """Store a session that was not recorded live."""
    _update(
        db,
        session_id,
        **_identity(values),
        started_at=values["started_at"],
        stopped_at=values["stopped_at"],
        status="stopped",
        is_draft=0,
    )


def _identity(values: Values) -> dict[str, Json]:
    columns = "name guild_id channel_id user_id".split()
    return {**{column: values[column] for column in columns}, "name_key": name_key(values["name"])}


def _interval(
    db: Database, session_id: str, began: str, ended: str | None, channel_id: str | None
) -> None:
    db.conn.execute(
        "INSERT INTO session_intervals (session_id, started_at, ended_at, channel_id) "
        "VALUES (?, ?, ?, ?)",
        (session_id, began, ended, channel_id),
    )


def _update(db: Database, session_id: str, **values: Json) -> None:
    db.table("recording_sessions").update(session_id, values)


_EFFECTS: dict[str, Callable[[Database, str, str, Values], None]] = {
    "start": _start,
    "resume": _resume,
    "pause": _pause,
    "stop": _stop,
    "gap": _gap,
    "compared": _compared,
    "tag": _tag,
    "untag": _untag,
    "rename": _rename,
    "merge": _merge,
    "import": _import,
}
