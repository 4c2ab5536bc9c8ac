"""Gateway listeners: record messages and their changes, but not the bot's own commands.

Most events are passed on at once. A message that may be a command, or an answer of the recorder,
is judged first; until then its changes wait behind it. While a notice is being sent to a channel,
all events there wait in a :class:`.holds.Hold`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Literal

import discord
from discord.ext import commands

from recorder.bot.listening.auto_sessions import AutoRecorder
from recorder.bot.listening.capture import capture, emoji_name, parent_id_of
from recorder.bot.listening.holds import Hold, Holds
from recorder.bot.listening.own_messages import OwnMessages
from recorder.errors import StorageError
from recorder.models import Deletion, Edit, Message, Reaction
from recorder.record.changes import edit_of
from recorder.recording.session_recorder import SessionRecorder

log = logging.getLogger(__name__)

RawEvent = (
    discord.RawMessageDeleteEvent
    | discord.RawBulkMessageDeleteEvent
    | discord.RawReactionActionEvent
    | discord.RawReactionClearEvent
    | discord.RawReactionClearEmojiEvent
)


class _Turn:
    """The events of a message that is being judged: itself, then its changes in their order."""

    def __init__(self, *channel_ids: int | None) -> None:
        self.channel_ids = channel_ids
        self.events: deque[Callable[[], Awaitable[None] | None]] = deque()
        self.ended = asyncio.Event()


class Listener:
    """Passes messages to the recorder, except the commands of a cog and their answers.

    Parameters
    ----------
    cog
        Its commands are not recorded.
    own
        The answers to them.
    on_deletion
        Called with deletions, which are recorded without it otherwise.
    """

    def __init__(
        self,
        bot: commands.Bot,
        cog: commands.Cog,
        recorder: SessionRecorder,
        auto_recorder: AutoRecorder,
        own: OwnMessages,
        holds: Holds,
        *,
        on_deletion: Callable[[Sequence[Deletion]], None] | None,
    ) -> None:
        self._bot = bot
        self._cog = cog
        self._recorder = recorder
        self._auto_recorder = auto_recorder
        self._own = own
        self._holds = holds
        self._on_deletion = on_deletion
        self._unjudged: dict[int, _Turn] = {}  # by message

    async def on_message(self, message: discord.Message) -> None:
        """Record a message, unless it is one of the recorder's commands or an answer to one."""
        channel = message.channel
        if not (
            self._listens_to(channel.id, parent_id_of(channel))
            or self._auto_recorder.recording_of(channel) is not None
        ):
            return
        # The answer of a bot that is "thinking…" arrives as an edit.
        captured = None if message.flags.loading else capture(message)
        if self._is_in_doubt(message):
            await self._in_turn(message, partial(self._receive, message, captured))
        elif not self._is_own(message) and (slot := self._receive(message, captured, False)):
            await slot

    async def is_left_out(self, message: discord.Message) -> bool:
        """Return whether a message of the history is one of the recorder's commands or answers."""
        return message.id in await self.left_out_of([message])

    async def left_out_of(self, messages: Sequence[discord.Message]) -> set[int]:
        """Return the ids of the recorder's commands and answers in a page of the history."""
        left_out = {m.id for m in messages if _may_be_command(m) and await self._is_command(m)}
        if of_bot := [m for m in messages if self._is_of_bot(m)]:
            left_out |= await self._own.among(of_bot)
        return left_out

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Record an edit, or the message after it where it was not recorded before."""
        message = payload.message
        parent_id = parent_id_of(message.channel)
        if message.flags.loading or not self._concerns(payload.channel_id, parent_id):
            return
        captured = capture(message)
        edit = edit_of(captured, message.edited_at or discord.utils.utcnow())
        apply = partial(self._edited, payload.channel_id, parent_id, captured, edit)
        if message.id in self._unjudged or self._is_in_doubt(message):
            await self._in_turn(message, apply)
        else:
            apply(self._is_own(message))

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """Record the deletion of a message."""
        self._deleted(payload, (payload.message_id,))

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Record the deletion of several messages."""
        self._deleted(payload, sorted(payload.message_ids))

    async def on_raw_reaction(self, payload: discord.RawReactionActionEvent) -> None:
        """Record a reaction that was added or removed."""
        is_added = payload.event_type == "REACTION_ADD"
        self._reacted(payload, "add" if is_added else "remove", payload.emoji, str(payload.user_id))

    async def on_raw_reaction_clear(
        self, payload: discord.RawReactionClearEvent | discord.RawReactionClearEmojiEvent
    ) -> None:
        """Record that all reactions to a message, or those with one emoji, were removed."""
        self._reacted(payload, "clear", getattr(payload, "emoji", None))

    # events of the gateway, in turn

    async def judged(self, channel: discord.abc.MessageableChannel) -> None:
        """Wait until every message that has arrived in a channel is judged."""
        for turn in list(self._unjudged.values()):
            if channel.id in turn.channel_ids:
                await turn.ended.wait()

    async def _in_turn(
        self, message: discord.Message, apply: Callable[[bool], Awaitable[None] | None]
    ) -> None:
        """Judge a message, call `apply` with whether it is left out, then run what came next."""
        event = partial(self._judge, message, apply)
        if (turn := self._unjudged.get(message.id)) is not None:
            turn.events.append(event)
            return
        turn = _Turn(message.channel.id, parent_id_of(message.channel))
        self._unjudged[message.id] = turn
        turn.events.append(event)
        try:
            while turn.events:
                if (running := turn.events.popleft()()) is not None:
                    await running
        finally:
            del self._unjudged[message.id]
            turn.ended.set()

    async def _judge(
        self, message: discord.Message, apply: Callable[[bool], Awaitable[None] | None]
    ) -> None:
        if self._is_of_bot(message):
            await self._own.sends_returned(message.channel.id)
            is_left_out = self._own.knows(message)
        else:
            is_left_out = await self._is_command(message)
        if (slot := apply(is_left_out)) is not None:
            await slot

    def _receive(
        self, message: discord.Message, captured: Message | None, is_left_out: bool
    ) -> Awaitable[None] | None:
        """Record a message; return what to wait for while the queue is full."""
        channel_id, parent_id = message.channel.id, parent_id_of(message.channel)
        if is_left_out:
            return None
        if hold := self._hold_of(channel_id, parent_id):
            hold.events.append(partial(self._receive, message, captured, False))
        elif not self._listens_to(channel_id, parent_id):
            self._auto_recorder.begin(message.channel, message.created_at)
        elif captured is not None and self._is_after_notice(channel_id, parent_id, message.id):
            try:
                return self._recorder.post(captured)
            except StorageError:
                log.error("Message %d was not recorded: recording has stopped.", message.id)
        return None

    def _edited(
        self,
        channel_id: int,
        parent_id: int | None,
        captured: Message,
        edit: Edit,
        is_left_out: bool,
    ) -> None:
        if is_left_out:
            self._pass_on(channel_id, parent_id, partial(self._recorder.change, edit))
        else:
            self._pass_on(channel_id, parent_id, partial(self._recorder.update, captured, edit))

    def _deleted(
        self,
        payload: discord.RawMessageDeleteEvent | discord.RawBulkMessageDeleteEvent,
        message_ids: Collection[int],
    ) -> None:
        parent_id = self._parent_id(payload)
        if not self._concerns(payload.channel_id, parent_id):
            return
        now = discord.utils.utcnow()
        together: list[Deletion] = []
        for message_id in message_ids:
            deletion = Deletion(now, str(payload.channel_id), message_id)
            if (turn := self._unjudged.get(message_id)) is not None:
                apply = partial(self._delete, [deletion])
                turn.events.append(partial(self._pass_on, payload.channel_id, parent_id, apply))
            else:
                together.append(deletion)
        if together:
            self._pass_on(payload.channel_id, parent_id, partial(self._delete, together))

    def _delete(self, deletions: Sequence[Deletion]) -> None:
        if self._on_deletion is not None:
            self._on_deletion(deletions)
            return
        for deletion in deletions:
            self._recorder.change(deletion)

    def _reacted(
        self,
        payload: discord.RawReactionActionEvent
        | discord.RawReactionClearEvent
        | discord.RawReactionClearEmojiEvent,
        action: Literal["add", "remove", "clear"],
        emoji: discord.PartialEmoji | None,
        user_id: str | None = None,
    ) -> None:
        parent_id = self._parent_id(payload)
        if not self._concerns(payload.channel_id, parent_id):
            return
        reaction = Reaction(
            timestamp=discord.utils.utcnow(),
            channel_id=str(payload.channel_id),
            message_id=payload.message_id,
            action=action,
            emoji=emoji_name(emoji) if emoji else None,
            user_id=user_id,
        )
        apply = partial(self._recorder.change, reaction)
        pass_on = partial(self._pass_on, payload.channel_id, parent_id, apply)
        if (turn := self._unjudged.get(payload.message_id)) is not None:
            turn.events.append(pass_on)
        else:
            pass_on()

    def _pass_on(
        self, channel_id: int, parent_id: int | None, change: Callable[[], object]
    ) -> None:
        """Record a change, in its order among the messages."""
        if hold := self._hold_of(channel_id, parent_id):
            hold.events.append(partial(self._pass_on, channel_id, parent_id, change))
            return
        try:
            change()
        except StorageError:
            log.error("A change was not recorded: recording has stopped.")

    # what is recorded where

    def _listens_to(self, channel_id: int, parent_id: int | None) -> bool:
        """Return whether a session covers a channel, or may do so once its notice is sent."""
        parent = None if parent_id is None else str(parent_id)
        return (
            self._recorder.listens_to(str(channel_id), parent)
            or self._hold_of(channel_id, parent_id) is not None
        )

    def _concerns(self, channel_id: int, parent_id: int | None) -> bool:
        """Return whether changes of messages in a channel may be recorded."""
        return self._recorder.holds(str(channel_id)) or self._listens_to(channel_id, parent_id)

    def _hold_of(self, channel_id: int, parent_id: int | None) -> Hold | None:
        """Return the hold of a channel; that of its parent holds a thread without a session."""
        if not self._holds:
            return None
        hold = self._holds.of(channel_id)
        if hold is None and parent_id is not None and not self._has_session(channel_id):
            hold = self._holds.of(parent_id)
        return hold

    def _is_after_notice(self, channel_id: int, parent_id: int | None, message_id: int) -> bool:
        if parent_id is not None and not self._has_session(channel_id):
            channel_id = parent_id
        return self._holds.is_after_notice(channel_id, message_id)

    def _has_session(self, channel_id: int) -> bool:
        return self._recorder.listens_to(str(channel_id))

    def _parent_id(self, payload: RawEvent) -> int | None:
        guild = self._bot.get_guild(payload.guild_id) if payload.guild_id else None
        thread = guild.get_thread(payload.channel_id) if guild else None
        return None if thread is None else parent_id_of(thread)

    # which messages are left out

    def _is_in_doubt(self, message: discord.Message) -> bool:
        """Return whether to wait before a message can be judged."""
        if self._is_of_bot(message):
            return self._own.is_sending(message.channel.id) and not self._own.knows(message)
        return _may_be_command(message)

    def _is_of_bot(self, message: discord.Message) -> bool:
        return self._bot.user is not None and message.author.id == self._bot.user.id

    def _is_own(self, message: discord.Message) -> bool:
        return self._is_of_bot(message) and self._own.knows(message)

    async def _is_command(self, message: discord.Message) -> bool:
        try:
            context = await self._bot.get_context(message)
        except Exception:  # of the host bot, which runs no command then
            log.exception("The prefix of message %d could not be determined.", message.id)
            return False
        return context.command is not None and context.command.cog is self._cog


def _may_be_command(message: discord.Message) -> bool:
    """Return whether to parse a message: the prefix of a host bot may be a coroutine."""
    return not message.author.bot and "record" in message.content.lower()
