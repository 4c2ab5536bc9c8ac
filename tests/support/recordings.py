"""Recorded messages and sessions, and checks of the data folder that they are in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from recorder import Channel, Message, SessionManager, SessionRecorder
from recorder.store.reading import Reader
from scripts.torture_runs.integrity import faults

NOW = datetime(2025, 11, 8, 15, 45, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")
CHANNEL = Channel("77", "development", "1")


def message(number: int, text: str, channel_id: str) -> Message:
    time = NOW + timedelta(seconds=number)
    return Message(
        time, "STRYK", "5", text, "user_message", message_id=1000 + number, channel_id=channel_id
    )


def said(number: int, text: str = "", **changes: Any) -> Message:
    """Return a message in `CHANNEL`, with other attributes where they are given."""
    return replace(message(number, text, CHANNEL.id), **changes)


async def record(folder: Path, name: str, texts: list[str], guild: str = "1") -> None:
    """Record a session of 83 minutes and stop it."""
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, UTC_ZONE)
        channel = Channel(f"7{guild}", "development", guild)
        await manager.start(name, channel, user_id="5", now=NOW)
        for number, text in enumerate(texts):
            await recorder.record(message(number, text, channel.id))
        await manager.stop(channel.id, now=NOW + timedelta(minutes=83))


def content_lines(data: bytes) -> list[bytes]:
    """Return the lines of a file without those about the recording itself."""
    return [line for line in data.splitlines() if b'"author_id": "recorder"' not in line]


def texts(folder: Path) -> list[str]:
    """Return the texts of the one session in a folder, in the order of their index."""
    (session,) = Reader(folder).sessions()
    recorded = sorted(Reader(folder).messages(session.id), key=lambda r: r.message_index)
    assert [r.message_index for r in recorded] == list(range(1, len(recorded) + 1))
    return [r.message.content for r in recorded]


def dump(folder: Path) -> dict[str, Any]:
    """Return all rows and session files, except for how much of the files is synced."""
    with Reader(folder).connect() as connection:
        tables = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'messages_fts%'"
        ).fetchall()
        contents: dict[str, Any] = {}
        for (table,) in tables:
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            wanted = ", ".join(column for column in columns if column != "synced_bytes")
            contents[table] = connection.execute(f"SELECT {wanted} FROM {table}").fetchall()
    files = {path.name: path.read_bytes() for path in (folder / "sessions").iterdir()}
    return {**contents, "files": files}


def assert_sound(folder: Path, *, recording: bool = False) -> None:
    """Assert that each file is what the database says, to the byte, and that both are sound."""
    assert faults(folder, recording=recording) == []
