"""DiscordChatExporter's JSON: its messages as ours, and ours as its.

Its schema grew over the years: any key but a message's id, time and author may be missing.
What has no place of its own with us is kept under ``dce`` in a message's extra, and goes out
again where it was; what has none with it goes out under ``recorder``, and comes in again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from recorder.errors import InvalidLine
from recorder.formats.dce import dce_parts as parts
from recorder.models import Change, Deletion, Json, Message
from recorder.record import jsonl

MESSAGE_START = re.compile(r'\{\s*"id"\s*:\s*"?\d+"?\s*,\s*"type"\s*:\s*"[^"]*"\s*,\s*"timestamp"')
"""What a message begins with, in every version, and nothing else in a file does."""

# Discord's own names of what happened, by DiscordChatExporter's; it writes a number where it
# has none.
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
# 20, 23: of a command; 21: of a thread; 0, 19: as Discord itself numbers the first two.
_SPOKEN = frozenset({"Default", "Reply", "20", "21", "23", "0", "19"})
NO_ID = "0"
"""Of a guild that is none, as direct messages have it."""

_EXPORT = "export"


@dataclass(frozen=True, slots=True)
class Root:
    """What stands above the messages: where they come from.

    Parameters
    ----------
    guild, channel
        As DiscordChatExporter has them.
    session
        The name of the session that was exported, when it was by us.
    further
        Keys that are not known.

    Attributes
    ----------
    guild_id, channel_id
        ``None`` where they are not known; direct messages have no guild.
    """

    guild: Mapping[str, Json] = field(default_factory=dict)
    channel: Mapping[str, Json] = field(default_factory=dict)
    session: str | None = None
    further: Mapping[str, Json] = field(default_factory=dict)
    guild_id: str | None = field(init=False)
    channel_id: str | None = field(init=False)

    def __post_init__(self) -> None:
        for key, place in (("guild_id", self.guild), ("channel_id", self.channel)):
            place_id = parts.id_of(place)
            object.__setattr__(self, key, None if place_id == NO_ID else place_id)

    @property
    def channel_name(self) -> str | None:
        """The channel's name, where it is known."""
        name = self.channel.get("name")
        return name if isinstance(name, str) else None


def read_root(keys: Mapping[str, Json]) -> Root:
    """The root's keys that stand before the messages, whatever is missing."""
    guild, channel, ours = (keys.get(key) for key in ("guild", "channel", "recorder"))
    session = ours.get("session") if isinstance(ours, dict) else None
    known = ("guild", "channel", "recorder", "dateRange", "exportedAt", "messages", "messageCount")
    return Root(
        guild=guild if isinstance(guild, dict) else {},
        channel=channel if isinstance(channel, dict) else {},
        session=session if isinstance(session, str) else None,
        further={key: value for key, value in keys.items() if key not in known},
    )


def write_root(root: Root, exported_at: str) -> dict[str, Json]:
    """The root's keys that stand before the messages."""
    ours: dict[str, Json] = {"session": root.session}
    return {
        "guild": dict(root.guild),
        "channel": dict(root.channel),
        "dateRange": {"after": None, "before": None},
        **root.further,
        "exportedAt": exported_at,
        **({} if root.session is None else {"recorder": ours}),
    }


def with_root(message: Message, root: Root) -> Message:
    """The first message of a file, with what the file's root said; not of a file of ours."""
    if root.session is not None:
        return message
    export: Json = {"guild": dict(root.guild), "channel": dict(root.channel), **root.further}
    kept = message.extra.get("dce")
    kept = {**kept, _EXPORT: export} if isinstance(kept, dict) else {_EXPORT: export}
    return replace(message, extra={**message.extra, "dce": kept})


def take_root(message: Message) -> tuple[Root | None, Message]:
    """What :func:`with_root` put into a message, if anything, and the message without it."""
    kept = message.extra.get("dce")
    export = kept.get(_EXPORT) if isinstance(kept, dict) else None
    if not isinstance(kept, dict) or not isinstance(export, dict):
        return None, message
    extra = {key: value for key, value in message.extra.items() if key != "dce"}
    if further := {key: value for key, value in kept.items() if key != _EXPORT}:
        extra["dce"] = further
    return read_root(export), replace(message, extra=extra)


