"""Replies to commands: none of them pings or is recorded, and some are private."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast
from weakref import WeakSet

import aiohttp
import discord
from discord.ext import commands

from recorder.bot.commands.context import Context
from recorder.bot.listening.sent_messages import OwnMessages
from recorder.bot.replies.opt_out_button import opt_out_button
from recorder.bot.replies.pager import FetchPage, Pager
from recorder.errors import RecorderClosed

log = logging.getLogger(__name__)

_LONGEST_MESSAGE = 2_000
NOT_SENT = (discord.DiscordException, aiohttp.ClientError, OSError, RecorderClosed)


class Replying(commands.Cog):
    """The part of the cog that sends messages."""

    own_messages: OwnMessages

    def __init__(self) -> None:
        self._private = WeakSet[Context]()

    async def reply(self, context: Context, text: str, **options: Any) -> discord.Message:
        """Reply without pinging anyone, and without recording the reply.

        A private reply to a slash command is ephemeral, to a prefix command a direct message.
        """
        if len(text) > _LONGEST_MESSAGE:
            text = f"{text[: _LONGEST_MESSAGE - 1]}…"
        options["suppress_embeds"] = True
        if context.interaction is not None:
            self.own_messages.add_interaction(context.interaction)
        if self.is_private(context):
            if context.interaction is None:
                options.pop("ephemeral", None)
                direct = context.author.dm_channel or await context.author.create_dm()
                return await self._send(direct, text, **options)
            options["ephemeral"] = True
        return await self._send(context, text, **options)

    async def reply_in_pages(
        self,
        context: Context,
        text: str,
        page_count: int,
        fetch_page: FetchPage,
        may_turn: Callable[[discord.Interaction], Awaitable[bool]],
        index: int = 0,
    ) -> None:
        """Reply with a page, and with buttons if there are more.

        Parameters
        ----------
        text
            The page with the number `index`; the others are fetched when they are turned to.
        fetch_page, may_turn
            As in :class:`~recorder.bot.replies.pager.Pager`.
        """
        if page_count == 1:
            await self.reply(context, text)
            return
        view = Pager(fetch_page, page_count, may_turn, index)
        view.message = await self.reply(context, text, view=view)

    def is_private(self, context: Context) -> bool:
        """Return whether only the author of the command sees the replies to it."""
        return context in self._private

    async def make_private(self, context: Context, notice: str) -> None:
        """Send all further replies and errors to the author of the command alone.

        Parameters
        ----------
        notice
            The reply in the channel to a prefix command; it must not disclose anything.
        """
        if not self.is_private(context):
            if context.interaction is None:
                with contextlib.suppress(*NOT_SENT):
                    await self.reply(context, notice)
            self._private.add(context)

    async def reply_to_failure(self, context: Context, text: str) -> None:
        """Reply with an error, by direct message if the bot cannot write in the channel."""
        try:
            await self.reply(context, text, ephemeral=True)
        except RecorderClosed:
            return
        except NOT_SENT as error:
            log.warning("The reply could not be sent to the channel: %s", error)
            with contextlib.suppress(*NOT_SENT):
                direct = context.author.dm_channel or await context.author.create_dm()
                await self._send(direct, text)

    async def defer(self, context: Context) -> None:
        """Tell Discord that the reply to a slash command or a form will take a while."""
        if context.interaction is not None:
            await context.interaction.response.defer(
                ephemeral=self.is_private(context), thinking=True
            )

    async def announce(
        self,
        channel: discord.abc.Messageable,
        text: str,
        view: discord.ui.View | None = None,
    ) -> discord.Message | None:
        """Send a notice that everyone in a channel sees.

        Parameters
        ----------
        channel
            A channel, or the context of the command that the notice replies to.

        Returns
        -------
        discord.Message or None
            ``None`` when Discord did not accept it: nobody was notified.
        """
        options: dict[str, Any] = {} if view is None else {"view": view}
        try:
            if isinstance(channel, commands.Context):
                return await self.reply(channel, text, **options)
            return await self._send(channel, text, **options)
        except NOT_SENT as error:
            log.warning("A notice could not be sent: %s", error)
            return None

    async def announce_recording(
        self, channel: discord.abc.Messageable, text: str
    ) -> discord.Message | None:
        """Send the notice of a recording as :meth:`announce` does, with the opt-out button."""
        return await self.announce(channel, text, opt_out_button())

    async def _send(
        self, target: discord.abc.Messageable, text: str, **options: Any
    ) -> discord.Message:
        """Send a message that pings nobody and is not recorded."""
        options["allowed_mentions"] = discord.AllowedMentions.none()
        channel = target.channel if isinstance(target, commands.Context) else target
        channel_id = cast(discord.TextChannel, channel).id
        return await self.own_messages.send(channel_id, target.send(text, **options))
