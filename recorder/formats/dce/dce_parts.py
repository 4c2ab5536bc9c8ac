"""The parts of a message in DiscordChatExporter's JSON: files, embeds, stickers, mentions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from recorder.errors import InvalidLine
from recorder.models import MENTION, Json
from recorder.record.snowflake import IDS_A_MILLISECOND

_ID = re.compile("[0-9]{1,20}")
_ATTACHMENT_URL = re.compile(r"/attachments/\d+/(\d+)/")
_COLOUR = re.compile("#([0-9A-Fa-f]{6})")
_NO_DISCRIMINATOR = "0000"
_STICKER_FORMAT = "Png"

Object = dict[str, Json]


def without_empty(data: Object) -> Object:
    """What says something: DiscordChatExporter writes each key, with something or nothing."""
    return {k: v for k, v in data.items() if v or (v is not None and v not in ("", [], {}))}


def id_of(data: Mapping[str, Json]) -> str | None:
    """An object's id as a text of digits."""
    value = data.get("id")
    text = str(value) if isinstance(value, str | int) else ""
    return text if _ID.fullmatch(text) else None


def take_object(rest: Object, key: str) -> Object:
    """Take an object out of `rest`.

    Raises
    ------
    InvalidLine
        It is not there, or something else is.
    """
    value = rest.pop(key, None)
    if not isinstance(value, dict):
        raise InvalidLine(f'has no object under "{key}"')
    return dict(value)


def take_list(rest: Object, key: str) -> list[Object]:
    """Take a list of objects out of `rest`; none is there when nothing is said.

    Raises
    ------
    InvalidLine
        It is something else.
    """
    value = rest.pop(key, None)
    if value is None or value == []:
        return []
    if not isinstance(value, list):
        raise InvalidLine(f'"{key}" is not a list')
    objects = [dict(item) for item in value if isinstance(item, dict)]
    if len(objects) != len(value):
        raise InvalidLine(f'"{key}" is not a list of objects')
    return objects


# What a message shows beside its text.


def url_of(attachment: Object) -> Json:
    """Where an attachment lies: a link, or a path beside the exported file."""
    url = attachment.get("url")
    return "" if url is None else url


def read_seen(rest: Object, attachments: Sequence[Object]) -> Object:
    """``files``, ``embeds`` and ``stickers`` as our JSONL has them; taken out of `rest`."""
    seen: Object = {}
    if attachments:
        seen["files"] = [_read_file(data, place) for place, data in enumerate(attachments)]
    if embeds := take_list(rest, "embeds"):
        seen["embeds"] = [_read_embed(embed) for embed in embeds]
    if stickers := take_list(rest, "stickers"):
        seen["stickers"] = [_read_sticker(sticker) for sticker in stickers]
    return seen


def write_seen(extra: Mapping[str, Json], urls: Sequence[str]) -> Object:
    """``attachments``, ``embeds`` and ``stickers`` as DiscordChatExporter has them."""
    files = _objects(extra.get("files"))
    return {
        "attachments": [
            _write_file(files[place] if place < len(files) else {}, url, place)
            for place, url in enumerate(urls)
        ],
        "embeds": [_write_embed(embed) for embed in _objects(extra.get("embeds"))],
        "stickers": [_write_sticker(sticker) for sticker in _objects(extra.get("stickers"))],
    }


def read_forwarded(data: Object) -> Object:
    """A message that was passed on."""
    rest = dict(data)
    attachments = take_list(rest, "attachments")
    content = rest.pop("content", None)
    forwarded: Object = {"content": "" if content is None else content}
    if attachments:
        forwarded["attachments"] = [url_of(attachment) for attachment in attachments]
    forwarded |= read_seen(rest, attachments)
    return forwarded | without_empty(rest)


def write_forwarded(forwarded: Object) -> Object:
    """A message that was passed on, with the keys that DiscordChatExporter has."""
    rest = dict(forwarded)
    urls = rest.pop("attachments", None)
    data: Object = {
        "timestamp": rest.pop("timestamp", None),
        "timestampEdited": rest.pop("timestampEdited", None),
        "content": rest.pop("content", ""),
        **write_seen(rest, [str(url) for url in urls] if isinstance(urls, list) else []),
    }
    return data | {k: v for k, v in rest.items() if k not in ("files", "embeds", "stickers")}


