"""What keeps the bot from recording a channel: permissions that it lacks there."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TypeAlias

import discord

GuildChannel: TypeAlias = "discord.abc.GuildChannel | discord.Thread"

CANNOT_VIEW = "no permission to view the channel"
CANNOT_SEND = "no permission to send messages"


def obstacle_in(channel: GuildChannel, left: Collection[int]) -> str | None:
    """Return why a channel cannot be recorded; ``None`` also when that is not known yet.

    Parameters
    ----------
    left
        The private threads that the bot was removed from.
    """
    return next(_obstacles(channel, left), None) if _is_known(channel) else None


def thread_obstacle(thread: discord.Thread, left: Collection[int]) -> str | None:
    """Return why a thread cannot be recorded, though its channel may be; as :func:`obstacle_in`."""
    return next(_obstacles_of_thread(thread, left), None) if _is_known(thread) else None


def may_send(channel: GuildChannel) -> bool:
    """Return whether the bot has the permission to send messages to a channel."""
    permissions = channel.permissions_for(channel.guild.me)
    if isinstance(channel, discord.Thread):
        return permissions.send_messages_in_threads
    return permissions.send_messages


def _obstacles(channel: GuildChannel, left: Collection[int]) -> Iterator[str]:
    permissions = channel.permissions_for(channel.guild.me)
    if not permissions.view_channel:
        yield CANNOT_VIEW
    if isinstance(channel, discord.VoiceChannel | discord.StageChannel) and not permissions.connect:
        yield "no permission to connect to the channel"
    if isinstance(channel, discord.Thread):
        yield from _obstacles_of_thread(channel, left)
    if not permissions.read_message_history:
        yield "no permission to read the message history"
    if not may_send(channel):
        yield CANNOT_SEND


def _obstacles_of_thread(thread: discord.Thread, left: Collection[int]) -> Iterator[str]:
    if not thread.permissions_for(thread.guild.me).manage_threads:
        if thread.is_private() and thread.id in left:
            yield "not a member of the private thread"
        if thread.locked:
            yield "the thread is locked"


def _is_known(channel: GuildChannel) -> bool:
    return channel.guild.me is not None and (
        not isinstance(channel, discord.Thread) or channel.parent is not None
    )
