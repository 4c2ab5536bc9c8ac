"""Names of sessions are completed, and what a shell inserts is never run by it."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.recordings import record

from recorder.store.reading import Reader

pytestmark = pytest.mark.slow  # each starts a shell


def completed(words: str, folder: Path, **environment: str) -> list[str]:
    """What bash is told; the last word is the one that is being typed."""
    line = words.split(" ")
    result = subprocess.run(
        [Path(sys.executable).with_name("recorder")],
        env={
            **{name: value for name, value in os.environ.items() if name != "RECORDER_DATA"},
            "_RECORDER_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(line) - 1),
            **environment,
        },
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        cwd=folder,
    )
    assert result.stderr == ""
    return [line.removeprefix("plain,") for line in result.stdout.splitlines() if line]


def test_names_come_from_the_folder_that_is_named(data: Path, session: str, tmp_path: Path) -> None:
    assert completed(f"recorder --data {data} show OA", tmp_path) == ["oauth"]
    assert completed(f"recorder --data {data} merge oauth oa", tmp_path) == ["oauth"]
    assert completed(f"recorder --data {data} search --session oa", tmp_path) == ["oauth"]
    assert completed(f"recorder --data {data} show x", tmp_path) == []
    assert completed("recorder show oa", tmp_path, RECORDER_DATA=str(data)) == ["oauth"]
    (tmp_path / ".env").write_text(f"RECORDER_DATA={data}\n")
    assert completed("recorder show oa", tmp_path) == ["oauth"]
    assert "export" in completed("recorder ex", tmp_path)


def test_without_a_database_there_are_none(data: Path, tmp_path: Path) -> None:
    assert completed(f"recorder --data {data} show oa", tmp_path) == []
    assert not data.exists()
    data.mkdir()
    (data / "recorder.db").write_bytes(b"no database" * 1_000)
    assert completed(f"recorder --data {data} show oa", tmp_path) == []
    assert completed("recorder show oa", tmp_path, RECORDER_TZ="Nowhere") == []


def test_a_name_that_a_shell_would_run_is_completed_to_its_id(data: Path, tmp_path: Path) -> None:
    names = ["x$(reboot)", "x;y", "x y", "x'", "x[a-z]", "x&", "-x", "x{1,2}", "~x", "!x"]
    for name in names:
        asyncio.run(record(data, name, []))
    ids = {session.id for session in Reader(data).sessions()}
    assert set(completed(f"recorder --data {data} show ", tmp_path)) == ids
    asyncio.run(record(data, "schön-1.2_b", []))
    assert completed(f"recorder --data {data} show schö", tmp_path) == ["schön-1.2_b"]


def test_a_name_in_two_servers_is_completed_to_both_ids(data: Path, tmp_path: Path) -> None:
    asyncio.run(record(data, "deploy", [], guild="1"))
    asyncio.run(record(data, "Deploy", [], guild="2"))
    ids = {session.id for session in Reader(data).sessions()}
    assert set(completed(f"recorder --data {data} show dep", tmp_path)) == ids


def test_each_shell_gets_its_script(tmp_path: Path) -> None:
    for shell in ("bash", "zsh", "fish"):
        result = subprocess.run(
            [Path(sys.executable).with_name("recorder")],
            env={**os.environ, "_RECORDER_COMPLETE": f"{shell}_source"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert f"_RECORDER_COMPLETE={shell}_complete" in result.stdout
