"""What a message is after all that happened to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from recorder.models import Annotation, Change, Deletion, Edit, Message, Reaction
from recorder.record.jsonl import parse_time

# Parts of a message that no edit carries: where it came from, and what kind it is.
_KEPT = ("display_name", "webhook_id", "reply_to", "event", "source", "merged_from")
_NOT_EDITED = ("source", "reactions")


@dataclass(frozen=True, slots=True)
class Current:
    """A message as it is now.

    ``uncounted`` has the reactions of before it was recorded, of people unknown; ``reactors``
    those who reacted since, by emoji.
    """

    message: Message
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    uncounted: Mapping[str, int] = field(default_factory=dict)
    reactors: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def reactions(self) -> dict[str, int]:
        """How many reacted, by emoji."""
        if not self.uncounted and not self.reactors:
            return {}
        emoji = dict.fromkeys((*self.uncounted, *self.reactors))
        counts = {
            one: self.uncounted.get(one, 0) + len(self.reactors.get(one, ())) for one in emoji
        }
        return {one: count for one, count in counts.items() if count > 0}


def current(message: Message, changes: Iterable[Change] = ()) -> Current:
    """`message` after `changes`, in the order in which they were recorded."""
    extra = message.extra
    if extra:
        found = extra.get("reactions")
        counts = found.items() if isinstance(found, dict) else ()
        now = Current(
            message,
            edited_at=_edited(extra.get("edited_timestamp")),
            uncounted={emoji: count for emoji, count in counts if isinstance(count, int)},
        )
    else:
        now = Current(message)
    for change in changes:
        now = _after(now, change)
    return now


def edit_of(message: Message, timestamp: datetime) -> Edit:
    """The edit after which a Discord message reads as `message` does."""
    extra = {key: value for key, value in message.extra.items() if key not in _NOT_EDITED}
    return Edit(
        timestamp=timestamp,
        channel_id=message.channel_id or "",
        message_id=message.message_id or 0,
        content=message.content,
        attachments=message.attachments,
        extra=extra,
    )


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
    if isinstance(change, Deletion):
        return replace(now, deleted_at=change.timestamp)
    if isinstance(change, Reaction):
        return _after_reaction(now, change)
    return now  # of something erased nothing is known


def _after_reaction(now: Current, change: Reaction) -> Current:
    uncounted, reactors = dict(now.uncounted), dict(now.reactors)
    if change.action == "clear":
        for emoji in (change.emoji,) if change.emoji else (*uncounted, *reactors):
            uncounted.pop(emoji, None)
            reactors.pop(emoji, None)
    elif change.emoji is not None and change.user_id is not None:
        people = reactors.get(change.emoji, frozenset())
        if change.action == "add":
            reactors[change.emoji] = people | {change.user_id}
        elif change.user_id in people:
            reactors[change.emoji] = people - {change.user_id}
        elif uncounted.get(change.emoji):
            uncounted[change.emoji] -= 1
    return replace(now, uncounted=uncounted, reactors=reactors)


def _edited(value: object) -> datetime | None:
    try:
        return parse_time(value) if isinstance(value, str) else None
    except ValueError:
        return None
