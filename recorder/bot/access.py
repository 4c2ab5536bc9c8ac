"""Who may see a recording, and who may start, stop or delete one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import discord

Person: TypeAlias = discord.User | discord.Member
GuildChannel: TypeAlias = discord.abc.GuildChannel | discord.Thread

_LONGEST_ID = 19  # digits


async def may_read(user: Person, guild: discord.Guild | None, channel_ids: Iterable[str]) -> bool:
    """Whether `user` may see a recording that holds messages of these channels.

    Who asks about many recordings at once uses one :class:`Reader` for all of them.

    Parameters
    ----------
    guild
        Where the recording belongs; ``None`` for a DM channel.

    Raises
    ------
    discord.HTTPException
        Discord could not be asked.
    """
    return await Reader(user, guild).may_read(channel_ids)


class Reader:
    """What one person may see in one guild, or in their DM channel, at this moment.

    What had to be asked of Discord is kept: make a new one for each command.

    Parameters
    ----------
    guild
        Where the recordings belong; ``None`` for a DM channel.
    """

    def __init__(self, user: Person, guild: discord.Guild | None) -> None:
        self._user = user
        self._guild = guild
        self._answers: dict[str, bool] = {}

    async def may_read(self, channel_ids: Iterable[str]) -> bool:
        """Whether they can now see every one of these channels and its history.

        What comes from a deleted channel, or from nobody knows where, is for those who
        manage the guild.
        """
        held = set(channel_ids)
        if self._guild is None:
            direct = self._user.dm_channel or await self._user.create_dm()
            return held == {str(direct.id)}
        member = await self._member(self._guild)
        if member is None:
            return False
        for channel_id in held or {""}:
            if channel_id not in self._answers:
                self._answers[channel_id] = await _may_read_channel(member, channel_id)
            if not self._answers[channel_id]:
                return False
        return True

    async def _member(self, guild: discord.Guild) -> discord.Member | None:
        if isinstance(self._user, discord.Member) and self._user.guild.id == guild.id:
            return self._user
        try:
            self._user = guild.get_member(self._user.id) or await guild.fetch_member(self._user.id)
        except discord.NotFound:
            return None
        return self._user


def may_control(
    member: Person, channel: discord.abc.MessageableChannel | None, role: str | None
) -> bool:
    """Whether `member` may start, stop, pause or delete recordings of this channel.

    Parameters
    ----------
    channel
        ``None`` for one that was deleted: its recordings are for those who manage the guild.
        In a DM channel both people may.
    role
        The name or id of a role whose members may too.
    """
    if isinstance(channel, discord.DMChannel):
        return True
    if not isinstance(member, discord.Member):
        return False
    if role is not None and any(role in (own.name, str(own.id)) for own in member.roles):
        return True
    if channel is None:
        return member.guild_permissions.manage_guild
    return _permissions(member, channel).manage_messages


async def _may_read_channel(member: discord.Member, channel_id: str) -> bool:
    try:
        channel = await _channel(member.guild, channel_id)
    except (discord.Forbidden, discord.InvalidData):
        return False  # not ours to see, or of another guild
    if channel is None:
        return member.guild_permissions.manage_guild
    permissions = _permissions(member, channel)
    if not (permissions.view_channel and permissions.read_message_history):
        return False
    if isinstance(channel, discord.VoiceChannel | discord.StageChannel):
        return permissions.connect  # without it Discord does not show what is said there
    if isinstance(channel, discord.Thread) and channel.is_private():
        return permissions.manage_threads or await _is_in(channel, member)
    return True


async def _channel(guild: discord.Guild, channel_id: str) -> GuildChannel | None:
    """The channel of this id, ``None`` if it was deleted."""
    if not channel_id.isdecimal() or len(channel_id) > _LONGEST_ID:
        return None  # read from a file of another program
    if channel := guild.get_channel_or_thread(int(channel_id)):
        return channel
    try:  # an archived thread is not in the cache
        return await guild.fetch_channel(int(channel_id))
    except discord.NotFound:
        return None


async def _is_in(thread: discord.Thread, member: discord.Member) -> bool:
    try:
        await thread.fetch_member(member.id)
    except (discord.NotFound, discord.Forbidden):
        return False
    return True


def _permissions(
    member: discord.Member, channel: discord.abc.MessageableChannel | GuildChannel
) -> discord.Permissions:
    if isinstance(channel, discord.Thread) and channel.parent is None:
        return discord.Permissions.none()
    return channel.permissions_for(member)
