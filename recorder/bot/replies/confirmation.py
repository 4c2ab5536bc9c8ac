"""A question with two buttons, for what cannot be undone."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

import discord

from recorder.bot.access.viewer import Person
from recorder.bot.replies.escaping import plain
from recorder.errors import RecorderError

_SECONDS = 120.0


class Confirmation(discord.ui.View):
    """Asks `user` alone, and does `action` when they confirm.

    Parameters
    ----------
    user
        Who may answer.
    label
        What the confirming button says.
    action
        Does it for who confirmed, by the rights that they have then, and gives the text that
        takes the question's place.

    Attributes
    ----------
    message
        The question, so that its buttons can be removed when nobody answers.
    """

    def __init__(
        self, user: discord.abc.User, label: str, action: Callable[[Person], Awaitable[str]]
    ) -> None:
        super().__init__(timeout=_SECONDS)
        self.message: discord.Message | None = None
        self._user = user
        self._action = action
        self.confirm.label = label

    async def interaction_check(self, interaction: discord.Interaction, /) -> bool:
        """Refuse everybody but who was asked."""
        if interaction.user.id == self._user.id:
            return True
        await interaction.response.send_message("This question is not for you.", ephemeral=True)
        return False

    @discord.ui.button(style=discord.ButtonStyle.danger)
    async def confirm(
        self, interaction: discord.Interaction, _: discord.ui.Button[Confirmation]
    ) -> None:
        """Do it."""
        self.stop()
        try:
            text = await self._action(interaction.user)
        except RecorderError as error:
            text = f"❌ {plain(str(error))}"
        await self._answer(interaction, text)

    @discord.ui.button(label="Cancel", style=discord.ButtonStyle.secondary)
    async def cancel(
        self, interaction: discord.Interaction, _: discord.ui.Button[Confirmation]
    ) -> None:
        """Do nothing."""
        self.stop()
        await self._answer(interaction, "Nothing was changed.")

    async def on_timeout(self) -> None:
        """Remove the buttons."""
        if self.message is not None:  # it may be gone, or closed to the bot
            with contextlib.suppress(discord.NotFound, discord.Forbidden):
                await self.message.edit(view=None)

    async def _answer(self, interaction: discord.Interaction, text: str) -> None:
        await interaction.response.edit_message(
            content=text, view=None, allowed_mentions=discord.AllowedMentions.none()
        )
