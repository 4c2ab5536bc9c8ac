"""A process that changes a data folder, and reports when it begins and when that is done."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock
from zoneinfo import ZoneInfo

from recorder import Channel, SessionManager, SessionRecorder
from recorder.care.sealing import seal
from recorder.store import database
from recorder.store.database import Connection
from recorder.store.erasure import Selection
from recorder.store.schema import schema, statements

ERASED_USER = "666"
MERGED = "merged"
CHANNEL = Channel("77", "development", "1")
NOW = datetime(2025, 11, 9, 12, 0, tzinfo=UTC)
_DROPPED = ("TRIGGER messages_after_delete", "INDEX line_about", "TABLE own_messages")


def make_older(connection: Connection) -> None:
    """Drop parts of the schema, as if an older release had made the database."""
    for part in _DROPPED:
        connection.execute(f"DROP {part}")


def newer_release() -> AbstractContextManager[object]:
    """Return a context in which the recorder has an upgrade of the present version."""
    return mock.patch.multiple(
        database, UPGRADES=(_upgrade,), SCHEMA_VERSION=database.SCHEMA_VERSION + 1
    )


def _upgrade(connection: Connection) -> None:
    """Restore the parts that an older release did not have, and rewrite all rows."""
    for statement in statements(schema()):
        if any(f"CREATE {part}" in statement for part in _DROPPED):
            connection.execute(statement)
    connection.execute("UPDATE lines SET line = line || ''")
    connection.execute("INSERT INTO messages_fts (messages_fts) VALUES ('rebuild')")


def seal_key(folder: Path) -> Path:
    """Return the path of the key that signs, beside the data folder."""
    return folder.with_name("seal-key")


async def change(recorder: SessionRecorder, what: str) -> None:
    """Carry out a change on an open recorder."""
    manager = SessionManager(recorder, ZoneInfo("UTC"))
    if what == "erase":
        await manager.erase(Selection("user", user_id=ERASED_USER), now=NOW)
    elif what == "seal":
        await seal(recorder, seal_key(recorder.folder), NOW)
    elif what == "merge":
        sources = manager.reader.sessions()[:2]
        await manager.merge(sources, MERGED, CHANNEL, user_id="1", now=NOW)


async def _run(folder: Path, what: str) -> None:
    recorder = SessionRecorder(folder)
    if what == "upgrade":
        _say("begins")
    await recorder.open()
    if what != "upgrade":
        _say("begins")
    await change(recorder, what)
    _say("done")
    await recorder.close()


def _say(word: str) -> None:
    os.write(1, f"{word}\n".encode())


def main() -> None:
    """Carry out a change; the arguments are the data folder and the name of the change."""
    logging.disable(logging.CRITICAL)
    folder, what = sys.argv[1:]
    with newer_release() if what == "upgrade" else nullcontext():
        asyncio.run(_run(Path(folder), what))


if __name__ == "__main__":
    main()
