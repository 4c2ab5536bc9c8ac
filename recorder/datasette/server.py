"""The Datasette server, which only this machine can reach by default."""

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
from recorder.datasette.limited_database import LimitedDatabase
from recorder.datasette.plugin import NAME, refuse
from recorder.errors import InvalidInput
from recorder.store.reading import Reader

_Scope: TypeAlias = MutableMapping[str, Any]
_App: TypeAlias = Callable[[_Scope, Any, Any], Awaitable[None]]

_GRACE_SECONDS = 2  # for requests that run when the server is stopped


def serve(
    folder: Path,
    timezone: ZoneInfo,
    *,
    host: str,
    port: int,
    announce: Callable[[str], None],
    open_browser: bool = False,
) -> None:
    """Serve the recordings until interrupted, even while a recorder writes.

    If other machines can reach the address, visitors have to sign in with a link that works once.

    Parameters
    ----------
    timezone
        The time zone of the dates in searches.
    port
        0 for any free port.
    announce
        Called with the URL as soon as it can be opened.

    Raises
    ------
    InvalidInput
        The server cannot listen on this address.
    StorageError
        There is no database, or it cannot be read.
    """
    with Reader(folder).connect():
        pass  # raise if there is no database
    try:
        listening = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
    except (OSError, OverflowError) as error:
        raise InvalidInput(
            f"The server cannot listen on {host} port {port} ({error}). "
            "Choose another --port (0 for any free port) or another --host."
        ) from error
    with listening:
        local = is_loopback(host)
        site_metadata = metadata() | {"plugins": {NAME: {"timezone": timezone.key}}}
        if not local:
            site_metadata["allow"] = {"id": "root"}
        site = Datasette([], metadata=site_metadata, settings=SETTINGS)
        site.remove_database("_memory")
        site.add_database(LimitedDatabase(site, folder))
        address = f"[{host}]" if ":" in host else host
        url = f"http://{address}:{listening.getsockname()[1]}/"
        if not local:
            url += f"-/auth-token?token={site._root_token}"
        app = _guarded(site.app(), host if local else None)
        # Otherwise each invalid URL would print all local variables to the terminal.
        pm.get_plugin("datasette.handle_exception").rich = None
        config = uvicorn.Config(
            app, log_level="warning", lifespan="on", timeout_graceful_shutdown=_GRACE_SECONDS
        )
        server = uvicorn.Server(config)
        announce(url)
        if open_browser:
            webbrowser.open(url)
        with suppress(KeyboardInterrupt):  # the usual way to stop
            server.run(sockets=[listening])


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _guarded(app: _App, host: str | None) -> _App:
    """Refuse requests that write and, with a `host`, requests for another host name.

    Otherwise a foreign web page could point its own host name to this server and read from it.
    """

    async def guarded(scope: _Scope, receive: Any, send: Any) -> None:
        refusal = None
        if scope["type"] == "http":
            if scope["method"] not in ("GET", "HEAD") and scope["path"] != "/-/logout":
                refusal = 405, b"This site is read-only."
            elif host is not None and not _is_addressed_to(scope, host):
                refusal = 403, b"Open this site with the URL that recorder serve has printed."
        if refusal is None:
            await app(scope, receive, send)
            return
        await refuse(send, *refusal)

    return guarded


def _is_addressed_to(scope: _Scope, host: str) -> bool:
    header = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
    try:
        name = urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return False
    return name == host or is_loopback(name)
