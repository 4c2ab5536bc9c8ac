"""Every command with good and bad input, by its output and its exit code."""

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from support.command_line import Run
from support.recordings import NOW, record


def test_help_names_the_exit_codes(run: Run) -> None:
    result = run("--help")
    assert result.returncode == 0
    assert "Exit codes:" in result.stdout
    assert run("frobnicate").returncode == 2
    assert run("--version").stdout.startswith("recorder, version ")


def test_init_and_an_empty_list(run: Run, data: Path) -> None:
    assert run("list").returncode == 3
    assert f"{data} is ready." in run("init").stdout
    assert run("init").returncode == 0
    assert run("list").stdout == "Nothing has been recorded yet.\n"
    assert json.loads(run("list", "--json").stdout) == []
    assert (data / "recorder.db").stat().st_mode & 0o777 == 0o600
    assert data.stat().st_mode & 0o777 == 0o700


def test_list_and_show(run: Run, session: str) -> None:
    listed = run("list").stdout
    assert "oauth" in listed and "1h 23m" in listed and "1 session, 3 messages" in listed
    (listed_json,) = json.loads(run("list", "--json").stdout)
    assert listed_json["name"] == "oauth" and listed_json["duration_seconds"] == 4980
    shown = run("show", "OAUTH").stdout
    assert "[3:45 PM] STRYK: !ai How do I implement OAuth2?\n" in shown
    assert "two\n    lines" in shown
    assert "\x1b" not in shown and "red [bold]x[/bold]" in shown
    assert "two" not in run("show", "oauth", "--count", "1").stdout
    assert "OAuth2" not in run("show", "oauth", "--first", "2").stdout
    shown_json = json.loads(run("show", listed_json["id"], "--json").stdout)
    assert [m["content"] for m in shown_json["messages"]][1] == "two\nlines"
    assert "There is no session" in run("show", "nothing").stderr
    assert run("show", "nothing").returncode == 2
    assert run("show", b"\xff".decode(errors="surrogateescape")).returncode == 2


def test_a_name_in_two_servers_is_asked_for_by_id(run: Run, data: Path, session: str) -> None:
    asyncio.run(record(data, "OAuth", ["other"], guild="2"))
    result = run("show", "oauth")
    assert result.returncode == 2
    ids = result.stderr.rstrip(".\n").rpartition(": ")[2].split(", ")
    assert len(ids) == 2
    assert all(run("show", id).returncode == 0 for id in ids)


def test_replay_keeps_the_order(run: Run, session: str) -> None:
    replayed = run("replay", "oauth", "--speed", "100")
    assert replayed.stdout.index("OAuth2") < replayed.stdout.index("two")
    lines = run("replay", "oauth", "--longest-wait", "0", "--json").stdout.splitlines()
    assert [json.loads(line)["message_id"] for line in lines] == ["1000", "1001", "1002"]
    assert run("replay", "oauth", "--speed", "0").returncode == 2


@pytest.mark.parametrize("format", ["txt", "md", "json", "jsonl"])
def test_export(run: Run, data: Path, session: str, format: str, tmp_path: Path) -> None:
    assert run("export", "oauth", format).returncode == 0
    text = (data / "exports" / f"oauth.{format}").read_text(encoding="utf-8")
    assert "How do I implement OAuth2?" in text
    assert run("export", "oauth", format, "-o", "-").stdout == text
    again = run("export", "oauth", format)
    assert again.returncode == 2 and "already exists" in again.stderr
    assert run("export", "oauth", format, "--force").returncode == 0
    missing = run("export", "oauth", format, "-o", tmp_path / "no" / "folder" / "x")
    assert missing.returncode == 3
    assert run("export", "oauth", "pdf").returncode == 2


def test_verify_names_the_line_and_repair_brings_it_back(
    run: Run, data: Path, session: str
) -> None:
    assert run("verify").stdout == ("1 session, 5 lines checked: file and database agree.\n")
    (path,) = (data / "sessions").iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"two", b"tow"))
    result = run("verify", "oauth")
    assert result.returncode == 1
    assert f"sessions/{path.name}, line 3: differs from byte" in result.stdout
    report = json.loads(run("verify", "--json").stdout)
    assert report["sound"] is False and len(report["sessions"][0]["faults"]) == 1
    assert run("repair").returncode == 0
    assert path.read_bytes() == whole
    assert path.with_name(f"{path.name}.damaged").read_bytes() == whole.replace(b"two", b"tow")
    assert run("verify").returncode == 0


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE messages SET content = 'x' WHERE message_index = 2", "line 3: its message"),
        ("UPDATE lines SET line = replace(line, 'two', 'tow')", "line 3: was changed in"),
        ("DELETE FROM lines WHERE line_number = 3", "line 3: is missing in the database"),
        ("DELETE FROM messages WHERE message_index = 2", "line 3: has no row in messages"),
        ("UPDATE recording_sessions SET message_count = 4", "the database counts 4"),
        ("UPDATE recording_sessions SET head = x'00'", "the head of the chain does not match"),
        ("DELETE FROM messages_fts_docsize WHERE id = 2", "full-text index: differs"),
        ("DELETE FROM messages_fts_data WHERE id > 10", "full-text index: differs"),
    ],
)
def test_verify_finds_what_was_changed_in_the_database(
    run: Run, data: Path, session: str, statement: str, fault: str
) -> None:
    connection = sqlite3.connect(data / "recorder.db")
    connection.execute(statement)
    connection.commit()
    connection.close()
    result = run("verify")
    assert result.returncode == 1
    assert fault in result.stdout


