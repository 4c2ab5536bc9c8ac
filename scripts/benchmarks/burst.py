"""A burst of gateway events through discord.py's own parsers into a real bot."""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import discord
from discord.ext import commands
from discord.gateway import DiscordWebSocket

from recorder.bot import Recorder
from recorder.models import Channel
from recorder.settings import Settings
from scripts.benchmarks.bench import Bench, Figures

_TICK = 0.001
_GUILD, _CHANNEL = 1, 2
_TIME = "2025-11-08T15:45:00.000000+00:00"


@dataclass(frozen=True)
class Burst:
    """Seconds until every event was delivered and committed, and the longest event-loop delay."""

    delivered: float
    committed: float
    longest_delay: float


@click.command()
@click.option("--messages", default=4_000, show_default=True, help="Messages in the burst.")
@click.pass_obj
def burst(bench: Bench, messages: int) -> None:
    """Send a burst of gateway events to the bot, and to a listener that does nothing."""
    texts = [message.content or "…" for message in bench.messages(messages)]
    bursts: dict[bool, list[Burst]] = {False: [], True: []}
    for _ in range(bench.rounds):
        for recording, runs in bursts.items():
            with bench.fresh_folder() as folder:
                runs.append(asyncio.run(_measure(folder, texts, recording=recording)))
    rows: list[Figures] = [
        {
            "listener": "recorder" if recording else "nothing",
            "delivered_per_s": round(len(texts) / statistics.median(b.delivered for b in runs)),
            "committed_per_s": round(len(texts) / statistics.median(b.committed for b in runs)),
            "loop_held_ms": round(statistics.median(b.longest_delay for b in runs) * 1000, 1),
        }
        for recording, runs in bursts.items()
    ]
    for what in ("delivered_per_s", "committed_per_s"):
        rows.append({f"ratio_{what}": round(float(rows[1][what]) / float(rows[0][what]), 2)})
    bench.show(rows)


async def _measure(folder: Path, texts: list[str], *, recording: bool) -> Burst:
    """Send `texts` at once to a bot, with or without the recorder."""
    bot = _bot()
    received, all_received = 0, asyncio.Event()

    async def listen(message: discord.Message) -> None:
        nonlocal received
        received += 1
        if received == len(texts):
            all_received.set()

    bot.add_listener(listen, "on_message")
    await bot._async_setup_hook()
    cog = Recorder(bot, Settings.from_environment({"RECORDER_DATA": str(folder)}))
    if recording:
        await bot.add_cog(cog)
        channel = Channel(str(_CHANNEL), "burst", str(_GUILD))
        await cog.manager.start("burst", channel, user_id="1", now=discord.utils.utcnow())
    socket, frames, delays = _socket(bot), _frames(texts), _Delays()
    # A full garbage collection takes 30 ms at a random moment; it has nothing to do with the
    # listener that is measured.
    gc.collect()
    gc.freeze()
    async with delays:
        began = time.perf_counter()
        for frame in frames:
            await socket.received_message(frame)
            await asyncio.sleep(0)  # as between two frames from the network
        await all_received.wait()
        delivered = time.perf_counter() - began
        if recording:
            session = await cog.manager.stop(str(_CHANNEL), now=discord.utils.utcnow())
            assert session.message_count == len(texts)
        committed = time.perf_counter() - began
    if recording:
        await bot.remove_cog("Recorder")
    return Burst(delivered, committed, delays.longest)


def _bot() -> commands.Bot:
    """Return a bot in one guild with one channel."""
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
    """Return discord.py's own gateway client, without a network."""
    socket = DiscordWebSocket(None, loop=bot.loop)  # type: ignore[arg-type]
    socket._discord_parsers = bot._connection.parsers
    socket._dispatch = bot.dispatch
    socket.shard_id = None
    socket.log_receive = lambda _: None  # type: ignore[method-assign]  # does nothing by default
    return socket


def _frames(texts: list[str]) -> list[bytes]:
    """Return what Discord would send: JSON in one compressed stream."""
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


class _Delays:
    """A task that wakes every millisecond and keeps the longest delay."""

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
