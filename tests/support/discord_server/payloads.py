"""Discord's JSON for the things in the world, as the bot receives it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from .model import Channel, Flag, Guild, Json, Kind, Member, Message, Role, Thread, User
from .permissions import can_view, in_channel

OBFUSCATED = 1 << 17
_MENTION = re.compile(r"<@(!?|&)(\d+)>")
_UNSET_IN_GUILDS = (
    "icon splash discovery_splash afk_channel_id application_id system_channel_id "
    "rules_channel_id public_updates_channel_id vanity_url_code description banner"
).split()
_ZERO_IN_GUILDS = (
    "afk_timeout verification_level default_message_notifications explicit_content_filter "
    "mfa_level nsfw_level system_channel_flags premium_tier"
).split()
_CUSTOM = re.compile(r"(?:<a?:)?(\w+):(\d+)>?")


def iso(time: datetime | None) -> str | None:
    return time.isoformat(timespec="microseconds") if time else None


def user(user: User) -> Json:
    return {
        "id": str(user.id),
        "username": user.name,
        "global_name": user.global_name,
        "discriminator": "0000" if user.bot else "0",
        "avatar": None,
        "bot": user.bot,
        "public_flags": 0,
    }


def member(member: Member, *, with_user: bool = True) -> Json:
    data: Json = {
        "roles": [str(role.id) for role in member.roles],
        "nick": member.nick,
        "avatar": None,
        "joined_at": iso(member.joined_at),
        **dict.fromkeys(("premium_since", "communication_disabled_until")),
        **dict.fromkeys(("deaf", "mute", "pending"), False),
        "flags": 0,
    }
    return {**data, "user": user(member.user)} if with_user else data


def role(role: Role) -> Json:
    return {
        "id": str(role.id),
        "name": role.name,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "position": role.position,
        "permissions": str(role.permissions),
        "managed": False,
        "mentionable": True,
        "flags": 0,
    }


def channel(channel: Channel, me: User) -> Json:
    """Return a channel; of one that the bot cannot view no more than its type and place."""
    if isinstance(channel, Thread):
        return thread(channel, me)
    if channel.guild is None:
        assert channel.recipient is not None
        return {
            "id": str(channel.id),
            "type": 1,
            "recipients": [user(channel.recipient)],
            "last_message_id": _id(channel.last_message_id),
            "flags": 0,
        }
    data: Json = {
        "id": str(channel.id),
        "type": int(channel.kind),
        "guild_id": str(channel.guild.id),
        "name": channel.name,
        "topic": channel.topic,
        "position": channel.position,
        "parent_id": _id(channel.parent.id if channel.parent else None),
        "permission_overwrites": _overwrites(channel),
        "last_message_id": _id(channel.last_message_id),
        "rate_limit_per_user": 0,
        "nsfw": False,
        "flags": 0,
    }
    if channel.kind in (Kind.VOICE, Kind.STAGE):
        data |= {"bitrate": 64000, "user_limit": 0, "rtc_region": None}
    if channel.kind in (Kind.FORUM, Kind.MEDIA):
        data |= {"available_tags": [], "default_reaction_emoji": None, "default_sort_order": None}
    if is_obfuscated(channel, me):
        deny = {"id": str(channel.guild.id), "type": 0, "allow": "0", "deny": str(1 << 10)}
        data |= {"name": "___hidden___", "topic": None, "last_message_id": None}
        data |= {"permission_overwrites": [deny], "flags": OBFUSCATED}
    return data


def is_obfuscated(channel: Channel, me: User) -> bool:
    """Return whether the gateway hides a channel's name; a category shows with any child."""
    if channel.guild is None or in_channel(channel, me) & 1 << 10:
        return False
    children = (c for c in channel.guild.channels.values() if c.parent is channel)
    return not any(in_channel(child, me) & 1 << 10 for child in children)


def _overwrites(channel: Channel) -> list[Json]:
    assert channel.guild is not None
    return [
        {
            "id": str(id),
            "type": 0 if id in channel.guild.roles else 1,
            "allow": str(allow),
            "deny": str(deny),
        }
        for id, (allow, deny) in channel.overwrites.items()
    ]


def thread(thread: Thread, me: User) -> Json:
    assert thread.guild is not None and thread.owner is not None
    data: Json = {
        "id": str(thread.id),
        "type": int(thread.kind),
        "guild_id": str(thread.guild.id),
        "parent_id": str(thread.home.id),
        "owner_id": str(thread.owner.id),
        "name": thread.name,
        "last_message_id": _id(thread.last_message_id),
        "message_count": max(0, thread.total_sent - len(_first_post(thread))),
        "total_message_sent": thread.total_sent,
        "member_count": min(50, len(thread.members)),
        "rate_limit_per_user": 0,
        "flags": 0,
        "applied_tags": [str(tag) for tag in thread.tags],
        "thread_metadata": {
            "archived": thread.archived,
            "archive_timestamp": iso(thread.archived_at),
            "auto_archive_duration": 1440,
            "locked": thread.locked,
            "create_timestamp": iso(thread.created_at),
            **({"invitable": True} if thread.private else {}),
        },
    }
    if me.id in thread.members:
        data["member"] = thread_member(thread, me.id)
    return data


def _first_post(thread: Thread) -> list[int]:
    return [thread.id] if thread.id in thread.messages else []


def thread_member(thread: Thread, user_id: int) -> Json:
    return {
        "id": str(thread.id),
        "user_id": str(user_id),
        "join_timestamp": iso(thread.members[user_id]),
        "flags": 1,
    }