def read_message(data: Mapping[str, Json], root: Root) -> tuple[Message, Change | None]:
    """A message, and its deletion if that is on record.

    Raises
    ------
    InvalidLine
        It lacks what a message needs, or has it in another type; the text says what.
    """
    rest = dict(data)
    ours = rest.pop("recorder", None)
    line = _line(rest, root)
    if not isinstance(ours, dict):
        return _message(line), None
    keys, without = ours.get("keys"), ours.get("without")
    if isinstance(keys, dict):
        line |= keys
    for key in without if isinstance(without, list) else []:
        line.pop(str(key), None)
    message = _message(line)
    deleted_at = ours.get("deleted_at")
    if not isinstance(deleted_at, str) or message.message_id is None or message.channel_id is None:
        return message, None
    try:
        time = jsonl.parse_time(deleted_at)
    except ValueError:
        raise InvalidLine(f'"deleted_at" is not an ISO 8601 time: {deleted_at[:40]!r}') from None
    return message, Deletion(time, message.channel_id, message.message_id)


def _message(line: dict[str, Json]) -> Message:
    message = jsonl.from_json(line)
    if not isinstance(message, Message):
        raise InvalidLine("is not a message")
    return message


def _line(rest: dict[str, Json], root: Root) -> dict[str, Json]:
    """A message as our JSONL has it; what is not understood comes under ``dce``."""
    author = parts.take_object(rest, "author")
    names = _names(author)
    type, content, message_id = (rest.pop(key, None) for key in ("type", "content", "id"))
    spoken = type is None or str(type) in _SPOKEN
    speaker = "bot_response" if author.pop("isBot", None) is True else "user_message"
    attachments = parts.take_list(rest, "attachments")
    if message_id is None:
        raise InvalidLine('has no "id"')
    line: dict[str, Json] = {
        "timestamp": rest.pop("timestamp", None),
        **names,
        "content": "" if content is None else content,
        "type": speaker if spoken else "system_message",
        "attachments": [parts.url_of(attachment) for attachment in attachments],
        "message_id": message_id,
        "channel_id": root.channel_id,
        **_before(rest, root, str(content)),
        **parts.read_seen(rest, attachments),
        **_after(rest, None if spoken else _EVENTS.get(str(type))),
    }
    if type is not None and type != type_of(line):
        rest["type"] = type
    if further := parts.author_further(author, str(line["author_id"])):
        rest["author"] = further
    if kept := parts.without_empty(rest):
        line["dce"] = kept
    return line


def _names(author: dict[str, Json]) -> dict[str, Json]:
    """Who speaks; taken out of `author`."""
    author_id, name = author.pop("id", None), author.pop("name", None)
    nickname = author.pop("nickname", None) or name
    names = {
        "author": nickname if name is None else name,
        "author_id": str(author_id) if isinstance(author_id, int) else author_id,
    }
    return names if nickname == names["author"] else {**names, "display_name": nickname}


def _before(rest: dict[str, Json], root: Root, content: str) -> dict[str, Json]:
    """Whom the message answers, and whom it names; taken out of `rest`."""
    before: dict[str, Json] = {}
    answered = parts.read_reference(rest, root.guild_id or NO_ID, root.channel_id)
    if answered is not None and not isinstance(rest.get("forwardedMessage"), dict):
        before["reply_to"] = answered
    mentions = rest.get("mentions")
    named = parts.read_mentions(mentions, content) if mentions else {}
    if named:
        before["mentions"] = named
        if mentions == parts.write_mentions(named):
            del rest["mentions"]
    return before


def _after(rest: dict[str, Json], event: str | None) -> dict[str, Json]:
    """What was passed on, and what happened to the message; taken out of `rest`."""
    after: dict[str, Json] = {}
    if isinstance(rest.get("forwardedMessage"), dict):
        after["forwarded"] = parts.read_forwarded(parts.take_object(rest, "forwardedMessage"))
    if event is not None:
        after["event"] = event
    if rest.pop("isPinned", None) is True:
        after["pinned"] = True
    found = rest.get("reactions")
    if found and (reactions := parts.read_reactions(found)):
        after["reactions"] = dict(reactions)
        if found == parts.write_reactions(reactions):
            del rest["reactions"]
    edited = rest.pop("timestampEdited", None)
    if isinstance(edited, str):
        after["edited_timestamp"] = edited
    return after


def type_of(extra: Mapping[str, Json]) -> str:
    """The type of a message that says this beside its text."""
    event = extra.get("event")
    if isinstance(event, str) and event in _TYPES:
        return _TYPES[event]
    return "Default" if extra.get("reply_to") is None else "Reply"
