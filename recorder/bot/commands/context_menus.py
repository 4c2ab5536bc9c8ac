"""Commands in the menu of a message: "Record from here" and "Tag this moment"."""

from __future__ import annotations

import copy
import logging
from collections.abc import Awaitable, Callable

import discord
from discord import app_commands
from discord.ext import commands

from recorder.bot.commands.context import Context
from recorder.bot.commands.editing import EditingCommands
from recorder.bot.commands.recording import RecordingCommands
from recorder.errors import InvalidInput
from recorder.record.names import LONGEST_NAME

log = logging.getLogger(__name__)

_SECONDS = 900.0
_CONTEXTS = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=False)


class ContextMenuCommands(RecordingCommands, EditingCommands):
    """The menu of a message; each entry asks for a name, and then does what a command does."""

    def __init__(self) -> None:
        super().__init__()
        # discord.py does not make menus of a cog's methods.
        self._menus = [
            app_commands.ContextMenu(name=name, callback=callback, allowed_contexts=_CONTEXTS)
            for name, callback in (
                ("Record from here", self._record_from_here),
                ("Tag this moment", self._tag_this_moment),
            )
        ]

    def add_context_menus(self) -> None:
        """Add the entries to the bot's commands, as far as Discord's limit allows."""
        for menu in self._menus:
            try:
                self.bot.tree.add_command(menu)
            except (app_commands.CommandLimitReached, app_commands.CommandAlreadyRegistered) as e:
                log.warning('The menu of messages lacks "%s": %s', menu.name, e)

    def remove_context_menus(self) -> None:
        """Remove the entries."""
        for menu in self._menus:
            if self.bot.tree.get_command(menu.name, type=menu.type) is menu:
                self.bot.tree.remove_command(menu.name, type=menu.type)

    async def _record_from_here(
        self, interaction: discord.Interaction, message: discord.Message
    ) -> None:
        async def start(context: Context, name: str) -> None:
            await self.start_recording(context, name, str(message.id))

        context = await self.bot.get_context(interaction)
        try:
            self.require_control(context)
        except InvalidInput as error:
            await self.cog_command_error(context, error)
        else:
            await self._ask(context, "Record from here", "Name of the session", start)

    async def _tag_this_moment(
        self, interaction: discord.Interaction, message: discord.Message
    ) -> None:
        async def tag(context: Context, name: str) -> None:
            await self.tag_message(context, name, message.id)

        context = await self.bot.get_context(interaction)
        await self._ask(context, "Tag this moment", "Name of the tag", tag)

    async def _ask(
        self,
        context: Context,
        title: str,
        label: str,
        action: Callable[[Context, str], Awaitable[None]],
    ) -> None:
        """Ask the user for a name; run `action` with it as a command is run."""

        async def submitted(interaction: discord.Interaction, name: str) -> None:
            current = _context_of(interaction, context)
            await self.cog_before_invoke(current)
            try:
                await action(current, name)
            except Exception as error:  # of any kind: bugs are logged there
                await self.cog_command_error(current, error)

        assert context.interaction is not None
        await context.interaction.response.send_modal(_NameForm(title, label, submitted))


def _context_of(interaction: discord.Interaction, menu: Context) -> Context:
    """Return the context of a submitted form, which discord.py makes for menus only."""
    message = copy.copy(menu.message)
    message.id, message.author = interaction.id, interaction.user
    return commands.Context(
        message=message, bot=menu.bot, view=menu.view, interaction=interaction, command=menu.command
    )


class _NameForm(discord.ui.Modal):
    """A form with one field; `submitted` is called with the interaction and the name."""

    def __init__(
        self,
        title: str,
        label: str,
        submitted: Callable[[discord.Interaction, str], Awaitable[None]],
    ) -> None:
        super().__init__(title=title, timeout=_SECONDS)
        self._name = discord.ui.TextInput[_NameForm](custom_id="name", max_length=LONGEST_NAME)
        self.add_item(discord.ui.Label(text=label, component=self._name))
        self._submitted = submitted

    async def on_submit(self, interaction: discord.Interaction, /) -> None:
        """Go on with the name."""
        await self._submitted(interaction, self._name.value)
