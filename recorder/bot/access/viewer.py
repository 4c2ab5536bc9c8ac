"""Who may see a recording, and who may start, stop or delete one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import discord

Person: TypeAlias = discord.User | discord.Member
GuildChannel: TypeAlias = discord.abc.GuildChannel | discord.Thread

_LONGEST_ID = 19  # digits


class Channels:
    """The channels of a guild by their ids, each asked of Discord at most once.

    Parameters
    ----------
    guild
        ``None`` has no channels.
    """

    def __init__(self, guild: discord.Guild | None) -> None:
        self.guild = guild
        self._fetched: dict[str, GuildChannel | None] = {}

    async def find(self, channel_id: str) -> GuildChannel | None:
        """The channel with this id, ``None`` if it was deleted.

        Raises
        ------
        discord.Forbidden, discord.InvalidData
            It is not ours to see, or of another guild.
        """
        if self.guild is None or not channel_id.isdecimal() or len(channel_id) > _LONGEST_ID:
            return None  # read from a file of another program
        if channel := self.guild.get_channel_or_thread(int(channel_id)):
            return channel
        if channel_id not in self._fetched:  # an archived thread is not in the cache
            try:
                self._fetched[channel_id] = await self.guild.fetch_channel(int(channel_id))
            except discord.NotFound:
                self._fetched[channel_id] = None
        return self._fetched[channel_id]


class Reader:
    """What one person may see in one guild, or in their DM channel, at this moment.

    What had to be asked of Discord is kept: make a new one for each command.

    Parameters
    ----------
    guild
        Where the recordings belong; ``None`` for a DM channel.

    Attributes
    ----------
    channels
        The channels that were looked at, for others who ask about the same ones.
    """

    def __init__(self, user: Person, guild: discord.Guild | None) -> None:
        self.channels = Channels(guild)
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
        member = await self.member()
        if member is None:
            return False
        for channel_id in held or {""}:
            if channel_id not in self._answers:
                self._answers[channel_id] = await self._may_read_channel(member, channel_id)
            if not self._answers[channel_id]:
                return False
        return True

    async def may_control(self, channel_ids: Iterable[str], role: str | None) -> bool:
        """Whether they may now control the recordings of every one of these channels.

        Parameters
        ----------
        role
            As in :func:`may_control`.
        """
        held = set(channel_ids)
        member = await self.member()
        if member is None:
            return self._guild is None and await self.may_read(held)
        for channel_id in held or {""}:
            try:
                channel = await self.channels.find(channel_id)
            except (discord.Forbidden, discord.InvalidData):
                return False
            if not may_control(member, channel, role):
                return False
        return True

    async def member(self) -> discord.Member | None:
        """Them as a member of the guild, ``None`` if they are none."""
        guild = self._guild
        if guild is None:
            return None
        if isinstance(self._user, discord.Member) and self._user.guild.id == guild.id:
            return self._user
        try:
            self._user = guild.get_member(self._user.id) or await guild.fetch_member(self._user.id)
        except discord.NotFound:
            return None
        return self._user

    async def _may_read_channel(self, member: discord.Member, channel_id: str) -> bool:
        try:
            channel = await self.channels.find(channel_id)
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


def may_control(
    member: Person, channel: discord.abc.MessageableChannel | GuildChannel | None, role: str | None
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
