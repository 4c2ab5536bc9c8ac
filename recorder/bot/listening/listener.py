"""Gateway listeners: record messages and their edits, but not the bot's own commands."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

import discord
from discord.ext import commands

from recorder.bot.listening import tasks
from recorder.bot.listening.auto_sessions import AutoRecorder
from recorder.bot.listening.capture import capture, parent_id_of, shown_message
from recorder.bot.listening.event_order import EventOrder
from recorder.bot.listening.sent_messages import OwnMessages
from recorder.errors import StorageError
from recorder.models import Edit, Message
from recorder.record.changes import edit_of
from recorder.recording.session_recorder import SessionRecorder

log = logging.getLogger(__name__)

# Called with whether a message is left out; returns what to wait for while the queue is full.
Apply = Callable[[bool], Awaitable[None] | None]


class Listener:
    """Passes messages to the recorder, except the commands of a cog and their answers.

    Parameters
    ----------
    cog
        Its commands are not recorded.
    own
        The answers to them.
    """

    def __init__(
        self,
        bot: commands.Bot,
        cog: commands.Cog,
        recorder: SessionRecorder,
        auto_recorder: AutoRecorder,
        own: OwnMessages,
        order: EventOrder,
    ) -> None:
        self._bot = bot
        self._cog = cog
        self._recorder = recorder
        self._auto_recorder = auto_recorder
        self._own = own
        self._order = order
        self._originals: dict[int, list[discord.Message]] = {}

    async def on_message(self, message: discord.Message) -> None:
        """Record a message, unless it is one of the recorder's commands or an answer to one."""
        channel = message.channel
        if not (
            self._order.listens_to(channel.id, parent_id_of(channel))
            or self._auto_recorder.recording_of(channel) is not None
        ):
            return
        if message.edited_at is not None:
            await self._order.judge(message, partial(self._judge_original, message))
            return
        captured = _capture_new(message)
        shown = shown_message(message)
        is_of_bot = self._is_of_bot(shown)
        if is_of_bot and self._own.knows(shown):
            return
        if self._own.is_in_doubt(shown) if is_of_bot else _may_be_command(shown):
            apply = partial(self._receive, message, captured)
            await self._order.judge(message, partial(self._judge, message, apply))
        elif slot := self._receive(message, captured, False):
            await slot

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Record an edit, or the message after it where it was not recorded before."""
        message = payload.message
        if payload.cached_message is not None and message.id in self._originals:
            self._originals[message.id].append(payload.cached_message)
        parent_id = parent_id_of(message.channel)
        if message.flags.loading or not self._order.concerns(payload.channel_id, parent_id):
            return
        edited_at = message.edited_at or discord.utils.utcnow()
        captured = capture(message)
        edit = edit_of(captured, edited_at)
        if message.interaction_metadata:  # the answer of a bot that was "thinking…", if it is new
            captured = capture(message, answered_at=edited_at)

        def apply(is_left_out: bool) -> None:
            if self._auto_recorder.is_of_new_day(message):
                self._auto_recorder.begin(message.channel, message.created_at)
            change = partial(self._changed, message, captured, edit, is_left_out)
            self._order.change(payload.channel_id, parent_id, None, change)

        if self._order.is_judging(message.id) or self._is_in_doubt(message):
            await self._order.judge(message, partial(self._judge, message, apply))
        else:
            apply(self._is_own(message))

    def _changed(
        self, message: discord.Message, captured: Message, edit: Edit, is_left_out: bool
    ) -> None:
        """Record an edit, but not the message if it is none of the session."""
        if (
            is_left_out
            or message.id in self._order.deleted
            or self._auto_recorder.is_of_new_day(message)
        ):
            self._recorder.change(edit)
        else:
            self._recorder.update(captured, edit)

    async def is_left_out(self, message: discord.Message) -> bool:
        """Return whether a message of the history is one of the recorder's commands or answers."""
        return message.id in await self.left_out_of([message])

    async def left_out_of(self, messages: Sequence[discord.Message]) -> set[int]:
        """Return the ids of the recorder's commands and answers in a page of the history.

        Messages that were deleted since the page was fetched are among them.
        """
        shown = {m.id: shown_message(m) for m in messages}
        left_out = {
            id for id, m in shown.items() if _may_be_command(m) and await self._is_command(m)
        }
        if of_bot := {id: m for id, m in shown.items() if self._is_of_bot(m)}:
            own = await self._own.among([*of_bot.values()])
            left_out |= {id for id, m in of_bot.items() if m.id in own}
        return left_out | {m.id for m in messages if m.id in self._order.deleted}

    async def _judge(self, message: discord.Message, apply: Apply) -> None:
        message = shown_message(message)
        if self._is_of_bot(message):
            await self._own.sends_returned(message)
            is_left_out = self._own.knows(message)
        else:
            is_left_out = _may_be_command(message) and await self._is_command(message)
        if (slot := apply(is_left_out)) is not None:
            await slot

    async def _judge_original(self, message: discord.Message) -> None:
        """Judge a message as it was sent: discord.py edited it before its listeners ran."""
        originals = self._originals[message.id] = []
        await asyncio.sleep(0)  # the listeners of its edits, which have the original, run
        del self._originals[message.id]
        original = originals[0] if originals else message
        await self._judge(original, partial(self._receive, original, _capture_new(original)))

    def _receive(
        self, message: discord.Message, captured: Message | None, is_left_out: bool
    ) -> Awaitable[None] | None:
        channel_id, parent_id = message.channel.id, parent_id_of(message.channel)
        if is_left_out:
            return None
        hold = self._order.hold_of(channel_id, parent_id)
        if hold is None and self._auto_recorder.is_of_new_day(message):
            if self._auto_recorder.is_closed:
                return None
            self._auto_recorder.begin(message.channel, message.created_at)
            hold = self._order.hold_of(channel_id, parent_id)
        if hold is not None and (hold.since is None or message.created_at >= hold.since):
            hold.events.append(partial(self._receive, message, captured, False))
        elif not self._order.listens_to(channel_id, parent_id):
            self._auto_recorder.begin(message.channel, message.created_at)
        elif captured is not None and self._order.is_after_notice(
            channel_id, parent_id, message.id
        ):
            try:
                return self._recorder.post(captured)
            except StorageError as error:
                tasks.log_failure(f"Message {message.id} was not recorded", error)
        return None

    def _is_in_doubt(self, message: discord.Message) -> bool:
        """Return whether to wait before a message can be judged."""
        if self._is_of_bot(message):
            return self._own.is_in_doubt(message)
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
        if context.command is not None:
            return context.command.cog is self._cog
        # The bot takes the commands out before it unloads the cog.
        return any(command.name == context.invoked_with for command in self._cog.get_commands())


def _capture_new(message: discord.Message) -> Message | None:
    """Return a message that was just sent, ``None`` while its bot is "thinking…".

    Its reactions follow as events; discord.py may have counted them in the message already.
    """
    if message.flags.loading:  # the answer arrives as an edit
        return None
    captured = capture(message)
    if "reactions" not in captured.extra:
        return captured
    extra = {key: value for key, value in captured.extra.items() if key != "reactions"}
    return replace(captured, extra=extra)


def _may_be_command(message: discord.Message) -> bool:
    """Return whether to parse a message: the prefix of a host bot may be a coroutine."""
    return not message.author.bot and "record" in message.content.lower()
