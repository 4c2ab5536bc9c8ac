"""DiscordChatExporter's JSON, written so that viewers made for it open the sessions.

Its times are in UTC: viewers show them in their readers' time zone. What the format has no key
for is written under ``recorder``, which viewers ignore and an import reads.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from recorder.formats.dce import dce_fields as fields
from recorder.formats.dce.dce_import import (
    NO_ID,
    Root,
    read_message,
    take_root,
    type_of,
    write_root,
)
from recorder.formats.exported_session import ExportedSession
from recorder.models import Json, Message, RecordedMessage
from recorder.record import jsonl
from recorder.record.changes import current
from recorder.record.snowflake import IDS_A_MILLISECOND, snowflake_at

# Keys in which imported values replace the export's own, since the recorder does not know them.
_IMPORTED = frozenset(
    "type callEndedTimestamp reactions mentions inlineEmojis reference interaction".split()
)
_IMPORTED_OF_AUTHORS = frozenset("discriminator color roles avatarUrl".split())
_LAST_ID = (1 << 63) - IDS_A_MILLISECOND
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def render(exported: ExportedSession) -> Iterator[str]:
    """Yield the session as DiscordChatExporter's JSON, piece by piece."""
    messages = exported.messages()
    first = next(messages, None)
    root = _root(exported, first)
    if first is not None:
        imported, message = take_root(first.message)
        root, first = imported or root, replace(first, message=message)
    exported_at = exported.now.isoformat()
    keys = [f"  {_encode(k)}: {_encode(v)}" for k, v in write_root(root, exported_at).items()]
    yield "{\n" + ",\n".join(keys) + ',\n  "messages": ['
    count = 0
    for recorded in chain([first] if first else [], messages):
        yield f"{',' if count else ''}\n    {_encode(_message(recorded, root))}"
        count += 1
    yield f'\n  ],\n  "messageCount": {count}\n}}\n'


def _root(exported: ExportedSession, first: RecordedMessage | None) -> Root:
    """Return the root of a session that was not imported: only ids are known."""
    session = exported.session
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


def _message(recorded: RecordedMessage, root: Root) -> dict[str, Json]:
    """Return a message's object, with ``recorder`` if the rest does not restore all of it."""
    data = _fields(recorded, root)
    if _is_plain(recorded, root):
        return data
    lost = _lost(_with_reactions(recorded), data, root)
    if recorded.deleted_at:
        lost["deleted_at"] = recorded.deleted_at.isoformat()
    return {**data, "recorder": lost} if lost else data


def _is_plain(recorded: RecordedMessage, root: Root) -> bool:
    """Return whether an import is certain to restore the message, as with most messages.

    Reading every message back to find out would take longer than writing it.
    """
    message, name = recorded.message, recorded.message.speaker
    if message.extra and (message.extra.keys() != {"display_name"} or name == message.author):
        return False
    return (
        name != ""
        and message.type != "system_message"
        and message.message_id is not None
        and message.channel_id == root.channel_id
        and message.model is None
        and not message.attachments
        and not (recorded.edited_at or recorded.deleted_at or recorded.reactions)
    )


def _lost(message: Message, data: dict[str, Json], root: Root) -> dict[str, Json]:
    """Return the changes that turn the message as read from `data` into `message`."""
    before = jsonl.as_json(message)
    after = jsonl.as_json(read_message(data, root)[0])
    lost: dict[str, Json] = {}
    if keys := {key: value for key, value in before.items() if after.get(key, ...) != value}:
        lost["keys"] = keys
    if without := [key for key in after if key not in before]:
        lost["without"] = list(without)
    return lost


def _with_reactions(recorded: RecordedMessage) -> Message:
    """Return the message with its present reactions instead of the recorded ones."""
    message = recorded.message
    if recorded.reactions == current(message).reactions:
        return message
    extra: dict[str, Json] = {k: v for k, v in message.extra.items() if k != "reactions"}
    if recorded.reactions:
        extra["reactions"] = dict(recorded.reactions)
    return replace(message, extra=extra)


def _fields(recorded: RecordedMessage, root: Root) -> dict[str, Json]:
    """Return a message with the keys of DiscordChatExporter, in its order."""
    message, extra = recorded.message, recorded.message.extra
    mentions = extra.get("mentions")
    data: dict[str, Json] = {
        "id": _id(recorded),
        "type": type_of(extra),
        "timestamp": message.timestamp.isoformat(),
        "timestampEdited": _edited(recorded),
        "callEndedTimestamp": None,
        "isPinned": extra.get("pinned") is True,
        "content": f"[{message.withheld}]" if message.withheld else message.content,
        "author": fields.write_user(
            message.author_id, message.author, message.speaker, message.type == "bot_response"
        ),
        **fields.write_media(extra, message.attachments),
        "reactions": fields.write_reactions(recorded.reactions),
        "mentions": fields.write_mentions(mentions if isinstance(mentions, dict) else {}),
        "inlineEmojis": [],
    }
    if isinstance(reply_to := extra.get("reply_to"), str):
        guild_id = root.guild_id or NO_ID
        data["reference"] = fields.write_reference(reply_to, guild_id, message.channel_id)
    if "command" in message.interaction:
        data["interaction"] = fields.write_interaction(message.interaction)
    if isinstance(forwarded := extra.get("forwarded"), dict):
        data["forwardedMessage"] = fields.write_forwarded(forwarded)
    imported = extra.get("dce")
    return _with_imported(data, imported, recorded) if isinstance(imported, dict) else data


def _id(recorded: RecordedMessage) -> str:
    """Return the message's id, or one made from its time and index."""
    if recorded.message.message_id is not None:
        return str(recorded.message.message_id)
    first = min(snowflake_at(recorded.message.timestamp), _LAST_ID)
    return str(first + recorded.message_index % IDS_A_MILLISECOND)


def _edited(recorded: RecordedMessage) -> str | None:
    if recorded.edited_at is None:
        return None
    as_imported = recorded.message.extra.get("edited_timestamp")
    return as_imported if isinstance(as_imported, str) else recorded.edited_at.isoformat()


def _with_imported(
    data: dict[str, Json], imported: dict[str, Json], recorded: RecordedMessage
) -> dict[str, Json]:
    """Return `data` with the keys of its import that the recorder has no place for."""
    added = {k: v for k, v in imported.items() if k not in data or k in _IMPORTED}
    if fields.read_reactions(imported.get("reactions")) != recorded.reactions:
        added.pop("reactions", None)
    author, of_author = data["author"], imported.get("author")
    if isinstance(author, dict) and isinstance(of_author, dict):
        added["author"] = author | {
            k: v for k, v in of_author.items() if k not in author or k in _IMPORTED_OF_AUTHORS
        }
    return data | {k: v for k, v in added.items() if k not in ("recorder", "export")}
