"""The button under the notice of a recording, with which a member opts out of being recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import discord

_LABEL = "Do not record me"
_CUSTOM_ID = "recorder:optout"  # never changes: notices keep their buttons


class OptOutView(discord.ui.View):
    """The receiver of all presses of the button, also under notices from before a restart.

    It is registered once, with ``bot.add_view``, and not sent itself: see :func:`opt_out_button`.

    Parameters
    ----------
    opt_out
        Called with each press; returns the reply that only the user sees.
    """

    def __init__(self, opt_out: Callable[[discord.Interaction], Awaitable[str]]) -> None:
        super().__init__(timeout=None)
        self._opt_out = opt_out

    @discord.ui.button(label=_LABEL, custom_id=_CUSTOM_ID)
    async def press(
        self, interaction: discord.Interaction, _: discord.ui.Button[OptOutView]
    ) -> None:
        """Opt the user out, and reply to them alone."""
        # It counts even if Discord does not accept the reply.
        text, _ack = await asyncio.gather(
            self._opt_out(interaction),
            interaction.response.defer(ephemeral=True, thinking=True),
        )
        await interaction.followup.send(
            text, ephemeral=True, allowed_mentions=discord.AllowedMentions.none()
        )


def opt_out_button() -> discord.ui.View:
    """Return the button for a notice.

    discord.py does not remember a view that is stopped, so that neither memory grows with each
    notice, nor does an unloaded recorder receive presses that are for the one after it.
    """
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label=_LABEL, custom_id=_CUSTOM_ID))
    view.stop()
    return view
