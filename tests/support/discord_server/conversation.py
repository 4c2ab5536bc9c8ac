"""What is said: messages, what happens to them, and the threads that begin with one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from . import payloads
from .model import Channel, Flag, Json, Kind, Message, Thread, User
from .threads import Threads

_JOIN, _PINNED, _THREAD_CREATED, _REPLY, THREAD_STARTER = 7, 6, 18, 19, 21


class Conversation(Threads):
    """The part of the world that speaks."""

    def say(
        self,
        author: User,
        channel: Channel,
        content: str = "",
        *,
        files: dict[str, bytes] | None = None,
        reply_to: Message | None = None,
        forward: Message | None = None,
        id: int | None = None,
        **details: Any,
    ) -> Message:
        """Say something.

        Parameters
        ----------
        files
            The contents of attachments by file name.
        reply_to, forward
            The message that is answered or forwarded.
        details
            Any other field of a `Message`: embeds, components, stickers, poll, type, flags, …
        """
        self._before_saying(channel, author)
        id = id or self.snowflake()
        message = Message(id, channel, author, content, self.now, **details)
        for name, data in (files or {}).items():
            message.attachments.append(self._attach(channel, name, data))
        if message.poll is not None:
            end = self.now + timedelta(days=1)
            message.poll = {**message.poll, "expiry": payloads.iso(end)}
        if reply_to is not None:
            message.type, message.replied_to = _REPLY, reply_to
            message.reference = {"type": 0, **payloads.message_keys(reply_to)}
        if forward is not None:
            message.reference = {"type": 1, **payloads.message_keys(forward)}
            message.snapshots = [payloads.snapshot(forward)]
            message.flags |= Flag.FORWARDED
        if message.is_ephemeral:  # the user alone sees it; Discord sends no event
            return message
        channel.messages[message.id] = message
        self._after_saying(message)
        self.emit("MESSAGE_CREATE", payloads.message_event(message, self.bot), channel)
        return message

    def announce_join(self, channel: Channel, user: User) -> Message:
        """Post Discord's own message that a member has joined."""
        return self.say(user, channel, type=_JOIN)

    def webhook_say(self, channel: Channel, name: str, content: str, **details: Any) -> Message:
        """Say something through a webhook, under a name that is no user's."""
        if name not in self.webhooks:
            self.webhooks[name] = self.snowflake()
        id = self.webhooks[name]
        return self.say(User(id, name, bot=True), channel, content, webhook_id=id, **details)

    def edit(self, message: Message, content: str | None = None, **details: Any) -> None:
        """Edit a message: its content or any other field of a `Message`."""
        message.edited_at = self.now
        self.change(message, **details, **({} if content is None else {"content": content}))

    def change(self, message: Message, **details: Any) -> None:
        """Change a message without marking it as edited, as when a link is unfurled."""
        for name, value in details.items():
            setattr(message, name, value)
        if not message.is_ephemeral:
            data = payloads.message_event(message, self.bot)
            self.emit("MESSAGE_UPDATE", data, message.channel)

    def vote(self, user: User, message: Message, answer: int, *, add: bool = True) -> None:
        data = {"user_id": str(user.id), **payloads.message_keys(message), "answer_id": answer}
        name = "MESSAGE_POLL_VOTE_ADD" if add else "MESSAGE_POLL_VOTE_REMOVE"
        self.emit(name, data, message.channel)

    def delete(self, message: Message) -> None:
        if message.channel.messages.pop(message.id, None):
            keys = payloads.channel_keys(message.channel)
            self.emit("MESSAGE_DELETE", {"id": str(message.id), **keys}, message.channel)

    def bulk_delete(self, channel: Channel, messages: Iterable[Message]) -> None:
        ids = [m.id for m in messages if channel.messages.pop(m.id, None)]
        data = {"ids": [str(id) for id in ids], **payloads.channel_keys(channel)}
        self.emit("MESSAGE_DELETE_BULK", data, channel)

    # reactions and pins

    def react(self, user: User, message: Message, emoji: str) -> None:
        """Add a reaction: a character, or ``name:id`` for a custom emoji."""
        users = message.reactions.setdefault(emoji, {})
        if user.id not in users:
            users[user.id] = user
            data = self._reaction(message, emoji, user) | {"type": 0, "burst": False}
            data["message_author_id"] = str(message.author.id)
            guild = message.channel.guild
            if guild and (member := guild.members.get(user.id)):
                data["member"] = payloads.member(member)
            self.emit("MESSAGE_REACTION_ADD", data, message.channel)

    def unreact(self, user: User, message: Message, emoji: str) -> None:
        users = message.reactions.get(emoji, {})
        if users.pop(user.id, None):
            if not users:
                del message.reactions[emoji]
            data = self._reaction(message, emoji, user) | {"type": 0, "burst": False}
            self.emit("MESSAGE_REACTION_REMOVE", data, message.channel)

    def clear_reactions(self, message: Message, emoji: str | None = None) -> None:
        """Remove all reactions of a message, or all with one emoji."""
        if emoji is None:
            message.reactions.clear()
            data = payloads.message_keys(message)
            self.emit("MESSAGE_REACTION_REMOVE_ALL", data, message.channel)
        elif message.reactions.pop(emoji, None):
            data = self._reaction(message, emoji)
            self.emit("MESSAGE_REACTION_REMOVE_EMOJI", data, message.channel)

    def pin(self, user: User, message: Message) -> None:
        """Pin a message; a message of the system says so."""
        if message.pinned_at is None:
            self.change(message, pinned_at=self.now)
            self._emit_pins(message.channel)
            reference = {"type": 0, **payloads.message_keys(message)}
            self.say(user, message.channel, type=_PINNED, reference=reference)

    def unpin(self, message: Message) -> None:
        if message.pinned_at is not None:
            self.change(message, pinned_at=None)
            self._emit_pins(message.channel)

    def _emit_pins(self, channel: Channel) -> None:
        times = [m.pinned_at for m in channel.messages.values() if m.pinned_at]
        last = payloads.iso(max(times, default=None))
        data = payloads.channel_keys(channel) | {"last_pin_timestamp": last}
        self.emit("CHANNEL_PINS_UPDATE", data, channel)

    # threads that begin with a message

    def start_thread(
        self,
        owner: User,
        channel: Channel,
        name: str,
        *,
        message: Message | None = None,
        private: bool = False,
    ) -> Thread:
        """Start a thread: at a message, or by itself, which a message of the system tells."""
        kind = Kind.NEWS_THREAD if channel.kind is Kind.NEWS else Kind.PUBLIC_THREAD
        kind = Kind.PRIVATE_THREAD if private else kind
        thread = self.open_thread(channel, owner, name, kind, message.id if message else None)
        keys = {"guild_id": payloads.channel_keys(channel)["guild_id"]}
        if message is not None:
            self.change(message, thread=thread, flags=message.flags | Flag.HAS_THREAD)
            reference = {"type": 0, **payloads.message_keys(message)}
            self.say(owner, thread, type=THREAD_STARTER, reference=reference, replied_to=message)
        elif not private:
            reference = {"type": 0, "channel_id": str(thread.id), **keys}
            self.say(owner, channel, name, type=_THREAD_CREATED, reference=reference)
        return thread

    def post(
        self, owner: User, forum: Channel, name: str, content: str = "", **details: Any
    ) -> Thread:
        """Post in a forum or media channel: a thread, and a first message of the same id."""
        thread = self.open_thread(forum, owner, name, Kind.PUBLIC_THREAD)
        forum.last_message_id = thread.id
        self.say(owner, thread, content, id=thread.id, **details)
        return thread

    def rename(self, channel: Channel, name: str, user: User | None = None) -> None:
        """Rename a channel or a thread; in a thread a message of the system tells."""
        self.edit_channel(channel, name=name)
        if isinstance(channel, Thread) and not channel.archived and user:
            self.say(user, channel, name, type=4)

    def _attach(self, channel: Channel, name: str, data: bytes) -> Json:
        id = self.snowflake()
        path = f"/attachments/{channel.id}/{id}/{name}"
        self.files[path] = data
        url = (self.cdn_url or self.url) + path
        kinds = {"txt": "text/plain; charset=utf-8", "png": "image/png", "ogg": "audio/ogg"}
        file: Json = {"id": str(id), "filename": name, "size": len(data), "flags": 0}
        file |= {"url": url, "proxy_url": url}
        kind = kinds.get(name.rpartition(".")[2], "application/octet-stream")
        return file | {"content_type": kind}

    def _reaction(self, message: Message, emoji: str, user: User | None = None) -> Json:
        who = {"user_id": str(user.id)} if user else {}
        return {**who, **payloads.message_keys(message), "emoji": payloads.emoji(emoji)}


def poll(question: str | None, *answers: str) -> Json:
    """Return a poll as Discord shows it; one of an image alone has a question without text."""
    return {
        "question": {} if question is None else {"text": question},
        "answers": [
            {"answer_id": number, "poll_media": {"text": text}}
            for number, text in enumerate(answers, start=1)
        ],
        "expiry": None,
        "allow_multiselect": False,
        "layout_type": 1,
        "results": {"is_finalized": False, "answer_counts": []},
    }
