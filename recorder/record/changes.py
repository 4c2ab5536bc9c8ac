"""The current state of a message, after all its changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from recorder.models import Annotation, Change, Deletion, Edit, Message, Reaction, UnrecordedEdit
from recorder.record.json_values import parse_time

# Keys of `extra` that an edit does not carry and does not remove.
_KEPT = tuple(
    "display_name webhook_id reply_to starts_thread interaction event source merged_from".split()
)
_NOT_EDITED = ("interaction", "source", "reactions")


@dataclass(frozen=True, slots=True)
class Current:
    """The current state of a message.

    ``uncounted`` has the numbers of reactions before the recording, by unknown users, and
    ``reactors`` the ids of the users who reacted since; both by emoji.
    """

    message: Message
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    uncounted: Mapping[str, int] = field(default_factory=dict)
    reactors: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def reactions(self) -> dict[str, int]:
        """The number of reactions, by emoji."""
        if not self.uncounted and not self.reactors:
            return {}
        emoji = dict.fromkeys((*self.uncounted, *self.reactors))
        counts = {
            one: self.uncounted.get(one, 0) + len(self.reactors.get(one, ())) for one in emoji
        }
        return {one: count for one, count in counts.items() if count > 0}


def current(message: Message, changes: Iterable[Change] = ()) -> Current:
    """Return the state of `message` after `changes`, in the order of their recording."""
    extra = message.extra
    if extra:
        reactions = extra.get("reactions")
        counts = reactions.items() if isinstance(reactions, dict) else ()
        state = Current(
            message,
            edited_at=_edited(extra.get("edited_timestamp")),
            uncounted={emoji: count for emoji, count in counts if isinstance(count, int)},
        )
    else:
        state = Current(message)
    for change in changes:
        state = apply(state, change)
    return state


def edit_of(message: Message, timestamp: datetime) -> Edit:
    """Return the edit that brings a Discord message into the state of `message`."""
    extra = {key: value for key, value in message.extra.items() if key not in _NOT_EDITED}
    return Edit(
        timestamp=timestamp,
        channel_id=message.channel_id or "",
        message_id=message.message_id or 0,
        content=message.content,
        attachments=message.attachments,
        extra=extra,
    )


def apply(state: Current, change: Change) -> Current:
    """Return the state of a message after one more change."""
    if isinstance(change, Annotation):
        return replace(state, message=replace(state.message, model=change.model))
    if isinstance(change, Edit):
        kept = {key: value for key, value in state.message.extra.items() if key in _KEPT}
        message = replace(
            state.message,
            content=change.content,
            attachments=change.attachments,
            extra={**kept, **change.extra},
        )
        # A link that unfolds is an edit too, but not by the author.
        edited_at = _edited(change.extra.get("edited_timestamp")) or state.edited_at
        return replace(state, message=message, edited_at=edited_at)
    if isinstance(change, UnrecordedEdit):
        return replace(state, edited_at=change.timestamp)
    if isinstance(change, Deletion):
        return replace(state, deleted_at=state.deleted_at or change.timestamp)
    if isinstance(change, Reaction):
        return _after_reaction(state, change)
    return state  # erased: nothing is known about the message


def _after_reaction(state: Current, change: Reaction) -> Current:
    uncounted, reactors = dict(state.uncounted), dict(state.reactors)
    if change.action == "clear":
        for emoji in (change.emoji,) if change.emoji else (*uncounted, *reactors):
            uncounted.pop(emoji, None)
            reactors.pop(emoji, None)
    elif change.emoji is not None and change.user_id is not None:
        users = reactors.get(change.emoji, frozenset())
        if change.action == "add":
            reactors[change.emoji] = users | {change.user_id}
        elif change.user_id in users:
            reactors[change.emoji] = users - {change.user_id}
        elif uncounted.get(change.emoji):
            uncounted[change.emoji] -= 1
    return replace(state, uncounted=uncounted, reactors=reactors)


def _edited(value: object) -> datetime | None:
    try:
        return parse_time(value) if isinstance(value, str) else None
    except ValueError:
        return None
