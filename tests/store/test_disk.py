"""A disk that is full or read-only: recording stops loudly, and nothing acknowledged is lost."""

import asyncio
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
from support.recordings import CHANNEL, NOW, UTC_ZONE, assert_sound, record, said

from recorder import SessionManager, SessionRecorder
from recorder.errors import DataFolderError, StorageError
from recorder.store.database import prepare_folder
from recorder.store.reading import Reader
from scripts.torture_runs.full_disk import can_mount, small_disk

CAN_MOUNT = can_mount()

# Records until that fails, and says what it is told. A limit of more than 0 is one for the size
# of each file, for a system on which no small disk can be mounted.
RECORDS = textwrap.dedent("""
    import asyncio, sys
    from pathlib import Path
    from recorder import SessionManager, SessionRecorder
    from recorder.errors import RecordingFailed
    from recorder.models import Edit
    from support.recordings import CHANNEL, NOW, UTC_ZONE, said

    async def main(folder, length, at_once, limit):
        failures = []
        recorder = SessionRecorder(folder, queue_limit=4)
        recorder.on_failure = failures.append
        await recorder.open()
        manager = SessionManager(recorder, UTC_ZONE)
        await manager.start("full", CHANNEL, user_id="1", now=NOW)
        if limit:
            import resource, signal
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        number, errors = 0, []
        while not errors:
            numbers = range(number, number := number + at_once)
            results = await asyncio.gather(
                *(recorder.record(said(n, "x" * length)) for n in numbers), return_exceptions=True
            )
            for n, result in zip(numbers, results):
                if isinstance(result, BaseException):
                    errors.append(result)
                else:
                    print("acknowledged", n, result.message_index)
        print("failed", {type(error).__name__ for error in errors}, errors[0])
        for refused in (
            lambda: recorder.record(said(number)),
            lambda: recorder.enqueue(said(number)),
            lambda: recorder.flush(),
            lambda: manager.stop(CHANNEL.id, now=NOW),
        ):
            try:
                await refused()
            except RecordingFailed:
                print("refused")
        await recorder.close()
        print("told", len(failures), failures[0] is errors[0])

    folder, *numbers = sys.argv[1:]
    asyncio.run(main(Path(folder), *map(int, numbers)))
""")


@pytest.fixture(params=["everything", "files"] if CAN_MOUNT else ["limit"])
def full(request: pytest.FixtureRequest, folder: Path) -> Iterator[tuple[int, Callable[[], None]]]:
    """A data folder, or its JSONL files alone, on a small disk: its limit, and how to make room."""
    if request.param == "limit":
        yield 1_000_000, lambda: None
        return
    place = folder if request.param == "everything" else folder / "sessions"
    with small_disk(place, "2m" if place == folder else "200k") as remount:
        yield 0, lambda: remount("size=64m")


