"""CSV for spreadsheets and other programs: a row for each message."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from recorder.formats.exported_session import ExportedSession
from recorder.models import RecordedMessage

_COLUMNS = (
    "message_index",
    "timestamp",
    "author",
    "author_id",
    "type",
    "content",
    "model",
    "attachments",
    "reply_to",
    "edited_at",
    "deleted_at",
    "tags",
    "message_id",
    "channel_id",
    "command",
    "command_user",
)
# A cell begins at its own beginning, and to a spreadsheet that separates by ";" or tabs, and then
# ignores quotes within a cell, also behind those and behind line breaks.
_FORMULA = re.compile(r'^(?=[\t\r\n])|(?:^|(?<=[;\t\r\n]))(?="*[=+\-@＝＋－＠])')
_QUOTED = re.compile(r'[",;\t\r\n]|^\s|\s$')


def render(exported: ExportedSession) -> Iterator[str]:
    """Yield the session as CSV with a header, row by row."""
    yield csv_row(_COLUMNS)
    for recorded in exported.messages():
        yield csv_row(_cells(recorded, exported))


def csv_row(cells: Sequence[str | int | float | None], delimiter: str = ",") -> str:
    """Return a row of CSV; an apostrophe precedes what a spreadsheet would run as a formula."""
    row = delimiter.join(map(_cell, cells))
    return f"{row}\r\n" if row else '""\r\n'


def _cell(value: str | int | float | None) -> str:
    if not isinstance(value, str):
        return "" if value is None else str(value)
    text = _FORMULA.sub("'", value)
    return '"{}"'.format(text.replace('"', '""')) if _QUOTED.search(text) else text


def _cells(recorded: RecordedMessage, exported: ExportedSession) -> tuple[str, ...]:
    message = recorded.message
    edited_at, deleted_at = recorded.edited_at, recorded.deleted_at
    return (
        str(recorded.message_index),
        exported.local(message.timestamp).isoformat(),
        message.author,
        message.author_id,
        message.type,
        message.text,
        message.model or "",
        "\n".join(message.attachments),
        str(message.extra.get("reply_to") or ""),
        exported.local(edited_at).isoformat() if edited_at else "",
        exported.local(deleted_at).isoformat() if deleted_at else "",
        "\n".join(recorded.tags),
        "" if message.message_id is None else str(message.message_id),
        message.channel_id or "",
        str(message.interaction.get("command") or ""),
        str(message.interaction.get("user") or ""),
    )
