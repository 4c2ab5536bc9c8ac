"""CSV for spreadsheets and other programs: a row a message."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from recorder.formats.exported_session import Recording
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
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _Line:
    """A file for :func:`csv.writer` that hands each row back."""

    def write(self, text: str) -> str:
        return text


def render(recording: Recording) -> Iterator[str]:
    """The recording as CSV with a header, row by row."""
    row = csv.writer(_Line()).writerow
    yield str(row(_COLUMNS))
    for recorded in recording.messages():
        yield str(row([_harmless(cell) for cell in _cells(recorded, recording)]))


def _cells(recorded: RecordedMessage, recording: Recording) -> tuple[str, ...]:
    message = recorded.message
    edited_at, deleted_at = recorded.edited_at, recorded.deleted_at
    return (
        str(recorded.message_index),
        recording.local(message.timestamp).isoformat(),
        message.author,
        message.author_id,
        message.type,
        message.text,
        message.model or "",
        "\n".join(message.attachments),
        str(message.extra.get("reply_to") or ""),
        recording.local(edited_at).isoformat() if edited_at else "",
        recording.local(deleted_at).isoformat() if deleted_at else "",
        "\n".join(recorded.tags),
        "" if message.message_id is None else str(message.message_id),
        message.channel_id or "",
    )


def _harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
