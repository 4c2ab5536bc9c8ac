"""Gateway events in a burst, through discord.py's own parsers, to a real bot."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import discord
import simcord
from discord.ext import commands

from recorder.bot import Recorder
from recorder.settings import Settings

_TICK = 0.001


@dataclass(frozen=True)
class Burst:
    """How long the burst took, and the longest time that the event loop was held up."""

    seconds: float
    longest_hold: float


def measure(folder: Path, texts: list[str], *, recording: bool) -> Burst:
    """Send `texts` at once to a bot that records them, or that only hears them.

    The time is up when the listener has heard, or the recorder has committed, the last one.
    """
    return asyncio.run(_measure(folder, texts, recording=recording))


async def _measure(folder: Path, texts: list[str], *, recording: bool) -> Burst:
    intents = discord.Intents.default()
    intents.message_content = True
    bot = commands.Bot("!", intents=intents)
    heard = 0

    async def listen(message: discord.Message) -> None:
        nonlocal heard
        heard += 1

    @bot.event
    async def setup_hook() -> None:
        bot.add_listener(listen, "on_message")
        if recording:
            await bot.add_cog(Recorder(bot, Settings.from_environment({"RECORDER_DATA": str(folder)})))

    async with simcord.run(bot) as env:
        guild = env.create_guild()
        channel = guild.create_text_channel("burst")
        manager = guild.create_role("Staff", permissions=discord.Permissions(manage_messages=True))
        person = guild.add_member(env.create_user("person"), roles=[manager])
        await person.send(channel, "hello")
        if recording:
            await person.send(channel, "!record start burst")
        payloads = _payloads(env, channel.id, person.id, texts)
        parse = bot._connection.parsers["MESSAGE_CREATE"]
        before, holds = heard, _Holds()
        async with holds:
            began = time.perf_counter()
            for payload in payloads:
                parse(payload)
                await asyncio.sleep(0)  # as discord.py does between two frames of its socket
            while heard - before < len(texts):
                await asyncio.sleep(0)
            cog = bot.get_cog("Recorder")
            if isinstance(cog, Recorder):
                session = await cog.recorder.call(lambda journal, _: journal.running)
                assert next(iter(session.values())).message_count == len(texts)
            seconds = time.perf_counter() - began
        return Burst(seconds, holds.longest)


def _payloads(env: simcord.Env, channel_id: int, author_id: int, texts: list[str]) -> list[Any]:
    """What Discord would send for the texts, made before the clock runs."""
    payloads: list[Any] = []
    backend: Any = env.backend
    original = backend.emit
    backend.emit = lambda event, payload, *args, **options: payloads.append(payload)
    try:
        for text in texts:
            backend.create_message(channel_id, author_id, text)
    finally:
        backend.emit = original
    return payloads


class _Holds:
    """A task that wakes every millisecond and notes how late it was at the worst."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._watch())

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _watch(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(_TICK)
            self.longest = max(self.longest, time.perf_counter() - began - _TICK)
