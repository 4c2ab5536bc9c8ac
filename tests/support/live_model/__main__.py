"""The bot of `child.KilledHost`: its process."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import warnings
from dataclasses import replace
from unittest.mock import patch

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route
from support.discord_server.rest import PREFIX
from support.discord_server.server import BackOff, Quick

from recorder.settings import Settings

from .host import HostBot


async def _live(url: str, settings: Settings) -> None:
    bot = HostBot(settings)
    asyncio.get_running_loop().add_signal_handler(
        signal.SIGTERM, lambda: asyncio.ensure_future(bot.close())
    )
    bot._connection.guild_ready_timeout = 0.05
    async with bot:
        await bot.start("token-of-the-bot")


def main() -> None:
    """Run a bot in the Discord at a URL until it is killed."""
    url, folder, zone, on_delete = sys.argv[1:]
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")  # discord.py leaves events behind when it is closed
    environ = {"RECORDER_DATA": folder, "RECORDER_TZ": zone, "RECORDER_ON_DELETE": on_delete}
    settings = replace(Settings.from_environment(environ), attachment_limit=None)
    gateway = yarl.URL(url.replace("http", "ws", 1) + "/gateway")
    quick = Quick([])
    with (
        patch.object(Route, "BASE", url + PREFIX),
        patch.object(DiscordWebSocket, "DEFAULT_GATEWAY", gateway),
        patch.object(discord.client, "ExponentialBackoff", BackOff),
        patch.object(discord.client, "asyncio", quick),
        patch.object(discord.http, "asyncio", quick),
        patch.object(discord.webhook.async_, "asyncio", quick),
    ):
        asyncio.run(_live(url, settings))


if __name__ == "__main__":
    main()
