"""``recorder doctor`` tells what a sysadmin wants to know, with a hint where something is amiss."""

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from support.command_line import Run
from support.recordings import NOW, UTC_ZONE, record, said

from recorder import Channel, SessionManager, SessionRecorder
from recorder.care.diagnosis import Finding, examine
from recorder.care.verification import (
    LAST_VERIFICATION_NAME,
    LastVerification,
    load_last_verification,
    save_last_verification,
)
from recorder.settings import Settings


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISCORD_TOKEN", raising=False)


@pytest.fixture
def recorded(data: Path) -> Path:
    asyncio.run(record(data, "oauth", ["first words", "second words"]))
    return data


def findings(folder: Path, days: int = 0) -> dict[str, Finding]:
    found = examine(Settings(folder, UTC_ZONE), NOW + timedelta(days=days))
    assert len({finding.what for finding in found}) == len(found), "each has a name of its own"
    assert all(finding.hint for finding in found if finding.state != "good")
    return {finding.what: finding for finding in found}


def test_a_sound_installation(run: Run, recorded: Path) -> None:
    assert run("verify").returncode == 0
    result = run("doctor")
    assert result.returncode == 0
    for what in ("recorder", "Python", "SQLite", "discord.py", "disk", "write-ahead log"):
        assert f"good  {what}: " in result.stdout
    assert "note  token: is not set" in result.stdout
    found = findings(recorded)
    assert {what for what, finding in found.items() if finding.state != "good"} == {"token"}


def test_the_last_verification(run: Run, recorded: Path) -> None:
    assert findings(recorded)["last verification"].state == "note"
    assert run("verify", "oauth").returncode == 0
    assert load_last_verification(recorded) is None, "only one session was looked at"
    assert run("verify").returncode == 0
    last = load_last_verification(recorded)
    assert last is not None and (last.sessions, last.lines, last.faults) == (1, 4, 0)
    assert (recorded / LAST_VERIFICATION_NAME).stat().st_mode & 0o777 == 0o600
    (path,) = (recorded / "sessions").iterdir()
    path.write_text("forged")
    assert run("verify").returncode == 1
    found = json.loads(run("doctor", "--json").stdout)
    (finding,) = [finding for finding in found if finding["what"] == "last verification"]
    assert finding["state"] == "bad" and "1 session, 0 lines, 1 fault" in finding["value"]
    save_last_verification(recorded, LastVerification(NOW, 1, 2, 0))
    assert findings(recorded, days=30)["last verification"].state == "good"
    assert findings(recorded, days=31)["last verification"].state == "note"


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"at": 5}', '{"at": "2025-11-08", "sessions": 1, "lines": 1, "faults": 0}'],
)
def test_a_note_that_cannot_be_read_is_none(recorded: Path, text: str) -> None:
    (recorded / LAST_VERIFICATION_NAME).write_text(text)
    assert findings(recorded)["last verification"].state == "note"


def test_a_link_in_place_of_the_note_is_not_followed(recorded: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (recorded / LAST_VERIFICATION_NAME).symlink_to(precious)
    save_last_verification(recorded, LastVerification(NOW, 1, 2, 0))
    assert precious.read_text() == "mine"
    assert load_last_verification(recorded) is not None


def test_bad_data_folders(tmp_path: Path) -> None:
    folder = findings(tmp_path / "nothing")["data folder"]
    assert (folder.state, folder.value) == ("bad", f"{tmp_path / 'nothing'} is missing")
    (tmp_path / "file").touch()
    assert findings(tmp_path / "file")["data folder"].value == f"{tmp_path / 'file'} is a file"
    (tmp_path / "empty").mkdir()
    assert findings(tmp_path / "empty")["database"].state == "bad"


def test_files_that_are_behind(recorded: Path) -> None:
    with closing(sqlite3.connect(recorded / "recorder.db")) as connection, connection:
        connection.execute("UPDATE recording_sessions SET synced_bytes = 100")
    files = findings(recorded)["files"]
    assert files.state == "note" and "from byte 100 on" in files.value


async def test_a_full_text_index_that_differs_and_a_running_recorder(data: Path) -> None:
    async with SessionRecorder(data, sync_seconds=600) as recorder:
        manager = SessionManager(recorder, UTC_ZONE)
        await manager.start("live", Channel("77", "c", "1"), user_id="5", now=NOW)
        synced = manager.reader.sessions()[0].byte_size
        await recorder.record(said(1, "not synced yet"))
        found = findings(data)
        assert found["recording process"].value == "is running"
        assert found["sessions"].value == "1, 1 of them running"
        assert found["files"].state == "good" and f"from byte {synced} on" in found["files"].value
    with closing(sqlite3.connect(data / "recorder.db")) as connection, connection:
        connection.execute("INSERT INTO messages_fts (messages_fts) VALUES ('delete-all')")
    found = findings(data)
    assert found["integrity"].state == "bad" and "full-text index" in found["integrity"].value
    assert found["recording process"].state == "note"
