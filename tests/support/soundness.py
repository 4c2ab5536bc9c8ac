"""Messages to record, and what has to hold of every data folder."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from support.recordings import NOW, message

from recorder import Channel, Message
from recorder.store.reading import Reader
from scripts.torture_runs.soundness import faults

__all__ = ["CHANNEL", "NOW", "UTC_ZONE", "assert_sound", "said", "texts"]

CHANNEL = Channel("77", "development", "1")
UTC_ZONE = ZoneInfo("UTC")


def said(number: int, text: str = "", **changes: Any) -> Message:
    return replace(message(number, text, CHANNEL.id), **changes)


def texts(folder: Path) -> list[str]:
    """What the one session in a folder holds, read by its index."""
    (session,) = Reader(folder).sessions()
    recorded = sorted(Reader(folder).messages(session.id), key=lambda r: r.message_index)
    assert [r.message_index for r in recorded] == list(range(1, len(recorded) + 1))
    return [r.message.content for r in recorded]


def assert_sound(folder: Path, *, recording: bool = False) -> None:
    """Each file is what the database says, to the byte, and both are sound."""
    assert faults(folder, recording=recording) == []
