"""The data that travels between the modules: messages, channels, sessions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
MessageType = Literal["user_message", "bot_response", "system_message"]
Status = Literal["active", "paused", "stopped"]

MESSAGE_TYPES: tuple[MessageType, ...] = ("user_message", "bot_response", "system_message")

MENTION = re.compile(r"<(@[!&]?|#)(\d{1,20})>")
"""The raw token of a mentioned person, role or channel."""

_EMOJI_OR_COMMAND = re.compile(r"<(?:a?(:\w+:)|(/[^<>:\n]+):)\d+>")


# Keys of a message's extra that change what people see.
_SHOWN = frozenset(
    "opted_out erased_at mentions forwarded embeds components poll stickers files".split()
)


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it was when it was recorded.

    Parameters
    ----------
    timestamp
        When Discord received it; aware, UTC.
    author, author_id
        User name and Discord id (or ``"bot"`` in files that only have the
        specification's keys).
    content
        The raw text, as it was sent.
    type
        Who speaks: a person, a bot, or Discord itself.
    model
        AI model that wrote a bot's answer, where the host bot named it.
    attachments
        URLs of the attached files.
    message_id, channel_id
        Discord's ids; ``None`` in files that do not have them.
    parent_id
        For a message in a thread: the channel that the thread belongs to. Used to find
        the session, not stored.
    extra
        Everything else that a JSONL line holds, by its key, in the file's order:
        ``display_name``, ``webhook_id``, ``reply_to``, ``mentions`` (raw token to name),
        ``files``, ``embeds``, ``components``, ``stickers``, ``poll``, ``forwarded``,
        ``event``, ``raw_content``, ``edited_timestamp``, ``reactions`` (emoji to count, of
        before it was recorded), ``source``, ``opted_out``, ``erased_at``, and keys of others.
    """

    timestamp: datetime
    author: str
    author_id: str
    content: str
    type: MessageType
    model: str | None = None
    attachments: tuple[str, ...] = ()
    message_id: int | None = None
    channel_id: str | None = None
    parent_id: str | None = None
    extra: Mapping[str, Json] = field(default_factory=dict)

    @property
    def speaker(self) -> str:
        """The name that people saw: the display name, else the user name."""
        name = self.extra.get("display_name")
        return name if isinstance(name, str) else self.author

    @property
    def withheld(self) -> str | None:
        """Why there is no content: ``opted out`` or ``erased``."""
        if self.extra.get("opted_out") is True:
            return "opted out"
        return "erased" if "erased_at" in self.extra else None

    @property
    def text(self) -> str:
        """What people saw: the text with names for mentions, embeds, polls, files."""
        if "<" not in self.content and self.extra.keys().isdisjoint(_SHOWN):
            return self.content
        if withheld := self.withheld:
            return f"[{withheld}]"
        parts = (self.content, *further_text(self.extra))
        text = _EMOJI_OR_COMMAND.sub(r"\1\2", "\n".join(part for part in parts if part))
        mentions = self.extra.get("mentions")
        if isinstance(mentions, dict):
            text = MENTION.sub(lambda token: str(mentions.get(token[0], token[0])), text)
        return text


def _texts(value: Json | None, *keys: str) -> list[str]:
    """The non-empty strings under `keys`, from one object or a list of them."""
    found: list[str] = []
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            texts = (item.get(key) for key in keys)
            found += [text for text in texts if isinstance(text, str) and text]
    return found


def further_text(extra: Mapping[str, Json]) -> list[str]:
    """What a message shows beside its own text, part by part."""
    parts: list[str] = []
    forwarded = extra.get("forwarded")
    if isinstance(forwarded, dict):
        parts += [f"Forwarded: {text}" for text in _texts(forwarded, "content")]
        parts += further_text(forwarded)
    embeds = extra.get("embeds")
    for embed in embeds if isinstance(embeds, list) else []:
        if isinstance(embed, dict):
            parts += _embed_text(embed)
    parts += _texts(extra.get("components"), "content")
    poll = extra.get("poll")
    if isinstance(poll, dict):
        parts += [f"Poll: {text}" for text in _texts(poll, "question")]
        answers = poll.get("answers")
        parts += [f"- {a}" for a in (answers if isinstance(answers, list) else []) if a]
    parts += [f"[sticker: {name}]" for name in _texts(extra.get("stickers"), "name")]
    parts += [f"[file: {name}]" for name in _texts(extra.get("files"), "name")]
    return parts


