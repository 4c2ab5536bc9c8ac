"""The data that modules pass to each other: messages, channels, sessions."""

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
"""The raw token of a mentioned user, role or channel."""

_FILE_NUMBER = re.compile(r"(?<=_\d{4}-\d{2}-\d{2})-\d+\.jsonl$")
_EMOJI_OR_COMMAND = re.compile(r"<(?:a?(:\w+:)|(/[^<>:\n]+):)\d+>")


# The keys of `Message.extra` that change the displayed text.
_SHOWN = frozenset(
    "opted_out erased_at mentions forwarded embeds components poll stickers files".split()
)


@dataclass(frozen=True, slots=True)
class Message:
    """A message in the state in which it was recorded.

    Parameters
    ----------
    timestamp
        The time at which Discord received it; aware, UTC.
    author, author_id
        The user name and the Discord id (or ``"bot"`` in files that only have the
        specification's keys).
    content
        The raw text.
    type
        The kind of author: a user, a bot, or Discord itself.
    model
        The AI model that wrote a bot's reply, if the host bot named it.
    attachments
        URLs of the attached files.
    message_id, channel_id
        Discord's ids; ``None`` in files without them.
    parent_id
        For a message in a thread: the channel of the thread. Used to look up the
        session, not stored.
    extra
        All other keys of the JSONL line, in the order of the file:
        ``display_name``, ``webhook_id``, ``reply_to``, ``starts_thread``,
        ``interaction`` (``id``, ``command``, ``user``, ``user_id``, ``answered_at``),
        ``mentions`` (raw token to name), ``files``, ``embeds``, ``components``, ``stickers``,
        ``poll``, ``forwarded``, ``event``, ``raw_content``, ``edited_timestamp``,
        ``reactions`` (emoji to count, before the recording), ``source``, ``opted_out``,
        ``erased_at``, ``redacted_at``, and foreign keys.
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
        """The display name, else the user name."""
        name = self.extra.get("display_name")
        return name if isinstance(name, str) else self.author

    @property
    def interaction(self) -> Mapping[str, Json]:
        """The use of a bot's command that the message answers; empty without one."""
        interaction = self.extra.get("interaction")
        return interaction if isinstance(interaction, dict) else {}

    @property
    def used_command(self) -> str | None:
        """The command that the message answers and its user, such as ``ann used /ask``."""
        user, command = self.interaction.get("user"), self.interaction.get("command")
        if user is None:
            return None
        return f"asked by {user}" if command is None else f"{user} used {command}"

    @property
    def withheld(self) -> str | None:
        """The reason for missing content: ``opted out`` or ``erased``."""
        if self.extra.get("opted_out") is True:
            return "opted out"
        return "erased" if "erased_at" in self.extra else None

    @property
    def text(self) -> str:
        """The displayed text: names for mentions, then embeds, polls and files."""
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
    """Return the non-empty strings under `keys`, from one object or a list of them."""
    texts: list[str] = []
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            values = (item.get(key) for key in keys)
            texts += [value for value in values if isinstance(value, str) and value]
    return texts


def further_text(extra: Mapping[str, Json]) -> list[str]:
    """Return what a message shows besides its own text, part by part."""
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
    if embed.get("type") == "poll_result":  # its fields are for programs
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
    """The AI model of a reply, named by the bot before or after the reply was recorded."""

    timestamp: datetime
    channel_id: str
    message_id: int
    model: str


@dataclass(frozen=True, slots=True)
class Edit:
    """The new state of an edited message; `extra` is as in :class:`Message`."""

    timestamp: datetime
    channel_id: str
    message_id: int
    content: str
    attachments: tuple[str, ...] = ()
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deletion:
    """The deletion of a message in Discord; the record keeps the message.

    ``unseen`` if it happened while the bot was away: then `timestamp` is the time at which the
    message was missing from the history of its channel.
    """

    timestamp: datetime
    channel_id: str
    message_id: int
    unseen: bool = False


