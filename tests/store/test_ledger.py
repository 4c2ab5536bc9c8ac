"""The ledger leads to the tables that derive from it, and names what was changed in either."""

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from support.recordings import CHANNEL, NOW, UTC_ZONE, assert_sound, said

from recorder import Channel, SessionManager, SessionRecorder
from recorder.care.verification import verify_database
from recorder.models import AutoRecording
from recorder.record import canonical_json, merkle
from recorder.store import ledger
from recorder.store.database import DATABASE_NAME
from recorder.store.erasure import Selection
from recorder.store.reading import Reader

HOUR = timedelta(hours=1)


async def fill(folder: Path) -> None:
    """Record three sessions, of which one is deleted, and one entry of each other kind."""
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, UTC_ZONE)
        for name in ("first", "second", "third"):
            await manager.start(name, CHANNEL, user_id="5", now=NOW)
            await recorder.record(said(1, "one"))
            await recorder.record(said(2, "two"))
            session = await manager.stop(CHANNEL.id, now=NOW)
            await recorder.call(ledger.append_heads)
        await manager.delete(session)
        await manager.remember_own([7, 8])
        await manager.opt_out("1", "6", now=NOW)
        await manager.opt_in("1", "6", now=NOW + HOUR)
        await manager.opt_out("1", "6", now=NOW + 2 * HOUR)
        for channel_id in ("77", "78"):
            await manager.switch_auto(AutoRecording(channel_id, "1", "5"), True, now=NOW)
        await manager.switch_auto(AutoRecording("78", "1", "5"), False, now=NOW)
        await manager.erase(Selection("message", message_ids=(1001,)), now=NOW)
        await recorder.call(ledger.append_heads)


@pytest.fixture
def filled(folder: Path) -> Path:
    asyncio.run(fill(folder))
    return folder


def execute(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / DATABASE_NAME)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def entries(folder: Path) -> list[dict[str, object]]:
    return [json.loads(row["entry"]) for row in Reader(folder).query("SELECT entry FROM ledger")]


def test_what_happens_is_in_the_ledger(filled: Path) -> None:
    assert_sound(filled)
    found = entries(filled)
    assert [entry["entry"] for entry in found[:12]] == [
        *("session", "session", "session", "deleted", "own_messages"),
        *("opted_out", "opted_out", "opted_out"),
        *("auto_recording", "auto_recording", "auto_recording", "erasure"),
    ]
    assert found[3] == {**found[2], "entry": "deleted"}
    rows = Reader(filled).query("SELECT position, entry, leaf FROM ledger")
    for number, row in enumerate(rows):
        assert row["position"] == number
        assert row["leaf"] == merkle.leaf_hash(row["entry"].encode())
        assert canonical_json.encode(canonical_json.decode(row["entry"])) == row["entry"]


def test_a_session_that_changed_gets_another_entry(filled: Path) -> None:
    async def go_on() -> None:
        async with SessionRecorder(filled) as recorder:
            manager = SessionManager(recorder, UTC_ZONE)
            await manager.reopen(manager.reader.find("second"), CHANNEL, now=NOW)
            await recorder.record(said(3, "three"))
            await manager.prepare("draft", Channel("79", "other", "1"), user_id="5", now=NOW)
            await recorder.call(ledger.append_heads)

    before = len(entries(filled))
    asyncio.run(go_on())
    new = entries(filled)[before:]
    session = Reader(filled).find("second")
    assert [f"{entry['lines']}:{entry['head']}" for entry in new] == [session.head], "no draft"
    assert_sound(filled)


