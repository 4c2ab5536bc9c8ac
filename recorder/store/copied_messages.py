"""Copies of messages, which follow their sources: first messages of threads, and forwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from recorder.models import Deletion, Edit, Json, Message
from recorder.record.snowflake import snowflake_time
from recorder.store.database import Connection
from recorder.store.message_rows import discord_id

KEYS = ("starts_thread", "forwarded")
"""The keys of a copy in the extra of a message."""
FORWARDED = {"opted_out": "[opted out]", "erased_at": "[erased]"}
"""The text of a forwarded message without content, by the reason."""

# Of the source, not of the first message of its thread.
_NOT_COPIED = ("reply_to", "pinned", "reactions")


class Consent(Protocol):
    """The users who opted out."""

    def __call__(self, scope_id: str, user_id: str, time: datetime, /) -> bool:
        """Return whether a user had opted out in a guild or DM channel at a time."""


def source_of(message: Message) -> int | None:
    """Return the id of the message that the first message of a thread shows."""
    extra = message.extra
    return discord_id(extra.get("reply_to")) if "starts_thread" in extra else None


def reason_of_source(connection: Connection, message: Message) -> dict[str, Json]:
    """Return why the source of a thread's first message has no content, if that is so."""
    source_id = source_of(message)
    return {} if source_id is None else _source(connection, source_id)[1]


def source_time(message: Message) -> datetime:
    """Return the time at which the words of a message were written, as far as it is known."""
    source_id = source_of(message)
    return message.timestamp if source_id is None else snowflake_time(source_id)


def without_forwarded(
    connection: Connection,
    extra: Mapping[str, Json],
    is_opted_out: Consent,
    scope_id: str,
    time: datetime,
) -> Mapping[str, Json]:
    """Return the extra of a message without a forwarded text that is not kept of its source.

    The author of the forwarded message is added, if its source is recorded.
    """
    forwarded = extra.get("forwarded")
    if not isinstance(forwarded, dict):
        return extra
    recorded_author, reason = _source(connection, discord_id(forwarded.get("message_id")))
    author_id, sent = forwarded.get("author_id", recorded_author), forwarded.get("timestamp")
    times = [time, datetime.fromisoformat(sent)] if isinstance(sent, str) else [time]
    if any(is_opted_out(scope_id, str(author_id), each) for each in times):
        reason = {"opted_out": True}
    if not reason:
        known: dict[str, Json] = {} if author_id is None else {"author_id": author_id}
        return (
            extra
            if known.items() <= forwarded.items()
            else {**extra, "forwarded": {**forwarded, **known}}
        )
    kept = {key: value for key, value in extra.items() if key != "mentions"}
    return {**kept, "forwarded": {"content": FORWARDED[next(iter(reason))]}}


def first_messages(connection: Connection, message_id: int) -> list[tuple[str, int, str | None]]:
    """Return the first messages of the thread of a message: sessions, ids, and last edits."""
    return connection.execute(
        "SELECT m.session_id, m.message_id, m.edited_at FROM session_channels c "
        "JOIN messages m ON m.session_id = c.session_id AND m.message_id > :id "
        "WHERE c.channel_id = :thread AND m.channel_id = :thread AND m.reply_to = :id AND "
        "(SELECT json_extract(line, '$.starts_thread') FROM lines WHERE id = m.id)",
        {"id": message_id, "thread": str(message_id)},
    ).fetchall()


def copied(change: Edit | Deletion, copy_id: int) -> Edit | Deletion:
    """Return the change of a message as one of the first message of its thread."""
    change = replace(change, channel_id=str(change.message_id), message_id=copy_id)
    if isinstance(change, Deletion):
        return change
    extra = {key: value for key, value in change.extra.items() if key not in _NOT_COPIED}
    return replace(change, extra=extra)


def _source(connection: Connection, message_id: int | None) -> tuple[str | None, dict[str, Json]]:
    """Return the author of a recorded message, or why it has none: a key of its line."""
    author: str | None = None
    for author_id, opted_out, erased_at in connection.execute(
        "SELECT m.author_id, json_extract(l.line, '$.opted_out'), "
        "json_extract(l.line, '$.erased_at') FROM recording_sessions s CROSS JOIN messages m "
        "ON m.session_id = s.id AND m.message_id = ? JOIN lines l ON l.id = m.id",
        (message_id,),
    ):
        if opted_out:
            return None, {"opted_out": True}
        if erased_at:
            return None, {"erased_at": erased_at}
        author = author_id
    return author, {}
