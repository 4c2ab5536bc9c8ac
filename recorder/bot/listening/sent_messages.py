"""The messages that the recorder itself sends: known by their ids, and never recorded."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

import discord

from recorder.bot.listening.capture import parent_id_of
from recorder.errors import RecorderClosed, StorageError
from recorder.recording.session_manager import SessionManager

T = TypeVar("T")

log = logging.getLogger(__name__)

_REMEMBERED = 1_000
_CLOSED = "Session is closed"  # aiohttp, about the HTTP session of the bot
_PATIENCE = 5.0  # seconds for the messages that are being sent while the recorder is closed


class Recent(Generic[T]):
    """The thousand newest items of a collection."""

    def __init__(self) -> None:
        self._items: OrderedDict[T, None] = OrderedDict()

    def add(self, item: T) -> None:
        """Add `item`, and drop the oldest one beyond the limit."""
        self._items[item] = None
        if len(self._items) > _REMEMBERED:
            self._items.popitem(last=False)

    def __contains__(self, item: T) -> bool:
        return item in self._items


class OwnMessages:
    """The recorder's own messages among those of its bot.

    The gateway may deliver a message before the request that sent it returns its id: while
    :meth:`is_in_doubt`, a message of the bot is judged after :meth:`sends_returned`.
    """

    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager
        self._ids = Recent[int]()
        self._unstored: set[int] = set()
        self._interactions = Recent[int]()
        self._sending: dict[int, set[asyncio.Future[None]]] = {}  # by channel
        self._is_closed = False

    async def close(self) -> None:
        """Wait for the messages that are being sent, and send no further ones.

        The ids of later ones could not be stored any more.
        """
        self._is_closed = True
        if sending := [each for channel in self._sending.values() for each in channel]:
            await asyncio.wait(sending, timeout=_PATIENCE)

    def add_interaction(self, interaction: discord.Interaction) -> None:
        """Regard every answer to an interaction as the recorder's."""
        self._interactions.add(interaction.id)

    async def send(
        self, channel_id: int, sending: Coroutine[Any, Any, discord.Message]
    ) -> discord.Message:
        """Wait until a message is sent to a channel, and remember its id.

        Raises
        ------
        RecorderClosed
            It was not sent: the recorder or its bot is being closed.
        """
        if self._is_closed:
            sending.close()
            raise RecorderClosed("The recorder is being closed.")
        returned: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sending.setdefault(channel_id, set()).add(returned)
        try:
            message = await sending
            self._remember(message.id)
            return message
        except RuntimeError as error:
            if str(error) != _CLOSED:
                raise
            raise RecorderClosed("The bot is being closed.") from error
        finally:
            self._sending[channel_id].discard(returned)
            if not self._sending[channel_id]:
                del self._sending[channel_id]
            returned.set_result(None)

    def knows(self, message: discord.Message) -> bool:
        """Return whether a message is known as the recorder's, after the requests returned."""
        interaction = message.interaction_metadata
        return message.id in self._ids or (
            interaction is not None and interaction.id in self._interactions
        )

    def is_in_doubt(self, message: discord.Message) -> bool:
        """Return whether a message of the bot may be one that is being sent."""
        return _sent_to(message) in self._sending and not self.knows(message)

    async def sends_returned(self, message: discord.Message) -> None:
        """Wait for the messages that are being sent to the channel of a message now."""
        if sending := self._sending.get(_sent_to(message)):
            await asyncio.wait(tuple(sending))

    async def among(self, messages: Sequence[discord.Message]) -> set[int]:
        """Return the ids of the recorder's messages among the bot's, from any time."""
        for message in messages:
            await self.sends_returned(message)
        known = {message.id for message in messages if self.knows(message)}
        others = [message.id for message in messages if message.id not in known]
        if others:
            known |= await asyncio.to_thread(self._manager.reader.own_messages, others)
        return known

    def _remember(self, message_id: int) -> None:
        self._ids.add(message_id)
        self._unstored.add(message_id)
        unstored = tuple(self._unstored)
        try:
            storing = self._manager.remember_own(unstored)
        except StorageError:
            return
        asyncio.ensure_future(storing).add_done_callback(partial(self._stored, unstored))

    def _stored(self, message_ids: Sequence[int], storing: asyncio.Future[None]) -> None:
        if storing.cancelled() or storing.exception() is not None:
            log.warning("The ids of own messages were not stored; they will be with the next one.")
        else:
            self._unstored.difference_update(message_ids)


def _sent_to(message: discord.Message) -> int:
    """Return the channel of a message, not the thread that discord.py puts its source in."""
    channel = message.channel
    parent_id = parent_id_of(channel) if message.id == channel.id else None
    return channel.id if parent_id is None else parent_id
