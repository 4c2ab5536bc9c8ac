"""Bad input and bad places: a sentence on standard error, the documented exit code, no change."""

import asyncio
import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.command_line import Run, call, state, unprivileged
from support.recordings import record

from recorder.cli import main

HUGE = "9" * 30


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that bad input must leave as it is."""
    folder = tmp_path_factory.mktemp("recorded") / "data"
    asyncio.run(record(folder, "oauth", ["first words", "second words"]))
    asyncio.run(record(folder, "deploy", ["other words"]))
    asyncio.run(record(folder, "Deploy", ["in another server"], guild="2"))
    (folder / "taken.md").write_text("mine")
    return folder


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("show nothing", 'no session "nothing"'),
        ("show deploy", "Say which by its id: "),
        ("show oauth --first 0", "not in the range"),
        (f"show oauth --first {HUGE}", "not in the range"),
        (f"show oauth --count {HUGE}", "not in the range"),
        ("show oauth --count many", "not a valid integer"),
        ("replay nothing", 'no session "nothing"'),
        ("replay oauth --speed nan", "not a number"),
        ("replay oauth --speed -1", "not in the range"),
        ("replay oauth --speed fast", "not a valid number"),
        ("replay oauth --longest-wait nan", "not a number"),
        ("export oauth pdf", "is not one of"),
        ("export nothing md", 'no session "nothing"'),
        ("export oauth md --output {data}/taken.md", "--force"),
        ("export oauth md --output {data}", "is a directory"),
        ("export oauth md --output {data} --force", "is a directory"),
        ("export oauth json --output - --json", "there is none"),
        ("stats nothing", 'no session "nothing"'),
        ("search", "Missing argument"),
        ("search words --session nothing", 'no session "nothing"'),
        ("search words --sort loudest", "is not one of"),
        ("search words --limit 0", "not in the range"),
        (f"search words --limit {HUGE}", "not in the range"),
        (f"search words --offset {HUGE}", "not in the range"),
        ("search --fts AND", "FTS5"),
        ("verify nothing", 'no session "nothing"'),
        ("repair nothing", 'no session "nothing"'),
        ("tag oauth words/slash", "Leave out"),
        ("tag oauth x --message 0", "not in the range"),
        (f"tag oauth x --message {HUGE}", "not in the range"),
        ("tag oauth x --message 3", "message"),
        ("tag nothing x", 'no session "nothing"'),
        ("untag oauth x", 'no tag "x"'),
        ("goto oauth x", 'no tag "x"'),
        ("tags nothing", 'no session "nothing"'),
        ("merge oauth --output both", "at least two"),
        ("merge oauth oauth --output both", "at least two"),
        ("merge oauth nothing --output both", 'no session "nothing"'),
        ("merge oauth deploy", "Missing option '--output'"),
        ("rename oauth deploy", "is taken"),
        ("rename oauth a/b", "Leave out"),
        ("delete oauth", "Nothing was deleted"),
        ("delete nothing --yes", 'no session "nothing"'),
        ("import {data}/nothing.jsonl", "does not exist"),
        ("import {data}", "is a directory"),
        ("import {data}/taken.md", "Nothing was imported"),
        ("import {data}/taken.md --guild mine", "a number"),
        ("import {data}/taken.md {data}/taken.md --name x", "one file"),
        ("import /dev/null", "not a regular file"),
        ("backup {data}", "in the data folder itself"),
        ("backup {data}/exports/b", "in the data folder itself"),
        ("backup {data}/taken.md", "is a file"),
        ("--timezone Nowhere list", "RECORDER_TZ"),
        ("frobnicate", "No such command"),
        ("list --frobnicate", "No such option"),
    ],
)
def test_bad_input_is_2_and_changes_nothing(recorded: Path, arguments: str, said: str) -> None:
    before = state(recorded)
    result = call(recorded, *arguments.format(data=recorded).split())
    assert result.exit_code == 2
    assert said in result.stderr and "Error: " in result.stderr
    assert result.stdout == ""
    assert state(recorded) == before


@pytest.mark.parametrize("option", ["--data", "--timezone"])
def test_an_option_without_a_value_is_not_the_default(option: str) -> None:
    result = CliRunner().invoke(main, [option, "", "list"])
    assert result.exit_code == 2 and f"{option} is empty" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        "list",
        "show oauth",
        "stats",
        "stats oauth",
        "search words",
        "search nothing-of-this",
        "tags oauth",
        "verify",
        "doctor",
        "export oauth md --force",
    ],
)
def test_json_is_alone_on_standard_output(recorded: Path, arguments: str) -> None:
    result = call(recorded, *arguments.split(), "--json")
    assert json.loads(result.stdout) is not None
    assert result.exit_code == (1 if "nothing" in arguments else 0)
    assert result.stderr == ""


def test_json_of_a_tagged_moment_and_of_a_backup(recorded: Path, tmp_path: Path) -> None:
    assert call(recorded, "export", "oauth", "md", "--force").exit_code == 0
    folder = tmp_path / "copy"
    backup = json.loads(call(recorded, "backup", str(folder), "--json").stdout)
    assert backup["files"] == len(list((recorded / "exports").iterdir())) > 0
    assert backup["bytes"] == sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    assert call(folder, "tag", "oauth", "here", "--message", "1").exit_code == 0
    moment = json.loads(call(folder, "goto", "oauth", "here", "--json").stdout)
    assert [message["message_index"] for message in moment] == [1, 2]
    assert moment[0]["content"] == "first words"


def test_deleting_asks_first(recorded: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(recorded, folder)
    assert call(folder, "delete", "oauth", typed="n\n").exit_code == 2
    assert call(folder, "show", "oauth").exit_code == 0
    assert call(folder, "delete", "oauth", typed="y\n").exit_code == 0
    assert call(folder, "show", "oauth").exit_code == 2


@pytest.mark.parametrize(
    "arguments", ["init", "list", "show x", "verify", "repair", "backup {}/b", "tag x y", "stats"]
)
def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path, arguments: str) -> None:
    path = tmp_path / "file"
    path.write_text("mine")
    result = call(path, *arguments.format(tmp_path).split())
    assert result.exit_code == 3
    assert str(path) in result.stderr
    assert path.read_text() == "mine"
    assert call(path, "doctor").exit_code == 1


@pytest.mark.parametrize("damage", ["cut", "overwritten"])
@pytest.mark.parametrize("arguments", ["list", "show oauth", "search words", "stats", "init"])
def test_a_damaged_database_is_3(
    recorded: Path, tmp_path: Path, damage: str, arguments: str
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(recorded, folder, ignore=shutil.ignore_patterns("*-shm", "*-wal"))
    path = folder / "recorder.db"
    whole = path.read_bytes()
    path.write_bytes(whole[:30_000] if damage == "cut" else whole[:4096] + b"Z" * len(whole[4096:]))
    result = call(folder, *arguments.split())
    assert result.exit_code == 3
    assert f"{path} is damaged" in result.stderr and "backup" in result.stderr
    assert call(folder, "doctor").exit_code == 1


def test_what_cannot_be_repaired_is_1(recorded: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(recorded, folder)
    connection = sqlite3.connect(folder / "recorder.db")
    connection.execute("UPDATE lines SET line = replace(line, 'first', 'forged')")
    connection.commit()
    connection.close()
    result = call(folder, "repair")
    assert result.exit_code == 1
    assert "Not repairable" in result.stdout
    assert call(folder, "verify").exit_code == 1


@pytest.mark.slow
def test_a_folder_without_rights_is_3(recorded: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(recorded, folder, ignore=shutil.ignore_patterns("*-shm", "*-wal"))
    paths = [folder, *folder.rglob("*")]
    modes = {path: path.stat().st_mode for path in paths}
    for path in paths:
        path.chmod(modes[path] & ~0o222)
    try:
        result = unprivileged(folder, "tag", "oauth", "x")
        assert result.returncode == 3
        assert result.stderr.startswith("Error: ") and "access" in result.stderr
        (folder / "recorder.db").chmod(0)
        assert unprivileged(folder, "list").returncode == 3
        folder.chmod(0)
        for command in ("list", "init"):
            result = unprivileged(folder, command)
            assert result.returncode == 3 and "Traceback" not in result.stderr
    finally:
        for path in paths:
            path.chmod(modes[path])


@pytest.mark.slow
@pytest.mark.parametrize("arguments", ["list", "list --json", "export oauth md -o -", "--help"])
def test_output_that_cannot_be_written_is_3(recorded: Path, arguments: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "recorder", "--data", str(recorded), *arguments.split()]
        result = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert result.returncode == 3
    assert result.stderr == "Error: Output is cut off (No space left on device).\n"


def test_env_files_that_cannot_be_read_are_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe")
    result = run("list")
    assert result.returncode == 2 and ".env cannot be read" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", ["list", "show long", "search words", "show long --json", "export long txt -o -"]
)
def test_a_reader_that_has_seen_enough_is_no_error(
    data: Path, tmp_path: Path, arguments: str
) -> None:
    asyncio.run(record(data, "long", ["words " * 300] * 100))
    process = subprocess.Popen(
        [sys.executable, "-m", "recorder", "--data", str(data), *arguments.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 0
