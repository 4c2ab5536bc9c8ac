"""Permissions of everyone who sees a reply: whether a whole channel may read other channels.

Computed from roles and permission overwrites, for any combination of roles that a member may
have. The cost does not depend on the size of the guild, no member list is needed, and the result
also holds for members who get a role later. Bots are ignored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import TypeAlias

import discord

from recorder.bot.access.viewer import Channels

AnyChannel: TypeAlias = "discord.abc.MessageableChannel | discord.abc.GuildChannel"
Bits: TypeAlias = tuple[int, int]

_NEUTRAL = (0, 0)
_REPLY, _SOURCE = 0, 1  # indexes of _Grant.overwrites


@dataclass(frozen=True, slots=True)
class _Requirement:
    """The permissions that a member needs in a channel.

    Parameters
    ----------
    permissions
        One bit each.
    overwrites
        By the id of a role or a member, the permissions that the channel allows and denies.
    """

    permissions: tuple[int, ...]
    overwrites: Mapping[int, Bits] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Grant:
    """The permissions of a role, or of a member apart from roles.

    Parameters
    ----------
    base
        The permissions in the whole guild.
    overwrites
        Those that are allowed and denied in the channel of the reply, and in the source channel.
    """

    base: int
    overwrites: tuple[Bits, Bits] = (_NEUTRAL, _NEUTRAL)


class Audience:
    """The members who see a channel.

    Parameters
    ----------
    channel
        The channel in which a reply is shown; ``None`` if only one user sees it.
    channels
        The channels of the same guild.
    """

    def __init__(self, channel: AnyChannel | None, channels: Channels) -> None:
        self._is_one_user = channel is None or isinstance(channel, discord.DMChannel)
        self._id = None if channel is None else channel.id
        self._reply = None if channel is None else _requirement(channel, "view_channel")
        self._channels = channels
        self._results: dict[tuple[str, tuple[str, ...]], bool] = {}

    async def may_read(self, channel_ids: Iterable[str]) -> bool:
        """Return whether all members can view these channels and read their history.

        Recordings of deleted or unknown channels are for those who manage the guild.
        In doubt the result is false.
        """
        return await self._have(channel_ids, "view_channel", "read_message_history")

    async def manages_messages(self, channel_ids: Iterable[str]) -> bool:
        """Return whether all members can view these channels and manage their messages."""
        return await self._have(channel_ids, "view_channel", "manage_messages")

    async def _have(self, channel_ids: Iterable[str], *permissions: str) -> bool:
        if self._is_one_user:
            return True
        for channel_id in set(channel_ids) or {""}:
            key = (channel_id, permissions)
            if key not in self._results:
                self._results[key] = await self._have_in(channel_id, *permissions)
                await asyncio.sleep(0)  # in a large guild each takes a millisecond or more
            if not self._results[key]:
                return False
        return True

    async def _have_in(self, channel_id: str, *permissions: str) -> bool:
        try:
            channel = await self._channels.find(channel_id)
        except (discord.Forbidden, discord.InvalidData):
            return False  # no access, or of another guild
        if channel is None:
            return self._all_have(_Requirement((_bit("manage_guild"),)))
        if isinstance(channel, discord.Thread) and channel.is_private() and channel.id != self._id:
            return False  # it has its own members
        return self._all_have(_requirement(channel, *permissions))

    def _all_have(self, source: _Requirement | None) -> bool:
        """Return whether all members who see the reply have the permissions of `source`.

        If a member can lack one, a member with few roles can: one role for each permission
        that seeing the reply needs, and one that denies a permission of `source`.
        """
        reply, guild = self._reply, self._channels.guild
        if reply is None or source is None or guild is None:
            return False
        bits = sum({*reply.permissions, *source.permissions})

        def grant(id: int, base: int = 0) -> _Grant:
            pairs = (channel.overwrites.get(id, _NEUTRAL) for channel in (reply, source))
            in_reply, in_source = ((allowed & bits, denied & bits) for allowed, denied in pairs)
            return _Grant(base & bits, (in_reply, in_source))

        everyone = grant(guild.id, guild.default_role.permissions.value)
        if guild.default_role.permissions.administrator:
            return True
        # Many roles have equal grants, so the set is small.
        roles = {
            grant(role.id, role.permissions.value)
            for role in guild.roles
            if not (role.is_default() or role.is_bot_managed() or role.permissions.administrator)
        }
        no_members = {role.id for role in guild.roles} | {guild.owner_id, guild.me.id}
        members = {grant(id) for id in {*reply.overwrites, *source.overwrites} - no_members}
        most = len(reply.permissions) + 1
        role_sets = (few for n in range(most + 1) for few in combinations(roles, n))
        return not any(
            all(_has(bit, _REPLY, member, few, everyone) for bit in reply.permissions)
            and not all(_has(bit, _SOURCE, member, few, everyone) for bit in source.permissions)
            for few, member in product(role_sets, members | {_Grant(0)})
        )


def _has(bit: int, channel: int, member: _Grant, roles: Sequence[_Grant], everyone: _Grant) -> bool:
    """Return whether a member with these roles has a permission, as Discord computes it."""
    for grants in ((member,), roles, (everyone,)):
        if any(grant.overwrites[channel][0] & bit for grant in grants):
            return True
        if any(grant.overwrites[channel][1] & bit for grant in grants):
            return False
    return any(grant.base & bit for grant in (everyone, *roles))


def _requirement(channel: AnyChannel, *names: str) -> _Requirement | None:
    """Return the requirement of permissions in a channel; ``None`` if it is not known."""
    if isinstance(channel, discord.Thread):
        return None if channel.parent is None else _requirement(channel.parent, *names)
    if not isinstance(channel, discord.abc.GuildChannel):
        return None
    if isinstance(channel, discord.VoiceChannel | discord.StageChannel):
        names = (*names, "connect")  # without it Discord does not show the chat
    overwrites = {
        target.id: (allowed.value, denied.value)
        for target, overwrite in channel.overwrites.items()
        for allowed, denied in [overwrite.pair()]
    }
    return _Requirement(tuple(map(_bit, names)), overwrites)


def _bit(name: str) -> int:
    return discord.Permissions(**{name: True}).value
