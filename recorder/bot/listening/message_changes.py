"""Gateway listeners: record deletions and reactions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Literal

import discord
from discord.ext import commands

from recorder.bot.listening.capture import emoji_name, parent_id_of
from recorder.bot.listening.event_order import EventOrder
from recorder.models import Deletion, Reaction
from recorder.recording.session_recorder import SessionRecorder

Deleted = discord.RawMessageDeleteEvent | discord.RawBulkMessageDeleteEvent
Cleared = discord.RawReactionClearEvent | discord.RawReactionClearEmojiEvent


class ChangeListener:
    """Passes deletions and reactions to the recorder.

    Parameters
    ----------
    on_deletion
        Called with deletions, which are recorded without it otherwise.
    """

    def __init__(
        self,
        bot: commands.Bot,
        recorder: SessionRecorder,
        order: EventOrder,
        *,
        on_deletion: Callable[[Sequence[Deletion]], None] | None,
    ) -> None:
        self._bot = bot
        self._recorder = recorder
        self._order = order
        self._on_deletion = on_deletion

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """Record the deletion of a message."""
        self._deleted(payload, (payload.message_id,))

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Record the deletion of several messages."""
        self._deleted(payload, sorted(payload.message_ids))

    async def on_raw_reaction(self, payload: discord.RawReactionActionEvent) -> None:
        """Record a reaction that was added or removed."""
        is_added = payload.event_type == "REACTION_ADD"
        action: Literal["add", "remove"] = "add" if is_added else "remove"
        self._reacted(payload, action, payload.emoji, str(payload.user_id))

    async def on_raw_reaction_clear(self, payload: Cleared) -> None:
        """Record that all reactions to a message, or those with one emoji, were removed."""
        self._reacted(payload, "clear", getattr(payload, "emoji", None))

    def _deleted(self, payload: Deleted, message_ids: Collection[int]) -> None:
        channel_id, parent_id = payload.channel_id, self._parent_id(payload)
        if not self._order.concerns(channel_id, parent_id):
            return
        now = discord.utils.utcnow()
        together: list[Deletion] = []
        for message_id in message_ids:
            self._order.deleted.add(message_id)
            deletion = Deletion(now, str(channel_id), message_id)
            if self._order.is_judging(message_id):
                delete = partial(self._delete, [deletion])
                self._order.change(channel_id, parent_id, message_id, delete)
            else:
                together.append(deletion)
        if together:
            self._order.change(channel_id, parent_id, None, partial(self._delete, together))

    def _delete(self, deletions: Sequence[Deletion]) -> None:
        if self._on_deletion is not None:
            self._on_deletion(deletions)
            return
        for deletion in deletions:
            self._recorder.change(deletion)

    def _reacted(
        self,
        payload: discord.RawReactionActionEvent | Cleared,
        action: Literal["add", "remove", "clear"],
        emoji: discord.PartialEmoji | None,
        user_id: str | None = None,
    ) -> None:
        parent_id = self._parent_id(payload)
        if not self._order.concerns(payload.channel_id, parent_id):
            return
        reaction = Reaction(
            timestamp=discord.utils.utcnow(),
            channel_id=str(payload.channel_id),
            message_id=payload.message_id,
            action=action,
            emoji=emoji_name(emoji) if emoji else None,
            user_id=user_id,
        )
        change = partial(self._recorder.change, reaction)
        self._order.change(payload.channel_id, parent_id, payload.message_id, change)

    def _parent_id(self, payload: Deleted | discord.RawReactionActionEvent | Cleared) -> int | None:
        guild = self._bot.get_guild(payload.guild_id) if payload.guild_id else None
        thread = guild.get_thread(payload.channel_id) if guild else None
        return None if thread is None else parent_id_of(thread)
