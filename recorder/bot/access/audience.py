"""Who sees an answer: whether everybody in a channel may read what it tells of.

Told from roles and overwrites alone, for any roles that somebody may have together. So it costs
the same in a guild of a hundred thousand, needs no list of members, and holds as well for those
who get a role later. Bots do not count: who lets one into a channel decides what it sees.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import TypeAlias

import discord

from recorder.bot.access.viewer import Channels

Shown: TypeAlias = "discord.abc.MessageableChannel | discord.abc.GuildChannel"
Bits: TypeAlias = tuple[int, int]

_NEUTRAL = (0, 0)
_HERE, _THERE = 0, 1


@dataclass(frozen=True, slots=True)
class _Place:
    """What somebody must be allowed somewhere, right by right.

    Parameters
    ----------
    overwrites
        By the id of a role or a person, the rights that are allowed and those that are denied.
    """

    rights: tuple[int, ...]
    overwrites: Mapping[int, Bits] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Holder:
    """What a role, or somebody beside their roles, is given: in the guild, here, and there."""

    base: int
    overwrites: tuple[Bits, Bits] = (_NEUTRAL, _NEUTRAL)


class Audience:
    """Everybody who sees a channel.

    Parameters
    ----------
    channel
        Where an answer is shown; ``None`` when only who asked sees it, as in a DM channel.
    channels
        The channels of the same guild.
    """

    def __init__(self, channel: Shown | None, channels: Channels) -> None:
        self._alone = channel is None or isinstance(channel, discord.DMChannel)
        self._id = None if channel is None else channel.id
        self._here = None if channel is None else _place(channel, "view_channel")
        self._channels = channels
        self._answers: dict[tuple[str, tuple[str, ...]], bool] = {}

    async def may_read(self, channel_ids: Iterable[str]) -> bool:
        """Whether all of them can see every one of these channels and its history.

        What comes from a deleted channel, or from nobody knows where, is for those who
        manage the guild. In doubt the answer is no.
        """
        return await self._may(channel_ids, "view_channel", "read_message_history")

    async def manages_messages(self, channel_ids: Iterable[str]) -> bool:
        """Whether all of them can see every one of these channels and manage messages there."""
        return await self._may(channel_ids, "view_channel", "manage_messages")

    async def _may(self, channel_ids: Iterable[str], *rights: str) -> bool:
        if self._alone:
            return True
        for channel_id in set(channel_ids) or {""}:
            key = (channel_id, rights)
            if key not in self._answers:
                self._answers[key] = await self._may_in(channel_id, *rights)
                await asyncio.sleep(0)  # in a large guild each one is a millisecond or more
            if not self._answers[key]:
                return False
        return True

    async def _may_in(self, channel_id: str, *rights: str) -> bool:
        try:
            channel = await self._channels.find(channel_id)
        except (discord.Forbidden, discord.InvalidData):
            return False  # not ours to see, or of another guild
        if channel is None:
            return self._all_have(_Place((_bit("manage_guild"),)))
        if isinstance(channel, discord.Thread) and channel.is_private() and channel.id != self._id:
            return False  # it has members of its own
        return self._all_have(_place(channel, *rights))

    def _all_have(self, there: _Place | None) -> bool:
        """Whether whoever can see the channel has all that is needed `there`.

        Somebody who has not is found among those with few roles: one for each right that it
        takes to see the channel, and one that denies them something there.
        """
        here, guild = self._here, self._channels.guild
        if here is None or there is None or guild is None:
            return False
        bits = sum({*here.rights, *there.rights})

        def holder(id: int, base: int = 0) -> _Holder:
            pairs = (place.overwrites.get(id, _NEUTRAL) for place in (here, there))
            in_here, in_there = ((allowed & bits, denied & bits) for allowed, denied in pairs)
            return _Holder(base & bits, (in_here, in_there))

        everyone = holder(guild.id, guild.default_role.permissions.value)
        if guild.default_role.permissions.administrator:
            return True
        # Many roles are alike in what matters here.
        roles = {
            holder(role.id, role.permissions.value)
            for role in guild.roles
            if not (role.is_default() or role.is_bot_managed() or role.permissions.administrator)
        }
        known = {role.id for role in guild.roles} | {guild.owner_id, guild.me.id}
        people = {holder(id) for id in {*here.overwrites, *there.overwrites} - known}
        some = (few for n in range(len(here.rights) + 2) for few in combinations(roles, n))
        return not any(
            all(_has(right, _HERE, person, few, everyone) for right in here.rights)
            and not all(_has(right, _THERE, person, few, everyone) for right in there.rights)
            for few, person in product(some, people | {_Holder(0)})
        )


def _has(right: int, place: int, person: _Holder, roles: Sequence[_Holder], all: _Holder) -> bool:
    """Whether somebody with these roles has a right, by Discord's order of overwrites."""
    for holders in ((person,), roles, (all,)):
        if any(holder.overwrites[place][0] & right for holder in holders):
            return True
        if any(holder.overwrites[place][1] & right for holder in holders):
            return False
    return any(holder.base & right for holder in (all, *roles))


def _place(channel: Shown, *names: str) -> _Place | None:
    """A channel where some rights are needed; ``None`` if nothing is known of it."""
    if isinstance(channel, discord.Thread):
        return None if channel.parent is None else _place(channel.parent, *names)
    if not isinstance(channel, discord.abc.GuildChannel):
        return None
    if isinstance(channel, discord.VoiceChannel | discord.StageChannel):
        names = (*names, "connect")  # without it Discord does not show what is said there
    overwrites = {
        target.id: (allowed.value, denied.value)
        for target, overwrite in channel.overwrites.items()
        for allowed, denied in [overwrite.pair()]
    }
    return _Place(tuple(map(_bit, names)), overwrites)


def _bit(name: str) -> int:
    return discord.Permissions(**{name: True}).value
