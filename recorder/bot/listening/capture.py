"""Convert discord.py's messages into those of the recorder.

It runs in the gateway listeners before anything is awaited: every lookup is in the cache. What
discord.py cannot read of a message is left out, so that its words are never lost.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

import discord

from recorder.models import MENTION, Channel, Json, Message, MessageType, further_text
from recorder.record.snowflake import snowflake_time

T = TypeVar("T")
AnyChannel: TypeAlias = "discord.abc.MessageableChannel | discord.abc.GuildChannel"

log = logging.getLogger(__name__)

_reported: set[tuple[str, str]] = set()

# Shared: messages of text alone are the most, and a dict of their own would cost each of them.
_NOTHING_ELSE: Mapping[str, Json] = MappingProxyType({})
_ORDINARY = frozenset(
    {
        discord.MessageType.default,
        discord.MessageType.reply,
        discord.MessageType.chat_input_command,
        discord.MessageType.context_menu_command,
        discord.MessageType.thread_starter_message,
    }
)


def capture(message: discord.Message, *, answered_at: datetime | None = None) -> Message:
    """Return a message in its present state, independent of discord.py's mutable objects.

    Parameters
    ----------
    message
        From the gateway or from the history of a channel.
    answered_at
        The time at which a deferred answer ("thinking…") was given, if it is known.
    """
    parent_id = parent_id_of(message.channel)
    shown, content = message, message.content
    attachments: tuple[str, ...] = ()
    extra: Mapping[str, Json] = _NOTHING_ELSE
    if not _is_text_alone(message):
        source = _readable("source", lambda: _source_of(message), None)
        shown = source or message
        if source is None and message.type is discord.MessageType.thread_starter_message:
            content, extra = "", _before(message, message, answered_at)
        else:
            content, attachments, extra = _parts(message, shown, answered_at)
    return Message(
        timestamp=snowflake_time(message.id),  # discord.py needs twice the time for it
        author=shown.author.name,
        author_id=str(shown.author.id),
        content=content,
        type=_type(message, shown),
        attachments=attachments,
        message_id=message.id,
        channel_id=str(message.channel.id),
        parent_id=None if parent_id is None else str(parent_id),
        extra=extra,
    )


def _parts(
    message: discord.Message, shown: discord.Message, answered_at: datetime | None
) -> tuple[str, tuple[str, ...], dict[str, Json]]:
    """Return the text of a message, the URLs of its files, and its other parts."""
    content = shown.content if message.type in _ORDINARY else _system_text(message)
    seen = _seen(shown)
    if message.message_snapshots:
        _add(seen, "forwarded", lambda: _forwarded(message))
    mentions: dict[str, Json] = {}
    mentions = _readable("mentions", lambda: _mentions(message, shown, content, seen), mentions)
    before, after = _before(message, shown, answered_at), _after(message, content)
    extra = {**before, **mentions, **seen, **after}
    return content, tuple(attachment.url for attachment in shown.attachments), extra


def _is_text_alone(message: discord.Message) -> bool:
    """Return whether a message consists of its text alone, as most messages do."""
    return not (
        message.type is not discord.MessageType.default
        or message.attachments
        or message.embeds
        or message.components
        or message.stickers
        or message.reference
        or message.webhook_id
        or message.interaction_metadata
        or message.edited_at
        or message.pinned
        or message.reactions
        or message.poll
        or "<" in message.content
        or message.author.display_name != message.author.name
    )


def _readable(part: str, read: Callable[[], T], default: T) -> T:
    """Return a part of a message, or `default` if discord.py cannot read it.

    Discord may leave out what discord.py relies on, such as the text of a poll's question.
    """
    try:
        return read()
    except Exception as error:
        level = logging.DEBUG if (part, repr(error)) in _reported else logging.WARNING
        _reported.add((part, repr(error)))
        log.log(level, "A part of messages cannot be read: %s", part, exc_info=True)
        return default


def _add(extra: dict[str, Json], part: str, read: Callable[[], Json]) -> None:
    """Add a part of a message, unless it is empty or cannot be read."""
    if value := _readable(part, read, None):
        extra[part] = value


def _add_each(
    extra: dict[str, Json], part: str, read: Callable[[Any], Json], items: Sequence[Any]
) -> None:
    """Add a part that consists of several, without those that cannot be read."""
    values = [_readable(part, lambda item=item: read(item), None) for item in items]  # type: ignore[misc]
    present: list[Json] = [value for value in values if value is not None]
    if present:
        extra[part] = present


def emoji_name(emoji: discord.PartialEmoji | discord.Emoji | str) -> str:
    """Return the character itself, or the name of a custom emoji between colons."""
    if isinstance(emoji, str):
        return emoji
    if isinstance(emoji, discord.PartialEmoji) and emoji.is_unicode_emoji():
        return emoji.name
    return f":{emoji.name or emoji.id}:"


def parent_id_of(channel: AnyChannel) -> int | None:
    """Return the channel whose session covers a public thread.

    A private thread, and a post of a forum or media channel, has a session of its own.
    """
    if not isinstance(channel, discord.Thread) or channel.is_private():
        return None
    return None if isinstance(channel.parent, discord.ForumChannel) else channel.parent_id


def channel_of(channel: discord.abc.MessageableChannel) -> Channel:
    """Return the channel of a session; a DM channel belongs to no guild."""
    guild = channel.guild
    name = getattr(channel, "name", None)
    if name is None and guild is None:
        name = f"DM with {getattr(channel, 'recipient', None) or 'a user'}"
    return Channel(str(channel.id), name or str(channel.id), str(guild.id) if guild else None)


def shown_message(message: discord.Message) -> discord.Message:
    """Return the message whose author and text a message shows: mostly itself."""
    if message.type is not discord.MessageType.thread_starter_message:
        return message
    return _readable("source", lambda: _source_of(message), None) or message


def _type(message: discord.Message, shown: discord.Message) -> MessageType:
    if message.type not in _ORDINARY or shown.author.system:
        return "system_message"
    return "bot_response" if shown.author.bot or shown.webhook_id else "user_message"


def _source_of(message: discord.Message) -> discord.Message | None:
    """Return the message that a thread was started from, if this is the first of the thread.

    Discord names the creator of the thread as its author, but shows the source.
    """
    if message.type is not discord.MessageType.thread_starter_message:
        return None
    source = message.reference.resolved if message.reference else None
    return source if isinstance(source, discord.Message) else None


def _system_text(message: discord.Message) -> str:
    """Return the text that Discord's client shows for a system message."""
    text = _readable("event", lambda: message.system_content, "")
    return text or message.content or message.type.name.replace("_", " ")


