"""Messages read from DiscordChatExporter's JSON.

Its schema grew over the years: any key but a message's id, time and author may be missing. Keys
that the recorder has no place for are kept under ``dce`` in a message's extra, and exported to
where they were. The object ``recorder`` of an export restores what the other keys cannot hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from recorder.errors import InvalidLine
from recorder.formats.dce import dce_fields as fields
from recorder.models import Change, Deletion, Json, Message
from recorder.record import jsonl
from recorder.record.json_values import parse_time

MESSAGE_START = re.compile(r'\{\s*"id"\s*:\s*"?\d+"?\s*,\s*"type"\s*:\s*"[^"]*"\s*,\s*"timestamp"')
"""The start of a message in every version, and of nothing else in a file."""

# Discord's names of system messages by those of DiscordChatExporter, which writes a number where
# it has no name.
_EVENTS = {
    "RecipientAdd": "recipient_add",
    "RecipientRemove": "recipient_remove",
    "Call": "call",
    "ChannelNameChange": "channel_name_change",
    "ChannelIconChange": "channel_icon_change",
    "ChannelPinnedMessage": "pins_add",
    "GuildMemberJoin": "new_member",
    "8": "premium_guild_subscription",
    "9": "premium_guild_tier_1",
    "10": "premium_guild_tier_2",
    "11": "premium_guild_tier_3",
    "12": "channel_follow_add",
    "ThreadCreated": "thread_created",
    "22": "guild_invite_reminder",
    "24": "auto_moderation_action",
    "25": "role_subscription_purchase",
    "27": "stage_start",
    "28": "stage_end",
    "29": "stage_speaker",
    "31": "stage_topic",
    "46": "poll_result",
}
_TYPES = {event: type for type, event in _EVENTS.items()}
# 20, 23: commands; 21: the first message of a thread; 0, 19: Discord's numbers of the first two.
_CHAT_TYPES = frozenset({"Default", "Reply", "20", "21", "23", "0", "19"})
_MENU_TYPE = "23"
NO_ID = "0"
"""The guild id of direct messages, which have no guild."""

_EXPORT = "export"


@dataclass(frozen=True, slots=True)
class Root:
    """The keys above the messages: their guild and channel.

    Parameters
    ----------
    guild, channel
        The objects of DiscordChatExporter.
    session
        The name of the exported session, if the recorder wrote the file.
    other
        Unknown keys.

    Attributes
    ----------
    guild_id, channel_id
        ``None`` if unknown; direct messages have no guild.
    """

    guild: Mapping[str, Json] = field(default_factory=dict)
    channel: Mapping[str, Json] = field(default_factory=dict)
    session: str | None = None
    other: Mapping[str, Json] = field(default_factory=dict)
    guild_id: str | None = field(init=False)
    channel_id: str | None = field(init=False)

    def __post_init__(self) -> None:
        for key, scope in (("guild_id", self.guild), ("channel_id", self.channel)):
            scope_id = fields.id_of(scope)
            object.__setattr__(self, key, None if scope_id == NO_ID else scope_id)

    @property
    def channel_name(self) -> str | None:
        """The channel's name, if known."""
        name = self.channel.get("name")
        return name if isinstance(name, str) else None


def read_root(keys: Mapping[str, Json]) -> Root:
    """Return the root from the keys before the messages; any of them may be missing."""
    guild, channel, own = (keys.get(key) for key in ("guild", "channel", "recorder"))
    session = own.get("session") if isinstance(own, dict) else None
    known = ("guild", "channel", "recorder", "dateRange", "exportedAt", "messages", "messageCount")
    return Root(
        guild=guild if isinstance(guild, dict) else {},
        channel=channel if isinstance(channel, dict) else {},
        session=session if isinstance(session, str) else None,
        other={key: value for key, value in keys.items() if key not in known},
    )


def write_root(root: Root, exported_at: str) -> dict[str, Json]:
    """Return the keys before the messages."""
    own: dict[str, Json] = {"session": root.session}
    return {
        "guild": dict(root.guild),
        "channel": dict(root.channel),
        "dateRange": {"after": None, "before": None},
        **root.other,
        "exportedAt": exported_at,
        **({} if root.session is None else {"recorder": own}),
    }


def with_root(message: Message, root: Root) -> Message:
    """Return the first message of a file with the root, unless the recorder wrote the file."""
    if root.session is not None:
        return message
    export: Json = {"guild": dict(root.guild), "channel": dict(root.channel), **root.other}
    kept = message.extra.get("dce")
    kept = {**kept, _EXPORT: export} if isinstance(kept, dict) else {_EXPORT: export}
    return replace(message, extra={**message.extra, "dce": kept})


def take_root(message: Message) -> tuple[Root | None, Message]:
    """Return the root that :func:`with_root` added, if any, and the message without it."""
    kept = message.extra.get("dce")
    export = kept.get(_EXPORT) if isinstance(kept, dict) else None
    if not isinstance(kept, dict) or not isinstance(export, dict):
        return None, message
    extra = {key: value for key, value in message.extra.items() if key != "dce"}
    if others := {key: value for key, value in kept.items() if key != _EXPORT}:
        extra["dce"] = others
    return read_root(export), replace(message, extra=extra)


