"""Recordings for the command line to work on."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from recorder import Channel, Message, SessionManager, SessionRecorder

NOW = datetime(2025, 11, 8, 15, 45, tzinfo=UTC)

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def message(number: int, text: str, channel_id: str) -> Message:
    time = NOW + timedelta(seconds=number)
    return Message(
        time, "STRYK", "5", text, "user_message", message_id=1000 + number, channel_id=channel_id
    )


async def record(folder: Path, name: str, texts: list[str], guild: str = "1") -> None:
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, ZoneInfo("UTC"))
        channel = Channel(f"7{guild}", "development", guild)
        await manager.start(name, channel, user_id="5", now=NOW)
        for number, text in enumerate(texts):
            await recorder.record(message(number, text, channel.id))
        await manager.stop(channel.id, now=NOW + timedelta(minutes=83))
