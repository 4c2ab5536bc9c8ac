"""Messages of a channel from before its recording started."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime

import discord

from recorder.bot.listening.capture import capture
from recorder.bot.listening.history_pages import public_threads
from recorder.errors import InvalidInput
from recorder.models import Message
from recorder.record.snowflake import parse_snowflake, snowflake_at
from recorder.search.dates import parse_span

_LINK = re.compile(r"<?https?://(?:\w+\.)?discord(?:app)?\.com/channels/[\d@me]+/(\d+)/(\d+)>?")
_MOST = 20_000


async def earlier_messages(
    channel: discord.abc.MessageableChannel,
    since: str,
    left_out_of: Callable[[Sequence[discord.Message]], Awaitable[set[int]]],
    now: datetime,
) -> list[Message]:
    """Return the messages of a channel and its public threads from `since` on.

    Each is marked as taken from the history.

    Parameters
    ----------
    since
        A time span such as ``2h`` or ``1d 12h``, the link of a message, or its id.
    left_out_of
        Returns the ids of messages that are not to be recorded.

    Raises
    ------
    InvalidInput
        `since` is malformed, of another channel, or too long ago.
    """
    after = _start(since, channel.id, now)
    history: list[discord.Message] = []
    for each in (channel, *await public_threads(channel, after.id)):
        limit = _MOST - len(history)
        history += [m async for m in each.history(limit=limit, after=after, oldest_first=True)]
    history.sort(key=lambda message: message.id)
    left_out = await left_out_of(history)
    messages = [
        from_history(message)
        for message in history
        if message.id not in left_out and not message.flags.loading
    ]
    if len(history) >= _MOST:
        raise InvalidInput(
            f"There are more than {_MOST:,} messages since then. Choose a later moment."
        )
    return messages


def from_history(message: discord.Message) -> Message:
    """Return a message that was fetched from the history of its channel."""
    captured = capture(message)
    return replace(captured, extra={**captured.extra, "source": "history"})


def _start(since: str, channel_id: int, now: datetime) -> discord.Object:
    """Return the id after which the history is read."""
    since = since.strip()
    if link := _LINK.fullmatch(since):
        if int(link[1]) != channel_id:
            raise InvalidInput("That message is in another channel. Take a link from this one.")
        return discord.Object(int(link[2]) - 1)
    if (message_id := parse_snowflake(since)) is not None:
        return discord.Object(message_id - 1)
    if (span := parse_span(since)) is not None:
        longest = now - datetime(2015, 1, 2, tzinfo=now.tzinfo)
        return discord.Object(snowflake_at(now - min(span, longest)))
    raise InvalidInput(
        "I do not understand since when. Write a span such as since:2h, since:3d or since:90m, "
        "or the link of the first message: since:https://discord.com/channels/…"
    )