def read_message(data: Mapping[str, Json], root: Root) -> tuple[Message, Change | None]:
    """Return a message, and its deletion if the file has one.

    Raises
    ------
    InvalidLine
        A key is missing or has a wrong type; the text says which.
    """
    rest = dict(data)
    own = rest.pop("recorder", None)
    line = _line(rest, root)
    if not isinstance(own, dict):
        return _message(line), None
    keys, without = own.get("keys"), own.get("without")
    if isinstance(keys, dict):
        line |= keys
    for key in without if isinstance(without, list) else []:
        line.pop(str(key), None)
    message = _message(line)
    deleted_at = own.get("deleted_at")
    if not isinstance(deleted_at, str) or message.message_id is None or message.channel_id is None:
        return message, None
    try:
        time = parse_time(deleted_at)
    except ValueError:
        raise InvalidLine(f'"deleted_at" is not an ISO 8601 time: {deleted_at[:40]!r}') from None
    return message, Deletion(time, message.channel_id, message.message_id)


def _message(line: dict[str, Json]) -> Message:
    message = jsonl.from_json(line)
    if not isinstance(message, Message):
        raise InvalidLine("is not a message")
    return message


def _line(rest: dict[str, Json], root: Root) -> dict[str, Json]:
    """Return a message as a line of JSONL, with unknown keys under ``dce``."""
    author = fields.take_object(rest, "author")
    names = _names(author)
    type, content, message_id = (rest.pop(key, None) for key in ("type", "content", "id"))
    is_chat = type is None or str(type) in _CHAT_TYPES
    chat_type = "bot_response" if author.pop("isBot", None) is True else "user_message"
    attachments = fields.take_list(rest, "attachments")
    if message_id is None:
        raise InvalidLine('has no "id"')
    line: dict[str, Json] = {
        "timestamp": rest.pop("timestamp", None),
        **names,
        "content": "" if content is None else content,
        "type": chat_type if is_chat else "system_message",
        "attachments": [fields.url_of(attachment) for attachment in attachments],
        "message_id": message_id,
        "channel_id": root.channel_id,
        **_references(rest, root, str(content), is_menu=str(type) == _MENU_TYPE),
        **fields.read_media(rest, attachments),
        **_state(rest, None if is_chat else _EVENTS.get(str(type))),
    }
    if type is not None and type != type_of(line):
        rest["type"] = type
    if other := fields.other_author_keys(author, str(line["author_id"])):
        rest["author"] = other
    if kept := fields.without_empty(rest):
        line["dce"] = kept
    return line


def _names(author: dict[str, Json]) -> dict[str, Json]:
    """Take the author's id and names out of `author`."""
    author_id, name = author.pop("id", None), author.pop("name", None)
    nickname = author.pop("nickname", None) or name
    names = {
        "author": nickname if name is None else name,
        "author_id": str(author_id) if isinstance(author_id, int) else author_id,
    }
    return names if nickname == names["author"] else {**names, "display_name": nickname}


def _references(
    rest: dict[str, Json], root: Root, content: str, *, is_menu: bool
) -> dict[str, Json]:
    """Take the message's reply, the command that it answers, and its mentions out of `rest`."""
    line: dict[str, Json] = {}
    reply_to = fields.read_reference(rest, root.guild_id or NO_ID, root.channel_id)
    if reply_to is not None and not isinstance(rest.get("forwardedMessage"), dict):
        line["reply_to"] = reply_to
    if interaction := fields.read_interaction(rest, is_menu):
        line["interaction"] = interaction
    users = rest.get("mentions")
    names = fields.read_mentions(users, content) if users else {}
    if names:
        line["mentions"] = names
        if users == fields.write_mentions(names):
            del rest["mentions"]
    return line


def _state(rest: dict[str, Json], event: str | None) -> dict[str, Json]:
    """Take the forwarded message, the pin, the reactions and the edit out of `rest`."""
    line: dict[str, Json] = {}
    if isinstance(rest.get("forwardedMessage"), dict):
        line["forwarded"] = fields.read_forwarded(fields.take_object(rest, "forwardedMessage"))
    if event is not None:
        line["event"] = event
    if rest.pop("isPinned", None) is True:
        line["pinned"] = True
    reactions = rest.get("reactions")
    if reactions and (counts := fields.read_reactions(reactions)):
        line["reactions"] = dict(counts)
        if reactions == fields.write_reactions(counts):
            del rest["reactions"]
    edited = rest.pop("timestampEdited", None)
    if isinstance(edited, str):
        line["edited_timestamp"] = edited
    return line


def type_of(extra: Mapping[str, Json]) -> str:
    """Return DiscordChatExporter's type of a message with this extra."""
    event = extra.get("event")
    if isinstance(event, str) and event in _TYPES:
        return _TYPES[event]
    return "Default" if extra.get("reply_to") is None else "Reply"
