"""Commands for recorded users: optout, optin, privacy."""

from __future__ import annotations

import asyncio

import discord

from recorder.bot.commands.base import RecorderCommands
from recorder.bot.commands.context import Context, prefix_of
from recorder.bot.replies import privacy_reply
from recorder.errors import RecorderError
from recorder.store import consent


# mypy cannot infer what discord.py's decorators of hybrid commands take: hence the ignores.
class ConsentCommands(RecorderCommands):
    """Opt out of being recorded, and see what is recorded of oneself."""

    @RecorderCommands.record.command()  # type: ignore[arg-type]
    async def optout(self, context: Context) -> None:
        """Have nothing of what you say recorded here, from now on."""
        changed = await self.manager.opt_out(
            _scope_id(context), str(context.author.id), now=context.message.created_at
        )
        await self.reply(
            context, privacy_reply.opted_out(changed, prefix_of(context)), ephemeral=True
        )

    async def opt_out_by_button(self, interaction: discord.Interaction) -> str:
        """Opt out the user who pressed the button under a notice; return the reply."""
        scope_id = str(interaction.guild_id or interaction.channel_id)
        try:
            changed = await self.manager.opt_out(
                scope_id, str(interaction.user.id), now=interaction.created_at
            )
        except RecorderError as error:
            return self.failure(error, "/")
        return privacy_reply.opted_out(changed, "/")

    @RecorderCommands.record.command()  # type: ignore[arg-type]
    async def optin(self, context: Context) -> None:
        """Have what you say recorded here again."""
        changed = await self.manager.opt_in(_scope_id(context), str(context.author.id))
        await self.reply(
            context, privacy_reply.opted_in(changed, prefix_of(context)), ephemeral=True
        )

    @RecorderCommands.record.command()  # type: ignore[arg-type]
    async def privacy(self, context: Context) -> None:
        """Show what is kept of you here, where, and how to have it erased."""
        await self.make_private(context, privacy_reply.PRIVACY_BY_DIRECT_MESSAGE)
        user_id, reader = str(context.author.id), self.manager.reader
        sessions = await self.readable_sessions(context)
        recorded = await asyncio.to_thread(consent.recorded_of, reader, user_id, sessions)
        since = await asyncio.to_thread(
            consent.opted_out_since, reader, _scope_id(context), user_id
        )
        await self.reply(
            context,
            privacy_reply.privacy(
                recorded, since, user_id, self.settings.contact, prefix_of(context)
            ),
        )


def _scope_id(context: Context) -> str:
    """Return the id of the guild, or of the DM channel, that an opt-out holds for."""
    return str(context.guild.id if context.guild else context.channel.id)
