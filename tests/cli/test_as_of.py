"""Messages as they stood at a time, and what is shown of gaps and reactions."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest
from support.command_line import Run
from support.recordings import CHANNEL, NOW, UTC_ZONE, said

from recorder import SessionManager, SessionRecorder
from recorder.models import Deletion, Edit, Json, Reaction
from recorder.store import gaps

EDITED, DELETED = NOW + timedelta(minutes=10), NOW + timedelta(minutes=20)


async def record_changes(folder: Path) -> None:
    async with SessionRecorder(folder) as recorder:
        await SessionManager(recorder, UTC_ZONE).start("then", CHANNEL, user_id="5", now=NOW)
        await recorder.record(said(1, "the first plan"))
        await recorder.record(said(2, "a rumour", extra={"source": "history"}))
        edited: dict[str, Json] = {"edited_timestamp": EDITED.isoformat()}
        recorder.change(Edit(EDITED, CHANNEL.id, 1001, "the second plan", extra=edited))
        recorder.change(Reaction(EDITED, CHANNEL.id, 1001, "add", "👍", "5"))
        recorder.change(Deletion(DELETED, CHANNEL.id, 1002))
        await recorder.record(said(3600, "the next plan"))
        await recorder.call(lambda journal: gaps.begin(journal, "restart", NOW, NOW))
        await recorder.call(lambda journal: gaps.end(journal, EDITED))
        session = (await asyncio.to_thread(SessionManager(recorder, UTC_ZONE).reader.sessions))[0]
        await recorder.call(lambda journal: gaps.close(journal, session.id, [], None, now=EDITED))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    asyncio.run(record_changes(tmp_path / "data"))
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        ("2025-11-08T15:50", ["the first plan", "a rumour (fetched later)"]),
        (
            "2025-11-08T15:57:00+00:00",
            ["the second plan (edited, 👍 1)", "a rumour (fetched later)"],
        ),
        (
            "2025-11-08",
            [
                "the second plan (edited, 👍 1)",
                "a rumour (deleted, fetched later)",
                "the next plan",
            ],
        ),
        ("2025-11-07", []),
    ],
)
def test_messages_are_shown_as_they_stood(
    data: Path, run: Run, as_of: str, expected: list[str]
) -> None:
    shown = run("show", "then", "--as-of", as_of).stdout.splitlines()
    assert [line.partition(": ")[2] for line in shown if "STRYK: " in line] == expected
    exported = run("export", "then", "txt", "-o", "-", "--as-of", as_of).stdout
    assert ("the first plan" in exported) == (as_of == "2025-11-08T15:50")
    assert ("the next plan" in exported) == (as_of == "2025-11-08")
    assert "As it stood: " in exported


def test_search_says_what_was_edited_and_deleted(data: Path, run: Run) -> None:
    assert "the second plan (edited)\n" in run("search", "second").stdout
    assert "a rumour (deleted)\n" in run("search", "rumour").stdout
    hits = json.loads(run("search", "plan", "--json").stdout)["hits"]
    assert [hit["edited"] for hit in hits] == [False, True]
    assert all(hit["deleted"] is False for hit in hits)


def test_wrong_times_and_formats_are_told(data: Path, run: Run) -> None:
    wrong = run("show", "then", "--as-of", "whenever")
    assert wrong.returncode == 2 and "Write 2025-11-08 or 2025-11-08T15:45" in wrong.stderr
    jsonl = run("export", "then", "jsonl", "-o", "-", "--as-of", "2025-11-08")
    assert jsonl.returncode == 2 and "Choose another format" in jsonl.stderr


def test_gaps_and_reactions_are_shown(data: Path, run: Run) -> None:
    gap = "Gap: 2025-11-08 3:45 PM to 2025-11-08 3:55 PM (restart): 0 messages fetched later"
    assert gap in run("show", "then").stdout
    text = run("export", "then", "txt", "-o", "-").stdout
    assert gap in text and "\n    👍 1\n" in text and "(fetched later)" not in text
    assert f"**{gap.replace(': ', ':** ', 1)}" in run("export", "then", "md", "-o", "-").stdout
    exported = json.loads(run("export", "then", "json", "-o", "-").stdout)
    assert [gap["reason"] for gap in exported["gaps"]] == ["restart"]
    assert exported["messages"][0]["reactions"] == {"👍": 1}
    assert "Gaps: 1 (0 messages fetched later)" in run("stats", "then").stdout
