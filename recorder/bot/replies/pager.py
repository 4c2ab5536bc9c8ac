"""A message of several pages, with buttons to turn them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import discord

from recorder.bot.replies.escaping import plain
from recorder.errors import RecorderError

_SECONDS = 600.0
_FEW_PAGES = 5
_DEFER_AFTER = 1.5  # seconds; Discord waits for three
_REFUSED = "You cannot turn these pages: not everyone here may read them."


FetchPage: TypeAlias = Callable[[int, int], Awaitable[str]]
"""Returns the page with a number, for the user with an id."""


class Pager(discord.ui.View):
    """The buttons of a message of several pages; each page is fetched when it is turned to.

    The buttons are removed ten minutes after the last press.

    Parameters
    ----------
    fetch_page
        Returns the text of a page, counted from 0, of at most 2,000 characters, for the user
        with an id. A :class:`~recorder.errors.RecorderError` that it raises is shown only to
        the user, who pressed the button.
    page_count
        The number of pages, 1 or more.
    may_turn
        Returns whether the user who pressed a button may read the pages; called at each press.
    index
        The page that is shown first.

    Attributes
    ----------
    message
        The message with the buttons; set after it was sent with its first page.

    Examples
    --------
    ::

        pager = Pager(fetch_page, page_count, may_turn)
        pager.message = await context.send(first_page, view=pager)
    """

    def __init__(
        self,
        fetch_page: FetchPage,
        page_count: int,
        may_turn: Callable[[discord.Interaction], Awaitable[bool]],
        index: int = 0,
    ) -> None:
        super().__init__(timeout=_SECONDS)
        self.message: discord.Message | None = None
        self._fetch_page = fetch_page
        self._page_count = page_count
        self._may_turn = may_turn
        self._index = index
        self._turning = asyncio.Lock()  # two quick presses are two pages
        self._last_press: discord.Interaction | None = None
        if page_count <= _FEW_PAGES:
            self.remove_item(self.first)
            self.remove_item(self.last)
        self._show_position()

    @discord.ui.button(label="First")
    async def first(self, interaction: discord.Interaction, _: discord.ui.Button[Pager]) -> None:
        """Turn to the first page."""
        await self._turn(interaction, -self._page_count)

    @discord.ui.button(label="Previous")
    async def previous(self, interaction: discord.Interaction, _: discord.ui.Button[Pager]) -> None:
        """Turn one page back."""
        await self._turn(interaction, -1)

    @discord.ui.button(disabled=True)
    async def position(self, interaction: discord.Interaction, _: discord.ui.Button[Pager]) -> None:
        """Show the number of the page; the button is disabled."""

    @discord.ui.button(label="Next")
    async def next(self, interaction: discord.Interaction, _: discord.ui.Button[Pager]) -> None:
        """Turn one page forward."""
        await self._turn(interaction, 1)

    @discord.ui.button(label="Last")
    async def last(self, interaction: discord.Interaction, _: discord.ui.Button[Pager]) -> None:
        """Turn to the last page."""
        await self._turn(interaction, self._page_count)

    async def interaction_check(self, interaction: discord.Interaction, /) -> bool:
        """Refuse users who may not read the pages."""
        if await self._may_turn(interaction):
            return True
        await interaction.response.send_message(_REFUSED, ephemeral=True)
        return False

    async def on_timeout(self) -> None:
        """Remove the buttons."""
        # The message may be deleted, or inaccessible to the bot. The reply to a slash command
        # can be edited for 15 minutes only, but through the last press for longer.
        with contextlib.suppress(discord.NotFound, discord.Forbidden):
            if self._last_press is not None:
                await self._last_press.edit_original_response(view=None)
            elif self.message is not None:
                await self.message.edit(view=None)

    async def _turn(self, interaction: discord.Interaction, pages: int) -> None:
        async with self._turning:
            index = min(max(self._index + pages, 0), self._page_count - 1)
            page = asyncio.ensure_future(self._fetch_page(index, interaction.user.id))
            await asyncio.wait([page], timeout=_DEFER_AFTER)
            is_late = not page.done()
            if is_late:
                await interaction.response.defer()
            try:
                text = await page
            except RecorderError as error:
                send = interaction.followup.send if is_late else interaction.response.send_message
                await send(f"❌ {plain(str(error))}", ephemeral=True)
                return
            self._index, self._last_press = index, interaction
            self._show_position()
            edit = (
                interaction.edit_original_response if is_late else interaction.response.edit_message
            )
            await edit(content=text, view=self, allowed_mentions=discord.AllowedMentions.none())

    def _show_position(self) -> None:
        self.position.label = f"{self._index + 1} / {self._page_count}"
        self.first.disabled = self.previous.disabled = self._index == 0
        self.last.disabled = self.next.disabled = self._index == self._page_count - 1
