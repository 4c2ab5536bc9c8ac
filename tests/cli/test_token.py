"""The bot's token is never shown, logged or written down."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar
from zoneinfo import ZoneInfo

import discord
import pytest
from click.testing import CliRunner
from support.recordings import record

from recorder.cli import main
from recorder.settings import Settings

TOKEN = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs"
PIECES = (TOKEN, *TOKEN.split("."))


class Discord(BaseHTTPRequestHandler):
    """Answers every request of a bot with the status of the server."""

    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.seen.append(self.headers["Authorization"])
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"message": "no", "code": 0}')

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""


@pytest.fixture(params=[401, 403, 404])
def refusing(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[type[Discord]]:
    """A Discord that refuses whatever it is asked."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Discord)
    server.status = request.param  # type: ignore[attr-defined]
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setattr(discord.http.Route, "BASE", f"http://127.0.0.1:{server.server_port}")
    Discord.seen.clear()
    yield Discord
    server.shutdown()
    server.server_close()


@pytest.fixture
async def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a session, and the token in the environment."""
    await record(tmp_path / "data", "one", ["hello"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECORDER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DISCORD_TOKEN", TOKEN)
    return tmp_path


def run(*arguments: str) -> str:
    """Everything that a command shows, tracebacks too."""
    result = CliRunner().invoke(main, list(arguments))
    shown = result.output + result.stderr
    if result.exc_info is not None:
        shown += "".join(traceback.format_exception(*result.exc_info))
    return shown


def assert_unknown(text: str) -> None:
    assert [piece for piece in PIECES if piece in text] == []


@pytest.mark.parametrize("command", ["bot", "doctor"])
def test_discord_refuses_the_token(
    recorded: Path, refusing: type[Discord], command: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        shown = run(command)
    assert "SystemExit" in shown  # it ended in a sentence, not in an error of the program
    assert refusing.seen[0] == f"Bot {TOKEN}"  # it was given to Discord, and to nobody else
    assert caplog.text != ""
    assert_unknown(shown + caplog.text)
    for path in recorded.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes()


# What listens, plays or waits for more is not among them.
COMMANDS = sorted(main.commands.keys() - {"bot", "demo", "doctor", "serve", "replay"})


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_shows_it(recorded: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for arguments in ((), ("one",), ("--json",), ("one", "md"), ("--help",), ("--nonsense",)):
            assert_unknown(run(name, *arguments))
    assert_unknown(caplog.text)
    for path in recorded.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes()


@pytest.mark.parametrize("wrong", [f"{TOKEN} x", f"{TOKEN}é"])
def test_a_wrong_one_is_not_repeated(
    recorded: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", wrong)
    shown = run("list")
    assert "DISCORD_TOKEN" in shown
    assert_unknown(shown)


def test_settings_do_not_show_it() -> None:
    assert_unknown(repr(Settings(Path("data"), ZoneInfo("UTC"), TOKEN)))
