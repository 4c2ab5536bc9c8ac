"""What people see on a terminal: recorded text as it was said, and nothing that it commands."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command_line import Run
from support.recordings import NOW, record

from recorder.formats.session_exporter import FORMATS

Terminal = Callable[..., tuple[int, str]]

SAID = [
    "[bold]not bold[/bold] [/] [link=x]",
    ":smile: 12:bug:30 C:\\",
    "\x1b]0;owned\x07 \x9b2J \u202egnp.exe",
    "全角\u3000と\u00a0👨\u200d👩\u200d👧",
]
COMMANDING = "[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
SHOWN = [
    "[bold]not bold[/bold] [/] [link=x]",
    ":smile: 12:bug:30 C:\\",
    "\ufffd]0;owned\ufffd \ufffd2J \ufffdgnp.exe",
    "全角\u3000と\u00a0👨\u200d👩\u200d👧",
]


@pytest.fixture
def said(data: Path) -> str:
    asyncio.run(record(data, "[i]said [x", SAID))
    return "[i]said [x"


def test_messages_are_shown_as_they_were_said(run: Run, on_terminal: Terminal, said: str) -> None:
    expected = "".join(f": {text}\n" for text in SHOWN)
    for command in (("show", said), ("replay", said, "--longest-wait", "0")):
        lines = run(*command).stdout.splitlines(keepends=True)[-4:]
        assert "".join(line.removeprefix("[3:45 PM] STRYK") for line in lines) == expected
    code, shown = on_terminal("show", said)
    assert code == 0
    assert all(f": {text}\r\n" in shown for text in SHOWN)
    assert "\x1b]0;" not in shown and "\x9b" not in shown
    assert "\x1b[1;36mSTRYK\x1b[0m" in shown
    assert f"\x1b[1m{said}\x1b[0m (" in shown


@pytest.mark.slow
def test_names_from_files_command_no_terminal(on_terminal: Terminal, tmp_path: Path) -> None:
    line = {
        "timestamp": NOW.isoformat(),
        "author": "\x1b[31mme\r\n[3:45 PM] You",
        "author_id": "1",
        "content": "!run\x1b[2J words",
        "type": "user_message",
    }
    path = tmp_path / "[red]forged [x.jsonl"
    path.write_text(f"{json.dumps(line)}\n")
    code, shown = on_terminal("import", str(path), "--name", "forged")
    assert code == 0 and "[red]forged [x.jsonl" in shown and "forged: 1 message\r\n" in shown
    for arguments in (["show", "forged"], ["stats"], ["search", "words"]):
        code, shown = on_terminal(*arguments)
        assert code == 0
        assert "\x1b[31m" not in shown and "\x1b[2J" not in shown
        assert "\n[3:45 PM] You" not in shown
    code, shown = on_terminal("show", "\x1b[31mme")
    assert code == 2 and "\x1b[31m" not in shown


@pytest.mark.slow
def test_output_for_programs_commands_no_terminal(
    run: Run, on_terminal: Terminal, said: str
) -> None:
    select = "SELECT author, content FROM messages"
    for arguments in (
        *((command, said, "--json") for command in ("show", "stats")),
        ("replay", said, "--json", "--longest-wait", "0"),
        ("search", "owned", "--json"),
        *(("sql", select, option) for option in ("--csv", "--tsv", "--json", "--nl", "--table")),
        *(("export", said, format, "-o", "-") for format in FORMATS),
        ("export", "no\x1b[2J\u202e", "md"),
        ("export", said, "no\x1b[2J\u202e"),
        ("stats", "--png", "-"),
    ):
        _, shown = on_terminal(*arguments)
        styled = re.sub(r"\x1b\[[\d;]*m", "", shown)
        assert not re.search(COMMANDING, styled), (arguments, styled)
    lines = json.loads(on_terminal("show", said, "--json")[1])["messages"]
    assert [line["content"] for line in lines] == SAID
    code, shown = on_terminal("sql", f"{select} ORDER BY id LIMIT 1 OFFSET 2", "--csv")
    assert code == 0 and "\\u001b]0;owned\\u0007 \\u009b2J \\u202egnp.exe" in shown
    # A pipe gets every character, and JSON none that a terminal would obey later.
    assert SAID[2] in run("sql", select, "--csv").stdout
    assert SAID[2][-12:] in run("export", said, "jsonl", "-o", "-").stdout
    assert not re.search(COMMANDING, run("show", said, "--json").stdout)


@pytest.mark.parametrize("columns", [10, 60, 200])
def test_a_narrow_terminal_loses_nothing(on_terminal: Terminal, said: str, columns: int) -> None:
    code, shown = on_terminal("list", columns=columns)
    assert code == 0
    assert all(text in shown for text in (said, "2025-11-08 3:45 PM", "1h 23m", "stopped"))


def test_a_table_in_a_pipe_has_a_line_a_session(run: Run, data: Path) -> None:
    name = "n" * 100
    asyncio.run(record(data, name, ["hello"]))
    assert f" {name}  2025-11-08" in run("list").stdout


def test_progress_is_for_terminals_alone(run: Run, on_terminal: Terminal, said: str) -> None:
    code, shown = on_terminal("verify")
    assert code == 0
    assert "Verifying" in shown and "100%" in shown
    assert "file and database agree" in shown
    assert run("verify").stderr == ""


@pytest.mark.slow
def test_an_old_encoding_is_no_error(data: Path, said: str) -> None:
    def out(*arguments: str) -> bytes:
        return subprocess.run(
            [sys.executable, "-m", "recorder", "--data", data, *arguments],
            env={**os.environ, "PYTHONIOENCODING": "latin-1"},
            capture_output=True,
            check=True,
        ).stdout

    assert b": :smile: 12:bug:30 C:\\\n" in out("show", said)
    assert ": ???と".encode("latin-1", "replace") in out("show", said)
    messages = json.loads(out("show", said, "--json"))["messages"]
    assert [message["content"] for message in messages] == SAID
    assert "全角" in out("export", said, "md", "--output", "-").decode("utf-8")
