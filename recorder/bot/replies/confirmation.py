"""A question with two buttons, asked before an action that cannot be undone."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

import discord

from recorder.bot.access.viewer import AnyUser
from recorder.bot.replies.escaping import plain
from recorder.errors import RecorderError

_SECONDS = 120.0


class Confirmation(discord.ui.View):
    """The buttons of a question to `user`; confirming runs `action`.

    Parameters
    ----------
    user
        The only user who may answer.
    label
        The label of the confirming button.
    action
        Called with the user who confirmed, whose permissions it checks again; returns the
        text that replaces the question.

    Attributes
    ----------
    message
        The question; set after it was sent, so that its buttons are removed on timeout.
    """

    def __init__(
        self, user: discord.abc.User, label: str, action: Callable[[AnyUser], Awaitable[str]]
    ) -> None:
        super().__init__(timeout=_SECONDS)
        self.message: discord.Message | None = None
        self._user = user
        self._action = action
        self.confirm.label = label

    async def interaction_check(self, interaction: discord.Interaction, /) -> bool:
        """Refuse everyone but the user who was asked."""
        if interaction.user.id == self._user.id:
            return True
        await interaction.response.send_message("This question is not for you.", ephemeral=True)
        return False

    @discord.ui.button(style=discord.ButtonStyle.danger)
    async def confirm(
        self, interaction: discord.Interaction, _: discord.ui.Button[Confirmation]
    ) -> None:
        """Run the action and show its result."""
        self.stop()
        try:
            text = await self._action(interaction.user)
        except RecorderError as error:
            text = f"❌ {plain(str(error))}"
        await self._replace_question(interaction, text)

    @discord.ui.button(label="Cancel", style=discord.ButtonStyle.secondary)
    async def cancel(
        self, interaction: discord.Interaction, _: discord.ui.Button[Confirmation]
    ) -> None:
        """Close the question; change nothing."""
        self.stop()
        await self._replace_question(interaction, "Nothing was changed.")

    async def on_timeout(self) -> None:
        """Remove the buttons."""
        if self.message is not None:  # it may be deleted, or inaccessible to the bot
            with contextlib.suppress(discord.NotFound, discord.Forbidden):
                await self.message.edit(view=None)

    async def _replace_question(self, interaction: discord.Interaction, text: str) -> None:
        await interaction.response.edit_message(
            content=text, view=None, allowed_mentions=discord.AllowedMentions.none()
        )
