"""The recorder as a bot of its own: ``recorder bot``."""

from __future__ import annotations

import logging
import signal
from typing import Any

import discord
from discord.ext import commands

from recorder.bot.cog import Recorder
from recorder.errors import InvalidSetting, StorageError
from recorder.settings import Settings

log = logging.getLogger(__name__)


class RecorderBot(commands.Bot):
    """A bot with the recorder as its only extension.

    Parameters
    ----------
    settings
        The data folder, the prefix and others.
    """

    def __init__(self, settings: Settings) -> None:
        intents = discord.Intents.default()
        intents.message_content = True
        super().__init__(
            command_prefix=commands.when_mentioned_or(settings.prefix),
            intents=intents,
            help_command=None,
            allowed_mentions=discord.AllowedMentions.none(),
        )
        self._settings = settings
        self.failure: StorageError | None = None

    async def setup_hook(self) -> None:
        """Add the recorder and register its slash commands with Discord."""
        await self.add_cog(Recorder(self, self._settings))
        await self.tree.sync()

    async def on_ready(self) -> None:
        """Log that the bot is connected."""
        log.info("Ready as %s in %d servers.", self.user, len(self.guilds))

    async def on_recorder_failed(self, error: StorageError) -> None:
        """End the bot, so that the service manager notices: recording cannot be resumed."""
        self.failure = error
        await self.close()

    async def on_command_error(
        self, context: commands.Context[Any], error: commands.CommandError, /
    ) -> None:
        """Ignore commands of other bots with the same prefix; the cog replies to other errors."""
        if not isinstance(error, commands.CommandNotFound):
            await super().on_command_error(context, error)


def run(settings: Settings) -> None:
    """Run the bot until it is interrupted.

    Raises
    ------
    InvalidSetting
        The token is missing or refused, or an intent is switched off.
    StorageError
        The data folder cannot be used or written any more, or Discord cannot be reached.
    """
    if not settings.token:
        raise InvalidSetting(
            "DISCORD_TOKEN is not set. Create a bot in Discord's developer portal "
            "(https://discord.com/developers/applications), and put its token into the "
            "environment or into a file .env: DISCORD_TOKEN=…"
        )
    try:
        bot = RecorderBot(settings)
        # As at Ctrl+C, so that the recorder is closed.
        signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
        bot.run(settings.token)
    except discord.LoginFailure as error:
        raise InvalidSetting(
            "Discord does not accept the token in DISCORD_TOKEN. Copy it again from the "
            "developer portal, page Bot; a reset there makes the old one invalid."
        ) from error
    except discord.PrivilegedIntentsRequired as error:
        raise InvalidSetting(
            "The message content intent is switched off for this bot, and without it messages "
            "arrive empty. Switch it on in Discord's developer portal: page Bot, Privileged "
            "Gateway Intents, Message Content Intent."
        ) from error
    except (OSError, discord.HTTPException, discord.GatewayNotFound) as error:
        raise StorageError(
            f"Discord cannot be reached ({error}). Check the network, then start the bot again."
        ) from error
    if bot.failure is not None:
        raise bot.failure