CHANGES = {
    "INSERT INTO own_messages VALUES (9)": "own_messages: has a row that is not in the ledger: 9",
    "DELETE FROM own_messages WHERE message_id = 7": "own_messages: lacks a row of the ledger: 7",
    "UPDATE opted_out SET until = '2025-11-08T16:46:00+00:00' WHERE until IS NOT NULL": "opted_out",
    "UPDATE opted_out SET until = since WHERE until IS NULL": "opted_out: lacks a row",
    "DELETE FROM opted_out": "opted_out: lacks a row of the ledger: 1, 6, 2025-11-08T15:45",
    "UPDATE opted_out SET user_id = '7'": "opted_out: has a row that is not in the ledger: 1, 7",
    "UPDATE auto_recording SET guild_id = NULL": "auto_recording: lacks a row of the ledger: 77, 1",
    "INSERT INTO auto_recording VALUES ('9', '1', '5')": "auto_recording: has a row that is not",
    "DELETE FROM auto_recording": "auto_recording: lacks a row of the ledger: 77, 1",
    "UPDATE erasures SET reason = 'user'": "erasures: has a row that is not in the ledger: 1, 2025",
    "UPDATE erasures SET line_count = 1": "erasures: lacks a row of the ledger: 1, 2025",
    "UPDATE erasures SET erased_at = '2025-11-08T15:46:00+00:00'": "erasures: lacks",
    "DELETE FROM erasures": "erasures: lacks a row of the ledger: 1, 2025",
    "DELETE FROM ledger WHERE position = 0": "ledger: has no entry 0 (the next one is 1)",
    "DELETE FROM ledger WHERE position = 4": "ledger: has no entry 4 (the next one is 5)",
    "UPDATE ledger SET position = 50 WHERE position = 11": "ledger: has no entry 11",
    "UPDATE ledger SET leaf = zeroblob(32) WHERE position = 4": "entry 4: does not match its hash",
    "UPDATE ledger SET entry = '{}' WHERE position = 4": "entry 4: does not match its hash",
    "DELETE FROM recording_sessions WHERE name = 'first'": "was deleted without an entry in the",
    "UPDATE recording_sessions SET line_count = 1 WHERE name = 'first'": "lines were removed",
    "UPDATE lines SET hash = zeroblob(32)": "not those that were sealed",
}


@pytest.mark.parametrize("statement", CHANGES)
def test_a_change_is_named(filled: Path, statement: str) -> None:
    execute(filled, statement)
    found = verify_database(filled)
    assert CHANGES[statement] in " ".join(found)


FORGED: dict[str, tuple[dict[str, object] | str, str]] = {
    "of another kind": ({"entry": "other"}, "is of an unknown kind, 'other'"),
    "without a kind": ({}, "is not one that the recorder writes"),
    "without a key": ({"entry": "own_messages"}, "is not one that the recorder writes"),
    "of another type": ({"entry": "own_messages", "ids": 7}, "is not one that"),
    "in another spelling": ('{"entry": "own_messages", "ids": []}', "is not one that"),
    "not an object": ("[]", "is not one that"),
    "not JSON": ("x", "is not one that"),
    "a session with a further key": (
        {"entry": "session", "session": "x", "lines": 1, "head": "00", "more": 1},
        "is not one that the recorder writes",
    ),
    "a session that never was": (
        {"entry": "session", "session": "x", "lines": 1, "head": "00" * 32},
        "session x: was deleted without an entry",
    ),
    "a second erasure": (
        {"entry": "erasure", "erasure": 1, "erased_at": "", "reason": "user", "lines": 1},
        "is the second one of the erasure 1",
    ),
}


@pytest.mark.parametrize("forgery", FORGED)
def test_an_entry_that_was_added_is_named(filled: Path, forgery: str) -> None:
    entry, fault = FORGED[forgery]
    text = entry if isinstance(entry, str) else canonical_json.encode(entry)  # type: ignore[arg-type]
    with closing(sqlite3.connect(filled / DATABASE_NAME)) as connection, connection:
        row = (text, merkle.leaf_hash(text.encode()))
        connection.execute("INSERT INTO ledger (entry, leaf) VALUES (?, ?)", row)
    assert fault in " ".join(verify_database(filled))


def test_a_deleted_session_does_not_come_back(filled: Path) -> None:
    deleted = entries(filled)[3]["session"]
    execute(
        filled,
        f"UPDATE recording_sessions SET id = '{deleted}' WHERE name = 'first'",
    )
    assert any("the ledger says that it was deleted" in fault for fault in verify_database(filled))
