"""What people see on a terminal: recorded text as it was said, and nothing that it commands."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command_line import Run
from support.recordings import NOW, record

Terminal = Callable[..., tuple[int, str]]

SAID = [
    "[bold]not bold[/bold] [/] [link=x]",
    ":smile: 12:bug:30 C:\\",
    "\x1b]0;owned\x07 \x9b2J \u202egnp.exe",
    "全角\u3000と\u00a0👨\u200d👩\u200d👧",
]
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
