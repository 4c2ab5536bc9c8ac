"""Serving the recordings with Datasette, to this machine alone unless asked for more."""

from __future__ import annotations

import ipaddress
import socket
import webbrowser
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import uvicorn
from datasette.app import Datasette
from datasette.plugins import pm

from recorder.datasette.configuration import SETTINGS, metadata
from recorder.datasette.plugin import NAME
from recorder.errors import InvalidInput
from recorder.store.database import DATABASE_NAME
from recorder.store.reading import Reader

_Scope: TypeAlias = MutableMapping[str, Any]
_App: TypeAlias = Callable[[_Scope, Any, Any], Awaitable[None]]


def serve(
    folder: Path,
    timezone: ZoneInfo,
    *,
    host: str,
    port: int,
    announce: Callable[[str], None],
    open_browser: bool = False,
) -> None:
    """Serve until it is interrupted; also while a recorder writes.

    Other machines, which may reach any address but the loopback one, have to sign in: by a link
    that works once.

    Parameters
    ----------
    timezone
        In which the days of a search are days.
    port
        0 for any that is free.
    announce
        Told the address as soon as it can be opened.

    Raises
    ------
    InvalidInput
        Nothing can be served at this address.
    StorageError
        There is no database, or it cannot be read.
    """
    with Reader(folder).connect():
        pass  # there is something to serve
    try:
        listening = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
    except (OSError, OverflowError) as error:
        raise InvalidInput(
            f"Nothing can be served at {host} port {port} ({error}). "
            "Name another --port, 0 for any that is free, or another --host."
        ) from error
    with listening:
        local = is_loopback(host)
        about = metadata() | {"plugins": {NAME: {"timezone": timezone.key}}}
        if not local:
            about["allow"] = {"id": "root"}
        site = Datasette([str(folder / DATABASE_NAME)], metadata=about, settings=SETTINGS)
        address = f"[{host}]" if ":" in host else host
        url = f"http://{address}:{listening.getsockname()[1]}/"
        if not local:
            url += f"-/auth-token?token={site._root_token}"
        app = _guarded(site.app(), host if local else None)
        # Else each wrong address would print all that is in memory to the terminal.
        pm.get_plugin("datasette.handle_exception").rich = None
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
        announce(url)
        if open_browser:
            webbrowser.open(url)
        with suppress(KeyboardInterrupt):  # the way to end it
            server.run(sockets=[listening])


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _guarded(app: _App, host: str | None) -> _App:
    """Let only through what reads, and under the names of a `host`, where there is one.

    A page of somebody else may have its own name lead to here, and so read what is served.
    """

    async def guarded(scope: _Scope, receive: Any, send: Any) -> None:
        refusal = None
        if scope["type"] == "http":
            if scope["method"] not in ("GET", "HEAD") and scope["path"] != "/-/logout":
                refusal = 405, b"Nothing can be written here."
            elif host is not None and not _is_meant(scope, host):
                refusal = 403, b"Open this by the address that recorder serve has shown."
        if refusal is None:
            await app(scope, receive, send)
            return
        status, body = refusal
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return guarded


def _is_meant(scope: _Scope, host: str) -> bool:
    given = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
    try:
        name = urlsplit(f"//{given}").hostname or ""
    except ValueError:
        return False
    return name == host or is_loopback(name)
