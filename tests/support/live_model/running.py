"""Running steps, and what was violated."""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import random
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
import discord
from support.discord_server import Channel, serving

from recorder.errors import DataFolderError, RecorderError
from recorder.models import Session
from recorder.settings import Settings
from recorder.store.reading import Reader

from .actions import Actions
from .child import KilledHost, RealTime
from .clock import WorldClock
from .coverage import Coverage, State
from .host import Host
from .invariants import Judge, unread_gaps, without_gap
from .scene import Scene
from .steps import NAMES, REST, WITHOUT_CLOCK, Step, random_steps
from .troubles import ZONE
from .truth import ObservedWorld

_STARTS = (
    datetime(2026, 11, 2, 9, 0, tzinfo=UTC),
    datetime(2026, 10, 24, 21, 30, tzinfo=UTC),  # half an hour before midnight; then DST ends
    datetime(2027, 3, 27, 22, 0, tzinfo=UTC),  # an hour before midnight; then DST begins
)


@dataclass(frozen=True)
class Circumstances:
    """What holds for a whole run.

    Attributes
    ----------
    erases
        Whether the recorder erases what is deleted in Discord.
    heals
        Whether the bot has all permissions again in the end.
    is_killed
        Whether the bot is a process of its own, which crashes by SIGKILL. The time is that of
        the clock then, and its steps are `steps.WITHOUT_CLOCK`.
    """

    start: datetime = _STARTS[0]
    erases: bool = False
    heals: bool = True
    is_killed: bool = False


@dataclass
class Outcome:
    """What became of a run."""

    steps: Sequence[Step]
    circumstances: Circumstances
    violations: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    messages: int = 0
    recorded: int = 0
    seconds: float = 0.0


def random_run(
    seed: int, count: int, *, is_killed: bool = False
) -> tuple[list[Step], Circumstances]:
    """Return the steps and circumstances of a seed."""
    chance = random.Random(seed)
    start, erases, heals = chance.choice(_STARTS), chance.random() < 0.4, chance.random() < 0.7
    names = WITHOUT_CLOCK if is_killed else NAMES
    return random_steps(chance, count, names), Circumstances(start, erases, heals, is_killed)


def run(steps: Sequence[Step], circumstances: Circumstances = Circumstances()) -> Outcome:
    """Run steps in a Discord of their own."""
    outcome = Outcome(steps, circumstances)
    began = time.perf_counter()
    with TemporaryDirectory(dir=_memory(), prefix="live-model-") as folder:
        errors: list[str] = []
        with _logged(errors), warnings.catch_warnings():
            # Of events that discord.py wanted to dispatch when a killed bot was closed already.
            warnings.filterwarnings("ignore", "coroutine 'Client._run_event' was never awaited")
            asyncio.run(_Run(outcome, Path(folder), errors).play())
            gc.collect()  # tasks whose error nobody read say so when they are collected
        outcome.violations += errors
    outcome.seconds = time.perf_counter() - began
    return outcome