def _before(
    message: discord.Message, shown: discord.Message, answered_at: datetime | None
) -> dict[str, Json]:
    """Return the keys before the mentions: the author's names, the reply, the command's user."""
    extra: dict[str, Json] = {}
    if shown.author.display_name != shown.author.name:
        extra["display_name"] = shown.author.display_name
    # Answers to slash commands come through a webhook of the bot itself.
    if shown.webhook_id and shown.webhook_id != shown.application_id:
        extra["webhook_id"] = str(shown.webhook_id)
    reference = message.reference
    if reference and reference.message_id and not message.message_snapshots:
        extra["reply_to"] = str(reference.message_id)
    if shown is not message:
        extra["starts_thread"] = True
    if metadata := shown.interaction_metadata:
        _add(extra, "interaction", lambda: _interaction(shown, metadata, answered_at))
    return extra


def _interaction(
    message: discord.Message,
    metadata: discord.MessageInteractionMetadata,
    answered_at: datetime | None,
) -> Json:
    """Return the command that a message answers, as people see it, and the user who used it."""
    data: dict[str, Json] = {"id": str(metadata.id)}
    # discord.py has the name only in the deprecated `message.interaction`, which warns each time.
    named = getattr(message, "_interaction", None)
    if named is not None and metadata.type is discord.InteractionType.application_command:
        is_menu = metadata.target_user or metadata.target_message_id
        data["command"] = named.name if is_menu else f"/{named.name}"
    data |= {"user": metadata.user.name, "user_id": str(metadata.user.id)}
    if answered_at is not None:
        data["answered_at"] = answered_at.isoformat()
    return data


