"""The things that a Discord consists of, as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any

Json = dict[str, Any]


class Kind(IntEnum):
    """The types of channels."""

    TEXT = 0
    DM = 1
    VOICE = 2
    CATEGORY = 4
    NEWS = 5
    NEWS_THREAD = 10
    PUBLIC_THREAD = 11
    PRIVATE_THREAD = 12
    STAGE = 13
    FORUM = 15
    MEDIA = 16


class Flag(IntEnum):
    """The message flags that matter here."""

    HAS_THREAD = 1 << 5
    EPHEMERAL = 1 << 6
    LOADING = 1 << 7
    FORWARDED = 1 << 14  # HAS_SNAPSHOT
    COMPONENTS_V2 = 1 << 15


@dataclass(eq=False, slots=True)
class User:
    id: int
    name: str
    global_name: str | None = None
    bot: bool = False

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"


@dataclass(eq=False, slots=True)
class Role:
    id: int
    guild: Guild
    name: str
    permissions: int
    position: int

    @property
    def mention(self) -> str:
        return f"<@&{self.id}>"


@dataclass(eq=False, slots=True)
class Member:
    user: User
    guild: Guild
    joined_at: datetime
    roles: list[Role] = field(default_factory=list)
    nick: str | None = None


@dataclass(eq=False, slots=True)
class Guild:
    id: int
    name: str
    owner: User
    available: bool = True
    roles: dict[int, Role] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    threads: dict[int, Thread] = field(default_factory=dict)

    @property
    def everyone(self) -> Role:
        return self.roles[self.id]


@dataclass(eq=False, slots=True)
class Channel:
    """A channel of a guild, or a DM between the bot and `recipient`."""

    id: int
    kind: Kind
    name: str = ""
    guild: Guild | None = None
    parent: Channel | None = None
    topic: str | None = None
    position: int = 0
    recipient: User | None = None
    overwrites: dict[int, tuple[int, int]] = field(default_factory=dict)  # id: (allow, deny)
    messages: dict[int, Message] = field(default_factory=dict)  # by id, which is by time
    last_message_id: int | None = None

    @property
    def home(self) -> Channel:
        """The channel whose permissions count: of a thread its parent."""
        return self

    @property
    def mention(self) -> str:
        return f"<#{self.id}>"


@dataclass(eq=False, slots=True)
class Thread(Channel):
    owner: User | None = None
    created_at: datetime | None = None
    archived_at: datetime | None = None  # when its archived status last changed
    archived: bool = False
    locked: bool = False
    members: dict[int, datetime] = field(default_factory=dict)  # user id: joined
    total_sent: int = 0
    tags: list[int] = field(default_factory=list)

    @property
    def home(self) -> Channel:
        assert self.parent is not None
        return self.parent

    @property
    def private(self) -> bool:
        return self.kind is Kind.PRIVATE_THREAD


@dataclass(eq=False, slots=True)
class Message:
    id: int
    channel: Channel
    author: User
    content: str
    timestamp: datetime
    type: int = 0
    edited_at: datetime | None = None
    attachments: list[Json] = field(default_factory=list)
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    stickers: list[Json] = field(default_factory=list)
    poll: Json | None = None
    snapshots: list[Json] = field(default_factory=list)
    reference: Json | None = None
    replied_to: Message | None = None
    pings_replied: bool = True
    reactions: dict[str, dict[int, User]] = field(default_factory=dict)
    pinned_at: datetime | None = None
    flags: int = 0
    webhook_id: int | None = None
    application_id: int | None = None
    interaction: Json | None = None
    thread: Thread | None = None

    @property
    def is_ephemeral(self) -> bool:
        return bool(self.flags & Flag.EPHEMERAL)

    @property
    def is_deleted(self) -> bool:
        return self.id not in self.channel.messages


def newest_first(messages: Iterable[Message]) -> list[Message]:
    return sorted(messages, key=lambda message: -message.id)
