"""What ``scripts/torture`` does for long, in short: nothing is lost, and losses are seen."""

import random
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner

from scripts.torture_runs import integrity
from scripts.torture_runs.__main__ import main, show
from scripts.torture_runs.child import Orders
from scripts.torture_runs.damaged_files import cut_files, flip_bytes
from scripts.torture_runs.forgeries import forge
from scripts.torture_runs.injected_errors import fail_syncs, inject
from scripts.torture_runs.integrity import Result
from scripts.torture_runs.kills import kill
from scripts.torture_runs.power_cuts import cut_power, record_traced
from scripts.torture_runs.simulated_disk import SimulatedDisk
from scripts.torture_runs.tracing import SystemCall, has_strace

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="has no signals to kill with"),
]
traced = pytest.mark.skipif(not has_strace(), reason="strace is not installed")


@pytest.fixture
def chance() -> random.Random:
    return random.Random(1)


def assert_passed(result: Result, runs: int) -> None:
    assert result.faults == []
    assert (result.lost, result.damaged) == (0, 0)
    assert result.runs >= runs
    assert result.acknowledged > 0
    assert result.passed


def test_forgeries_are_named(tmp_path: Path, chance: random.Random) -> None:
    results = list(forge(tmp_path, chance, step=23))
    assert [fault for result in results for fault in result.faults] == []
    assert sum(result.runs for result in results) > 50


def test_kills_at_any_moment_lose_nothing(tmp_path: Path, chance: random.Random) -> None:
    assert_passed(kill(tmp_path, 5, chance), 5)


@traced
def test_power_cuts_lose_nothing(tmp_path: Path, chance: random.Random) -> None:
    assert_passed(cut_power(tmp_path, 30, chance), 30)


@traced
def test_they_would_if_commits_were_not_synced(tmp_path: Path, chance: random.Random) -> None:
    # Where the power is cut is chance: a few rounds may lose nothing.
    results = (cut_power(tmp_path, 20, chance, synchronous_normal=True) for _ in range(5))
    assert any(result.passed and result.lost > 0 for result in results)


@traced
@pytest.mark.parametrize(
    ("name", "error", "numbers"),
    [
        ("fdatasync", "EIO", [14]),
        ("pwrite64", "ENOSPC", [150]),
    ],
)
def test_a_call_that_fails_loses_nothing(
    tmp_path: Path, name: str, error: str, numbers: Iterable[int]
) -> None:
    assert_passed(inject(tmp_path, names=[name], errors=[error], numbers=numbers), 2)


@traced
def test_a_power_cut_after_a_sync_that_failed_loses_nothing(
    tmp_path: Path, chance: random.Random
) -> None:
    assert_passed(fail_syncs(tmp_path, chance, names=["fdatasync"], numbers=[10]), 40)


def test_a_file_cut_at_any_byte_is_named_and_made_whole(tmp_path: Path) -> None:
    assert_passed(cut_files(tmp_path, step=101), 40)


def test_a_file_with_any_byte_flipped_is_named_and_made_whole(
    tmp_path: Path, chance: random.Random
) -> None:
    assert_passed(flip_bytes(tmp_path, chance, step=101), 40)


# Failures that went by unsaid.


@traced
@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("ftruncate:error=EIO:when=1", "DataFolderError Writing to .*recorder.lock failed"),
        ("write:error=ENOSPC:when=1", "DataFolderError Writing to .*recorder.lock failed"),
        ("fdatasync:error=EIO:when=1", "RecordingFailed Writing to .*recorder.db failed"),
        ("fsync:error=EIO:when=1", "DataFolderError The data folder .* cannot be made"),
        ("fsync:error=EIO:when=2", "RecordingFailed Writing to .*recorder.db failed"),
    ],
)
def test_a_start_says_what_failed(tmp_path: Path, fault: str, says: str) -> None:
    said = record_traced(Orders(str(tmp_path / "data"), count=1, at_once=1), tmp_path, [fault])
    assert re.match(says, said.failure)
    assert said.acknowledged == {}