def guild(guild: Guild) -> Json:
    return {
        "id": str(guild.id),
        "name": guild.name,
        "owner_id": str(guild.owner.id),
        "roles": [role(each) for each in guild.roles.values()],
        **{name: [] for name in ("emojis", "stickers", "features")},
        **dict.fromkeys(_UNSET_IN_GUILDS),
        **dict.fromkeys(_ZERO_IN_GUILDS, 0),
        "preferred_locale": "en-US",
    }


def guild_create(subject: Guild, me: User, *, joined: bool) -> Json:
    """Return the event; at the start and after an outage it says that the guild is available."""
    return {
        **guild(subject),
        **({} if joined else {"unavailable": False}),
        "joined_at": iso(subject.members[me.id].joined_at),
        "large": len(subject.members) > 250,
        "member_count": len(subject.members),
        "members": [member(each) for each in subject.members.values()],
        "channels": [channel(each, me) for each in subject.channels.values()],
        "threads": [thread(each, me) for each in active_threads(subject, me)],
        **{name: [] for name in ("voice_states", "presences", "stage_instances")},
        **{name: [] for name in ("guild_scheduled_events", "soundboard_sounds")},
    }


def active_threads(guild: Guild, me: User) -> list[Thread]:
    """Return the threads of a guild that are not archived and that the bot can view."""
    return [t for t in guild.threads.values() if not t.archived and can_view(t, me)]


def message(subject: Message, me: User, *, nested: bool = False) -> Json:
    """Return a message as the REST API does."""
    data: Json = {
        "id": str(subject.id),
        "type": subject.type,
        "channel_id": str(subject.channel.id),
        "author": user(subject.author),
        "content": subject.content,
        "timestamp": iso(subject.timestamp),
        "edited_timestamp": iso(subject.edited_at),
        "tts": False,
        "mention_everyone": "@everyone" in subject.content,
        **_mentions(subject),
        "attachments": subject.attachments,
        "embeds": subject.embeds,
        "components": subject.components,
        "pinned": subject.pinned_at is not None,
        "flags": subject.flags,
    }
    if subject.reactions:
        data["reactions"] = [_reaction(e, users, me) for e, users in subject.reactions.items()]
    optional = {
        "webhook_id": _id(subject.webhook_id),
        "application_id": _id(subject.application_id),
        "sticker_items": subject.stickers,
        "poll": subject.poll,
        "message_snapshots": subject.snapshots,
        "message_reference": subject.reference,
        "interaction_metadata": subject.interaction,
        "thread": thread(subject.thread, me) if subject.thread else None,
    }
    data.update({key: value for key, value in optional.items() if value})
    if not nested and subject.type in (19, 21) and subject.reference:
        source = subject.replied_to
        data["referenced_message"] = (
            message(source, me, nested=True) if source and not source.is_deleted else None
        )
    return data


def message_event(subject: Message, me: User) -> Json:
    """Return a message as the gateway sends it."""
    data = message(subject, me)
    home = subject.channel.guild
    data["channel_type"] = int(subject.channel.kind)
    if home is not None:
        data["guild_id"] = str(home.id)
        if author := home.members.get(subject.author.id):
            data["member"] = member(author, with_user=False)
        for mentioned in data["mentions"]:
            if known := home.members.get(int(mentioned["id"])):
                mentioned["member"] = member(known, with_user=False)
    return data


def without_content(data: Json, me: User) -> Json:
    """Return a message as a bot without the message content intent receives it."""
    mentioned = any(each["id"] == str(me.id) for each in data["mentions"])
    if data["author"]["id"] == str(me.id) or mentioned or data.get("channel_type") == Kind.DM:
        return data
    empty: dict[str, Any] = {"content": "", "embeds": [], "attachments": [], "components": []}
    return {k: v for k, v in data.items() if k not in ("poll", "message_snapshots")} | empty


def snapshot(subject: Message) -> Json:
    """Return what a forward shows of a message."""
    keys = "type content embeds attachments timestamp edited_timestamp flags mentions".split()
    data = message(subject, subject.author)
    kept = {key: data[key] for key in (*keys, "mention_roles", "components")}
    return {"message": kept | {"sticker_items": subject.stickers}}


def emoji(name: str) -> Json:
    """Return an emoji from its form in a URL: a character, or ``name:id``."""
    if match := _CUSTOM.fullmatch(name):
        return {"id": match[2], "name": match[1], "animated": name.startswith("<a")}
    return {"id": None, "name": name}


def _reaction(name: str, users: dict[int, User], me: User) -> Json:
    return {
        "count": len(users),
        "count_details": {"burst": 0, "normal": len(users)},
        "me": me.id in users,
        "me_burst": False,
        "emoji": emoji(name),
        "burst_colors": [],
    }


def _mentions(subject: Message) -> Json:
    people: dict[int, User] = {}
    roles: list[str] = []
    home = subject.channel.guild
    for sign, digits in _MENTION.findall(subject.content):
        if sign == "&":
            roles += [digits] if home and int(digits) in home.roles else []
        elif home and (known := home.members.get(int(digits))):
            people[known.user.id] = known.user
    if subject.type == 19 and subject.replied_to and subject.pings_replied:
        people[subject.replied_to.author.id] = subject.replied_to.author
    return {"mentions": [user(each) for each in people.values()], "mention_roles": roles}


def message_keys(subject: Message) -> Json:
    """Return the ids that events about a message carry."""
    return {"message_id": str(subject.id), **channel_keys(subject.channel)}


def channel_keys(channel: Channel) -> Json:
    keys = {"channel_id": str(channel.id)}
    return keys | ({"guild_id": str(channel.guild.id)} if channel.guild else {})


def _id(value: int | None) -> str | None:
    return str(value) if value else None


def is_loading(subject: Message) -> bool:
    return bool(subject.flags & Flag.LOADING)
