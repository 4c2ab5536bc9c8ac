"""CSV for spreadsheets and other programs: a row for each message."""

from __future__ import annotations

import csv
from collections.abc import Iterator

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
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class _Line:
    """A file for :func:`csv.writer` whose :meth:`write` returns the row."""

    def write(self, text: str) -> str:
        return text


def render(exported: ExportedSession) -> Iterator[str]:
    """Yield the session as CSV with a header, row by row."""
    row = csv.writer(_Line()).writerow
    yield str(row(_COLUMNS))
    for recorded in exported.messages():
        yield str(row([escape_formula(cell) for cell in _cells(recorded, exported)]))


def escape_formula(cell: str) -> str:
    """Return `cell` with an apostrophe before it if a spreadsheet would take it for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


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
