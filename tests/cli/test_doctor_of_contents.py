"""What ``recorder doctor`` says of gaps, attachments and erasures."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.command_line import Run
from support.recordings import record


@pytest.fixture
def data(tmp_path: Path) -> Path:
    asyncio.run(record(tmp_path / "data", "plans", ["one"]))
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("what", "sql", "value", "hint"),
    [
        (
            "gaps",
            "INSERT INTO session_gaps (session_id, number, started_at, ended_at, reason, problem) "
            "SELECT id, 1, started_at, started_at, 'crash', 'the channel is gone' "
            "FROM recording_sessions",
            "1, history incomplete for 1 (the channel is gone)",
            "read the message history",
        ),
        (
            "attachments",
            "INSERT INTO attachments (url, channel_id, message_id, problem) "
            "VALUES ('https://x.example', '1', 2, 'larger than the limit')",
            "0 kept (0B), 0 waiting, 1 not kept",
            "see why",
        ),
        (
            "erasures",
            "INSERT INTO erasures (erased_at, reason, line_count) "
            "VALUES ('2025-11-08T15:45:00+00:00', 'deletion', 1)",
            "1, 1 not finished",
            "start the recorder",
        ),
    ],
)
def test_what_is_amiss_has_a_hint(
    data: Path, run: Run, what: str, sql: str, value: str, hint: str
) -> None:
    def finding() -> dict[str, str]:
        (found,) = [f for f in json.loads(run("doctor", "--json").stdout) if f["what"] == what]
        return dict(found)

    assert finding()["state"] == "good"
    with closing(sqlite3.connect(data / "recorder.db", isolation_level=None)) as connection:
        connection.execute(sql)
    found = finding()
    assert (found["state"], found["value"]) == ("note", value)
    assert hint in found["hint"]
