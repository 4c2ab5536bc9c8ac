"""Fields of DiscordChatExporter's messages, read into those of a line of JSONL and written back."""

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
# The parts of an embed that have a link: its key in JSONL, and DiscordChatExporter's keys of the
# shown and of the original link.
_LINKS = {
    **dict.fromkeys(("author", "footer"), ("icon_url", "iconUrl", "iconCanonicalUrl")),
    **dict.fromkeys(("thumbnail", "image", "video"), ("url", "url", "canonicalUrl")),
}

Object = dict[str, Json]


def without_empty(data: Object) -> Object:
    """Return `data` without empty values: DiscordChatExporter writes every key."""
    return {k: v for k, v in data.items() if v or (v is not None and v not in ("", [], {}))}


def id_of(data: Mapping[str, Json]) -> str | None:
    """Return an object's id as a string of digits, ``None`` without a valid one."""
    value = data.get("id")
    text = str(value) if isinstance(value, str | int) else ""
    return text if _ID.fullmatch(text) else None


def take_object(rest: Object, key: str) -> Object:
    """Take an object out of `rest`.

    Raises
    ------
    InvalidLine
        The key is missing, or its value is no object.
    """
    value = rest.pop(key, None)
    if not isinstance(value, dict):
        raise InvalidLine(f'has no object under "{key}"')
    return dict(value)


def take_list(rest: Object, key: str) -> list[Object]:
    """Take a list of objects out of `rest`; without the key it is empty.

    Raises
    ------
    InvalidLine
        The value is no list of objects.
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


# Attachments, embeds, stickers and forwarded messages.


def url_of(attachment: Object) -> Json:
    """Return the address of an attachment: a link, or a path beside the exported file."""
    url = attachment.get("url")
    return "" if url is None else url


def read_media(rest: Object, attachments: Sequence[Object]) -> Object:
    """Take embeds and stickers out of `rest`; return them and `attachments` as JSONL has them."""
    media: Object = {}
    if attachments:
        media["files"] = [_read_file(data, position) for position, data in enumerate(attachments)]
    if embeds := take_list(rest, "embeds"):
        media["embeds"] = [_read_embed(embed) for embed in embeds]
    if stickers := take_list(rest, "stickers"):
        media["stickers"] = [_read_sticker(sticker) for sticker in stickers]
    return media


def write_media(extra: Mapping[str, Json], urls: Sequence[str]) -> Object:
    """Return attachments, embeds and stickers as DiscordChatExporter has them."""
    files = _objects(extra.get("files"))
    return {
        "attachments": [
            _write_file(files[position] if position < len(files) else {}, url, position)
            for position, url in enumerate(urls)
        ],
        "embeds": [_write_embed(embed) for embed in _objects(extra.get("embeds"))],
        "stickers": [_write_sticker(sticker) for sticker in _objects(extra.get("stickers"))],
    }


def read_forwarded(data: Object) -> Object:
    """Return a forwarded message as JSONL has it."""
    rest = dict(data)
    attachments = take_list(rest, "attachments")
    content = rest.pop("content", None)
    forwarded: Object = {"content": "" if content is None else content}
    if attachments:
        forwarded["attachments"] = [url_of(attachment) for attachment in attachments]
    forwarded |= read_media(rest, attachments)
    return forwarded | without_empty(rest)


def write_forwarded(forwarded: Object) -> Object:
    """Return a forwarded message as DiscordChatExporter has it."""
    rest = dict(forwarded)
    urls = rest.pop("attachments", None)
    data: Object = {
        "timestamp": rest.pop("timestamp", None),
        "timestampEdited": rest.pop("timestampEdited", None),
        "content": rest.pop("content", ""),
        **write_media(rest, [str(url) for url in urls] if isinstance(urls, list) else []),
    }
    return data | {k: v for k, v in rest.items() if k not in ("files", "embeds", "stickers")}


def _read_file(data: Object, position: int) -> Object:
    rest = dict(data)
    url = str(rest.pop("url", ""))
    size = rest.pop("fileSizeBytes", None) or None  # 0 is exported for a missing size
    file: Object = {"name": rest.pop("fileName", None), "size": size}
    if rest.get("id") == _attachment_id(url, position):
        del rest["id"]
    return {key: value for key, value in (file | rest).items() if value is not None}


def _write_file(file: Object, url: str, position: int) -> Object:
    rest = dict(file)
    return {
        "id": rest.pop("id", _attachment_id(url, position)),
        "url": url,
        "fileName": rest.pop("name", url.partition("?")[0].rpartition("/")[2]),
        "fileSizeBytes": rest.pop("size", 0),
        **rest,
    }


def _attachment_id(url: str, position: int) -> str:
    match = _ATTACHMENT_URL.search(url)
    return match[1] if match else str(position + 1)


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


# Embeds: JSONL has them in the form of Discord's API.


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
    for key, names in _LINKS.items():
        if isinstance(part := embed.get(key), dict):
            embed[key] = _read_link(part, *names)
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
    for key, names in _LINKS.items():
        if isinstance(part := rest.get(key), dict):
            rest[key] = _write_link(part, *names)
    images: Json = [rest["image"]] if "image" in rest else []
    fields = [_renamed(f, "inline", "isInline") for f in _objects(rest.pop("fields", None))]
    return {**data, "images": images, "fields": list(fields), "inlineEmojis": [], **rest}


def _read_link(part: Object, name: str, shown: str, canonical: str) -> Object:
    """Return an object with its link, and with the one through Discord's proxy if that differs."""
    rest: Object = {key: value for key, value in part.items() if value is not None}
    link = rest.pop(shown, None)
    original = rest.pop(canonical, link)
    if original is not None:
        rest[name] = original
    if link is not None and link != original:
        rest[f"proxy_{name}"] = link
    return rest


