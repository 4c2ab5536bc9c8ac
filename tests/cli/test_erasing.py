"""``recorder erase``."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.command_line import Run
from support.recordings import CHANNEL, NOW, UTC_ZONE, said
from support.secretive import SECRETS, found_in, record_secrets

from recorder import SessionManager, SessionRecorder
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
            "jack_o_lantern (also Jack O'Lantern), id 666",
            "2 messages, 6 lines of content",
            "  names and ids in 2 lines of others",
            "  2 recordings started, without the id",
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
    verified = run("verify")
    assert verified.returncode == 0
    assert "lines erased by 1 erasure." in verified.stdout, "although two sessions are concerned"


def test_a_name_says_whom_if_only_one_has_it(data: Path, run: Run) -> None:
    """A user name or a display name, whatever its case; an ambiguous one lists who has it."""

    async def namesake() -> None:
        async with SessionRecorder(data) as recorder:
            manager = SessionManager(recorder, UTC_ZONE)
            await manager.start("third", CHANNEL, user_id="5", now=NOW)
            message = said(20, "hi", author="other", author_id="777")
            await recorder.record(replace(message, extra={"display_name": SECRETS[2]}))

    assert "id 666" in run("erase", "--user", "jack o'lantern", "--dry-run").stdout
    asyncio.run(namesake())
    ambiguous = run("erase", "--user", SECRETS[2], "--yes")
    assert ambiguous.returncode == 2 and "may be one of 2 people" in ambiguous.stderr
    assert "id 666 (2 messages)" in ambiguous.stderr and "id 777 (1 message)" in ambiguous.stderr
    assert "Nobody in the recordings is called" in run("erase", "--user", "nobody").stderr
    told = json.loads(run("erase", "--user", "Jack O'Lantern", "--yes", "--json").stdout)
    assert told["user"] == {"id": "666", "names": list(SECRETS[2:4])}
    assert (told["erased"], told["finished"], told["started"]) == (True, True, 2)
    assert run("verify").returncode == 0


def test_people_are_listed_with_their_ids(data: Path, run: Run) -> None:
    first, second = json.loads(run("people", "--json").stdout)
    assert (first["id"], first["names"], first["messages"]) == ("5", ["STRYK"], 4)
    assert second == {
        "id": "666",
        "names": ["jack_o_lantern", "Jack O'Lantern"],
        "messages": 2,
        "commands": 0,
        "reactions": 2,
        "mentions": 0,
        "started": 2,
    }
    lines = run("people", "--csv").stdout.splitlines()
    assert lines[0] == "id,names,messages,commands,reactions,mentions,started"
    assert lines[1:] == ["5,STRYK,4,0,2,0,0", '666,"jack_o_lantern, Jack O\'Lantern",2,0,2,0,2']
    shown = run("people").stdout
    assert "666" in shown and "Jack O'Lantern" in shown and "2 people" in shown
    assert run("people", "--json", "--csv").returncode == 2
    run("erase", "--user", "666", "--yes")
    assert [person["id"] for person in json.loads(run("people", "--json").stdout)] == ["5"]