@traced
def test_a_checkpoint_that_fails_stops_recording(tmp_path: Path) -> None:
    orders = Orders(str(tmp_path / "data"), count=2000, sync_seconds=0.05)
    fault = "pwrite64:error=EIO:when=5+"  # of the database alone: the first make it
    said = record_traced(orders, tmp_path, [fault], only=["recorder.db"])
    assert said.failure.startswith("RecordingFailed Writing to ")
    assert len(said.acknowledged) < 2000


# The disk that the power cuts are tried on.


def call(name: str, path: Path, data: bytes = b"", *numbers: int, result: int = 0) -> SystemCall:
    result = len(data) or result
    return SystemCall(name, str(path), data, numbers, "", result, injected=False)


def contents(folder: Path, calls: list[SystemCall], tmp_path: Path) -> set[bytes | None]:
    """What a file can hold after these calls and a power cut; ``None`` when it is gone."""
    chance = random.Random(1)
    found = set()
    for number in range(60):
        disk = SimulatedDisk(folder)
        for one in calls:
            disk.apply(one, chance)
        after = tmp_path / str(number)
        after.mkdir(parents=True)
        disk.cut_power(after, chance)
        file = after / "data" / "file"
        found.add(file.read_bytes() if file.exists() else None)
    return found


def test_the_simulated_disk_keeps_what_was_synced_and_maybe_the_rest(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    file = folder / "file"
    made = [call("mkdir", folder), call("fsync", tmp_path), call("openat", file, result=3)]
    named = [*made, call("fsync", folder)]
    old = [*named, call("pwrite64", file, b"old", 3, 0), call("fdatasync", file)]
    new = [*old, call("pwrite64", file, b"NEW", 3, 0)]
    failed = [*new, call("fdatasync", file, result=-1), call("fdatasync", file)]

    assert contents(folder, made, tmp_path / "1") == {b"", None}
    assert contents(folder, old, tmp_path / "2") == {b"old"}
    torn = {b"old", b"Nld", b"NEd", b"NEW"}
    assert {b"old", b"NEW"} < contents(folder, new, tmp_path / "3") <= torn
    assert {b"old"} < contents(folder, failed, tmp_path / "4") <= torn
    assert contents(folder, [*new, call("fdatasync", file)], tmp_path / "5") == {b"NEW"}
    shorter = [*old, call("ftruncate", file, b"", 1)]
    assert contents(folder, shorter, tmp_path / "6") == {b"old", b"o"}
    removed = [*old, call("unlink", file)]
    assert contents(folder, removed, tmp_path / "7") == {b"old", None}
    assert contents(folder, [*removed, call("fsync", folder)], tmp_path / "8") == {None}


def test_a_call_that_the_simulated_disk_does_not_know_is_not_overlooked(tmp_path: Path) -> None:
    with pytest.raises(NotImplementedError, match="rename"):
        SimulatedDisk(tmp_path).apply(call("rename", tmp_path / "file"), random.Random(1))


def test_the_table_tells_what_passed(capsys: pytest.CaptureFixture[str]) -> None:
    lost = Result("lost some", runs=3, acknowledged=1000, lost=2, note="a note")
    show([Result("well", runs=1, acknowledged=5), lost, Result("control", must_lose=True)])
    shown = capsys.readouterr().out
    rows = [line for line in shown.splitlines() if line.startswith("│")]
    assert [row.strip("│ ").rpartition("│")[2].strip() for row in rows] == [
        "passed",
        "FAILED",
        "FAILED: lost nothing",
    ]
    assert "lost some: a note" in shown


@pytest.mark.parametrize("lost", [0, 1])
def test_the_exit_code_tells_whether_anything_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    kept = integrity.kept
    monkeypatch.setattr(integrity, "kept", lambda folder: dict(list(kept(folder).items())[lost:]))
    run = CliRunner().invoke(main, ["kills", "--kills", "1", "--folder", str(tmp_path)])
    assert run.exit_code == lost
    assert ("FAILED" in run.output) == bool(lost)
