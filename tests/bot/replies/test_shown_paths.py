"""No file name that members see tells of a session or file of another guild."""

import json
from datetime import date
from functools import partial
from pathlib import Path

import pytest
from support.recordings import NOW, UTC_ZONE, assert_sound

from recorder import Channel, SessionManager, SessionRecorder
from recorder.bot.replies import notices
from recorder.errors import Conflict
from recorder.models import Session
from recorder.store.auto_recording import prepare

DAY = date(2025, 11, 8)
GUILDS = ("1", "2", "3")


async def test_of_sessions(folder: Path) -> None:
    shown: list[list[str]] = []
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, UTC_ZONE)
        for guild in GUILDS:
            channels = [Channel(f"7{guild}{number}", "general-2", guild) for number in range(4)]
            sessions = [
                await manager.start(name, channel, user_id="5", now=NOW)
                for name, channel in zip(("notes", "a-2"), channels, strict=False)
            ]
            for channel in channels[2:]:
                session = await recorder.call(
                    partial(prepare, channel=channel, user_id="5", day=DAY, now=NOW)
                )
                assert isinstance(session, Session)
                sessions.append(session)
            shown.append([session.shown_path for session in sessions])
            for session in sessions:
                for text in (
                    notices.started(session, "!"),
                    notices.stopped(session, NOW, "!"),
                    notices.auto_started(session),
                ):
                    assert session.shown_path in text.replace("\\", "")
    assert shown[0] == shown[1] == shown[2]
    assert shown[0] == [
        "sessions/notes_2025-11-08.jsonl",
        "sessions/a-2_2025-11-08.jsonl",
        "sessions/auto_2025-11-08.jsonl",
        "sessions/auto_2025-11-08_general-2.jsonl",
    ]


async def test_of_saved_copies(folder: Path) -> None:
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, UTC_ZONE)
        for guild in GUILDS:
            channel = Channel(f"7{guild}", "general", guild)
            session = await manager.start("notes", channel, user_id="5", now=NOW)
            assert manager.export_file_name("copy.txt") == "copy.txt"
            assert manager.save(session, "copy.txt", now=NOW).read_text(encoding="utf-8")
            with pytest.raises(Conflict, match=r"^copy.txt exists already\. Choose another name"):
                manager.save(session, "copy.txt", now=NOW)
    names = {path.name for path in (folder / "exports").glob("[!.]*")}
    assert names == {"copy.txt", "copy_2.txt", "copy_3.txt"}


async def test_in_the_record_itself(folder: Path) -> None:
    lines = set()
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, UTC_ZONE)
        for guild in GUILDS:
            session = await manager.start(
                "notes", Channel(f"7{guild}", "general", guild), user_id="5", now=NOW
            )
            (line,) = manager.reader.lines(session.id)
            lines.add(json.loads(line)["file_path"])
    assert lines == {"sessions/notes_2025-11-08.jsonl"}
    assert_sound(folder, recording=True)
