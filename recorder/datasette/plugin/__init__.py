"""A plugin for Datasette: the bot's search in SQL, links to Discord, and transcript pages.

Datasette loads it automatically where the recorder is installed. In other databases it only adds
its SQL function.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote
from zoneinfo import ZoneInfo

from datasette import Forbidden, NotFound, Response
from markupsafe import Markup
from pluggy import HookimplMarker

from recorder.datasette.transcript import TranscriptPage, read_page
from recorder.errors import RecorderError
from recorder.search import search_sql
from recorder.search.query import parse
from recorder.store.database import DATABASE_NAME, Connection
from recorder.store.read_only_sql import limit_statements
from recorder.store.reading import Reader

_App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

hookimpl = HookimplMarker("datasette")

NAME = "recorder"
"""The name of the plugin, and of its section in the configuration."""
DISTRIBUTION = "discord-session-recorder"
"""The distribution of the plugin, which is part of the URLs of its static files."""
MOST_HITS = 2_000

_TRANSCRIPT = "/-/recorder/transcript"
_DISCORD = "https://discord.com/channels/"


@hookimpl
def prepare_connection(conn: Connection, database: str, datasette: Any) -> None:
    """Add the function ``recorder_search``; limit statements on a database of the recorder."""
    if _folder(datasette, database):
        limit_statements(conn)
    settings = datasette.plugin_config(NAME) or {}
    timezone = ZoneInfo(settings.get("timezone", "UTC"))

    def search(query: str | None) -> str:
        """Return the ids of the newest messages that match, as a JSON array."""
        parts = parse(query or "", datetime.now(UTC), timezone).parts
        sql = search_sql.compile_query(parts, None) if parts else None
        return json.dumps(search_sql.find(conn, sql, "newest", MOST_HITS) if sql else [])

    conn.create_function("recorder_search", 1, search)


@hookimpl
def asgi_wrapper(datasette: Any) -> Callable[[_App], _App]:
    """Refuse requests that a page of another origin causes.

    It could not read the answers, but it could measure how long they take. Another port of this
    machine is another origin of the same site.
    """

    def wrap(app: _App) -> _App:
        async def wrapped(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http" and any(
                _folder(datasette, db) for db in datasette.databases
            ):
                headers = [value for name, value in scope["headers"] if name == b"sec-fetch-site"]
                if any(value not in (b"none", b"same-origin") for value in headers):
                    await refuse(
                        send, 403, b"Another site may not read this one. Type its address."
                    )
                    return
            await app(scope, receive, send)

        return wrapped

    return wrap


async def refuse(send: Any, status: int, text: bytes) -> None:
    """Send a response of one sentence."""
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})


@hookimpl
def render_cell(
    row: Any, value: object, column: str, table: str | None, database: str, datasette: Any
) -> Markup | Callable[[], Coroutine[Any, Any, Markup | None]] | None:
    """Link messages to the transcript and to Discord, and sessions to their transcripts."""
    if value is None or _folder(datasette, database) is None:
        return None
    keys = row.keys()
    if column == "message_index" and "session_id" in keys:
        return _link(_transcript(datasette, _plain(row["session_id"]), value), str(value))
    if column == "name" and table in ("sessions", "recording_sessions"):
        return _link(_transcript(datasette, _plain(row["id"])), str(value))
    if column == "discord_url" and str(value).startswith(_DISCORD):
        return _link(str(value), "in Discord")
    if column == "message_id" and table == "messages":
        return lambda: _in_discord(datasette, database, row)
    return None


@hookimpl
def extra_css_urls(datasette: Any) -> list[str]:
    """Return the URL of the style sheet."""
    return [datasette.urls.static_plugins(DISTRIBUTION, "recorder.css")]


@hookimpl
def register_routes() -> list[tuple[str, Callable[..., Coroutine[Any, Any, Response]]]]:
    """Return the route of the transcript pages."""
    return [(rf"^{_TRANSCRIPT}/(?P<session_id>[^/]+)$", transcript)]


async def transcript(request: Any, datasette: Any) -> Response:
    """Return a page of a transcript, by default the first; ``?message=`` selects a message."""
    database = next((name for name in datasette.databases if _folder(datasette, name)), None)
    folder = database and _folder(datasette, database)
    if folder is None:
        raise NotFound("This site has no recorder.db.")
    if not await _may_view(datasette, request.actor, database):
        raise Forbidden("You may not view this database.")
    number = request.args.get("message") or "1"
    index = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 1
    try:
        page: TranscriptPage = await asyncio.to_thread(
            read_page, Reader(folder), request.url_vars["session_id"], index
        )
    except RecorderError as error:
        raise NotFound(str(error)) from error
    html = await datasette.render_template(
        "recorder_transcript.html", {"page": page, "database": database}, request=request
    )
    return Response.html(html)


async def _may_view(datasette: Any, actor: object, database: str | None) -> bool:
    try:
        from datasette.resources import DatabaseResource  # noqa: PLC0415  # only in 1.0
    except ImportError:
        query: dict[str, Any] = {"permissions": [("view-database", database), "view-instance"]}
    else:
        query = {"action": "view-database", "resource": DatabaseResource(database=database)}
    visible, _ = await datasette.check_visibility(actor, **query)
    return bool(visible)


def _folder(datasette: Any, database: str) -> Path | None:
    """Return the data folder of a recorder database, or ``None`` for any other database."""
    known = datasette.databases.get(database)
    path = known and known.path
    return Path(path).parent if path and Path(path).name == DATABASE_NAME else None


def _plain(value: object) -> object:
    """Return the value of a cell; for a foreign key, Datasette may add its label."""
    return value["value"] if isinstance(value, dict) else value


def _link(url: str, text: str) -> Markup:
    return Markup('<a href="{}">{}</a>').format(url, text)


def _transcript(datasette: Any, session_id: object, index: object = None) -> str:
    target = "" if index is None else f"?message={index}#m{index}"
    return str(datasette.urls.path(f"{_TRANSCRIPT}/{quote(str(session_id))}{target}"))


async def _in_discord(datasette: Any, database: str, row: Any) -> Markup | None:
    sql = "SELECT discord_url FROM conversation WHERE id = ?"
    link = (await datasette.get_database(database).execute(sql, [_plain(row["id"])])).first()
    if link is None or link[0] is None:
        return None
    return _link(link[0], str(row["message_id"]))