def _embed_text(embed: dict[str, Json]) -> list[str]:
    fields = embed.get("fields")
    if embed.get("type") == "poll_result":  # its fields are meant for programs
        named = [f for f in fields if isinstance(f, dict)] if isinstance(fields, list) else []
        winners = [f for f in named if f.get("name") == "victor_answer_text"]
        return [f"Winner: {text}" for text in _texts(list(winners), "value")]
    return [
        *_texts(embed.get("author"), "name"),
        *_texts(embed, "title", "description"),
        *_texts(fields, "name", "value"),
        *_texts(embed.get("footer"), "text"),
    ]


@dataclass(frozen=True, slots=True)
class Annotation:
    """The AI model of a reply, named by its bot before or after it was recorded."""

    timestamp: datetime
    channel_id: str
    message_id: int
    model: str


@dataclass(frozen=True, slots=True)
class Edit:
    """A message as it reads after it was edited; `extra` as in :class:`Message`."""

    timestamp: datetime
    channel_id: str
    message_id: int
    content: str
    attachments: tuple[str, ...] = ()
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deletion:
    """A message was deleted in Discord; the record keeps it."""

    timestamp: datetime
    channel_id: str
    message_id: int


@dataclass(frozen=True, slots=True)
class Reaction:
    """Somebody reacted to a message, or took a reaction back.

    ``action`` is ``add``, ``remove``, or ``clear``: then all reactions are gone, or all with
    this emoji. The emoji is the character itself, or the name of a custom one as ``:name:``.
    """

    timestamp: datetime
    channel_id: str
    message_id: int
    action: Literal["add", "remove", "clear"]
    emoji: str | None
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class Erased:
    """What stood in this line was destroyed; that something was there is all that is left."""

    timestamp: datetime
    channel_id: str
    message_id: int


Change = Annotation | Edit | Deletion | Reaction | Erased
"""What can happen to a message after it was recorded."""


@dataclass(frozen=True, slots=True)
class Channel:
    """Where a session is recorded; ``guild_id`` is ``None`` for a DM channel."""

    id: str
    name: str
    guild_id: str | None


@dataclass(frozen=True, slots=True)
class Session:
    """A recording as the database has it.

    ``recorded_seconds`` sums the finished intervals; ``running_since`` is the start of
    the one that runs, so that :meth:`duration` leaves pauses out. ``head`` is the head of
    its chain of lines, as :class:`recorder.record.chain.Head` writes it.
    """

    id: str
    name: str
    guild_id: str | None
    channel_id: str | None
    user_id: str | None
    started_at: datetime
    stopped_at: datetime | None
    status: Status
    message_count: int
    byte_size: int
    file_path: str
    recorded_seconds: float
    running_since: datetime | None
    head: str
    is_auto: bool = False

    def duration(self, now: datetime) -> float:
        """Seconds that were recorded up to `now`."""
        running = (now - self.running_since).total_seconds() if self.running_since else 0.0
        return self.recorded_seconds + max(running, 0.0)


@dataclass(frozen=True, slots=True)
class Tag:
    """A marked moment of a session; `timestamp` is that of the message."""

    name: str
    timestamp: datetime
    message_index: int


@dataclass(frozen=True, slots=True)
class AutoRecording:
    """A channel, or a guild with all its channels, that is recorded day by day."""

    place_id: str
    guild_id: str | None
    user_id: str


@dataclass(frozen=True, slots=True)
class RecordedMessage:
    """A message with its place in a session (``message_index`` counts from 1)."""

    message_index: int
    message: Message
    tags: tuple[str, ...] = ()
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    reactions: Mapping[str, int] = field(default_factory=dict)

    @property
    def marks(self) -> tuple[str, ...]:
        """What is said of it beside its text: ``edited``, ``deleted``, ``fetched later``."""
        known = {
            "edited": self.edited_at is not None,
            "deleted": self.deleted_at is not None,
            "fetched later": self.message.extra.get("source") == "history",
        }
        return tuple(mark for mark, holds in known.items() if holds)


@dataclass(frozen=True, slots=True)
class Interval:
    """When a session was really recording; `ended_at` is ``None`` while it runs."""

    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Gap:
    """When a session was not heard though it was recording.

    Parameters
    ----------
    started_at
        The last moment that was surely heard.
    ended_at
        ``None`` until the recorder is back.
    reason
        In words, such as ``restart`` or ``connection lost``.
    fetched
        How many messages were taken from the history; ``None`` until it was read.
    problem
        Why the history could not be read.
    """

    started_at: datetime
    ended_at: datetime | None
    reason: str
    fetched: int | None = None
    problem: str | None = None