def _read_file(data: Object, place: int) -> Object:
    rest = dict(data)
    url = str(rest.pop("url", ""))
    size = rest.pop("fileSizeBytes", None) or None  # an empty one goes out again as such
    file: Object = {"name": rest.pop("fileName", None), "size": size}
    if rest.get("id") == _attachment_id(url, place):
        del rest["id"]
    return {key: value for key, value in (file | rest).items() if value is not None}


def _write_file(file: Object, url: str, place: int) -> Object:
    rest = dict(file)
    return {
        "id": rest.pop("id", _attachment_id(url, place)),
        "url": url,
        "fileName": rest.pop("name", url.partition("?")[0].rpartition("/")[2]),
        "fileSizeBytes": rest.pop("size", 0),
        **rest,
    }


def _attachment_id(url: str, place: int) -> str:
    found = _ATTACHMENT_URL.search(url)
    return found[1] if found else str(place + 1)


def _read_sticker(data: Object) -> Object:
    sticker: Object = {"id": data.get("id"), "name": data.get("name"), "url": data.get("sourceUrl")}
    sticker |= {key: value for key, value in data.items() if key != "sourceUrl"}
    if sticker.get("format") == _STICKER_FORMAT:
        del sticker["format"]
    return sticker


def _write_sticker(sticker: Object) -> Object:
    rest = dict(sticker)
    return {
        "id": rest.pop("id", None),
        "name": rest.pop("name", None),
        "format": rest.pop("format", _STICKER_FORMAT),
        "sourceUrl": rest.pop("url", None),
        **rest,
    }


# Embeds: with us they are as Discord itself has them.


def _read_embed(data: Object) -> Object:
    embed = without_empty(data)
    colour = _COLOUR.fullmatch(str(embed.get("color")))
    if colour:
        embed["color"] = int(colour[1], 16)
    images = embed.pop("images", None)
    if isinstance(images, list) and isinstance(images[0], dict):
        embed.setdefault("image", images[0])
        if len(images) > 1:
            embed["images"] = images
    for key in ("author", "footer"):
        if isinstance(part := embed.get(key), dict):
            embed[key] = _read_link(part, "icon_url", "iconUrl", "iconCanonicalUrl")
    for key in ("thumbnail", "image", "video"):
        if isinstance(part := embed.get(key), dict):
            embed[key] = _read_link(part, "url", "url", "canonicalUrl")
    if isinstance(fields := embed.get("fields"), list):
        embed["fields"] = [_renamed(f, "isInline", "inline") for f in _objects(fields)]
    return embed


def _write_embed(embed: Object) -> Object:
    rest = dict(embed)
    data: Object = {key: rest.pop(key, None) for key in ("title", "url", "timestamp")}
    data["title"] = data["title"] or ""
    data["description"] = rest.pop("description", None) or ""
    colour = rest.pop("color", None)
    if isinstance(colour, int) and not isinstance(colour, bool):
        data["color"] = f"#{colour & 0xFFFFFF:06X}"
    elif colour is not None:
        data["color"] = colour
    for key in ("author", "footer"):
        if isinstance(part := rest.get(key), dict):
            rest[key] = _write_link(part, "icon_url", "iconUrl", "iconCanonicalUrl")
    for key in ("thumbnail", "image", "video"):
        if isinstance(part := rest.get(key), dict):
            rest[key] = _write_link(part, "url", "url", "canonicalUrl")
    images: Json = [rest["image"]] if "image" in rest else []
    fields = [_renamed(f, "inline", "isInline") for f in _objects(rest.pop("fields", None))]
    return {**data, "images": images, "fields": list(fields), "inlineEmojis": [], **rest}


def _read_link(part: Object, ours: str, shown: str, canonical: str) -> Object:
    """A link, and the one through Discord's own server where that differs."""
    rest: Object = {key: value for key, value in part.items() if value is not None}
    link = rest.pop(shown, None)
    original = rest.pop(canonical, link)
    if original is not None:
        rest[ours] = original
    if link is not None and link != original:
        rest[f"proxy_{ours}"] = link
    return rest


