"""Files of DiscordChatExporter, as its versions wrote them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recorder.formats.import_sources import Record, open_source
from recorder.models import Json

Data = dict[str, Any]

USER = {"id": "100000000000000001", "name": "mira", "discriminator": "0420", "isBot": False}
AVATAR = "https://cdn.discordapp.com/avatars/100000000000000001/a.png"


def old(**changes: Any) -> Data:
    """Return a message as the first versions wrote it."""
    return {
        "id": "500000000000000001",
        "type": "Default",
        "timestamp": "2018-10-05T12:00:00+00:00",
        "timestampEdited": None,
        "isPinned": False,
        "content": "hello",
        "author": {**USER, "avatarUrl": AVATAR},
        "attachments": [],
        "embeds": [],
        "reactions": [],
    } | changes


def new(**changes: Any) -> Data:
    """Return a message as later versions write it."""
    author = {
        **USER,
        "nickname": "Mira",
        "color": "#E91E63",
        "roles": [{"id": "7", "name": "admin", "color": None, "position": 3}],
        "avatarUrl": AVATAR,
    }
    message = old(callEndedTimestamp=None, author=author, stickers=[], mentions=[], inlineEmojis=[])
    return message | changes


OLD_ROOT: Data = {
    "guild": {"id": "900000000000000001", "name": "Crew", "iconUrl": "https://cdn.example/g.png"},
    "channel": {
        "id": "800000000000000001",
        "type": "GuildTextChat",
        "category": "Text",
        "name": "général",
        "topic": "talk",
    },
    "dateRange": {"after": None, "before": None},
}
NEW_ROOT: Data = {**OLD_ROOT, "exportedAt": "2026-08-26T04:37:13.8399951+02:00"}
PHOTO = {
    "id": "600000000000000001",
    "url": "https://cdn.discordapp.com/attachments/800000000000000001/600000000000000001/a.png",
    "fileName": "a.png",
    "fileSizeBytes": 1234,
}
SAVED = {"id": "600000000000000002", "url": "x.json_Files\\b-1A2B3.txt", "fileName": "b.txt"}
EMBED = {
    "title": "Docs",
    "url": "https://docs.example",
    "timestamp": "2020-01-01T00:00:00+00:00",
    "description": "How to",
    "color": "#00FF7F",
    "author": {"name": "Ann", "url": None, "iconUrl": "x/i.png", "iconCanonicalUrl": "https://i"},
    "thumbnail": {"url": "https://proxy/t", "canonicalUrl": "https://t", "width": 1, "height": 2},
    "image": {"url": "https://i/1", "canonicalUrl": "https://i/1", "width": 3, "height": 4},
    "footer": {"text": "end"},
    "images": [{"url": "https://i/1", "canonicalUrl": "https://i/1", "width": 3, "height": 4}],
    "fields": [{"name": "a", "value": "b", "isInline": True}],
    "inlineEmojis": [],
}
HEART = {"id": "", "name": "❤️", "code": "heart", "isAnimated": False, "imageUrl": "https://h.svg"}
LUL = {"id": "55", "name": "LUL", "code": "LUL", "isAnimated": True, "imageUrl": "https://l.gif"}
REACTIONS = [
    {"emoji": HEART, "count": 2, "users": [USER]},
    {"emoji": LUL, "count": 1, "users": []},
]
MENTION = {**USER, "id": "100000000000000002", "name": "jo", "nickname": "Jo", "roles": []}
STICKER = {"id": "44", "name": "wave", "format": "Lottie", "sourceUrl": "https://s.json"}
ANSWERED = {
    "messageId": "500000000000000001",
    "channelId": "800000000000000001",
    "guildId": "900000000000000001",
}
FORWARDED = {
    "timestamp": "2020-01-01T00:00:00+00:00",
    "timestampEdited": None,
    "content": "old news",
    "attachments": [PHOTO],
    "embeds": [EMBED],
    "stickers": [STICKER],
}
FORWARD = {"type": "Forward", "messageId": "3", "channelId": "4", "guildId": None}


def numbered(*given: Data) -> list[Data]:
    """Give the messages ascending ids."""
    return [{**each, "id": str(500000000000000001 + i)} for i, each in enumerate(given)]


# What the versions wrote, by the year; numbers of messages that are not what stands there.
FILES: dict[str, Data] = {
    "2.16 (2020)": {
        **OLD_ROOT,
        "messages": numbered(
            old(),
            old(author={**USER, "isBot": True, "avatarUrl": AVATAR}, isPinned=True),
            old(type="GuildMemberJoin", content="Joined the server."),
            old(attachments=[PHOTO], reactions=[{**REACTIONS[0], "users": None}]),
            old(timestamp="2018-10-05T14:00:00.123+02:00", timestampEdited="2018-10-05T13:00:00Z"),
        ),
        "messageCount": 99,
    },
    "2.28 (2021)": {
        **OLD_ROOT,
        "messages": numbered(
            new(),
            new(type="Reply", reference=ANSWERED, content="@Jo yes", mentions=[MENTION]),
            new(type="Call", callEndedTimestamp="2021-01-01T00:05:00+00:00", content="A call."),
            new(type="ChannelPinnedMessage", reference=ANSWERED, content="Pinned a message."),
        ),
        "messageCount": 0,
    },
    "2.47 (2026)": {
        **NEW_ROOT,
        "newAtTheRoot": {"a": [1]},
        "messages": numbered(
            new(content="see <@100000000000000002> :LUL:", mentions=[MENTION], inlineEmojis=[LUL]),
            new(type="Reply", reference={"type": "Default", **ANSWERED}, attachments=[SAVED]),
            new(reference=FORWARD, forwardedMessage=FORWARDED, content=""),
            new(stickers=[STICKER], embeds=[EMBED], reactions=REACTIONS),
            new(type="20", interaction={"id": "1", "name": "ai", "user": USER}),
            new(type="46", content="", poll={"question": {"text": "Tea?"}, "answers": [{"a": 1}]}),
        ),
        "messageCount": "many",
    },
}


def written(path: Path, data: Data, **options: Any) -> Path:
    """Write a file, and return its path."""
    text = json.dumps(data, ensure_ascii=False, **({"indent": 2} | options))
    path.write_text(text, encoding="utf-8")
    return path


def records(path: Path) -> list[Record]:
    """Return what an import reads from a file."""
    with open_source(path, lambda count: None) as source:
        return list(source.records)


def paths(data: Json) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every part of a message."""
    if isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield (key,)
            yield from ((key, *further) for further in paths(value))