@pytest.mark.slow
@pytest.mark.parametrize(("length", "at_once"), [(100, 50), (1900, 10), (1900, 1), (60_000, 2)])
def test_a_full_disk_stops_recording_loudly_and_loses_nothing(
    folder: Path, full: tuple[int, Callable[[], None]], length: int, at_once: int
) -> None:
    limit, make_room = full
    run = subprocess.run(
        [sys.executable, "-c", RECORDS, *map(str, (folder, length, at_once, limit))],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    lines = run.stdout.splitlines()
    assert lines[-5:] == ["refused"] * 4 + ["told 1 True"], run.stdout + run.stderr
    assert lines[-6].startswith("failed {'RecordingFailed'} Writing to ")
    assert "Free space" in lines[-6]
    assert "never retrieved" not in run.stderr
    assert "Traceback" not in run.stderr
    words = [line.split() for line in lines[:-6]]
    acknowledged = {int(number): int(index) for _, number, index in words}
    assert len(acknowledged) > 1

    make_room()
    asyncio.run(go_on(folder))
    assert_sound(folder)
    assert not list((folder / "sessions").glob("*.damaged*")), "no file led the database"
    (session,) = Reader(folder).sessions()
    kept = {
        (r.message.message_id or 0) - 1000: r.message_index
        for r in Reader(folder).messages(session.id)
    }
    assert acknowledged.items() <= kept.items()
    assert 1_000_000 in kept


async def go_on(folder: Path) -> None:
    async with SessionRecorder(folder) as recorder:
        assert await recorder.record(said(1_000_000, "after there was room")) is not None


OPENS = textwrap.dedent("""
    import asyncio, resource, signal, sys
    from pathlib import Path
    from recorder import SessionRecorder
    from recorder.errors import StorageError

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    if limit := int(sys.argv[2]):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        asyncio.run(SessionRecorder(Path(sys.argv[1])).open())
    except StorageError as error:
        print(type(error).__name__, error)
""")


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [4, 64, 128])
def test_there_is_no_room_to_begin_with(folder: Path, kilobytes: int) -> None:
    limit = 0 if CAN_MOUNT else kilobytes * 512
    with small_disk(folder, f"{kilobytes}k") if CAN_MOUNT else nullcontext() as remount:
        command = [sys.executable, "-c", OPENS, str(folder), str(limit)]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        assert run.stdout.startswith("RecordingFailed Writing to ")
        assert "Free space" in run.stdout
        assert run.stderr == ""
        if remount:
            remount("size=8m")
        asyncio.run(record(folder, "session", ["one"]))
        assert_sound(folder)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A data folder that cannot be written to, by whatever binds this user."""
    if CAN_MOUNT:
        with small_disk(folder, "8m") as remount:
            asyncio.run(record(folder, "session", ["one"]))
            remount("ro")
            yield
    else:
        asyncio.run(record(folder, "session", ["one"]))
        parts = [folder, *folder.rglob("*")]
        modes = {part: part.stat().st_mode for part in parts}
        for part in parts:
            part.chmod(modes[part] & ~0o222)
        yield
        for part in parts:
            part.chmod(modes[part])


@pytest.mark.skipif(
    not CAN_MOUNT and os.name == "posix" and os.geteuid() == 0,
    reason="root may write everywhere, and nothing can be mounted here",
)
def test_a_read_only_folder_is_refused_and_left_as_it_is(folder: Path) -> None:
    with read_only(folder):
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        with pytest.raises(DataFolderError, match=r"(?i)give this user .*write access") as caught:
            asyncio.run(SessionRecorder(folder).open())
        assert str(folder) in str(caught.value)
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_data_folder_that_is_a_file_is_refused(folder: Path) -> None:
    folder.write_text("mine")
    with pytest.raises(DataFolderError, match=f"{folder} cannot be made.*RECORDER_DATA"):
        asyncio.run(SessionRecorder(folder).open())
    assert folder.read_text() == "mine"


@pytest.mark.parametrize("part", ["sessions", "exports", "attachments"])
def test_a_part_of_it_that_is_a_file_is_refused(folder: Path, part: str) -> None:
    folder.mkdir()
    (folder / part).write_text("mine")
    with pytest.raises(DataFolderError, match=f"{folder} cannot be made"):
        asyncio.run(SessionRecorder(folder).open())
    assert (folder / part).read_text() == "mine"


@pytest.mark.parametrize("name", ["recorder.lock", "recorder.db"])
def test_a_file_of_it_that_is_a_folder_is_refused(folder: Path, name: str) -> None:
    prepare_folder(folder)
    (folder / name).mkdir()
    with pytest.raises(DataFolderError, match="cannot be written") as caught:
        asyncio.run(SessionRecorder(folder).open())
    assert str(folder) in str(caught.value)


def test_a_folder_of_the_data_that_vanishes_while_recording_is_said(folder: Path) -> None:
    async def run() -> None:
        failures: list[StorageError] = []
        recorder = SessionRecorder(folder)
        recorder.on_failure = failures.append
        await recorder.open()
        (folder / "sessions").rmdir()
        manager = SessionManager(recorder, UTC_ZONE)
        with pytest.raises(StorageError, match=r"Writing to .*sessions.* failed"):
            await manager.start("session", CHANNEL, user_id="5", now=NOW)
        await recorder.close()
        assert len(failures) == 1

    asyncio.run(run())
