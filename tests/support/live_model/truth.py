"""The truth of a run: every message that was sent, each of its texts, and what the bot received."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from support.discord_server import Channel, Message, User, World
from support.discord_server.conversation import THREAD_STARTER
from support.discord_server.gateway import Gateway
from support.discord_server.model import Flag, Json

MARK = "⟦"  # in each answer of the host bot, which the recorder's own messages lack
COMMAND = "!record"


@dataclass(eq=False)
class Event:
    """Something that the bot may have received.

    Attributes
    ----------
    position
        Its place in time, comparable with the ids of messages.
    gateway
        The gateway session for which it was queued; ``None`` if the bot could not see it, was
        away, or if it was dropped on the way.
    delivered
        Whether the bot has received it and come to rest afterwards.
    """

    position: int
    gateway: str | None = None
    delivered: bool = False
    is_dropped: bool = False


@dataclass(eq=False)
class Version(Event):
    """A text of a message."""

    text: str = ""
    is_edit: bool = False


@dataclass(eq=False)
class Sent:
    """A message, also after its deletion.

    Attributes
    ----------
    source
        The message that the first message of a thread shows: its author is that of the source,
        and it is edited and deleted with it.
    copies
        The messages of which it is the source.
    """

    message: Message
    versions: list[Version]
    deletion: Event | None = None
    reactions: list[tuple[Event, int]] = field(default_factory=list)  # changes of them, by whom
    source: Sent | None = None
    copies: list[Sent] = field(default_factory=list)

    @property
    def id(self) -> int:
        return self.message.id

    @property
    def creation(self) -> Version:
        return self.versions[0]

    @property
    def text(self) -> str:
        return self.versions[-1].text

    @property
    def finished(self) -> Version | None:
        """The first text; of a deferred answer the one that replaced "is thinking…"."""
        if not self.was_deferred:
            return self.creation
        return self.versions[1] if len(self.versions) > 1 else None

    was_deferred: bool = False

    @property
    def shown(self) -> Sent:
        """The message whose author and text it shows."""
        return self.source or self

    def is_by(self, user: User) -> bool:
        return self.shown.message.author.id == user.id

    @property
    def is_plain(self) -> bool:
        """Whether it has a text of its own: it is no message of the system and no starter."""
        return self.message.type in (0, 19, 20, 23)

    @property
    def is_command(self) -> bool:
        author = self.shown.message.author
        return not author.bot and self.creation.text.startswith(COMMAND)


class ObservedWorld(World):
    """A world that notes what happens in it.

    Attributes
    ----------
    sent
        Every message by its id.
    on_own
        Called with each text that the bot itself shows, and with the position of the text.
    """

    def __init__(self, now: datetime) -> None:
        self.sent: dict[int, Sent] = {}
        self.pending: list[Event] = []
        self.emitted = self.dropped = False
        self.on_own: Callable[[Sent, int], None] = lambda sent, position: None
        self._gateway: Gateway | None = None
        super().__init__(now)

    def observe(self, gateway: Gateway) -> None:
        """Send the events through a gateway."""
        self._gateway = gateway

    def is_own(self, sent: Sent) -> bool:
        """Return whether a message is a notice or an answer of the recorder."""
        return sent.is_by(self.bot) and not any(MARK in v.text for v in sent.versions)

    def settled(self) -> None:
        """Mark what was queued for the bot's present gateway session as received."""
        session = self._gateway.session if self._gateway else None
        for event in self.pending:
            event.delivered = session is not None and event.gateway == session.id
        self.pending.clear()

    def say(self, author: User, channel: Channel, content: str = "", **details: Any) -> Message:
        self._before_event()
        message = super().say(author, channel, content, **details)
        if message.is_ephemeral:
            return message
        source = None
        if message.type == THREAD_STARTER:
            source = self.sent[int((message.reference or {})["message_id"])]
        version = Version(message.id, text=source.text if source else content)
        sent = Sent(message, [version], source=source)
        sent.was_deferred = bool(message.flags & Flag.LOADING)
        self.sent[message.id] = sent
        self._note(version)
        if source is not None:
            source.copies.append(sent)
        elif self.is_own(sent):
            self.on_own(sent, message.id)
        return message

    def change(self, message: Message, **details: Any) -> None:
        was_loading, before = message.flags & Flag.LOADING, message.content
        self._before_event()
        super().change(message, **details)
        sent = self.sent.get(message.id)
        finished = was_loading and not message.flags & Flag.LOADING
        if sent is not None and (message.content != before or finished):
            is_edit = not was_loading
            version = Version(self.snowflake(), text=message.content, is_edit=is_edit)
            for each in (sent, *sent.copies):
                each.versions.append(version)
            self._note(version)
            if self.is_own(sent):
                self.on_own(sent, version.position)

    def delete(self, message: Message) -> None:
        if not message.is_deleted:
            self._before_event()
            super().delete(message)
            self._deleted([message])

    def bulk_delete(self, channel: Channel, messages: Iterable[Message]) -> None:
        present = [message for message in messages if not message.is_deleted]
        self._before_event()
        super().bulk_delete(channel, present)
        self._deleted(present)

    def react(self, user: User, message: Message, emoji: str) -> None:
        self._before_event()
        super().react(user, message, emoji)
        self._reacted(message, user)

    def unreact(self, user: User, message: Message, emoji: str) -> None:
        self._before_event()
        super().unreact(user, message, emoji)
        self._reacted(message, user)

    def clear_reactions(self, message: Message, emoji: str | None = None) -> None:
        self._before_event()
        super().clear_reactions(message, emoji)
        self._reacted(message, self.bot)

    def _reacted(self, message: Message, user: User) -> None:
        if (sent := self.sent.get(message.id)) is not None:
            event = Event(self.snowflake())
            self._note(event)
            sent.reactions.append((event, user.id))

    def emit(self, name: str, data: Json, scope: Any = None) -> None:
        # Of several events, the last one is that of the message itself.
        before = self._queued()
        super().emit(name, data, scope)
        (queued, sequence), (queued_before, sequence_before) = self._queued(), before
        self.emitted = queued > queued_before
        self.dropped = sequence > sequence_before and not self.emitted

    def _deleted(self, messages: Iterable[Message]) -> None:
        event = Event(self.snowflake())
        self._note(event)
        for message in messages:
            if sent := self.sent.get(message.id):
                for each in (sent, *sent.copies):
                    each.deletion = each.deletion or event

    def _before_event(self) -> None:
        self.emitted = self.dropped = False

    def _note(self, event: Event) -> None:
        event.is_dropped = self.dropped
        session = self._gateway.session if self._gateway else None
        if self.emitted and session is not None:
            event.gateway = session.id
            self.pending.append(event)

    def _queued(self) -> tuple[int, int]:
        session = self._gateway.session if self._gateway else None
        return (len(session.events), session.sequence) if session else (0, 0)
