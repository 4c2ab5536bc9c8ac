"""The database of a data folder in Datasette, with the limits of ``recorder sql``."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from datasette.database import Database, QueryInterrupted

from recorder.datasette.configuration import DATABASE, SETTINGS
from recorder.store.database import DATABASE_NAME, Connection, open_for_reading
from recorder.store.read_only_sql import GRACE_SECONDS, limit_rows

_MOST_QUERIES = 3
_SECONDS = SETTINGS["sql_time_limit_ms"] / 1000 + GRACE_SECONDS


class LimitedDatabase(Database):  # type: ignore[misc]  # Datasette has no types
    """The database of a data folder.

    A single call inside SQLite cannot be interrupted. So queries run in daemon threads, which
    neither hold up an answer beyond the time limit nor the end of the server.
    """

    def __init__(self, site: Any, folder: Path) -> None:
        super().__init__(site, str(folder / DATABASE_NAME), is_mutable=True)
        self._folder = folder
        self._idle: list[Connection] = []
        self._slots = asyncio.Semaphore(_MOST_QUERIES)

    def suggest_name(self) -> str:
        """Return the name of the database."""
        return DATABASE

    def connect(self, write: bool = False) -> Connection:
        """Open the database read-only, whatever characters its path has."""
        assert not write
        connection = open_for_reading(self._folder)
        self._all_file_connections.append(connection)
        return connection

    async def execute_fn(self, fn: Callable[[Connection], Any]) -> Any:
        """Run a function of a connection, within the time limit."""
        try:
            async with asyncio.timeout(_SECONDS):
                await self._slots.acquire()
                running = asyncio.wrap_future(self._start(fn))
                # A query that goes on beyond its time limit keeps its slot.
                running.add_done_callback(self._end)
                return await asyncio.shield(running)
        except TimeoutError as error:
            raise QueryInterrupted(error, "", None) from None

    def _end(self, running: asyncio.Future[Any]) -> None:
        self._slots.release()
        if not running.cancelled():
            running.exception()  # it is retrieved, even if nobody waits any more

    def _start(self, fn: Callable[[Connection], Any]) -> Future[Any]:
        result: Future[Any] = Future()

        def run() -> None:
            try:
                result.set_result(self._run(fn))
            except BaseException as error:
                result.set_exception(error)

        threading.Thread(target=run, name="recorder-datasette", daemon=True).start()
        return result

    def _run(self, fn: Callable[[Connection], Any]) -> Any:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self.connect()
            self.ds._prepare_connection(connection, self.name)
        try:
            with limit_rows(connection):
                return fn(connection)
        finally:
            self._idle.append(connection)
