"""Permissions of one user: which recordings they may read, and which they may control."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TypeAlias

import discord

AnyUser: TypeAlias = discord.User | discord.Member
GuildChannel: TypeAlias = discord.abc.GuildChannel | discord.Thread

_LONGEST_ID = 19  # digits
_MOST_REQUESTS = 2  # before it is known that a session may not be read: a thread, and its members


class Channels:
    """The channels of a guild by id; each is fetched from Discord at most once.

    Parameters
    ----------
    guild
        ``None`` for a DM channel: no channels.

    Attributes
    ----------
    requests
        The number of requests to Discord so far.
    """

    def __init__(self, guild: discord.Guild | None) -> None:
        self.guild = guild
        self.requests = 0
        self._fetched: dict[str, GuildChannel | None] = {}

    async def find(self, channel_id: str) -> GuildChannel | None:
        """Return the channel with this id, ``None`` if it was deleted.

        Raises
        ------
        discord.Forbidden, discord.InvalidData
            The bot has no access to the channel, or it belongs to another guild.
        """
        if self.guild is None or not channel_id.isdecimal() or len(channel_id) > _LONGEST_ID:
            return None  # imported from a file of another program
        if channel := self.guild.get_channel_or_thread(int(channel_id)):
            return channel
        if channel_id not in self._fetched:  # an archived thread is not in the cache
            self.requests += 1
            try:
                self._fetched[channel_id] = await self.guild.fetch_channel(int(channel_id))
            except discord.NotFound:
                self._fetched[channel_id] = None
        return self._fetched[channel_id]


class Viewer:
    """The current permissions of a user in a guild, or in their DM channel.

    Answers are cached: create a new instance for each command.

    Parameters
    ----------
    guild
        The guild of the recordings; ``None`` for a DM channel.

    Attributes
    ----------
    channels
        The channels fetched so far, to be shared with an :class:`.audience.Audience`.
    """

    def __init__(self, user: AnyUser, guild: discord.Guild | None) -> None:
        self.channels = Channels(guild)
        self._user = user
        self._guild = guild
        self._readable: dict[str, bool] = {}

    async def may_read(self, channel_ids: Iterable[str]) -> bool:
        """Return whether the user can view all of these channels and read their history.

        Recordings of deleted or unknown channels are for those who manage the guild.
        """
        channel_ids = set(channel_ids)
        if self._guild is None:
            direct = self._user.dm_channel or await self._user.create_dm()
            return channel_ids == {str(direct.id)}
        member = await self.member()
        if member is None:
            return False
        for channel_id in sorted(channel_ids or {""}, key=self._needs_requests):
            if channel_id not in self._readable:
                self._readable[channel_id] = await self._may_read_channel(member, channel_id)
            if not self._readable[channel_id]:
                return False
        return True

    async def even_out(self) -> None:
        """Make the requests that a session needs which may not be read.

        So the time of the answer does not tell it from one that does not exist.
        """
        while self._guild is not None and self.channels.requests < _MOST_REQUESTS:
            self.channels.requests += 1
            with suppress(discord.HTTPException):
                await self._guild.fetch_member(self._user.id)

    async def may_control(self, channel_ids: Iterable[str], role: str | None) -> bool:
        """Return whether the user may control the recordings of all of these channels.

        Parameters
        ----------
        role
            As in :func:`may_control`.
        """
        channel_ids = set(channel_ids)
        member = await self.member()
        if member is None:
            return self._guild is None and await self.may_read(channel_ids)
        for channel_id in channel_ids or {""}:
            try:
                channel = await self.channels.find(channel_id)
            except (discord.Forbidden, discord.InvalidData):
                return False
            if not may_control(member, channel, role):
                return False
        return True

    async def member(self) -> discord.Member | None:
        """Return the user as a member of the guild, ``None`` if they are not in it."""
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
            return False  # no access, or of another guild
        if channel is None:
            return member.guild_permissions.manage_guild
        permissions = _permissions(member, channel)
        if not (permissions.view_channel and permissions.read_message_history):
            return False
        if isinstance(channel, discord.VoiceChannel | discord.StageChannel):
            return permissions.connect  # without it Discord does not show the chat
        if isinstance(channel, discord.Thread) and channel.is_private():
            return permissions.manage_threads or await self._is_in_thread(channel, member)
        return True

    async def _is_in_thread(self, thread: discord.Thread, member: discord.Member) -> bool:
        self.channels.requests += 1
        try:
            await thread.fetch_member(member.id)
        except (discord.NotFound, discord.Forbidden):
            return False
        return True

    def _needs_requests(self, channel_id: str) -> bool:
        """Return whether a channel may need requests: the others are checked before it."""
        guild = self._guild
        if guild is None or not channel_id.isdecimal() or len(channel_id) > _LONGEST_ID:
            return False
        return guild.get_channel(int(channel_id)) is None


def may_control(
    member: AnyUser, channel: discord.abc.MessageableChannel | GuildChannel | None, role: str | None
) -> bool:
    """Return whether `member` may start, stop, pause or delete recordings of a channel.

    Parameters
    ----------
    channel
        ``None`` for a deleted channel, which needs the permission to manage the guild.
        In a DM channel both users may.
    role
        The name or id of a role whose members may too.
    """
    if isinstance(channel, discord.DMChannel):
        return True
    if not isinstance(member, discord.Member):
        return False
    if role is not None and any(role in (has.name, str(has.id)) for has in member.roles):
        return True
    if channel is None:
        return member.guild_permissions.manage_guild
    return _permissions(member, channel).manage_messages


def _permissions(
    member: discord.Member, channel: discord.abc.MessageableChannel | GuildChannel
) -> discord.Permissions:
    if isinstance(channel, discord.Thread) and channel.parent is None:
        return discord.Permissions.none()
    return channel.permissions_for(member)
