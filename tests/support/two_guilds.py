"""Two guilds with random rights, sessions that a user may not read, and all that the user sees."""

from __future__ import annotations

import json
import random
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import discord
import simcord
from discord.ext import commands
from simcord.enums import ChannelType

from recorder.bot import Recorder
from recorder.search import searcher
from recorder.settings import Settings
from recorder.store import reading
from recorder.store.database import open_for_reading

_BEGIN = 100.0  # seconds after the begin of the world, when the user begins to ask
_RANDOM = re.compile(r'"(?:custom_id|token|nonce)": "[^"]*"')
_HEAD = re.compile(r"Head: (\d+):[0-9a-f]{64}")  # of lines with random keys
_TOKEN = re.compile(r"/(webhooks/\d+|interactions/\d+)/[^/]+")
_WORDS = "alpha beta gamma delta needle haystack omega sigma".split()


@dataclass(frozen=True)
class Secret:
    """A session that the user may not read."""

    name: str
    tag: str
    texts: tuple[str, ...]
    is_stopped: bool

    @property
    def words(self) -> list[str]:
        return [self.name, self.tag, *self.texts[0].split()]


@dataclass(frozen=True)
class Step:
    """What the user asked, and all that can be noticed of the answer."""

    asked: str
    sent: tuple[str, ...]
    """The requests by which the bot answered, without random ids."""
    files: tuple[tuple[str, int], ...]
    choices: tuple[str, ...]
    fetched: tuple[str, ...]
    """The requests by which the bot looked up permissions: each takes its time."""
    work: tuple[int, int]
    """The numbers of statements, and of a hundred steps of SQLite's virtual machine."""


@dataclass
class Meter:
    """The work of read-only connections to the database."""

    statements: int = 0
    steps: int = 0

    def open(self, folder: Path) -> sqlite3.Connection:
        connection = open_for_reading(folder)
        connection.set_trace_callback(self._trace)
        connection.set_progress_handler(self._progress, 100)
        return connection

    def _trace(self, statement: str) -> None:
        self.statements += not statement.startswith("--")  # of the index itself

    def _progress(self) -> int:
        self.steps += 1
        return 0

    def take(self) -> tuple[int, int]:
        work = (self.statements, self.steps)
        self.statements = self.steps = 0
        return work


@dataclass
class Rights:
    """The rights of the user, drawn by chance: in each guild, and in its hidden channel."""

    permissions: tuple[discord.Permissions, discord.Permissions]
    is_insider: tuple[bool, bool]

    @classmethod
    def draw(cls, chance: random.Random) -> Rights:
        names = ("manage_messages", "manage_guild", "manage_threads", "attach_files")
        permissions = [
            discord.Permissions(**{name: chance.random() < 0.4 for name in names}) for _ in range(2)
        ]
        insider = (chance.random() < 0.3, chance.random() < 0.3)
        return cls((permissions[0], permissions[1]), insider)

    def may_read(self, guild: int, kind: str) -> bool:
        permissions = self.permissions[guild]
        return {
            "hidden": self.is_insider[guild],
            "no history": False,
            "private thread": permissions.manage_threads,
            "archived thread": permissions.manage_threads,
            "deleted": permissions.manage_guild,
            "merged": self.is_insider[guild],
            "direct": False,
        }[kind]


KINDS = ("hidden", "no history", "private thread", "archived thread", "deleted", "merged")
Place = tuple[int, str]  # the number of the guild, and the kind of the session
PLACES: tuple[Place, ...] = tuple((guild, kind) for guild in range(2) for kind in KINDS)
DIRECT: Place = (-1, "direct")


def draw_secrets(chance: random.Random, prefix: str) -> dict[Place, Secret]:
    """Draw what is recorded in the places that the user may not read."""
    secrets = {}
    for place in (*PLACES, DIRECT):
        number = chance.randrange(10 ** chance.randint(1, 9))
        texts = tuple(
            " ".join(chance.sample([*_WORDS, f"{prefix}{number}"], 4))
            for _ in range(chance.randint(1, 6))
        )
        tag = f"{prefix}-tag-{number}"
        name = f"{prefix}-{chance.choice(('plans', 'notes', 'x'))}-{number}"
        secrets[place] = Secret(name, tag, texts, place[1] != "hidden" or chance.random() < 0.7)
    return secrets


