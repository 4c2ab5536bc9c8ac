"""The gateway: a websocket on which the bot receives what happens."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import WSCloseCode, WSMsgType, web

from . import payloads
from .model import Json, Kind
from .world import World

HEARTBEAT_MILLISECONDS = 41_250
_DISPATCH, _HEARTBEAT, _IDENTIFY, _RESUME, _RECONNECT = 0, 1, 2, 6, 7
_REQUEST_MEMBERS, _INVALID_SESSION, _HELLO, _HEARTBEAT_ACK = 8, 9, 10, 11

_GUILDS, _MEMBERS, _CONTENT = 1 << 0, 1 << 1, 1 << 15
_INTENTS = (  # by the beginning of an event's name: the intent in guilds, and in DMs
    ("INTERACTION_", 0, 0),
    ("GUILD_MEMBER_", _MEMBERS, 0),
    ("THREAD_MEMBERS_", _GUILDS, 0),
    ("MESSAGE_REACTION_", 1 << 10, 1 << 13),
    ("MESSAGE_POLL_", 1 << 24, 1 << 25),
    ("MESSAGE_", 1 << 9, 1 << 12),
    ("CHANNEL_PINS_", _GUILDS, 1 << 12),
    ("", _GUILDS, 0),
)


@dataclass(eq=False)
class Session:
    """What the gateway remembers of a bot that identified itself."""

    id: str
    intents: int
    sequence: int = 0
    sent: int = 0  # the last sequence that was put on the wire
    events: list[tuple[int, str]] = field(default_factory=list)  # to be replayed
    starting: int = 0  # how many GUILD_CREATE events follow READY
    is_valid: bool = True


class Connection:
    """A websocket, compressed as the client has asked for."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.socket = socket
        self.transport = request.transport
        self.loop = asyncio.get_running_loop()
        compression = request.query.get("compress")
        self._deflate = zlib.compressobj(1) if compression == "zlib-stream" else None

    async def send(self, text: str) -> None:
        if self.socket.closed:
            return
        if self._deflate is None:
            await self.socket.send_str(text)
        else:
            data = self._deflate.compress(text.encode()) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
            await self.socket.send_bytes(data)


