"""Gateway listeners: record messages and their changes, but not the bot's own commands."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Generic, TypeVar

import discord
from discord.ext import commands

from recorder.bot.listening.auto_sessions import AutoRecorder
from recorder.bot.listening.capture import capture, emoji_name
from recorder.bot.replies.openings import OPENINGS
from recorder.errors import StorageError
from recorder.models import Deletion, Edit, Reaction
from recorder.record.changes import edit_of
from recorder.recording.session_recorder import SessionRecorder

T = TypeVar("T")

log = logging.getLogger(__name__)

_REMEMBERED = 1_000


class Recent(Generic[T]):
    """The thousand newest items of a collection."""

    def __init__(self) -> None:
        self._items: OrderedDict[T, None] = OrderedDict()

    def add(self, item: T) -> None:
        """Add `item`, and drop the oldest one beyond the limit."""
        self._items[item] = None
        if len(self._items) > _REMEMBERED:
            self._items.popitem(last=False)

    def take(self, item: T) -> bool:
        """Remove `item`, and return whether it was there."""
        return self._items.pop(item, self) is None

    def __contains__(self, item: T) -> bool:
        return item in self._items


class Listener:
    """Passes messages to the recorder, except the commands of a cog and their answers.

    Parameters
    ----------
    cog
        Its commands are not recorded.
    on_deletion
        Called with deletions, which are recorded without it otherwise.
    """

    def __init__(
        self,
        bot: commands.Bot,
        cog: commands.Cog,
        recorder: SessionRecorder,
        auto_recorder: AutoRecorder,
        *,
        on_deletion: Callable[[Sequence[Deletion]], None] | None,
    ) -> None:
        self._bot = bot
        self._cog = cog
        self._recorder = recorder
        self._auto_recorder = auto_recorder
        self._on_deletion = on_deletion
        self._interactions = Recent[int]()
        self._replies = Recent[tuple[int, str]]()
        self._thinking = Recent[int]()

    def leave_out_interaction(self, interaction: discord.Interaction) -> None:
        """Do not record the answer to a slash command."""
        self._interactions.add(interaction.id)

    def leave_out_reply(self, channel_id: int, content: str) -> None:
        """Do not record a message that is about to be sent."""
        self._replies.add((channel_id, content.strip()))

    async def on_message(self, message: discord.Message) -> None:
        """Record a message, unless it is one of the recorder's commands or an answer to one."""
        is_recorded = self._listens_to(message.channel)
        if not is_recorded and self._auto_recorder.recording_of(message.channel) is None:
            return
        if self._is_own_talk(message):
            return
        if message.flags.loading:  # "is thinking…": the answer arrives as an edit
            self._thinking.add(message.id)
        # Only a possible command is parsed: the prefix of a host bot may be a coroutine.
        elif "record" not in message.content.lower() or not await self._is_command(message):
            if not is_recorded:
                self._auto_recorder.begin(message.channel, message.created_at)
            await self._record(message)

    async def is_left_out(self, message: discord.Message) -> bool:
        """Return whether a message of the history is one of the recorder's commands or answers."""
        own = self._bot.user is not None and message.author.id == self._bot.user.id
        if own and message.content.startswith(OPENINGS):
            return True
        return "record" in message.content.lower() and await self._is_command(message)

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Record an edit, or the answer of a bot that was thinking."""
        message = payload.message
        if payload.message_id in self._thinking:
            if not message.flags.loading:
                self._thinking.take(payload.message_id)
                answered_at = message.edited_at or discord.utils.utcnow()
                await self._record(message, answered_at)
        elif self._recorder.holds(str(payload.channel_id)):
            edited_at = message.edited_at or discord.utils.utcnow()
            self._change(edit_of(capture(message), edited_at))

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """Record the deletion of a message."""
        self._deleted(payload.channel_id, (payload.message_id,))

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Record the deletion of several messages."""
        self._deleted(payload.channel_id, sorted(payload.message_ids))

    def _deleted(self, channel_id: int, message_ids: Collection[int]) -> None:
        if not self._recorder.holds(str(channel_id)):
            return
        now = discord.utils.utcnow()
        deletions = [Deletion(now, str(channel_id), message_id) for message_id in message_ids]
        if self._on_deletion is not None:
            self._on_deletion(deletions)
            return
        for deletion in deletions:
            self._change(deletion)

    async def on_raw_reaction(self, payload: discord.RawReactionActionEvent) -> None:
        """Record a reaction that was added or removed."""
        if self._recorder.holds(str(payload.channel_id)):
            self._change(
                Reaction(
                    timestamp=discord.utils.utcnow(),
                    channel_id=str(payload.channel_id),
                    message_id=payload.message_id,
                    action="add" if payload.event_type == "REACTION_ADD" else "remove",
                    emoji=emoji_name(payload.emoji),
                    user_id=str(payload.user_id),
                )
            )

    async def on_raw_reaction_clear(
        self, payload: discord.RawReactionClearEvent | discord.RawReactionClearEmojiEvent
    ) -> None:
        """Record that all reactions to a message, or those with one emoji, were removed."""
        if self._recorder.holds(str(payload.channel_id)):
            emoji = getattr(payload, "emoji", None)
            self._change(
                Reaction(
                    timestamp=discord.utils.utcnow(),
                    channel_id=str(payload.channel_id),
                    message_id=payload.message_id,
                    action="clear",
                    emoji=emoji_name(emoji) if emoji else None,
                )
            )

    def _change(self, change: Edit | Deletion | Reaction) -> None:
        try:
            self._recorder.change(change)
        except StorageError:
            log.error("A change was not recorded: recording has stopped.")

    async def _record(self, message: discord.Message, answered_at: datetime | None = None) -> None:
        try:
            await self._recorder.enqueue(capture(message, answered_at=answered_at))
        except StorageError:
            log.error("Message %d was not recorded: recording has stopped.", message.id)

    async def _is_command(self, message: discord.Message) -> bool:
        context = await self._bot.get_context(message)
        return context.command is not None and context.command.cog is self._cog

    def _listens_to(self, channel: discord.abc.MessageableChannel) -> bool:
        parent = None
        if isinstance(channel, discord.Thread) and not channel.is_private():
            parent = str(channel.parent_id)
        return self._recorder.listens_to(str(channel.id), parent)

    def _is_own_talk(self, message: discord.Message) -> bool:
        if self._bot.user is None or message.author.id != self._bot.user.id:
            return False
        interaction = message.interaction_metadata
        if interaction is not None and interaction.id in self._interactions:
            return True
        return self._replies.take((message.channel.id, message.content))