class TwoGuilds:
    """The world of one user."""

    def __init__(self, env: simcord.Env, cog: Recorder, rights: Rights) -> None:
        self.env, self.cog, self.rights = env, cog, rights
        self.backend = env.backend
        self.user = env.create_user("asker")
        self.guilds = [env.create_guild(name) for name in ("Workshop", "Elsewhere")]
        self.channels: list[dict[str, Any]] = []
        self.members: list[Any] = []
        self.recorders: list[Any] = []
        self.seen: dict[int, set[int]] = {}
        for number, guild in enumerate(self.guilds):
            self._build_guild(number, guild)
        self.other = self.guilds[0].add_member(env.create_user("other"))

    def _build_guild(self, number: int, guild: Any) -> None:
        me = guild.me
        overwrite = discord.PermissionOverwrite
        insiders = guild.create_role("Insiders")
        own = guild.create_role("Own", permissions=self.rights.permissions[number])
        boss = guild.create_role("Boss", permissions=discord.Permissions(administrator=True))
        roles = [own, insiders] if self.rights.is_insider[number] else [own]
        self.members.append(guild.add_member(self.user, roles=roles))
        self.recorders.append(guild.add_member(self.env.create_user(f"boss{number}"), roles=[boss]))
        everyone, seen = guild.default_role, overwrite(view_channel=True)
        hidden = {everyone: overwrite(view_channel=False), insiders: seen, me: seen}
        no_history = {
            everyone: overwrite(read_message_history=False),
            me: overwrite(read_message_history=True),
        }
        create = guild.create_text_channel
        self.channels.append(
            {
                "public": create("public"),
                "hidden": create("hidden", overwrites=hidden),
                "no history": create("no-history", overwrites=no_history),
                "deleted": create("doomed"),
            }
        )

    async def settle(self) -> None:
        await self.env.settle(idle=0.001)

    async def say(self, channel_id: int, author_id: int, text: str) -> None:
        self.backend.create_message(channel_id, author_id, text)
        await self.settle()

    async def record(self, channel_id: int, author_id: int, session: Secret) -> None:
        await self.say(channel_id, author_id, f"!record start {session.name}")
        for text in session.texts:
            await self.say(channel_id, author_id, text)
        await self.say(channel_id, author_id, f"!record tag {session.tag}")
        if session.is_stopped:
            await self.say(channel_id, author_id, "!record stop")

    async def build(
        self, chance: random.Random, secrets: dict[Place, Secret]
    ) -> dict[int, list[Secret]]:
        """Record sessions: `secrets`, and others that the user may read; return the latter."""
        direct = self.user.dm_channel
        readable = await self._record_readable(draw_secrets(chance, "known"))
        for place, secret in secrets.items():
            if not self.rights.may_read(*place):
                await self._record_secret(place, secret, secrets, readable)
        for guild, channels in enumerate(self.channels):
            self.backend.delete_channel(channels["deleted"].id)
            thread = channels["archived thread"]
            thread.thread_metadata.archived = True
            self.members[guild].member.guild._threads.pop(thread.id)  # as discord.py does then
        await self.settle()
        await self.env.advance_time(_BEGIN - self.backend.clock.elapsed)
        for place in (*(channels["public"] for channels in self.channels), direct):
            self.new_files(place.id)
        return readable

    async def _record_readable(self, known: dict[Place, Secret]) -> dict[int, list[Secret]]:
        await self.record(self.user.dm_channel.id, self.user.id, known[DIRECT])
        readable = {-1: [known[DIRECT]]}
        for guild in range(2):
            readable[guild] = [known[guild, "merged"]]
            await self._record_in(guild, "public", known[guild, "merged"])
            for kind in ("private thread", "archived thread"):
                self.channels[guild][kind] = await self._private_thread(guild, kind)
            for kind in KINDS[:-1]:
                if self.rights.may_read(guild, kind):
                    readable[guild].append(known[guild, kind])
                    await self._record_in(guild, kind, known[guild, kind])
        return readable

    async def _record_secret(
        self,
        place: Place,
        secret: Secret,
        secrets: dict[Place, Secret],
        readable: dict[int, list[Secret]],
    ) -> None:
        guild, kind = place
        if kind == "direct":
            await self.record(self.other.user.dm_channel.id, self.other.id, secret)
        elif kind == "merged":
            await self._merge(guild, readable[guild][0].name, secrets[guild, "hidden"], secret)
        else:
            await self._record_in(guild, kind, secret)

    async def _record_in(self, guild: int, kind: str, session: Secret) -> None:
        channel = self.channels[guild][kind]
        await self.record(channel.id, self.recorders[guild].id, session)

    async def _merge(self, guild: int, public: str, hidden: Secret, merged: Secret) -> None:
        channel = self.channels[guild]["hidden"]
        merge = f"!record merge {public} {hidden.name} --output {merged.name}"
        await self.say(channel.id, self.recorders[guild].id, merge)

    async def _private_thread(self, guild: int, kind: str) -> Any:
        backend, boss = self.backend, self.recorders[guild]
        public = self.channels[guild]["public"]
        thread = backend.create_thread(
            public.id, kind, boss.id, type=ChannelType.PRIVATE_THREAD, broadcast=False
        )
        backend.announce_thread_create(thread)
        backend.add_thread_member(thread.id, backend.bot_user.id)
        await self.settle()
        return thread

    def new_files(self, channel_id: int) -> list[tuple[str, int]]:
        """Return the names and sizes of the files of new messages."""
        messages = self.backend.messages.get(channel_id, {})
        known = self.seen.setdefault(channel_id, set())
        new = sorted(messages.keys() - known)
        known.update(new)
        files = (file for id in new for file in messages[id].attachments)
        return [(file["filename"], file["size"]) for file in files]


@contextmanager
def metered() -> Iterator[Meter]:
    meter = Meter()
    with (
        patch.object(reading, "open_for_reading", meter.open),
        patch.object(searcher, "open_for_reading", meter.open),
        patch.object(searcher, "apply_limit", lambda connection: None),
    ):
        yield meter


def bot_with(folder: Path) -> tuple[commands.Bot, Recorder]:
    """Return a bot with the recorder."""
    intents = discord.Intents.default()
    intents.message_content = intents.members = True
    bot = commands.Bot("!", intents=intents, help_command=None)
    cog = Recorder(bot, Settings(folder, ZoneInfo("UTC")))

    @bot.event
    async def setup_hook() -> None:
        await bot.add_cog(cog)
        await bot.tree.sync()

    return bot, cog


def quick(env: simcord.Env) -> None:
    env._settle_internal = partial(env._settle_internal, idle=0.001)  # type: ignore[method-assign]


def request_text(entry: Any) -> str:
    """Return a request without what is random in it."""
    body = _RANDOM.sub("", json.dumps(entry.json, sort_keys=True, default=str))
    body = _HEAD.sub(r"Head: \1", body)
    path = _TOKEN.sub(r"/\1/TOKEN", entry.path)
    return f"{entry.method} {path} {body}"