class Gateway:
    """One bot's gateway.

    Attributes
    ----------
    session
        The newest session; events are kept for it while the bot is away.
    dropping
        How many events of a name are still to be lost on the way.
    refusing
        Whether new connections are refused.
    identified, resumed
        How often the bot has done so.
    """

    def __init__(self, world: World, url: Callable[[], str]) -> None:
        self.world = world
        self.url = url
        self.session: Session | None = None
        self.connection: Connection | None = None
        self.dropping: dict[str, int] = {}
        self.refusing = False
        self.allowed_intents = -1
        self.identified = self.resumed = 0
        self._outbox: deque[tuple[Session, int, str]] = deque()
        self._flushing: asyncio.Task[None] | None = None
        self._holding = False
        world.outlet = self.dispatch

    # what a test does

    async def disconnect(self, code: int | None = 1001) -> None:
        """Close the connection with a code, or cut it off; discord.py resumes after most codes."""
        connection, self.connection = self.connection, None
        if connection is not None and code is not None:
            await connection.socket.close(code=code)
        elif connection is not None and connection.transport is not None:
            connection.transport.abort()

    async def request_reconnect(self) -> None:
        """Ask the bot to reconnect, as Discord does before it moves it."""
        if self.connection is not None:
            await self.connection.send(json.dumps({"op": _RECONNECT, "d": None}))

    def lose_session(self) -> None:
        """Forget the session, so that the bot's next RESUME is refused."""
        if self.session is not None:
            self.session.is_valid = False

    def drop(self, name: str, times: int = 1) -> None:
        """Lose the next events of a name; nothing brings them back."""
        self.dropping[name] = self.dropping.get(name, 0) + times

    def hold(self) -> None:
        """Keep events back until `release`."""
        self._holding = True

    def release(self) -> None:
        """Send what was kept back."""
        self._holding = False
        self._flush()

    # what the server does

    def dispatch(self, name: str, data: Json) -> None:
        """Queue an event for the session, and send it when the bot is connected."""
        session = self.session
        if session is None or not session.is_valid or not self._wants(session, name, data):
            return
        if name in ("MESSAGE_CREATE", "MESSAGE_UPDATE") and not session.intents & _CONTENT:
            data = payloads.without_content(data, self.world.bot)
        if name == "GUILD_CREATE" and not session.intents & _MEMBERS:
            me = str(self.world.bot.id)
            data = {**data, "members": [m for m in data["members"] if m["user"]["id"] == me]}
        session.sequence += 1
        if self.dropping.get(name):
            self.dropping[name] -= 1
            return
        event = {"op": _DISPATCH, "t": name, "s": session.sequence, "d": data}
        text = json.dumps(event)
        session.events.append((session.sequence, text))
        self._outbox.append((session, session.sequence, text))
        self._flush()

    def _wants(self, session: Session, name: str, data: Json) -> bool:
        if name == "GUILD_MEMBER_UPDATE" and data["user"]["id"] == str(self.world.bot.id):
            return True
        in_dm = data.get("channel_type") == Kind.DM or "guild_id" not in data
        for prefix, guild_intent, dm_intent in _INTENTS:
            if name.startswith(prefix):
                in_guild = name.startswith(("GUILD_CREATE", "GUILD_DELETE")) or not in_dm
                intent = guild_intent if in_guild else dm_intent
                return not intent or bool(session.intents & intent)
        return True

    @property
    def has_unsent(self) -> bool:
        """Whether events are about to be put on the wire."""
        return self._flushing is not None and not self._flushing.done()

    def _flush(self) -> None:
        """Send what is queued; events of a session that is not connected wait for its RESUME."""
        if self.connection is not None and not self._holding and not self.has_unsent:
            # The world may be changed while the loop does not run, as by a state machine.
            self._flushing = self.connection.loop.create_task(self._send_all())

    async def _send_all(self) -> None:
        while self._outbox and self.connection is not None and not self._holding:
            session, sequence, text = self._outbox.popleft()
            if session is self.session:
                session.sent = sequence
                with suppress(ConnectionResetError):  # the client may be gone in this instant
                    await self.connection.send(text)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve a connection until it is closed."""
        if self.refusing:
            return web.Response(status=503)
        socket = web.WebSocketResponse(max_msg_size=0, compress=False)
        await socket.prepare(request)
        connection = Connection(socket, request)
        interval = {"heartbeat_interval": HEARTBEAT_MILLISECONDS}
        await connection.send(json.dumps({"op": _HELLO, "d": interval, "s": None, "t": None}))
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._receive(connection, json.loads(message.data))
        if self.connection is connection:
            self.connection = None
        return socket

    async def _receive(self, connection: Connection, payload: Json) -> None:
        op, data = payload["op"], payload["d"]
        if op == _HEARTBEAT:
            await connection.send(json.dumps({"op": _HEARTBEAT_ACK}))
        elif op in (_IDENTIFY, _RESUME) and data["token"] != self.world.token:
            await connection.socket.close(code=4004, message=b"Authentication failed.")
        elif op == _IDENTIFY:
            await self._identify(connection, data["intents"])
        elif op == _RESUME:
            await self._resume(connection, data["session_id"], data["seq"])
        elif op == _REQUEST_MEMBERS:
            self._send_members(data)

    async def _identify(self, connection: Connection, intents: int) -> None:
        if intents & ~self.allowed_intents:
            await connection.socket.close(code=4014, message=b"Disallowed intent(s).")
            return
        self.identified += 1
        self.session = session = Session(f"session-{self.identified}", intents)
        self.connection = connection
        self._outbox.clear()
        guilds = self.world.guilds_of_bot()
        available = [guild for guild in guilds if guild.available]
        session.starting = len(available)
        ready = {
            "v": 10,
            "user": payloads.user(self.world.bot),
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "resume_gateway_url": self.url(),
            "application": {"id": str(self.world.bot.id), "flags": 1 << 19},
        }
        self.dispatch("READY", ready)
        for guild in available:
            self.dispatch("GUILD_CREATE", self.world.guild_create(guild))

    async def _resume(self, connection: Connection, session_id: str, sequence: int) -> None:
        session = self.session
        if session is None or not session.is_valid or session.id != session_id:
            await connection.send(json.dumps({"op": _INVALID_SESSION, "d": False}))
            return
        self.resumed += 1
        self.connection = connection
        self._outbox.clear()
        self._outbox.extend((session, s, text) for s, text in session.events if s > sequence)
        session.sent = sequence
        self.dispatch("RESUMED", {})

    def _send_members(self, data: Json) -> None:
        guild = self.world.guilds[int(data["guild_id"])]
        wanted = {int(id) for id in data.get("user_ids") or []}
        query = data.get("query") or ""
        members = [
            payloads.member(member)
            for member in guild.members.values()
            if (member.user.id in wanted if wanted else member.user.name.startswith(query))
        ]
        chunk = {"guild_id": str(guild.id), "members": members, "nonce": data.get("nonce")}
        self.dispatch("GUILD_MEMBERS_CHUNK", chunk | {"chunk_index": 0, "chunk_count": 1})

    def leave(self) -> None:
        """End the session, as when the bot closes its connection itself."""
        self.session = self.connection = None

    async def close(self) -> None:
        await self.disconnect(WSCloseCode.GOING_AWAY)
        if self._flushing is not None:
            await asyncio.wait([self._flushing])