def _seen(shown: discord.Message | discord.MessageSnapshot) -> dict[str, Json]:
    """Return the visible parts of a message other than its text."""
    extra: dict[str, Json] = {}
    _add_each(extra, "files", _file, shown.attachments)
    _add_each(extra, "embeds", lambda embed: deepcopy(embed.to_dict()), shown.embeds)
    if shown.components:
        _add(extra, "components", lambda: [*map(_text_content, _component_texts(shown.components))])
    _add_each(extra, "stickers", _sticker, shown.stickers)
    if isinstance(shown, discord.Message) and (poll := shown.poll):
        _add(extra, "poll", lambda: _poll(poll))
    return extra


def _after(message: discord.Message, content: str) -> dict[str, Json]:
    """Return the event of a system message, and the state of pins, reactions and edits."""
    extra: dict[str, Json] = {}
    if message.type not in _ORDINARY:
        extra["event"] = message.type.name
        if message.content and message.content != content:
            extra["raw_content"] = message.content
    if message.pinned:
        extra["pinned"] = True
    if message.reactions:
        _add(extra, "reactions", lambda: {emoji_name(r.emoji): r.count for r in message.reactions})
    if message.edited_at:
        extra["edited_timestamp"] = message.edited_at.isoformat()
    return extra


def _file(attachment: discord.Attachment) -> Json:
    file: dict[str, Json] = {"name": attachment.filename, "size": attachment.size}
    if attachment.content_type:
        file["content_type"] = attachment.content_type
    if attachment.title:
        file["title"] = attachment.title
    if attachment.description:
        file["description"] = attachment.description
    if attachment.duration is not None:
        file["duration_seconds"] = attachment.duration
    return file


def _sticker(sticker: discord.StickerItem) -> Json:
    return {"id": str(sticker.id), "name": sticker.name, "url": sticker.url}


def _text_content(text: str) -> Json:
    return {"content": text}


def _component_texts(components: Sequence[Any]) -> Iterator[str]:
    """Yield the texts of a layout, from top to bottom."""
    for component in components:
        if isinstance(component, discord.TextDisplay):
            yield component.content
        else:  # rows, sections and containers hold others
            yield from _component_texts(getattr(component, "children", ()))


def _poll(poll: discord.Poll) -> Json:
    data: dict[str, Json] = {}
    _add(data, "question", lambda: poll.question)
    _add_each(data, "answers", _answer, poll.answers)
    if poll.expires_at:
        data["expires"] = poll.expires_at.isoformat()
    return data


def _answer(answer: discord.PollAnswer) -> Json:
    return f"{answer.emoji} {answer.text}" if answer.emoji else answer.text


def _forwarded(message: discord.Message) -> Json:
    """Return the forwarded message, with its author where discord.py remembers it."""
    snapshot, reference = message.message_snapshots[0], message.reference
    data: dict[str, Json] = {"content": snapshot.content}
    if snapshot.attachments:
        data["attachments"] = [attachment.url for attachment in snapshot.attachments]
    data.update(_seen(snapshot))
    data["timestamp"] = snapshot.created_at.isoformat()
    if reference is not None and reference.message_id:
        data["message_id"] = str(reference.message_id)
        if (original := reference.cached_message) is not None:
            data["author_id"] = str(original.author.id)
    return data


def _mentions(
    message: discord.Message, shown: discord.Message, content: str, seen: dict[str, Json]
) -> dict[str, Json]:
    """Return the visible names of the raw mentions in a message, or of users that Discord names."""
    text = "\n".join((content, *further_text(seen)))
    names: dict[str, Json] = {}
    if message.type not in _ORDINARY:
        names = {f"<@{user.id}>": f"@{user.name}" for user in message.mentions}
    if "<" in text:
        for token in MENTION.finditer(text):
            if token[0] not in names and (name := _name(message, shown, token[1], int(token[2]))):
                names[token[0]] = name
    return {"mentions": names} if names else {}


def _name(message: discord.Message, shown: discord.Message, sign: str, id: int) -> str | None:
    guild = message.guild
    if sign == "#":
        channel = guild.get_channel_or_thread(id) if guild else None
        return f"#{channel.name}" if channel else None
    if sign == "@&":
        role = guild.get_role(id) if guild else None
        return f"@{role.name.removeprefix('@')}" if role else None
    person = discord.utils.get(shown.mentions, id=id) or (guild.get_member(id) if guild else None)
    return f"@{person.display_name}" if person else None
