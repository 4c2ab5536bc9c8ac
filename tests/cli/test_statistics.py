"""``recorder stats``: as a picture, and with colours and bars on a terminal."""

import asyncio
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from support.command_line import Run
from support.recordings import record

Terminal = Callable[..., tuple[int, str]]

_STYLES = re.compile(r"\x1b\[[0-9;]*m")


def test_a_picture_is_written(run: Run, session: str, tmp_path: Path) -> None:
    path = tmp_path / "activity.png"
    result = run("stats", session, "--png", path)
    assert result.returncode == 0
    assert result.stdout.startswith(session) and f"\n{path}: " in result.stdout
    assert path.stat().st_mode & 0o777 == 0o600
    with Image.open(path) as picture:
        assert (picture.format, picture.width) == ("PNG", 1000)
    before = path.read_bytes()
    again = run("stats", session, "--png", path)
    assert again.returncode == 2 and "already exists" in again.stderr and again.stdout == ""
    assert run("--timezone", "Asia/Tokyo", "stats", "--png", path, "--force").returncode == 0
    assert path.read_bytes() != before
    away = run("stats", session, "--png", tmp_path / "nowhere" / "x.png")
    assert away.returncode == 3 and "No such file or directory" in away.stderr
    statistics = json.loads(run("stats", session, "--json", "--png", tmp_path / "b.png").stdout)
    assert statistics["messages"] == 3 and (tmp_path / "b.png").read_bytes() == before


def test_a_picture_on_standard_output(run: Run, data: Path, session: str) -> None:
    command = [
        sys.executable,
        "-m",
        "recorder",
        "--data",
        str(data),
        "stats",
        session,
        "--png",
        "-",
    ]
    shown = subprocess.run(command, capture_output=True, check=True).stdout
    assert Image.open(io.BytesIO(shown)).format == "PNG"
    assert run("stats", session, "--png", "-", "--json").returncode == 2


def test_what_cannot_be_drawn(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "activity.png"
    run("init")
    assert "nothing to draw" in run("stats", "--png", path).stderr
    monkeypatch.setitem(sys.modules, "PIL", None)
    result = run("stats", "--png", path)
    assert result.returncode == 2
    assert "pip install 'discord-session-recorder[pictures]'" in result.stderr
    assert run("stats").returncode == 0 and not path.exists()


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_statistics_fit_the_terminal(data: Path, on_terminal: Terminal, columns: int) -> None:
    name = "設計レビュー"
    texts = ["!ai token refresh", "!run token refresh " + "x" * 300, "!git token refresh"] * 4
    asyncio.run(record(data, name, texts))
    code, shown = on_terminal("stats", name, columns=columns)
    assert code == 0
    lines = _STYLES.sub("", shown).replace("\r", "").splitlines()
    assert max(len(line) for line in lines) <= columns
    assert lines[:2] == [name, "1h 23m, 12 messages: 12 of people, 0 of bots, 0 of Discord"]
    assert any(re.fullmatch(r"3:45 PM [▁-█]{8,} 5:08 PM", line) for line in lines)
    assert any(re.match(r"!ai +4 █{10}", line) for line in lines)
    assert any(re.match(r"Commands .* Authors", line) for line in lines)


@pytest.mark.slow
def test_many_messages_have_as_many_bars_as_fit(data: Path, on_terminal: Terminal) -> None:
    asyncio.run(record(data, "busy", ["hello"] * 450))
    for columns, bars in ((60, 17), (200, 83)):
        shown = _STYLES.sub("", on_terminal("stats", "busy", columns=columns)[1])
        found = re.search(r"3:45 PM ([▁-█]+) 5:08 PM", shown)
        assert found is not None and abs(len(found[1]) - bars) <= 1


def test_colours_are_for_terminals_that_want_them(
    run: Run, on_terminal: Terminal, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[36m3 of people" in on_terminal("stats", session)[1]
    monkeypatch.setenv("NO_COLOR", "1")
    shown = on_terminal("stats", session)[1]
    assert "3 of people" in shown and "36m" not in shown
    assert "\x1b" not in run("stats", session).stdout
