"""JSON as DiscordChatExporter writes it, so that viewers made for it open our recordings.

Its times are in UTC: viewers show them as their readers have it. What it cannot hold stands
under ``recorder``, where viewers do not look; it comes in again with the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import chain

from recorder.formats.dce import dce_parts as parts
from recorder.formats.dce.dce_import import (
    NO_ID,
    Root,
    read_message,
    take_root,
    type_of,
    write_root,
)
from recorder.formats.exported_session import Recording
from recorder.models import Json, RecordedMessage
from recorder.record import jsonl
from recorder.record.changes import current
from recorder.record.snowflake import IDS_A_MILLISECOND, snowflake_at

# What we do not know ourselves, so that it goes out as it came in.
_KEPT = frozenset("type callEndedTimestamp reactions mentions inlineEmojis reference".split())
_KEPT_OF_AUTHORS = frozenset("discriminator color roles avatarUrl".split())
# What a message shows beside its text, when it shows nothing.
_PARTS: dict[str, Json] = {
    "attachments": [],
    "embeds": [],
    "stickers": [],
    "reactions": [],
    "mentions": [],
    "inlineEmojis": [],
}
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_ENCODED_PARTS = _encode(_PARTS).removeprefix("{")
_SYSTEM: dict[str, Json] = {"keys": {"type": "system_message"}}
_ENCODED_PARTS_OF_SYSTEM = _encode({**_PARTS, "recorder": _SYSTEM}).removeprefix("{")
_LAST_ID = (1 << 63) - IDS_A_MILLISECOND


def render(recording: Recording) -> Iterator[str]:
    """The recording as DiscordChatExporter's JSON, piece by piece."""
    messages = recording.messages()
    first = next(messages, None)
    root = _made_root(recording, first)
    if first is not None:
        kept, message = take_root(first.message)
        root, first = kept or root, replace(first, message=message)
    exported_at = recording.now.isoformat()
    keys = [f"  {_encode(k)}: {_encode(v)}" for k, v in write_root(root, exported_at).items()]
    yield "{\n" + ",\n".join(keys) + ',\n  "messages": ['
    count = 0
    for recorded in chain([first] if first else [], messages):
        yield f"{',' if count else ''}\n    {_message(recorded, root)}"
        count += 1
    yield f'\n  ],\n  "messageCount": {count}\n}}\n'


def _made_root(recording: Recording, first: RecordedMessage | None) -> Root:
    """Of a session that came from no such file: ids alone are known."""
    session = recording.session
    channel_id = session.channel_id or (first and first.message.channel_id) or "0"
    guild = "Direct Messages" if session.guild_id is None else f"Server {session.guild_id}"
    return Root(
        guild={"id": session.guild_id or "0", "name": guild, "iconUrl": None},
        channel={
            "id": channel_id,
            "type": "DirectTextChat" if session.guild_id is None else "GuildTextChat",
            "categoryId": None,
            "category": None,
            "name": session.name,
            "topic": None,
        },
        session=session.name,
    )


def _message(recorded: RecordedMessage, root: Root) -> str:
    """A message, and under ``recorder`` what of it does not come back from the rest."""
    if _says_all(recorded, root):
        return _encode_said(recorded)
    recorded = _with_reactions(recorded)
    data = _data(recorded, root)
    ours: dict[str, Json] = {}
    wanted = jsonl.as_json(recorded.message)
    found = jsonl.as_json(read_message(data, root)[0])
    if keys := {key: value for key, value in wanted.items() if found.get(key, ...) != value}:
        ours["keys"] = keys
    if without := [key for key in found if key not in wanted]:
        ours["without"] = list(without)
    if recorded.deleted_at:
        ours["deleted_at"] = recorded.deleted_at.isoformat()
    return _encode({**data, "recorder": ours} if ours else data)


def _with_reactions(recorded: RecordedMessage) -> RecordedMessage:
    """With the reactions of now, where the message has those of when it was recorded."""
    message = recorded.message
    if recorded.reactions == current(message).reactions:
        return recorded
    extra: dict[str, Json] = {k: v for k, v in message.extra.items() if k != "reactions"}
    if recorded.reactions:
        extra["reactions"] = dict(recorded.reactions)
    return replace(recorded, message=replace(message, extra=extra))


