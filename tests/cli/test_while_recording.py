"""Reading and copying while another process records without a break."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_line import Run

pytestmark = pytest.mark.slow

RECORD = """
import asyncio, itertools, sys
from pathlib import Path
from zoneinfo import ZoneInfo
from support.recordings import NOW, message
from recorder import Channel, SessionManager, SessionRecorder

async def main() -> None:
    async with SessionRecorder(Path(sys.argv[1])) as recorder:
        manager = SessionManager(recorder, ZoneInfo("UTC"))
        await manager.start("live", Channel("77", "dev", "1"), user_id="1", now=NOW)
        for number in itertools.count(1):
            await recorder.record(message(number, f"live {number}", "77"))
            print(number, flush=True)

asyncio.run(main())
"""


@pytest.fixture
def recording(data: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that records and says the number of each message once it is on disk."""
    process = subprocess.Popen(
        [sys.executable, "-c", RECORD, data],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
        env={"PYTHONPATH": str(Path(__file__).parent.parent.parent)},
    )
    yield process
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def acknowledged(process: "subprocess.Popen[str]", count: int) -> int:
    """Wait until so many more messages are on disk; gives the number of the last one."""
    assert process.stdout is not None
    return [int(process.stdout.readline()) for _ in range(count)][-1]


def test_reading_never_waits_and_never_lies(
    run: Run, data: Path, recording: "subprocess.Popen[str]"
) -> None:
    acknowledged(recording, 50)
    for _ in range(3):
        seen = acknowledged(recording, 10)
        report = json.loads(run("verify", "--json").stdout)
        assert report["sound"] and report["sessions"][0]["lines"] >= seen
        assert json.loads(run("list", "--json").stdout)[0]["message_count"] >= seen
        assert len(json.loads(run("show", "live", "--json").stdout)["messages"]) >= seen
    doctor = run("doctor", "--json")
    assert doctor.returncode == 0
    states = {finding["value"]: finding["state"] for finding in json.loads(doctor.stdout)}
    assert states["is running"] == "good"
    for arguments in (("init",), ("repair",), ("tag", "live", "x"), ("delete", "live", "--yes")):
        refused = run(*arguments)
        assert refused.returncode == 3 and f"process {recording.pid}" in refused.stderr


def test_a_backup_is_a_data_folder_with_all_that_was_acknowledged(
    run: Run, data: Path, tmp_path: Path, recording: "subprocess.Popen[str]"
) -> None:
    seen = acknowledged(recording, 50)
    copy = tmp_path / "copy"
    assert run("backup", copy).returncode == 0
    assert recording.poll() is None

    def restored(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "recorder", "--data", str(copy), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert restored("verify").returncode == 1, "its files are not written yet"
    assert restored("init").returncode == 0
    report = json.loads(restored("verify", "--json").stdout)
    assert report["sound"] and report["sessions"][0]["lines"] >= seen
    assert (copy / "recorder.db").stat().st_mode & 0o777 == 0o600
    assert run("backup", copy).returncode == 2
