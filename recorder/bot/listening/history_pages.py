"""The history of channels, page by page, and their threads."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import discord
from discord.ext import commands

from recorder.models import Session
from recorder.record.snowflake import snowflake_at

log = logging.getLogger(__name__)

NETWORK_ERRORS = (TimeoutError, aiohttp.ClientError, discord.HTTPException, OSError)

_PAGE = 100
_UNREADABLE = "the channel's history may not be read"
_UNKNOWN_CHANNEL, _UNKNOWN_MESSAGE = 10003, 10008
_PROGRESS_EVERY = 1_000


@dataclass(frozen=True, slots=True)
class Page:
    """Consecutive messages of a channel: all with an id greater than `after`, up to `until`."""

    messages: list[discord.Message]
    after: int
    until: int


async def pages(
    channel: discord.abc.MessageableChannel, after: int, newest: int, before: int | None
) -> AsyncIterator[Page]:
    """Yield the history of a channel after an id, the oldest message first.

    Parameters
    ----------
    newest
        A message id that Discord has assigned before: the last page reaches at least to it.
    before
        The id before which the history ends.
    """
    count, is_last = 0, False
    while not is_last:
        start = discord.Object(after)
        messages = [m async for m in channel.history(limit=_PAGE, after=start, oldest_first=True)]
        is_last = len(messages) < _PAGE
        if before is not None and messages and messages[-1].id >= before:
            messages, is_last = [m for m in messages if m.id < before], True
            newest = min(newest, before - 1)
        until = messages[-1].id if messages else after
        until = max(until, newest) if is_last else until
        if until > after:
            yield Page(messages, after, until)
        after = until
        count += len(messages)
        if count and count % _PROGRESS_EVERY == 0:
            log.info("Channel %d: %d messages of its history compared so far", channel.id, count)


async def public_threads(
    channel: discord.abc.MessageableChannel, since: int
) -> list[discord.Thread]:
    """Return the public threads of a channel that are active, or were archived after an id."""
    if not isinstance(channel, discord.TextChannel):
        return []
    threads = {thread.id: thread for thread in channel.threads}
    async for thread in channel.archived_threads(limit=None):
        if snowflake_at(thread.archive_timestamp) < since:
            break
        threads.setdefault(thread.id, thread)
    for thread in channel.threads:  # one may have become active in between
        threads.setdefault(thread.id, thread)
    return [thread for thread in threads.values() if not thread.is_private()]


async def readable_channel(bot: commands.Bot, session: Session) -> discord.abc.MessageableChannel:
    """Return the channel of a session.

    Raises
    ------
    Unreadable, discord.HTTPException
        Its history cannot be read.
    """
    channel_id, guild = int(session.channel_id or 0), None
    if session.guild_id is not None:
        guild = bot.get_guild(int(session.guild_id))
        if guild is None:
            raise Unreadable("the bot was removed from the server", final=True)
        if guild.unavailable or guild.me is None:
            raise Unreadable("the server is unavailable")
    channel = bot.get_channel(channel_id) or await bot.fetch_channel(channel_id)
    if not isinstance(channel, discord.abc.Messageable):
        raise Unreadable("the channel has no messages of its own", final=True)
    # Discord would answer with an empty page.
    if guild and not channel.permissions_for(guild.me).read_message_history:
        raise Unreadable(_UNREADABLE)
    return channel


class Unreadable(Exception):
    """The reason why a channel's history cannot be read; `final` if it never can."""

    def __init__(self, problem: str, *, final: bool = False) -> None:
        super().__init__(problem)
        self.final = final


def problem_of(error: Exception) -> tuple[str | None, bool]:
    """Return why a history could not be read, and whether it never can; ``None`` if unknown."""
    if isinstance(error, Unreadable):
        return str(error), error.final
    if isinstance(error, discord.Forbidden):
        return _UNREADABLE, False
    if isinstance(error, discord.NotFound) and error.code == _UNKNOWN_CHANNEL:
        return "the channel was deleted", True
    if isinstance(error, NETWORK_ERRORS):
        return f"Discord could not be asked ({error or 'too slow'})", False
    return None, False


async def is_gone(channel: discord.abc.MessageableChannel, message_id: int) -> bool:
    """Return whether Discord confirms that a message was deleted."""
    try:
        await channel.fetch_message(message_id)
    except discord.NotFound as error:
        return error.code == _UNKNOWN_MESSAGE
    except NETWORK_ERRORS:
        return False
    return False