class _Run:
    def __init__(self, outcome: Outcome, folder: Path, errors: list[str]) -> None:
        self._outcome = outcome
        self._errors = errors
        self._settings = Settings(
            data=folder / "data",
            timezone=ZONE,
            erase_deleted=outcome.circumstances.erases,
            attachment_limit=None,
        )

    async def play(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._unread)
        killed = self._outcome.circumstances.is_killed
        world = (
            RealTime(datetime.now(UTC))
            if killed
            else ObservedWorld(self._outcome.circumstances.start)
        )
        async with serving(world) as server:
            world.observe(server.gateway)
            coverage, clock = Coverage(), WorldClock(world)
            world.on_own = lambda sent, position: coverage.show(sent, position, self._today)
            scene = Scene(world)
            self._world, self._server = world, server
            self._host = host = (KilledHost if killed else Host)(server, self._settings)
            self._scene, self._coverage, self._clock = scene, coverage, clock
            self._actions = Actions(scene, coverage, host, clock)
            with clock.installed():
                before = asyncio.all_tasks()
                try:
                    await self._play()
                except (TimeoutError, RuntimeError, RecorderError) as error:
                    self._outcome.violations.append(f"stuck: {type(error).__name__}: {error}")
                finally:
                    server.faults.clear()
                    self._end = min(world.now, datetime.now(UTC)) if killed else world.now
                    await host.stop()
                await self._find_left_tasks(before)
            self._judge()

    async def _play(self) -> None:
        await self._host.start()
        await self._rest()
        for step in self._outcome.steps:
            if self._host.is_up:  # also without a gateway it sends the notice of a new day
                self._coverage.doubt_past_days(self._world.snowflake(), self._today)
            done = getattr(self._actions, step.name)(step.a, step.b)
            if inspect.isawaitable(done):
                await done
            if step.then >= REST:
                await self._rest()
            for _ in range(step.then % REST):
                await asyncio.sleep(0)
        await self._come_to_an_end()

    async def _come_to_an_end(self) -> None:
        """Put right what went wrong, and let the bot compare everything with the history."""
        world, actions = self._world, self._actions
        actions.note("all is well again")
        self._server.faults.clear()
        self._server.gateway.dropping.clear()
        actions.guild_back(0, 0)
        if self._outcome.circumstances.heals:
            actions.invite(0, 0)
            for channel in self._scene.channels():
                if world.bot.id in channel.overwrites:
                    actions.permit_all(channel)
        if not self._host.is_up:
            await actions.start_bot(0, 0)
        else:
            actions.back(0, 0)
            await self._rest()
            lost_at = world.now
            await actions.lose_session(0, 0)
            await self._rest()
            self._outcome.violations += without_gap(self._host.settings.data, lost_at)
        await self._rest()
        self._outcome.violations += unread_gaps(self._host.settings.data, self._reads)
        for _ in range(0 if self._outcome.circumstances.is_killed else 2):
            actions.minutes_pass(9, 0)
            await self._rest()
        for channel in list(self._coverage.channels.values()):
            is_on = self._coverage.timelines[channel.id].now is State.ON
            if is_on and self._scene.permits(channel):
                world.say(self._scene.alice, channel, actions.text())
        await self._rest()

    def _reads(self, session: Session) -> bool:
        """Return whether the bot can read the history of a session's channel."""
        channel = self._coverage.channels.get(int(session.channel_id or 0))
        return channel is not None and self._scene.readable(channel)

    @property
    def _today(self) -> date:
        return self._world.now.astimezone(ZONE).date()

    @property
    def _is_online(self) -> bool:
        gateway = self._server.gateway
        return self._host.is_up and gateway.connection is not None

    async def _rest(self) -> None:
        """Let the bot come to rest, and take in what is certain then."""
        await self._host.settle()
        if not self._is_online or self._server.faults.held:
            return
        self._world.settled()
        now, reader = self._world.snowflake(), Reader(self._host.settings.data)
        self._coverage.settle(
            now, self._today, self._scene.permits, lambda channel: self._resolve(reader, channel)
        )
        if self._actions.consents.has_doubts:
            rows = reader.query("SELECT place_id, user_id FROM opted_out WHERE until IS NULL")
            self._actions.consents.settle(now, {(r["place_id"], r["user_id"]) for r in rows})

    def _resolve(self, reader: Reader, channel: Channel) -> State | None:
        """Return what the recorder does in a channel, now that it rests."""
        if not self._scene.is_there(channel):
            return State.OFF
        if channel.guild is not None and not channel.guild.available:
            return None
        if not self._scene.permits(channel):
            return State.BLIND
        session = reader.running(str(channel.id))
        if session is None:
            return State.OFF
        if session.status == "active":
            return State.ON
        is_blind = any(gap.ended_at is None for gap in reader.gaps(session))
        return State.BLIND if is_blind else State.PAUSED

    async def _find_left_tasks(self, before: set[asyncio.Task[object]]) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        for task in asyncio.all_tasks() - before:
            name = getattr(task.get_coro(), "__qualname__", "?")
            if not name.startswith(("RequestHandler", "Gateway", "BaseView")):  # of discord.py
                self._outcome.violations.append(f"left task: {name}")

    def _judge(self) -> None:
        outcome, folder = self._outcome, self._host.settings.data
        judge = Judge(folder, self._actions, self._end, erases=outcome.circumstances.erases)
        outcome.violations += judge.violations()
        outcome.log = self._actions.log
        outcome.messages = len(self._world.sent)
        outcome.recorded = judge.recorded
        if self._actions.faults_used:
            self._errors[:] = [e for e in self._errors if not e.startswith("expected")]

    def _unread(self, _: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        if _is_of_closed_bot(context.get("exception")):
            return
        error, task = context.get("exception"), context.get("future") or context.get("task")
        self._errors.append(f"unread error: {context['message']} {error!r} in {task}")


@contextmanager
def _logged(errors: list[str]) -> Iterator[None]:
    """Collect what is logged as an error."""

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error = record.exc_info[1] if record.exc_info else None
            text = f"{record.name}: {record.getMessage()} {error!r}"
            if record.name == "discord.client" and "econnect" in record.msg:
                return
            if _is_of_closed_bot(error) or isinstance(error, DataFolderError):
                return  # the folder that a killed bot still wrote to is gone
            if isinstance(error, discord.app_commands.CommandNotFound):
                return  # the command came while the bot was stopping
            cause = error
            while cause is not None and not isinstance(cause, _EXPECTED):
                cause = cause.__cause__ or getattr(cause, "original", None)
            errors.append(f"{'expected error' if cause else 'logged error'}: {text}")

    collector, root = Collector(logging.ERROR), logging.getLogger()
    root.addHandler(collector)
    try:
        yield
    finally:
        root.removeHandler(collector)


_EXPECTED = (discord.HTTPException, aiohttp.ClientError, TimeoutError)


def _is_of_closed_bot(error: object) -> bool:
    """Return whether discord.py wanted to dispatch an event of a bot that was closed."""
    return isinstance(error, AttributeError) and "_MissingSentinel" in str(error)


def _memory() -> str | None:
    """Return a folder in memory, if there is one: no run depends on the disk."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