def _write_link(part: Object, name: str, shown: str, canonical: str) -> Object:
    rest = dict(part)
    original = rest.pop(name, None)
    link = rest.pop(f"proxy_{name}", original)
    if original is None and link is None:
        return rest
    return {**rest, shown: link, canonical: original}


def _renamed(data: Object, old: str, new: str) -> Object:
    return {new if key == old else key: value for key, value in data.items()}


# Users.


def read_mentions(mentions: Json, content: str) -> Object:
    """Return the displayed names of the mentions in `content`, by their raw tokens."""
    names = {
        id_of(user): f"@{user.get('nickname') or user.get('name')}" for user in _objects(mentions)
    }
    return {
        token[0]: names[token[2]]
        for token in MENTION.finditer(content)
        if token[1] in ("@", "@!") and token[2] in names
    }


def write_mentions(mentions: Mapping[str, Json]) -> list[Json]:
    """Return the mentioned users from their tokens and names."""
    users: dict[str, Json] = {}
    for token, name in mentions.items():
        match = MENTION.fullmatch(token)
        if match and match[1] in ("@", "@!") and isinstance(name, str):
            shown = name.removeprefix("@")
            users[match[2]] = write_user(match[2], shown, shown, is_bot=False)
    return list(users.values())


def write_user(user_id: str, name: str, nickname: str, is_bot: bool) -> Object:
    """Return a user as DiscordChatExporter has them, with defaults for what is unknown."""
    return {
        "id": user_id,
        "name": name,
        "discriminator": _NO_DISCRIMINATOR,
        "nickname": nickname,
        "color": None,
        "isBot": is_bot,
        "roles": [],
        "avatarUrl": default_avatar(user_id),
    }


def other_author_keys(author: Object, author_id: str) -> Object:
    """Return the keys of an author, without the values that an export writes by default."""
    other = without_empty(author)
    if other.get("discriminator") == _NO_DISCRIMINATOR:
        del other["discriminator"]
    if other.get("avatarUrl") == default_avatar(author_id):
        del other["avatarUrl"]
    return other


@lru_cache(maxsize=1_000)
def default_avatar(user_id: str) -> str:
    """Return the URL of the avatar that Discord shows for a user without one."""
    number = (int(user_id) // IDS_A_MILLISECOND) % 6 if _ID.fullmatch(user_id) else 0
    return f"https://cdn.discordapp.com/embed/avatars/{number}.png"


# Reactions: JSONL has their counts by emoji.


def read_reactions(reactions: Json | None) -> dict[str, int]:
    """Return the counts of reactions by emoji."""
    counts: dict[str, int] = {}
    for reaction in _objects(reactions):
        emoji, count = reaction.get("emoji"), reaction.get("count")
        name = emoji.get("name") if isinstance(emoji, dict) else None
        if isinstance(emoji, dict) and isinstance(name, str) and isinstance(count, int):
            shown = f":{name}:" if id_of(emoji) not in (None, "0") else name
            counts[shown] = counts.get(shown, 0) + count
    return {emoji: count for emoji, count in counts.items() if count > 0}


def write_reactions(counts: Mapping[str, int]) -> list[Json]:
    """Return reactions as DiscordChatExporter has them, without users."""
    return [
        {
            "emoji": {"id": "", "name": emoji, "code": emoji, "isAnimated": False, "imageUrl": ""},
            "count": count,
            "users": [],
        }
        for emoji, count in counts.items()
    ]


# Commands: JSONL has a slash before the name of a slash command.


def read_interaction(rest: Object, is_menu: bool) -> Object:
    """Return the use of a command; take it out of `rest` if an export would restore it."""
    interaction = rest.get("interaction")
    user = interaction.get("user") if isinstance(interaction, dict) else None
    if not isinstance(interaction, dict) or not isinstance(user, dict):
        return {}
    name = str(interaction.get("name"))
    read: Object = {
        "id": str(interaction.get("id")),
        "command": name if is_menu else f"/{name}",
        "user": str(user.get("name")),
        "user_id": str(user.get("id")),
    }
    if interaction == write_interaction(read):
        del rest["interaction"]
    return read


def write_interaction(interaction: Mapping[str, Json]) -> Object:
    """Return the use of a command as DiscordChatExporter has it."""
    user = str(interaction.get("user"))
    return {
        "id": interaction.get("id"),
        "name": str(interaction.get("command")).removeprefix("/"),
        "user": write_user(str(interaction.get("user_id")), user, user, is_bot=False),
    }


# Replies.


def read_reference(rest: Object, guild_id: str, channel_id: str | None) -> str | None:
    """Return the id of the message replied to; take the reference out of `rest` if that is all."""
    reference = rest.get("reference")
    if not isinstance(reference, dict):
        return None
    message_id = reference.get("messageId")
    if not isinstance(message_id, str) or not message_id:
        return None
    if {"type": "Default", **reference} == write_reference(message_id, guild_id, channel_id):
        del rest["reference"]
    return message_id


def write_reference(message_id: str, guild_id: str, channel_id: str | None) -> Object:
    """Return the reference of a reply to a message of the same channel."""
    return {
        "type": "Default",
        "messageId": message_id,
        "channelId": channel_id,
        "guildId": guild_id,
    }


def _objects(value: Json | None) -> list[Object]:
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, dict)]
