"""JSON as DiscordChatExporter writes it, so that viewers made for it open our recordings.

Its times are in UTC: viewers show them as their readers have it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from recorder.dce import Root, encode_message, take_root, write_root
from recorder.exports.recording import Recording
from recorder.models import RecordedMessage

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


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
        yield f"{',' if count else ''}\n    {encode_message(recorded, root)}"
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
