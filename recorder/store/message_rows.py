"""The rows of ``messages``: each is derived from the lines about a message."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from recorder.errors import DamagedRow, InvalidLine
from recorder.models import Change, Entry, Json, Message, SessionEvent
from recorder.record import jsonl
from recorder.record.changes import Current
from recorder.record.json_values import is_id
from recorder.record.unspaced_scripts import split_characters
from recorder.store.database import Connection

MESSAGE_COLUMNS = (
    "id",
    "session_id",
    "message_index",
    "message_id",
    "channel_id",
    "timestamp",
    "author",
    "author_id",
    "type",
    "content",
    "shown_text",
    "model",
    "attachments",
    "reply_to",
    "edited_at",
    "deleted_at",
    "pinned",
    "spaced_text",
    "reactions",
    "interaction",
)
UPDATE_MESSAGE = (
    f"UPDATE messages SET {', '.join(f'{column} = ?' for column in MESSAGE_COLUMNS[1:])} "
    "WHERE id = ?"
)
_ROWS_A_STATEMENT = 250
_DIGITS = re.compile("[0-9]{1,20}")

Row = tuple[Any, ...]


def update_messages(connection: Connection, rows: Sequence[Row]) -> None:
    """Update many messages; each row has the values of :data:`UPDATE_MESSAGE`.

    With a statement for each row, the full-text index would write a segment for each.
    """
    values = f"({', '.join('?' * len(MESSAGE_COLUMNS))})"
    columns = ", ".join(
        f"{column} = new.column{number}" for number, column in enumerate(MESSAGE_COLUMNS[1:], 1)
    )
    for start in range(0, len(rows), _ROWS_A_STATEMENT):
        some = rows[start : start + _ROWS_A_STATEMENT]
        connection.execute(
            f"UPDATE messages SET {columns} FROM (VALUES {', '.join([values] * len(some))}) new "
            f"WHERE id = new.column{len(MESSAGE_COLUMNS)}",
            [value for row in some for value in row],
        )


def changes_of(connection: Connection, session_id: str, message_id: int) -> list[Change]:
    """Return the changes of a message of a session, in order."""
    rows = connection.execute(
        "SELECT line FROM lines WHERE session_id = ? AND about = ? ORDER BY id",
        (session_id, message_id),
    )
    records = [decoded(line) for (line,) in rows]
    return [record for record in records if not isinstance(record, Message | SessionEvent)]


def withheld(message: Message, why: dict[str, Json]) -> Message:
    """Return a message without its author and content."""
    (reason,) = why
    return replace(
        message,
        author=reason.removesuffix("_at").replace("_", " "),
        author_id="0",
        content="",
        model=None,
        attachments=(),
        extra=why,
    )


def message_in(line: str) -> Message:
    """Return the message in a line of the record.

    Raises
    ------
    DamagedRow
        The line holds no message.
    """
    record = decoded(line)
    if not isinstance(record, Message):
        raise DamagedRow(f"the line {line!r:.60} is not a message")
    return record


def decoded(line: str) -> Entry:
    """Return what is in a line of the record.

    Raises
    ------
    DamagedRow
        The line cannot be decoded.
    """
    try:
        return jsonl.decode(line)
    except (InvalidLine, TypeError) as error:  # a blob stands where a text should
        raise DamagedRow(f"the line {line!r:.60} {error}") from error


def message_row(session_id: str, message_index: int, now: Current) -> Row:
    """Return the values of :data:`MESSAGE_COLUMNS` after the id for a message."""
    message = now.message
    text = message.text
    extra = message.extra
    reply_to = extra.get("reply_to") if extra else None
    interaction = message.interaction if extra else None
    return (
        session_id,
        message_index,
        message.message_id,
        message.channel_id,
        message.timestamp.isoformat(),
        message.author,
        message.author_id,
        message.type,
        message.content,
        None if text == message.content else text,
        message.model,
        json.dumps(message.attachments, ensure_ascii=False) if message.attachments else None,
        discord_id(reply_to),
        now.edited_at.isoformat() if now.edited_at else None,
        now.deleted_at.isoformat() if now.deleted_at else None,
        1 if extra and extra.get("pinned") is True else 0,
        split_characters(text),
        json.dumps(now.reactions, ensure_ascii=False) if now.reactions else None,
        json.dumps(interaction, ensure_ascii=False) if interaction else None,
    )


def discord_id(value: Json) -> int | None:
    """Return the Discord id that a value of a line is, if it is one."""
    number = int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else -1
    return number if is_id(number) else None
