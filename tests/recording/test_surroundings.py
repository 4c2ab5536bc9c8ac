"""Few file descriptors, a removed lock file: nothing is lost, or recording is refused at once."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support.recordings import CHANNEL, NOW, UTC_ZONE, assert_sound, said

from recorder import SessionManager, SessionRecorder
from recorder.errors import AlreadyRunning
from recorder.store.lock import LOCK_NAME, is_locked
from recorder.store.reading import Reader

# Records in 80 channels, twice in each, with so many descriptors to open at once.
RECORDS = textwrap.dedent("""
    import asyncio, concurrent.futures.thread, os, resource, sys
    from pathlib import Path
    from recorder import Channel, SessionManager, SessionRecorder
    from recorder.errors import StorageError
    from support.recordings import NOW, UTC_ZONE, message

    async def main(folder, descriptors):
        used = len(os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + descriptors,) * 2)
        recorder, acknowledged = SessionRecorder(folder), 0
        try:
            await recorder.open()
            manager = SessionManager(recorder, UTC_ZONE)
            for number in range(80):
                channel = Channel(str(100 + number), "x", "1")
                await manager.start(f"session {number}", channel, user_id="1", now=NOW)
            for number in range(160):
                await recorder.record(message(number, "text", str(100 + number % 80)))
                acknowledged += 1
        except StorageError as error:
            print(error)
        await recorder.close()
        print(acknowledged)

    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
""")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no /proc")
@pytest.mark.parametrize("descriptors", [1, 2, 3, 5, 8, 20, 40])
def test_few_descriptors(folder: Path, descriptors: int) -> None:
    result = subprocess.run(
        [sys.executable, "-c", RECORDS, folder, str(descriptors)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert result.returncode == 0, result.stderr
    *errors, acknowledged = result.stdout.splitlines()
    if descriptors > 4:
        assert (errors, acknowledged) == ([], "160")
    if acknowledged == "0":
        assert len(errors) == 1  # refused at once
        return
    sessions = Reader(folder).sessions()
    assert sum(session.message_count for session in sessions) == int(acknowledged) == 160
    assert_sound(folder, recording=True)


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed there")
@pytest.mark.parametrize("again", [False, True], ids=["removed", "made again"])
async def test_a_removed_lock_file_lets_no_second_one_write(folder: Path, again: bool) -> None:
    async with SessionRecorder(folder) as recorder:
        await SessionManager(recorder, UTC_ZONE).start("one", CHANNEL, user_id="1", now=NOW)
        (folder / LOCK_NAME).unlink()
        if again:
            (folder / LOCK_NAME).touch()
        assert is_locked(folder)
        with pytest.raises(AlreadyRunning):
            await SessionRecorder(folder).open()
        await recorder.record(said(1, "text"))
    assert not is_locked(folder)
    async with SessionRecorder(folder) as recorder:
        await recorder.record(said(2, "text"))
    (session,) = Reader(folder).sessions()
    assert session.message_count == 2
