"""Gateway events in a burst, through discord.py's own parsers, to a real bot."""

from __future__ import annotations

import asyncio
import gc
import json
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import discord
from discord.ext import commands
from discord.gateway import DiscordWebSocket

from recorder.bot import Recorder
from recorder.models import Channel
from recorder.settings import Settings

_TICK = 0.001
_GUILD, _CHANNEL = 1, 2
_TIME = "2025-11-08T15:45:00.000000+00:00"


@dataclass(frozen=True)
class Burst:
    """Seconds until all was heard and committed, and for how long the event loop was held up."""

    delivered: float
    committed: float
    longest_hold: float


def measure(folder: Path, texts: list[str], *, recording: bool) -> Burst:
    """Send `texts` at once to a bot that records them, or that only hears them."""
    return asyncio.run(_measure(folder, texts, recording=recording))


async def _measure(folder: Path, texts: list[str], *, recording: bool) -> Burst:
    bot = _bot()
    heard, all_heard = 0, asyncio.Event()

    async def listen(message: discord.Message) -> None:
        nonlocal heard
        heard += 1
        if heard == len(texts):
            all_heard.set()

    bot.add_listener(listen, "on_message")
    await bot._async_setup_hook()
    cog = Recorder(bot, Settings.from_environment({"RECORDER_DATA": str(folder)}))
    if recording:
        await bot.add_cog(cog)
        channel = Channel(str(_CHANNEL), "burst", str(_GUILD))
        await cog.manager.start("burst", channel, user_id="1", now=discord.utils.utcnow())
    socket, frames, holds = _socket(bot), _frames(texts), _Holds()
    # A full collection of Python's would look at every imported module, for 30 ms, at a moment
    # of its own choosing: not a matter of the listener that is measured.
    gc.collect()
    gc.freeze()
    async with holds:
        began = time.perf_counter()
        for frame in frames:
            await socket.received_message(frame)
            await asyncio.sleep(0)  # as between two frames that the network brings
        await all_heard.wait()
        delivered = time.perf_counter() - began
        if recording:
            session = await cog.manager.stop(str(_CHANNEL), now=discord.utils.utcnow())
            assert session.message_count == len(texts)
        committed = time.perf_counter() - began
    if recording:
        await bot.remove_cog("Recorder")
    return Burst(delivered, committed, holds.longest)


def _bot() -> commands.Bot:
    """A bot that knows one guild with one channel."""
    intents = discord.Intents.default()
    intents.message_content = True
    bot = commands.Bot("!", intents=intents)
    state: Any = bot._connection
    state.user = discord.ClientUser(state=state, data=_user(3, "recorder", bot=True))
    everyone = {"id": _GUILD, "name": "@everyone", "permissions": "0", "position": 0, "flags": 0}
    channel = {"id": _CHANNEL, "type": 0, "name": "burst", "position": 0}
    guild = {"id": _GUILD, "name": "Burst", "roles": [everyone], "channels": [channel]}
    state._add_guild_from_data(guild)
    return bot


def _user(id: int, name: str, *, bot: bool = False) -> Any:
    names = {"username": name, "discriminator": "0", "global_name": None, "avatar": None}
    return {"id": str(id), **names, "bot": bot}


def _socket(bot: commands.Bot) -> DiscordWebSocket:
    """discord.py's own gateway client, without a network below it."""
    socket = DiscordWebSocket(None, loop=bot.loop)  # type: ignore[arg-type]
    socket._discord_parsers = bot._connection.parsers
    socket._dispatch = bot.dispatch
    socket.shard_id = None
    socket.log_receive = lambda _: None  # type: ignore[method-assign]  # does nothing by default
    return socket


def _frames(texts: list[str]) -> list[bytes]:
    """What Discord would send: JSON in one compressed stream."""
    stream = zlib.compressobj()
    frames = []
    for number, text in enumerate(texts, 1):
        message = {
            "id": str((1 << 60) + (number << 22)),
            "channel_id": str(_CHANNEL),
            "guild_id": str(_GUILD),
            "author": _user(4, "person"),
            "member": {"roles": [], "nick": None, "joined_at": _TIME, "flags": 0},
            "content": text,
            "timestamp": _TIME,
            "edited_timestamp": None,
            "type": 0,
            "flags": 0,
            "nonce": str(number),
            **dict.fromkeys(("tts", "mention_everyone", "pinned"), False),
            **{
                key: []
                for key in ("mentions", "mention_roles", "attachments", "embeds", "components")
            },
        }
        frame = {"op": 0, "t": "MESSAGE_CREATE", "s": number, "d": message}
        data = stream.compress(json.dumps(frame).encode()) + stream.flush(zlib.Z_SYNC_FLUSH)
        frames.append(data)
    return frames


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
