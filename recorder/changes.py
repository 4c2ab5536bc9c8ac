"""What a message is after all that happened to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from recorder.jsonl import parse_time
from recorder.models import Annotation, Change, Edit, Message

# Parts of a message that no edit carries: where it came from, and what kind it is.
_KEPT = ("display_name", "webhook_id", "reply_to", "event", "source", "merged_from")


@dataclass(frozen=True, slots=True)
class Current:
    """A message as it is now, and when it was last edited or deleted."""

    message: Message
    edited_at: datetime | None = None
    deleted_at: datetime | None = None


def current(message: Message, changes: Iterable[Change] = ()) -> Current:
    """`message` after `changes`, in the order in which they were recorded."""
    now = Current(message, edited_at=_edited(message.extra.get("edited_timestamp")))
    for change in changes:
        now = _after(now, change)
    return now


def _after(now: Current, change: Change) -> Current:
    if isinstance(change, Annotation):
        return replace(now, message=replace(now.message, model=change.model))
    if isinstance(change, Edit):
        kept = {key: value for key, value in now.message.extra.items() if key in _KEPT}
        message = replace(
            now.message,
            content=change.content,
            attachments=change.attachments,
            extra={**kept, **change.extra},
        )
        # A link that unfolds is an edit too, but not one of its author.
        edited_at = _edited(change.extra.get("edited_timestamp")) or now.edited_at
        return replace(now, message=message, edited_at=edited_at)
    return replace(now, deleted_at=change.timestamp)


def _edited(value: object) -> datetime | None:
    try:
        return parse_time(value) if isinstance(value, str) else None
    except ValueError:
        return None
