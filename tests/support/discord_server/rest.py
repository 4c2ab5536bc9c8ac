"""The REST API: how a request finds its route, and what goes wrong on the way."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, web

from .faults import Faults
from .model import Channel, Guild, Json, Message, Thread, User
from .permissions import can_view, may
from .world import World

PREFIX = "/api/v10"


class DiscordError(Exception):
    """An answer that is an error, with Discord's code for it."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body: Json = {"message": message, "code": code}


NO_ACCESS = (403, 50001, "Missing Access")
NO_PERMISSION = (403, 50013, "Missing Permissions")
_UNKNOWN = {
    "channel": (10003, "Unknown Channel"),
    "guild": (10004, "Unknown Guild"),
    "member": (10007, "Unknown Member"),
    "message": (10008, "Unknown Message"),
    "user": (10013, "Unknown User"),
    "webhook": (10015, "Unknown Webhook"),
    "interaction": (10062, "Unknown interaction"),
}


def unknown(kind: str) -> DiscordError:
    return DiscordError(404, *_UNKNOWN[kind])


@dataclass
class Request:
    """A request of the bot, with what its path names already looked up."""

    world: World
    query: Json
    body: Json = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    args: dict[str, str] = field(default_factory=dict)

    @property
    def me(self) -> User:
        return self.world.bot

    @property
    def guild(self) -> Guild:
        guild = self.world.guilds.get(int(self.args["guild"]))
        if guild is None:
            raise unknown("guild")
        self._require_guild(guild)
        return guild

    @property
    def channel(self) -> Channel:
        """The channel, which the bot can view."""
        channel = self.world.channels.get(int(self.args["channel"]))
        if channel is None:
            raise unknown("channel")
        if channel.guild is not None:
            self._require_guild(channel.guild)
        if not can_view(channel, self.me):
            raise DiscordError(*NO_ACCESS)
        return channel

    @property
    def thread(self) -> Thread:
        channel = self.channel
        if not isinstance(channel, Thread):
            raise unknown("channel")
        return channel

    @property
    def message(self) -> Message:
        message = self.channel.messages.get(int(self.args["message"]))
        if message is None:
            raise unknown("message")
        return message

    @property
    def user(self) -> User:
        id = self.args["user"]
        user = self.me if id == "@me" else self.world.users.get(int(id))
        if user is None:
            raise unknown("user")
        return user

    def _require_guild(self, guild: Guild) -> None:
        if self.me.id not in guild.members:
            raise DiscordError(*NO_ACCESS)
        if not guild.available:
            raise DiscordError(503, 0, "The guild is not available.")

    def require(self, channel: Channel, *permissions: str) -> None:
        if not may(channel, self.me, *permissions):
            raise DiscordError(*NO_PERMISSION)

    def limit(self, default: int, most: int) -> int:
        limit = int(self.query.get("limit", default))
        if not 1 <= limit <= most:
            raise DiscordError(400, 50035, "Invalid Form Body")
        return limit


Handler = Callable[[Request], Any]
_ROUTES: dict[str, list[tuple[str, re.Pattern[str], Handler]]] = {}


def route(method: str, path: str) -> Callable[[Handler], Handler]:
    """Register a handler; it returns JSON, or None for an answer without content."""
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))

    def register(handler: Handler) -> Handler:
        _ROUTES.setdefault(method, []).append((path, pattern, handler))
        return handler

    return register


class Rest:
    """The REST API of a world.

    Attributes
    ----------
    log
        The method and the path of each request, in order.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.faults = Faults()
        self.log: list[str] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request, unless a fault does."""
        path = request.path.removeprefix(PREFIX)
        self.log.append(f"{request.method} {path}")
        if fault := self.faults.match(request.method, path):
            if fault.held is not None:
                self.faults.held += 1
                try:
                    await fault.held.wait()
                finally:
                    self.faults.held -= 1
            if fault.drop:
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            if fault.status:
                return _response(fault.status, fault.body, fault.headers)
        if path in self.world.files:
            return web.Response(body=self.world.files[path])
        for template, pattern, handler in _ROUTES.get(request.method, []):
            if match := pattern.fullmatch(path):
                return await self._call(request, template, handler, match.groupdict())
        return _response(404, {"message": "404: Not Found", "code": 0}, {})

    async def _call(
        self, request: web.Request, template: str, handler: Handler, args: dict[str, str]
    ) -> web.StreamResponse:
        try:
            self._authorize(request, template)
            call = Request(self.world, dict(request.query), args=args)
            call.body, call.files = await _body(request)
            answer = handler(call)
        except DiscordError as error:
            return _response(error.status, error.body, _limits(template))
        status = 204 if answer is None else 200
        return _response(status, answer, _limits(template))

    def _authorize(self, request: web.Request, template: str) -> None:
        needs_none = template.startswith(("/interactions", "/webhooks/{webhook}/{token}"))
        if not needs_none and request.headers.get("Authorization") != f"Bot {self.world.token}":
            raise DiscordError(401, 0, "401: Unauthorized")


async def _body(request: web.Request) -> tuple[Any, dict[str, bytes]]:
    if request.content_type == "multipart/form-data":
        body: Json = {}
        files = {}
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            if part.name == "payload_json":
                body = json.loads(await part.text())
            else:
                files[part.filename or "file"] = bytes(await part.read())
        return body, files
    return (await request.json() if request.body_exists else {}), {}


def _response(status: int, data: Any, headers: dict[str, str]) -> web.Response:
    body = b"" if status == 204 else json.dumps(data).encode()
    kind = "text/html" if status == 204 else "application/json"
    return web.Response(status=status, body=body, content_type=kind, headers=headers)


def _limits(template: str) -> dict[str, str]:
    """The headers of a bucket that is far from exhausted."""
    return {
        "X-RateLimit-Bucket": template.replace("/", "-"),
        "X-RateLimit-Limit": "1000",
        "X-RateLimit-Remaining": "999",
        "X-RateLimit-Reset-After": "0.001",
    }