def _write_link(part: Object, ours: str, shown: str, canonical: str) -> Object:
    rest = dict(part)
    original = rest.pop(ours, None)
    link = rest.pop(f"proxy_{ours}", original)
    if original is None and link is None:
        return rest
    return {**rest, shown: link, canonical: original}


def _renamed(data: Object, old: str, new: str) -> Object:
    return {new if key == old else key: value for key, value in data.items()}


# People.


def read_mentions(mentions: Json, content: str) -> Object:
    """The names that people saw for the raw tokens in `content`."""
    names = {
        id_of(user): f"@{user.get('nickname') or user.get('name')}" for user in _objects(mentions)
    }
    return {
        token[0]: names[token[2]]
        for token in MENTION.finditer(content)
        if token[1] in ("@", "@!") and token[2] in names
    }


def write_mentions(mentions: Mapping[str, Json]) -> list[Json]:
    """The people that a message mentions, from their tokens and names."""
    users: dict[str, Json] = {}
    for token, name in mentions.items():
        match = MENTION.fullmatch(token)
        if match and match[1] in ("@", "@!") and isinstance(name, str):
            users[match[2]] = {
                "id": match[2],
                "name": name.removeprefix("@"),
                "discriminator": _NO_DISCRIMINATOR,
                "nickname": name.removeprefix("@"),
                "color": None,
                "isBot": False,
                "roles": [],
                "avatarUrl": default_avatar(match[2]),
            }
    return list(users.values())


def author_further(author: Object, author_id: str) -> Object:
    """What is known of an author beside the names."""
    further = without_empty(author)
    if further.get("discriminator") == _NO_DISCRIMINATOR:
        del further["discriminator"]
    if further.get("avatarUrl") == default_avatar(author_id):
        del further["avatarUrl"]
    return further


@lru_cache(maxsize=1_000)
def default_avatar(user_id: str) -> str:
    """The picture that Discord shows for somebody without one."""
    number = (int(user_id) // IDS_A_MILLISECOND) % 6 if _ID.fullmatch(user_id) else 0
    return f"https://cdn.discordapp.com/embed/avatars/{number}.png"


# Reactions: with us, by emoji how many.


def read_reactions(reactions: Json | None) -> dict[str, int]:
    """How many reacted, by emoji."""
    counts: dict[str, int] = {}
    for reaction in _objects(reactions):
        emoji, count = reaction.get("emoji"), reaction.get("count")
        name = emoji.get("name") if isinstance(emoji, dict) else None
        if isinstance(emoji, dict) and isinstance(name, str) and isinstance(count, int):
            shown = f":{name}:" if id_of(emoji) not in (None, "0") else name
            counts[shown] = counts.get(shown, 0) + count
    return {emoji: count for emoji, count in counts.items() if count > 0}


def write_reactions(counts: Mapping[str, int]) -> list[Json]:
    """Reactions with the keys that DiscordChatExporter has; of people unknown."""
    return [
        {
            "emoji": {"id": "", "name": emoji, "code": emoji, "isAnimated": False, "imageUrl": ""},
            "count": count,
            "users": [],
        }
        for emoji, count in counts.items()
    ]


# Which message is answered.


def read_reference(rest: Object, guild_id: str, channel_id: str | None) -> str | None:
    """The id of the message that is answered; what says more stays in `rest`."""
    reference = rest.get("reference")
    if not isinstance(reference, dict):
        return None
    answered = reference.get("messageId")
    if not isinstance(answered, str) or not answered:
        return None
    if {"type": "Default", **reference} == write_reference(answered, guild_id, channel_id):
        del rest["reference"]
    return answered


def write_reference(answered: str, guild_id: str, channel_id: str | None) -> Object:
    """That a message answers another one of its channel."""
    return {
        "type": "Default",
        "messageId": answered,
        "channelId": channel_id,
        "guildId": guild_id,
    }


def _objects(value: Json | None) -> list[Object]:
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, dict)]