def test_import_keeps_the_bytes(run: Run, data: Path, session: str, tmp_path: Path) -> None:
    (path,) = (data / "sessions").iterdir()
    elsewhere = tmp_path / path.name
    shutil.move(path, elsewhere)
    shutil.rmtree(data)
    assert run("import", elsewhere).stdout == "oauth: 3 messages\n"
    imported = (data / "sessions" / path.name).read_bytes()
    assert imported.startswith(elsewhere.read_bytes())
    assert run("export", "oauth", "jsonl", "-o", "-").stdout.encode() == imported
    assert run("verify").returncode == 0
    again = run("import", elsewhere)
    assert (again.returncode, again.stdout) == (0, "oauth: 3 messages, 0 new\n")
    assert run("verify").returncode == 0


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b'{"timestamp": "2025-11-08T15:45', "has no newline: it may be cut off"),
        (b'{"foreign": true}\n', "has no text"),
        (b"\xff\xfe\n", "is not UTF-8"),
        (b"[]\n", "is not a JSON object"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_comes_in(
    run: Run, data: Path, tmp_path: Path, line: bytes, fault: str
) -> None:
    good = b'{"timestamp": "2025-11-08T15:45:00", "author": "a", "author_id": "bot", '
    good += b'"content": "hello", "type": "user_message"}\n'
    path = tmp_path / "foreign.jsonl"
    path.write_bytes(good + line)
    run("init")
    result = run("import", path, "--strict")
    assert result.returncode == 2
    assert f"{path}, line 2:" in result.stderr and fault in result.stderr
    assert run("list").stdout == "Nothing has been recorded yet.\n"
    assert list((data / "sessions").iterdir()) == []
    rest = run("import", path)
    assert (rest.returncode, rest.stdout) == (1, "foreign: 1 message\n")
    assert rest.stderr.startswith(f"Skipped: {path}, line 2: ") and fault in rest.stderr
    assert run("verify").returncode == 0


def test_discord_chat_exporters_files_go_in_and_out(run: Run, data: Path, tmp_path: Path) -> None:
    author = {"id": "5", "name": "mira"}
    messages: list[dict[str, object]] = [
        {"id": str(n), "type": "Default", "timestamp": NOW.isoformat(), "author": author}
        for n in range(1, 5)
    ]
    messages[2]["author"] = "nobody"
    root = {"guild": {"id": "9"}, "channel": {"id": "8", "name": "general"}, "messages": messages}
    path = tmp_path / "Crew - general [8].json"
    path.write_text(json.dumps(root))
    result = run("import", path)
    assert (result.returncode, result.stdout) == (1, "general: 3 messages\n")
    assert f"{path}, message 3 (byte " in result.stderr
    out = data / "exports" / "general.dce.json"
    assert run("export", "general", "dce").stdout.startswith(f"{out}: 3 messages")
    assert run("import", out).stdout == "general: 3 messages, 0 new\n"
    assert run("export", "general", "csv", "-o", "-").stdout.count("\n") == 4
    assert run("verify").returncode == 0


def test_tags_and_merging(run: Run, data: Path, session: str) -> None:
    assert run("tag", "oauth", "found", "--message", "2").stdout == "found marks message 2.\n"
    assert run("tag", "oauth", "found").stdout == "found-2 marks message 3.\n"
    assert json.loads(run("tags", "oauth", "--json").stdout)[0]["message_index"] == 2
    assert "➡ [3:45 PM] STRYK: two" in run("goto", "oauth", "FOUND").stdout
    assert run("goto", "oauth", "lost").returncode == 2
    assert run("untag", "oauth", "found").returncode == 0
    asyncio.run(record(data, "second", ["other words"]))
    assert run("merge", "oauth", "second", "--output", "both").stdout == "both: 3 messages\n"
    assert run("merge", "oauth", "--output", "x").returncode == 2
    assert run("rename", "both", "Two of them").returncode == 0
    assert run("rename", "oauth", "TWO OF THEM").returncode == 2
    assert run("delete", "second").returncode == 2, "nobody confirmed"
    assert run("delete", "second", "--yes").returncode == 0
    assert run("verify").returncode == 0


def test_databases_that_are_not_ours(run: Run, data: Path, tmp_path: Path) -> None:
    data.mkdir()
    path = data / "recorder.db"
    path.write_text("no database at all, just text that is long enough to be looked at" * 20)
    for command in ("list", "init", "verify"):
        result = run(command)
        assert result.returncode == 3 and str(path) in result.stderr
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE mine (x)")
    connection.close()
    before = path.read_bytes()
    result = run("init")
    assert result.returncode == 3 and "not a database of the recorder" in result.stderr
    assert path.read_bytes() == before
    path.unlink()
    assert run("init").returncode == 0
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    result = run("list")
    assert result.returncode == 3 and "newer recorder" in result.stderr


def test_wrong_settings_name_the_variable(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("RECORDER_TZ=Nowhere/Land\n")
    result = run("list")
    assert result.returncode == 2 and "RECORDER_TZ" in result.stderr
    (tmp_path / ".env").unlink()
    assert "DISCORD_TOKEN" in run("bot").stderr
    assert run("doctor").returncode == 1, "there is no data folder"


def test_names_are_completed(data: Path, session: str) -> None:
    environment = {
        **os.environ,
        "_RECORDER_COMPLETE": "bash_complete",
        "COMP_WORDS": f"recorder --data {data} show oa",
        "COMP_CWORD": "4",
    }
    script = Path(sys.executable).with_name("recorder")
    result = subprocess.run([script], env=environment, capture_output=True, text=True, check=False)
    assert result.stdout == "plain,oauth\n"
