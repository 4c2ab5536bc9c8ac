"""``recorder erase``."""

import asyncio
from pathlib import Path

import pytest
from support.command_line import Run
from support.secretive import found_in, record_secrets

from recorder.store.reading import Reader


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    asyncio.run(record_secrets(folder))
    return folder


def test_a_dry_run_says_what_would_go_and_changes_nothing(data: Path, run: Run) -> None:
    before = found_in(data)
    shown = run("erase", "--user", "666", "--dry-run")
    assert shown.returncode == 0
    _, second = sorted(s.file_path for s in Reader(data).sessions())
    assert sorted(shown.stdout.splitlines()) == sorted(
        [
            "2 messages, 8 lines of content",
            "  with 1 attached file, where kept",
            "  in first",
            "  in second",
            "  exports/first.jsonl is removed",
            "  exports/second.jsonl is removed",
            "  exports/unknown.txt is removed",
            f"  {second}.damaged is removed",
        ]
    )
    assert found_in(data) == before


def test_it_asks_first_and_names_what_it_needs(data: Path, run: Run) -> None:
    assert "Use --yes to skip the question" in run("erase", "--user", "666").stderr
    assert found_in(data)
    for wrong in ([], ["--user", "1", "--retention", "3"], ["--user", "x"], ["--session", "no"]):
        assert run("erase", *wrong).returncode == 2
    assert run("erase", "--user", "667", "--yes").stdout == "There is nothing to erase.\n"
    done = run("erase", "--user", "666", "--yes")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (
        0,
        "Erased. Backups and copies outside the data folder are not affected.",
    )
    assert found_in(data) == {}
    assert run("verify").returncode == 0
