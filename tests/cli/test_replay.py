"""``replay``: the order and the rhythm of the conversation."""

import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.command_line import Run

BEGIN = datetime(2025, 11, 8, 15, 45, tzinfo=UTC)


def recorded(run: Run, folder: Path, offsets: list[float]) -> list[str]:
    """A session ``rhythm`` of messages so many seconds after its beginning."""
    texts = [f"message {number}" for number in range(len(offsets))]
    lines = [
        {
            "timestamp": (BEGIN + timedelta(seconds=offset)).isoformat(),
            "author": "STRYK",
            "author_id": "5",
            "content": text,
            "type": "user_message",
        }
        for offset, text in zip(offsets, texts, strict=True)
    ]
    path = folder / "rhythm.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    assert run("import", path).returncode == 0
    return texts


def replayed(run: Run, *arguments: str) -> tuple[list[str], float]:
    """The texts, and how long it took in seconds."""
    begin = time.monotonic()
    result = run("replay", "rhythm", *arguments)
    assert result.returncode == 0
    texts = [line.partition(": ")[2] for line in result.stdout.splitlines()]
    return texts, time.monotonic() - begin


@pytest.mark.slow
def test_it_waits_as_long_as_the_speed_says(run: Run, tmp_path: Path) -> None:
    texts = recorded(run, tmp_path, [0, 1_000, 1_500, 3_000])
    said, seconds = replayed(run, "--speed", "2000")
    assert said == texts
    assert seconds >= 1.5, "3,000 seconds at 2,000 times the speed"
    said, seconds = replayed(run, "--longest-wait", "0.25")
    assert said == texts
    assert 0.75 <= seconds < 500, "three waits, each cut"


@pytest.mark.parametrize(
    "arguments", [("--speed", "1e300"), ("--speed", "inf"), ("--longest-wait", "0")]
)
def test_clocks_that_jump_are_no_error(
    run: Run, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    centuries = 7_000 * 365 * 86_400.0
    first, *_ = texts = recorded(run, tmp_path, [0, centuries, 60, 30, centuries])
    in_order_of_time = [first, texts[3], texts[2], texts[1], texts[4]]
    assert replayed(run, *arguments)[0] == in_order_of_time


def test_json_is_a_line_a_message(run: Run, tmp_path: Path) -> None:
    texts = recorded(run, tmp_path, [0, 1])
    lines = run("replay", "rhythm", "--speed", "1000", "--json").stdout.splitlines()
    assert [json.loads(line)["content"] for line in lines] == texts


def test_it_can_be_interrupted(run: Run, data: Path, tmp_path: Path) -> None:
    recorded(run, tmp_path, [0, 1_000_000])
    process = subprocess.Popen(
        [sys.executable, "-m", "recorder", "--data", str(data), "replay", "rhythm"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().endswith("message 0\n")
    process.send_signal(signal.SIGINT)
    rest, said = process.communicate()
    assert process.returncode == 130
    assert rest == "" and said == "Error: Interrupted.\n"