@dataclass(frozen=True, slots=True)
class Reaction:
    """A reaction that was added to a message or removed from it.

    ``action`` is ``add``, ``remove`` or ``clear``; the last removes all reactions, or all with
    this emoji. The emoji is the character itself, or ``:name:`` for a custom one.
    """

    timestamp: datetime
    channel_id: str
    message_id: int
    action: Literal["add", "remove", "clear"]
    emoji: str | None
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class UnrecordedEdit:
    """An edit while the session of the message was not recording: its content is not kept."""

    timestamp: datetime
    channel_id: str
    message_id: int


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of a message that was stored in ``attachments/``.

    ``url`` has no query, ``file_path`` is relative to the data folder, and ``sha256`` is of the
    content.
    """

    timestamp: datetime
    channel_id: str
    message_id: int
    url: str
    file_path: str
    sha256: str
    byte_size: int


@dataclass(frozen=True, slots=True)
class Erased:
    """The placeholder of a line whose content was erased."""

    timestamp: datetime
    channel_id: str
    message_id: int


Change = Annotation | Edit | UnrecordedEdit | Deletion | Reaction | KeptFile | Erased
"""Anything that can happen to a message after it was recorded."""

EventName = Literal[
    "start",
    "pause",
    "resume",
    "stop",
    "gap",
    "compared",
    "tag",
    "untag",
    "rename",
    "merge",
    "import",
    "opt_out",
    "opt_in",
    "erasure",
]


@dataclass(frozen=True, slots=True)
class SessionEvent:
    """Something that happened to a recording itself.

    Parameters
    ----------
    content
        A sentence for people.
    details
        What it was, for programs: see :mod:`recorder.record.session_events`.
    """

    timestamp: datetime
    event: EventName
    content: str
    details: Mapping[str, Json] = field(default_factory=dict)


Entry = Message | Change | SessionEvent
"""Anything that is a line of a record."""


@dataclass(frozen=True, slots=True)
class Channel:
    """The channel of a session; ``guild_id`` is ``None`` for a DM channel."""

    id: str
    name: str
    guild_id: str | None


@dataclass(frozen=True, slots=True)
class Session:
    """A recording, as stored in the database.

    ``recorded_seconds`` is the sum of the finished intervals and ``running_since`` the start
    of the running one, so that :meth:`duration` leaves out pauses. ``head`` is the head of the
    hash chain, as text of :class:`recorder.record.chain.Head`.
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

    @property
    def shown_path(self) -> str:
        """The path of the file as members see it.

        Without a number, which would tell of a session of that name in another guild.
        """
        if self.is_auto and self.file_path.startswith(f"sessions/{self.name}"):
            return f"sessions/{self.name}.jsonl"
        return _FILE_NUMBER.sub(".jsonl", self.file_path)

    def duration(self, now: datetime) -> float:
        """Return the recorded seconds up to `now`."""
        running = (now - self.running_since).total_seconds() if self.running_since else 0.0
        return self.recorded_seconds + max(running, 0.0)


@dataclass(frozen=True, slots=True)
class Tag:
    """A marked message of a session; `timestamp` is that of the message."""

    name: str
    timestamp: datetime
    message_index: int


@dataclass(frozen=True, slots=True)
class AutoRecording:
    """A scope, that is a guild or one channel, that gets a new session each day."""

    place_id: str
    guild_id: str | None
    user_id: str


@dataclass(frozen=True, slots=True)
class RecordedMessage:
    """A message and its position in a session (``message_index`` counts from 1)."""

    message_index: int
    message: Message
    tags: tuple[str, ...] = ()
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    reactions: Mapping[str, int] = field(default_factory=dict)

    @property
    def marks(self) -> tuple[str, ...]:
        """The marks that are shown next to the text: ``edited``, ``deleted``, ``fetched later``."""
        marks = {
            "edited": self.edited_at is not None,
            "deleted": self.deleted_at is not None,
            "fetched later": self.message.extra.get("source") == "history",
        }
        return tuple(mark for mark, applies in marks.items() if applies)


@dataclass(frozen=True, slots=True)
class Interval:
    """A time in which a session was recording a channel; `ended_at` is ``None`` while it runs."""

    started_at: datetime
    ended_at: datetime | None
    channel_id: str | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which a recording session received no events.

    Parameters
    ----------
    started_at
        The last time at which events were certainly received.
    ended_at
        ``None`` until events are received again.
    reason
        A phrase such as ``restart`` or ``connection lost``.
    fetched
        The number of messages fetched from the history; ``None`` until it was read.
    problem
        The reason why the history could not be read.
    complete
        Whether the history was read as a whole, or cannot be read at all: no further attempt
        is made to fill the gap.
    """

    started_at: datetime
    ended_at: datetime | None
    reason: str
    fetched: int | None = None
    problem: str | None = None
    complete: bool = False
