"""Commands for everybody who is recorded: optout, optin, privacy."""

from __future__ import annotations

import asyncio

from recorder.bot.commands.base import RecorderCommands
from recorder.bot.commands.context import Context, prefix_of
from recorder.bot.replies import privacy_reply
from recorder.store import consent


# mypy cannot infer what discord.py's decorators of hybrid commands take: hence the ignores.
class ConsentCommands(RecorderCommands):
    """Decide about what is recorded of oneself."""

    @RecorderCommands.record.command()  # type: ignore[arg-type]
    async def optout(self, context: Context) -> None:
        """Have nothing of what you say recorded here, from now on."""
        place_id, user_id = _place_id(context), str(context.author.id)
        now = context.message.created_at
        changed = await self.recorder.call(
            lambda journal, _: consent.opt_out(journal, place_id, user_id, now)
        )
        await self.reply(
            context, privacy_reply.opted_out(changed, prefix_of(context)), ephemeral=True
        )

    @RecorderCommands.record.command()  # type: ignore[arg-type]
    async def optin(self, context: Context) -> None:
        """Have what you say recorded here again."""
        place_id, user_id = _place_id(context), str(context.author.id)
        changed = await self.recorder.call(
            lambda journal, _: consent.opt_in(journal, place_id, user_id)
        )
        await self.reply(
            context, privacy_reply.opted_in(changed, prefix_of(context)), ephemeral=True
        )

    @RecorderCommands.record.command()  # type: ignore[arg-type]
    async def privacy(self, context: Context) -> None:
        """Show what is kept of you here, where, and how to have it erased."""
        await self.make_private(context, privacy_reply.PRIVACY_BY_DIRECT_MESSAGE)
        user_id, reader = str(context.author.id), self.manager.reader
        sessions = await self.readable_sessions(context)
        kept = await asyncio.to_thread(consent.kept_of, reader, user_id, sessions)
        since = await asyncio.to_thread(consent.has_opted_out, reader, _place_id(context), user_id)
        await self.reply(
            context,
            privacy_reply.privacy(kept, since, user_id, self.settings.contact, prefix_of(context)),
        )


def _place_id(context: Context) -> str:
    """Where somebody decides for: the guild, or the DM channel."""
    return str(context.guild.id if context.guild else context.channel.id)
