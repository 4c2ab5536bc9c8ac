"""A host bot with the recorder, which is started, stopped, restarted and killed."""

from __future__ import annotations

import asyncio
import gc
import logging
import shutil
import warnings
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import discord
from discord import app_commands
from discord.ext import commands
from support.discord_server import DiscordServer

from recorder.bot.cog import Recorder
from recorder.settings import Settings

from .truth import MARK

# aiohttp raises RuntimeError in a bot that is being closed.
_NOT_SENT = (discord.HTTPException, aiohttp.ClientError, RuntimeError)
OPENINGS = ("❌", "🔍", "⏳", "🗑️", "📊", "💬")  # of answers; most are the recorder's as well
_OF_THE_SERVER = ("RequestHandler.start", "Gateway._send_all")


class HostBot(commands.Bot):
    """A bot that answers questions, with an awaited prefix, and has the recorder."""

    def __init__(self, settings: Settings) -> None:
        intents = discord.Intents.default()
        intents.message_content = True
        intents.members = True
        super().__init__(_prefix, intents=intents, help_command=None)
        self._settings = settings

    async def setup_hook(self) -> None:
        self.add_command(_ai)
        self.tree.add_command(_ask)
        await self.add_cog(Recorder(self, self._settings))
        await self.tree.sync()

    async def on_command_error(self, context: Any, error: Exception, /) -> None:
        if not isinstance(error, commands.CommandNotFound):
            await super().on_command_error(context, error)  # type: ignore[arg-type]


async def _prefix(_: commands.Bot, message: discord.Message) -> str:
    await asyncio.sleep(0)
    return "!"


@commands.command("ai")
async def _ai(context: commands.Context[Any], number: int) -> None:
    with suppress(*_NOT_SENT):
        await context.send(answer(number))


@app_commands.command(name="ask", description="Ask, and wait for the answer")
async def _ask(interaction: discord.Interaction, number: int) -> None:
    with suppress(*_NOT_SENT):
        await interaction.response.defer(thinking=True)
        await interaction.followup.send(answer(number))


def answer(number: int) -> str:
    return f"{OPENINGS[number % len(OPENINGS)]} {MARK}a{number}"


class Host:
    """The bot's process: at most one at a time, on one data folder after another.

    A folder is left behind with each crash: the next bot starts on a copy of what was on disk.
    """

    def __init__(self, server: DiscordServer, settings: Settings) -> None:
        self.server = server
        self.settings = settings
        self.bot: commands.Bot | None = None
        self._stack = AsyncExitStack()
        self._copies = 0

    @property
    def is_up(self) -> bool:
        return self.bot is not None

    @property
    def cog(self) -> Recorder | None:
        cog = self.bot.get_cog("Recorder") if self.bot else None
        return cog if isinstance(cog, Recorder) else None

    async def start(self) -> None:
        """Start a new bot on the data folder, and wait until it is ready."""
        assert self.bot is None
        bot = HostBot(self.settings)
        await self._stack.enter_async_context(self.server.connected(bot))
        self.bot = bot

    async def settle(self) -> None:
        """Wait until the bot has come to rest and everything is written."""
        cog = self.cog
        await self.server.settle(*([cog.recorder.flush] if cog else []))

    async def stop(self) -> None:
        """Stop the bot in order."""
        if self.bot is not None:
            for fault in self.server.faults.active:
                fault.release()
            self.bot = None
            await self._stack.aclose()

    async def crash(self) -> None:
        """End the bot at once; whatever it has not written to the disk is lost."""
        bot, cog = self.bot, self.cog
        if bot is None or cog is None:
            return
        old = self.settings.data
        self._copies += 1
        copy = old.with_name(f"data-{self._copies}")
        copy_as_after_a_crash(old, copy)
        self.settings = replace(self.settings, data=copy)
        session = bot.http._HTTPClient__session  # type: ignore[attr-defined]
        if session.connector is not None:
            session.connector._close()  # synchronously: nothing more reaches Discord
        logging.disable(logging.CRITICAL)  # what the dying bot logs is of no interest
        try:
            with warnings.catch_warnings():
                # The operating system closes the connections of a killed bot.
                warnings.simplefilter("ignore", ResourceWarning)
                await self._bury(bot, cog)
                del bot, cog, session
                gc.collect()
        finally:
            logging.disable(logging.NOTSET)
        shutil.rmtree(old, ignore_errors=True)

    async def _bury(self, bot: commands.Bot, cog: Recorder) -> None:
        """End what is left of a killed bot; it writes to the folder that was left behind."""
        me = asyncio.current_task()
        tasks = [t for t in asyncio.all_tasks() if t is not me and not _is_of_server(t)]
        running = self.server._running
        for task in tasks:
            if task is not running:
                task.cancel()
        bot.close = partial(discord.Client.close, bot)  # type: ignore[method-assign]
        self.bot = None
        await self._stack.aclose()
        for fault in self.server.faults.active:
            fault.release()
        others = [task for task in tasks if task is not running]
        for _ in range(3):
            if others:
                await asyncio.wait(others, timeout=5)
            # What they, or the last events, have started ends with the process as well.
            left = asyncio.all_tasks() - {me}
            others = [task for task in left if not _is_of_server(task)]
            for task in others:
                task.cancel()
            tasks += others
        for task in tasks:
            if task.done() and not task.cancelled():
                task.exception()  # nobody else reads it
        cog.searcher.close()
        await cog.recorder.close()


def _is_of_server(task: asyncio.Task[Any]) -> bool:
    return getattr(task.get_coro(), "__qualname__", "") in _OF_THE_SERVER


def copy_as_after_a_crash(source: Path, target: Path) -> None:
    """Copy a data folder as a crash at this moment leaves it, while it is being written to."""
    database = source / "recorder.db"
    while True:
        before = _stamp(database)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target, ignore=_ignored)  # files first: they follow the database
        for name in ("recorder.db-wal", "recorder.db"):
            with suppress(FileNotFoundError):
                shutil.copyfile(source / name, target / name)
        if _stamp(database) == before:  # no checkpoint in between
            return


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


def _ignored(_: str, names: list[str]) -> list[str]:
    return [n for n in names if n.startswith("recorder.db") or n.endswith((".sock", ".lock"))]
