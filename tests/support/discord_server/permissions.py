"""Who may do what in which channel."""

from __future__ import annotations

import discord

from .model import Channel, Guild, Kind, Role, Thread, User

_BITS = discord.Permissions.VALID_FLAGS
ALL = discord.Permissions.all().value
EVERYONE = discord.Permissions(
    view_channel=True,
    read_message_history=True,
    send_messages=True,
    send_messages_in_threads=True,
    create_public_threads=True,
    create_private_threads=True,
    add_reactions=True,
    attach_files=True,
    embed_links=True,
    connect=True,
    use_application_commands=True,
).value


def bits(*names: str) -> int:
    """Return the permissions of these names as Discord's number."""
    value = 0
    for name in names:
        value |= _BITS[name]
    return value


def in_guild(guild: Guild, user: User) -> int:
    """Return what a user may do in a guild, before any channel is looked at."""
    member = guild.members.get(user.id)
    if member is None:
        return 0
    value = guild.everyone.permissions
    for role in member.roles:
        value |= role.permissions
    return ALL if guild.owner is user or value & bits("administrator") else value


def in_channel(channel: Channel, user: User) -> int:
    """Return what a user may do in a channel; of a thread, what they may in its parent."""
    guild = channel.guild
    if guild is None:
        return EVERYONE if user.bot or user is channel.recipient else 0
    value = in_guild(guild, user)
    if value in (0, ALL):
        return value
    overwrites, roles = channel.home.overwrites, guild.members[user.id].roles
    allow = deny = 0
    value = _apply(value, *overwrites.get(guild.id, (0, 0)))
    for role in roles:
        allow |= overwrites.get(role.id, (0, 0))[0]
        deny |= overwrites.get(role.id, (0, 0))[1]
    value = _apply(value, allow, deny)
    return _apply(value, *overwrites.get(user.id, (0, 0)))


def _apply(value: int, allow: int, deny: int) -> int:
    return value & ~deny | allow


def may(channel: Channel, user: User, *names: str) -> bool:
    """Return whether a user has all these permissions in a channel that they can see."""
    wanted = bits(*names)
    return can_view(channel, user) and in_channel(channel, user) & wanted == wanted


def can_view(channel: Channel, user: User) -> bool:
    """Return whether a user sees what is written in a channel."""
    value = in_channel(channel, user)
    if not value & bits("view_channel"):
        return False
    if channel.home.kind in (Kind.VOICE, Kind.STAGE) and not value & bits("connect"):
        return False
    if isinstance(channel, Thread) and channel.private:
        return user.id in channel.members or bool(value & bits("manage_threads"))
    return True


def overwritten(
    channel: Channel, target: Role | User, changes: dict[str, bool | None]
) -> tuple[int, int]:
    """Return the overwrite of a target with some permissions allowed, denied or left open."""
    allow, deny = channel.overwrites.get(target.id, (0, 0))
    for name, value in changes.items():
        bit = bits(name)
        allow, deny = allow & ~bit, deny & ~bit
        if value is not None:
            allow, deny = (allow | bit, deny) if value else (allow, deny | bit)
    return allow, deny
