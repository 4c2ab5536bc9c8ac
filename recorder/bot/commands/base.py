"""The command `record`, whose subcommands are in the other modules, and its error handling."""

from __future__ import annotations

import contextlib
import logging

import discord
from discord import app_commands
from discord.ext import commands

from recorder.bot.commands.context import Context, prefix_of
from recorder.bot.commands.replying import NOT_SENT
from recorder.bot.commands.session_access import SessionAccess
from recorder.bot.replies import notices, refusals
from recorder.bot.replies.help_text import help_text
from recorder.errors import InvalidInput, RecorderClosed, RecorderError, StorageError

log = logging.getLogger(__name__)

# discord.py wraps the errors of commands in these.
_WRAPPERS = (
    commands.CommandInvokeError,
    commands.HybridCommandError,
    app_commands.CommandInvokeError,
)


class RecorderCommands(SessionAccess):
    """The base of all commands.

    Objects such as the recorder and the session manager are built by the cog
    (:class:`recorder.bot.cog.Recorder`); a class of commands declares those that it uses.
    """

    @commands.hybrid_group(name="record", fallback="help", invoke_without_command=True)  # type: ignore[arg-type]
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
    async def record(self, context: Context) -> None:
        """Show how to record conversations."""
        if context.view.read_rest().strip() not in ("", "help"):
            raise InvalidInput("There is no such command. See `record help`.")
        await self.reply(context, help_text(prefix_of(context)))

    async def cog_before_invoke(self, context: Context) -> None:
        """Leave the replies to slash commands out of recordings."""
        if context.interaction is not None:
            self.own_messages.add_interaction(context.interaction)

    async def cog_command_error(self, context: Context, error: Exception) -> None:
        """Reply with what is wrong and what to do."""
        cause: BaseException = error
        while isinstance(cause, _WRAPPERS):
            cause = cause.original
        if isinstance(cause, RecorderClosed):
            interaction = context.interaction
            # Nobody else may see the reply: it would be recorded after the start. Once the
            # interaction has expired, discord.py sends an ordinary message instead.
            if not (
                interaction is None or interaction.response.is_done() or interaction.is_expired()
            ):
                # aiohttp raises RuntimeError when the bot is closed already.
                with contextlib.suppress(*NOT_SENT, RuntimeError):
                    await context.send(refusals.CLOSED, ephemeral=True)
            return
        if isinstance(cause, RecorderError):
            text = self.failure(cause, prefix_of(context))
        elif isinstance(cause, commands.UserInputError):
            text = refusals.wrong_use(context.command, prefix_of(context))
        elif isinstance(cause, commands.CommandError):
            text = refusals.refusal(str(cause), prefix_of(context))
        elif isinstance(cause, discord.Forbidden):
            text = refusals.FORBIDDEN
        else:
            log.error("The command %s failed", context.command, exc_info=cause)
            text = refusals.UNEXPECTED
        await self.reply_to_failure(context, text)

    def failure(self, error: RecorderError, prefix: str) -> str:
        """Return the reply to an error of the recorder."""
        if isinstance(error, RecorderClosed):
            return refusals.CLOSED
        if isinstance(error, StorageError):
            log.error("%s", error)
            return notices.RECORDING_FAILED
        return refusals.refusal(str(error), prefix)
