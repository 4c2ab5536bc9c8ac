"""What was acknowledged is there, whatever happened to the process, the file or the disk."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from recorder import Channel, Message, Session, SessionManager, SessionRecorder
from recorder.errors import AlreadyRunning, StorageError
from recorder.store.reading import Reader
from recorder.verification import verify, verify_database

NOW = datetime(2025, 11, 8, 15, 45, tzinfo=UTC)
CHANNEL = Channel("77", "development", "1")

RECORDS_UNTIL_KILLED = textwrap.dedent("""
    import asyncio, sys
    from pathlib import Path
    from test_durability import *

    async def main():
        async with SessionRecorder(Path(sys.argv[1]), sync_seconds=0.01) as recorder:
            if not recorder.listens_to(CHANNEL.id):
                manager = SessionManager(recorder, ZoneInfo("UTC"))
                await manager.start("killed", CHANNEL, user_id="1", now=NOW)
            first = int(sys.argv[2])

            async def one(number):
                recorded = await recorder.record(message(number))
                print(number, recorded.message_index, flush=True)

            while True:
                await asyncio.gather(*(one(number) for number in range(first, first + 5)))
                first += 5

    asyncio.run(main())
""")


def message(number: int, content: str | None = None) -> Message:
    text = f"message {number} ärger 刷新" if content is None else content
    return Message(
        NOW, "STRYK", "5", text, "user_message", message_id=1000 + number, channel_id=CHANNEL.id
    )


async def recorded(folder: Path, count: int) -> Session:
    """A stopped session of `count` messages."""
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, ZoneInfo("UTC"))
        await manager.start("session", CHANNEL, user_id="1", now=NOW)
        for number in range(count):
            await recorder.record(message(number))
        return await manager.stop(CHANNEL.id, now=NOW)


def assert_sound(folder: Path) -> None:
    reader = Reader(folder)
    for session in reader.sessions():
        assert verify(reader, session, recording=False).faults == ()
    assert verify_database(folder, recording=False) == []


async def test_every_acknowledged_message_survives_sigkill(tmp_path: Path) -> None:
    chance = random.Random(7)
    acknowledged: dict[int, int] = {}
    first = 0
    for _ in range(12):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", RECORDS_UNTIL_KILLED, str(tmp_path / "data"), str(first)),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        )
        assert process.stdout is not None
        lines = [await process.stdout.readline()]  # it records
        await asyncio.sleep(chance.random() * 0.1)
        process.send_signal(signal.SIGKILL)
        lines += (await process.stdout.read()).splitlines(keepends=True)
        await process.wait()
        said = [line.split() for line in lines if line.endswith(b"\n")]
        acknowledged |= {int(number): int(index) for number, index in said}
        first = max(acknowledged) + 1000
        async with SessionRecorder(tmp_path / "data"):
            pass
        reader = Reader(tmp_path / "data")
        session = reader.sessions()[0]
        kept = {r.message.message_id: r.message_index for r in reader.messages(session.id)}
        assert all(kept.get(1000 + n) == index for n, index in acknowledged.items())
        assert_sound(tmp_path / "data")
    assert len(acknowledged) > 50


@pytest.mark.parametrize("damage", ["missing", "short", "torn", "zeros", "foreign"])
async def test_a_start_brings_the_file_to_what_the_database_says(
    tmp_path: Path, damage: str
) -> None:
    session = await recorded(tmp_path, 20)
    path = tmp_path / session.file_path
    whole = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        broken = {
            "short": whole[:700],
            "torn": whole[:-7],
            "zeros": whole[:-50] + bytes(30),
            "foreign": whole + b'{"not": "ours"}\n',
        }[damage]
        path.write_bytes(broken)
    reader = Reader(tmp_path)
    assert verify(reader, session, recording=False).faults
    async with SessionRecorder(tmp_path):
        assert path.read_bytes() == whole
    assert_sound(tmp_path)
    aside = [p.read_bytes() for p in path.parent.glob("*.damaged*")]
    assert aside == ([broken] if damage in ("zeros", "foreign") else [])


async def test_a_file_cut_anywhere_in_its_end_is_made_whole(tmp_path: Path) -> None:
    session = await recorded(tmp_path, 3)
    path = tmp_path / session.file_path
    whole = path.read_bytes()
    for length in range(len(whole) - 200, len(whole)):
        path.write_bytes(whole[:length])
        async with SessionRecorder(tmp_path):
            pass
        assert path.read_bytes() == whole, length


async def test_a_full_queue_slows_down_and_drops_nothing(tmp_path: Path) -> None:
    async with SessionRecorder(tmp_path, queue_limit=3) as recorder:
        manager = SessionManager(recorder, ZoneInfo("UTC"))
        await manager.start("burst", CHANNEL, user_id="1", now=NOW)
        tasks = [asyncio.create_task(recorder.enqueue(message(n))) for n in range(500)]
        await asyncio.sleep(0)
        assert not tasks[-1].done(), "the last one waits for room"
        await asyncio.gather(*tasks)
        session = await manager.stop(CHANNEL.id, now=NOW)
    said = [r.message.message_id for r in Reader(tmp_path).messages(session.id)]
    assert said == [1000 + number for number in range(500)]
    assert_sound(tmp_path)


async def test_closing_writes_all_that_waits(tmp_path: Path) -> None:
    recorder = SessionRecorder(tmp_path, queue_limit=10)
    await recorder.open()
    await SessionManager(recorder, ZoneInfo("UTC")).start("s", CHANNEL, user_id="1", now=NOW)
    for number in range(200):
        recorder.post(message(number))
    await recorder.close()
    assert Reader(tmp_path).sessions()[0].message_count == 200
    with pytest.raises(StorageError, match="not open"):
        await recorder.record(message(1))


async def test_a_second_recorder_is_refused_and_told_of_the_first(tmp_path: Path) -> None:
    async with SessionRecorder(tmp_path):
        with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"):
            await SessionRecorder(tmp_path).open()
        command = [sys.executable, "-m", "recorder", "--data", str(tmp_path), "init"]
        second = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, check=False
        )
        assert second.returncode == 3
        assert f"process {os.getpid()}" in second.stderr
        assert "Traceback" not in second.stderr
    await SessionRecorder(tmp_path).open()


FILLS_THE_DISK = textwrap.dedent("""
    import asyncio, resource, signal, sys
    from pathlib import Path
    from recorder.errors import RecordingFailed
    from test_durability import *

    async def main():
        failures = []
        recorder = SessionRecorder(Path(sys.argv[1]))
        recorder.on_failure = failures.append
        await recorder.open()
        manager = SessionManager(recorder, ZoneInfo("UTC"))
        await manager.start("full", CHANNEL, user_id="1", now=NOW)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
        number = 0
        try:
            while True:
                recorded = await recorder.record(message(number, "x" * 500))
                print(recorded.message_index, flush=True)
                number += 1
        except RecordingFailed as error:
            print("failed:", error, flush=True)
        try:
            await recorder.record(message(number + 1))
        except RecordingFailed:
            print("refused", flush=True)
        await asyncio.sleep(0.1)
        print("told", len(failures), flush=True)
        await recorder.close()

    asyncio.run(main())
""")


async def test_a_full_disk_stops_recording_loudly_and_loses_nothing(tmp_path: Path) -> None:
    run = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", FILLS_THE_DISK, str(tmp_path / "data")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )
    lines = run.stdout.splitlines()
    assert lines[-2:] == ["refused", "told 1"], run.stderr
    assert lines[-3].startswith("failed: Writing to ")
    assert "Free space" in lines[-3]
    acknowledged = int(lines[-4])
    assert acknowledged > 20
    async with SessionRecorder(tmp_path / "data") as recorder:
        manager = SessionManager(recorder, ZoneInfo("UTC"))
        await recorder.record(message(10_000))
        session = await manager.stop(CHANNEL.id, now=NOW)
    assert session.message_count >= acknowledged + 1
    assert_sound(tmp_path / "data")


async def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_text("mine")
    with pytest.raises(StorageError, match="cannot be made"):
        await SessionRecorder(path).open()
    assert path.read_text() == "mine"
