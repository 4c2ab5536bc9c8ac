"""Discord on a port of this machine, and a bot of discord.py that is connected to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any
from unittest.mock import patch

import aiohttp
import discord
import yarl
from aiohttp import web
from discord.gateway import DiscordWebSocket
from discord.http import HTTPClient, Route
from discord.webhook.async_ import AsyncWebhookAdapter

from . import message_routes, routes
from .gateway import Gateway
from .rest import PREFIX, Rest
from .world import World

ROUTES = (routes, message_routes)  # importing them registers their handlers
_BACK_OFF = 0.002  # seconds between attempts to reconnect
_PATIENCE = 20  # seconds until `settle` gives up


class DiscordServer:
    """A world, served.

    Attributes
    ----------
    sleeps
        How long discord.py was told to wait for rate limits and retries; it does not.
    """

    def __init__(self, world: World | None = None) -> None:
        self.world = world or World()
        self.gateway = Gateway(self.world, lambda: self.url.replace("http", "ws", 1) + "/gateway")
        self.rest = Rest(self.world)
        self.faults = self.rest.faults
        self.sleeps: list[float] = []
        self.url = ""
        self._runner: web.AppRunner | None = None
        self._bot: discord.Client | None = None
        self._running: asyncio.Task[None] | None = None
        self._in_flight = 0  # calls of discord.py, some of which wait for others
        self._unanswered = 0  # requests on the wire
        self._threads: set[asyncio.Future[Any]] = set()

    async def start(self) -> None:
        """Listen on a free port of the loopback interface."""
        app = web.Application(client_max_size=1 << 28)
        app.router.add_get("/gateway/", self.gateway.handle)
        app.router.add_get("/gateway", self.gateway.handle)
        app.router.add_route("*", "/{path:.*}", self.rest.handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = self.world.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        """Close all connections and the port."""
        self.faults.clear()
        await self.gateway.close()
        if self._runner is not None:
            await self._runner.cleanup()

    @asynccontextmanager
    async def connected(self, bot: discord.Client) -> AsyncIterator[None]:
        """Run a bot that lives in this Discord and has its time; it is ready.

        A bot runs once: for a restart create another, in the same world.
        """
        with self._patched(bot):
            self._bot = bot
            async with bot:
                await bot.login(self.world.token)
                self._running = asyncio.create_task(bot.connect())
                try:
                    ready = asyncio.create_task(bot.wait_until_ready())
                    both = (ready, self._running)
                    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                    self._raise_if_stopped()
                    yield
                finally:
                    await bot.close()
                    self._bot = None
                    ready.cancel()
                    await asyncio.wait([self._running, ready])
                    if not self._running.cancelled():
                        self._running.exception()  # seen, if it was not raised before
                    self.gateway.leave()

    async def settle(self, *flushes: Callable[[], Awaitable[object]]) -> None:
        """Wait until the bot has received all events and its tasks wait for something to come.

        Timers are not waited for, nor requests that a fault holds.

        Parameters
        ----------
        flushes
            Awaited each time the bot rests, until nothing follows from it: for what the bot
            hands to threads of its own, such as ``cog.recorder.flush``.
        """
        try:
            async with asyncio.timeout(_PATIENCE):
                while True:
                    await self._wait_until_idle()
                    waiting = _waiting()
                    for flush in flushes:
                        await flush()
                    await self._wait_until_idle()
                    if not flushes or _waiting() == waiting:
                        return
        except TimeoutError:
            session = self.gateway.session
            raise TimeoutError(
                f"The bot does not rest: {self._in_flight} requests, {self._unanswered} sent, "
                f"{len(self._threads)} threads, "
                f"session {session and (session.id, session.sent)}, {self.rest.log[-3:]}"
            ) from None

    async def _wait_until_idle(self) -> None:
        """Wait until nothing can run."""
        loop = asyncio.get_running_loop()
        while True:
            self._raise_if_stopped()
            if self._threads:
                await asyncio.wait(self._threads, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(0)
            is_idle = not loop._ready  # type: ignore[attr-defined]  # of all loops of asyncio
            if is_idle and not self._is_busy():
                return

    def _is_busy(self) -> bool:
        if self._threads or self.gateway.has_unsent or self._unanswered > self.faults.held:
            return True
        if self._in_flight and not self.faults.held:
            return True
        bot = self._bot
        if bot is None or self.gateway.refusing:
            return False
        return bot._connection._ready_task is not None or not self._has_received_all(bot)

    def _has_received_all(self, bot: discord.Client) -> bool:
        session = self.gateway.session
        if self.gateway.connection is None or session is None:
            return False
        if session.sent == 0:  # READY is held
            return True
        return bool(bot.ws and bot.ws.session_id == session.id and bot.ws.sequence == session.sent)

    def _raise_if_stopped(self) -> None:
        if self._bot is not None and self._running is not None and self._running.done():
            self._running.result()
            raise RuntimeError("The bot has stopped.")

    # what discord.py is told

    @contextmanager
    def _patched(self, bot: discord.Client) -> Iterator[None]:
        """Point discord.py here, give it the world's time, and let it wait for nothing."""
        loop, state = asyncio.get_running_loop(), bot._connection
        quick, delay_ready = Quick(self.sleeps), state._delay_ready
        close_http = bot.http.close

        async def ready() -> None:
            """Be ready once all guilds have come, instead of waiting whether another one comes."""
            while not bot.is_closed():
                if self._has_received_all(bot):
                    await delay_ready()
                    return
                await asyncio.sleep(0)

        async def close() -> None:
            """Let discord.py notice that it is closed, before it forgets its loop."""
            await close_http()
            if self._running is not None:
                await asyncio.wait([self._running], timeout=1)

        with ExitStack() as stack:

            def replace(target: object, name: str, value: object) -> None:
                stack.enter_context(patch.object(target, name, value))

            replace(Route, "BASE", self.url + PREFIX)
            replace(DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(self.gateway.url()))
            replace(discord.utils, "utcnow", lambda: self.world.now)
            for module in (discord.client, discord.http, discord.webhook.async_):
                replace(module, "asyncio", quick)
            replace(discord.client, "ExponentialBackoff", BackOff)
            replace(
                aiohttp.ClientSession, "_request", self._on_wire(aiohttp.ClientSession._request)
            )
            replace(HTTPClient, "request", self._counted(HTTPClient.request))
            replace(HTTPClient, "get_from_cdn", self._counted(HTTPClient.get_from_cdn))
            replace(AsyncWebhookAdapter, "request", self._counted(AsyncWebhookAdapter.request))
            replace(loop, "run_in_executor", self._followed(loop.run_in_executor))
            replace(bot.http, "close", close)
            replace(state, "_delay_ready", ready)
            replace(state, "guild_ready_timeout", 0.001)
            yield

    def _counted(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def counted(*args: Any, **options: Any) -> Any:
            self._in_flight += 1
            try:
                return await call(*args, **options)
            finally:
                self._in_flight -= 1

        return counted

    def _on_wire(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def counted(*args: Any, **options: Any) -> Any:
            self._unanswered += 1
            try:
                return await call(*args, **options)
            finally:
                self._unanswered -= 1

        return counted

    def _followed(
        self, call: Callable[..., asyncio.Future[Any]]
    ) -> Callable[..., asyncio.Future[Any]]:
        def followed(*args: Any) -> asyncio.Future[Any]:
            future = call(*args)
            self._threads.add(future)
            future.add_done_callback(self._threads.discard)
            return future

        return followed


class Quick:
    """The module asyncio, but that nobody sleeps for long."""

    def __init__(self, sleeps: list[float]) -> None:
        self._sleeps = sleeps

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, delay: float) -> None:
        self._sleeps.append(delay)
        await asyncio.sleep(delay if delay <= _BACK_OFF else 0)


class BackOff:
    def delay(self) -> float:
        return _BACK_OFF


def _waiting() -> dict[asyncio.Task[Any], object]:
    """Return what each task waits for."""
    return {task: getattr(task, "_fut_waiter", None) for task in asyncio.all_tasks()}


@asynccontextmanager
async def serving(world: World | None = None) -> AsyncIterator[DiscordServer]:
    """Serve a world, by default an empty one."""
    server = DiscordServer(world)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
