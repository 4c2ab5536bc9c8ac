"""The order of events: which of them wait, and what they wait for.

Most events are passed on at once. A message that may be a command, or an answer of the recorder,
is judged first; until then its changes wait behind it. While a notice is being sent to a channel,
all events there wait in a :class:`.holds.Hold`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial

import discord

from recorder.bot.listening import tasks
from recorder.bot.listening.capture import parent_id_of
from recorder.bot.listening.holds import Hold, Holds
from recorder.bot.listening.sent_messages import Recent
from recorder.errors import StorageError
from recorder.recording.session_recorder import SessionRecorder

Event = Callable[[], Awaitable[None] | None]


class _Turn:
    """The events of a message that is being judged: itself, then its changes in their order."""

    def __init__(self, event: Event, *channel_ids: int | None) -> None:
        self.events: deque[Event] = deque([event])
        self.channel_ids = channel_ids
        self.ended = asyncio.Event()


class EventOrder:
    """Passes events to the recorder in their order.

    A channel is given by its id and by that of the channel whose session covers it, if it is a
    public thread (:func:`.capture.parent_id_of`).

    Attributes
    ----------
    deleted
        The messages that were deleted most recently.
    """

    def __init__(self, recorder: SessionRecorder, holds: Holds) -> None:
        self._recorder = recorder
        self._holds = holds
        self.deleted = Recent[int]()
        self._turns: dict[int, _Turn] = {}  # by message

    def listens_to(self, channel_id: int, parent_id: int | None) -> bool:
        """Return whether a session covers a channel, or may do so once its notice is sent."""
        parent = None if parent_id is None else str(parent_id)
        return (
            self._recorder.listens_to(str(channel_id), parent)
            or self.hold_of(channel_id, parent_id) is not None
        )

    def concerns(self, channel_id: int, parent_id: int | None) -> bool:
        """Return whether changes of messages in a channel may be recorded."""
        return self._recorder.holds(str(channel_id)) or self.listens_to(channel_id, parent_id)

    def hold_of(self, channel_id: int, parent_id: int | None) -> Hold | None:
        """Return the hold of a channel; that of its parent holds a thread without a session."""
        if not self._holds:
            return None
        hold = self._holds.of(channel_id)
        if hold is None and parent_id is not None and not self._has_session(channel_id):
            hold = self._holds.of(parent_id)
        return hold

    def is_after_notice(self, channel_id: int, parent_id: int | None, message_id: int) -> bool:
        """Return whether a message was sent after the newest notice of its session."""
        if parent_id is not None and not self._has_session(channel_id):
            channel_id = parent_id
        return self._holds.is_after_notice(channel_id, message_id)

    def change(
        self,
        channel_id: int,
        parent_id: int | None,
        message_id: int | None,
        apply: Callable[[], object],
    ) -> None:
        """Apply a change of a message behind the message itself, or of several without an id."""
        if message_id is not None and (turn := self._turns.get(message_id)) is not None:
            turn.events.append(partial(self.change, channel_id, parent_id, None, apply))
            return
        if hold := self.hold_of(channel_id, parent_id):
            hold.events.append(partial(self.change, channel_id, parent_id, None, apply))
            return
        try:
            apply()
        except StorageError as error:
            tasks.log_failure("A change was not recorded", error)

    def is_judging(self, message_id: int) -> bool:
        """Return whether a message is being judged."""
        return message_id in self._turns

    async def judge(self, message: discord.Message, event: Event) -> None:
        """Run `event`, which judges a message, then the events that came in the meantime."""
        if (turn := self._turns.get(message.id)) is not None:
            turn.events.append(event)
            return
        turn = _Turn(event, message.channel.id, parent_id_of(message.channel))
        self._turns[message.id] = turn
        try:
            while turn.events:
                if (running := turn.events.popleft()()) is not None:
                    await running
        finally:
            del self._turns[message.id]
            turn.ended.set()

    async def judged(self, channel: discord.abc.MessageableChannel) -> None:
        """Wait until every message that has arrived in a channel is judged."""
        for turn in list(self._turns.values()):
            if channel.id in turn.channel_ids:
                await turn.ended.wait()

    async def released(self, channel: discord.abc.MessageableChannel) -> bool:
        """Wait until the events of a channel are not held; return whether they were."""
        was_held = False
        while (hold := self.hold_of(channel.id, parent_id_of(channel))) is not None:
            was_held = True
            await hold.ended.wait()
        return was_held

    def _has_session(self, channel_id: int) -> bool:
        return self._recorder.listens_to(str(channel_id))