def _says_all(recorded: RecordedMessage, root: Root) -> bool:
    """Whether nothing is to be told but who said what, as with most messages."""
    message, name = recorded.message, recorded.message.speaker
    if message.extra and (message.extra.keys() != {"display_name"} or name == message.author):
        return False
    return (
        name != ""
        and message.message_id is not None
        and message.channel_id == root.channel_id
        and message.model is None
        and not message.attachments
        and not (recorded.edited_at or recorded.deleted_at or recorded.reactions)
    )


def _encode_said(recorded: RecordedMessage) -> str:
    """The same text as the slower way gives."""
    message = recorded.message
    author = _encode_author(message.author_id, message.author, message.speaker, message.type)
    end = _ENCODED_PARTS_OF_SYSTEM if message.type == "system_message" else _ENCODED_PARTS
    return f'{_encode(_head(recorded))[:-1]}, "author": {author}, {end}'


@lru_cache(maxsize=1_000)
def _encode_author(author_id: str, name: str, nickname: str, type: str) -> str:
    return _encode(_author(author_id, name, nickname, type))


def _head(recorded: RecordedMessage) -> dict[str, Json]:
    """What stands before the author."""
    message, edited_at = recorded.message, recorded.edited_at
    withheld = message.withheld if message.extra else None
    message_id = message.message_id
    if message_id is None:
        message_id = min(snowflake_at(message.timestamp), _LAST_ID)
        message_id += recorded.message_index % IDS_A_MILLISECOND
    return {
        "id": str(message_id),
        "type": type_of(message.extra),
        "timestamp": message.timestamp.isoformat(),
        "timestampEdited": edited_at.isoformat() if edited_at else None,
        "callEndedTimestamp": None,
        "isPinned": False,
        "content": f"[{withheld}]" if withheld else message.content,
    }


def _author(author_id: str, name: str, nickname: str, type: str) -> dict[str, Json]:
    return {
        "id": author_id,
        "name": name,
        "discriminator": "0000",
        "nickname": nickname,
        "color": None,
        "isBot": type == "bot_response",
        "roles": [],
        "avatarUrl": parts.default_avatar(author_id),
    }


def _data(recorded: RecordedMessage, root: Root) -> dict[str, Json]:
    """A message with the keys that DiscordChatExporter has, in its order."""
    message, extra = recorded.message, recorded.message.extra
    data = {
        **_head(recorded),
        "author": _author(message.author_id, message.author, message.speaker, message.type),
        **_PARTS,
    }
    edited = extra.get("edited_timestamp")
    if isinstance(edited, str) and recorded.edited_at:
        data["timestampEdited"] = edited
    data["isPinned"] = extra.get("pinned") is True
    data |= parts.write_seen(extra, message.attachments)
    mentions = extra.get("mentions")
    data["mentions"] = parts.write_mentions(mentions if isinstance(mentions, dict) else {})
    if isinstance(answered := extra.get("reply_to"), str):
        data["reference"] = parts.write_reference(
            answered, root.guild_id or NO_ID, message.channel_id
        )
    if isinstance(forwarded := extra.get("forwarded"), dict):
        data["forwardedMessage"] = parts.write_forwarded(forwarded)
    data["reactions"] = parts.write_reactions(recorded.reactions)
    kept = extra.get("dce")
    if not isinstance(kept, dict):
        return data
    if parts.read_reactions(kept.get("reactions")) != recorded.reactions:
        kept = {key: value for key, value in kept.items() if key != "reactions"}
    return _with_kept(data, kept)


def _with_kept(data: dict[str, Json], kept: dict[str, Json]) -> dict[str, Json]:
    """`data` with what was kept aside when the message came in; it never hides what is ours."""
    author, further = data["author"], kept.get("author")
    added = {key: value for key, value in kept.items() if key not in data or key in _KEPT}
    if isinstance(author, dict) and isinstance(further, dict):
        open_keys = {k: v for k, v in further.items() if k not in author or k in _KEPT_OF_AUTHORS}
        added["author"] = author | open_keys
    return data | {key: value for key, value in added.items() if key not in ("recorder", "export")}
