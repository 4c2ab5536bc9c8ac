"""A local HTTP server in place of Discord's CDN."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from recorder.bot.listening import downloads


@dataclass
class Cdn:
    """A server that responds with the `content` of a path, or fails as its attributes say.

    `stalled` is set once half of a file has been sent; the other half waits for `go_on`.
    """

    content: Callable[[str], bytes | None]
    port: int = 0
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    breaks_off: bool = False
    stalls: bool = False
    stalled: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        data = self.content(request.path_qs)
        if data is None:
            raise web.HTTPNotFound
        response = web.StreamResponse(status=self.status, headers=self.headers)
        await response.prepare(request)
        if self.status == 200:
            await response.write(data[: len(data) // 2])
            if self.stalls:
                self.stalled.set()
                await self.go_on.wait()
            if self.breaks_off:
                assert request.transport is not None
                request.transport.close()
                return response
            await response.write(data[len(data) // 2 :])
        await response.write_eof()
        return response

    def works(self) -> None:
        """Stop failing."""
        self.status, self.breaks_off, self.stalls = 200, False, False
        self.go_on.set()


@asynccontextmanager
async def serving(
    content: Callable[[str], bytes | None], host: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Cdn]:
    """Run a server to which requests for `host` are redirected."""
    cdn = Cdn(content)
    app = web.Application()
    app.router.add_get("/{path:.*}", cdn.answer)
    discords = downloads.address_of

    def address_of(url: str) -> URL:
        there = URL(url)
        if there.scheme == "https" and there.host == host:
            return there.with_scheme("http").with_host("127.0.0.1").with_port(cdn.port)
        return discords(url)

    monkeypatch.setattr(downloads, "address_of", address_of)
    async with TestServer(app) as server:
        assert server.port is not None
        cdn.port = server.port
        yield cdn
        cdn.go_on.set()
