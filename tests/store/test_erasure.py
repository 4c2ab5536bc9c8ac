"""Erasing: no byte of the content is left, the chain verifies, and a crash leaves no mixture."""

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.killing import killed, needs_strace
from support.recordings import CHANNEL, NOW, UTC_ZONE, assert_sound, said, texts
from support.secretive import SECRETS, found_in, record_secrets

from recorder import SessionExporter, SessionManager, SessionRecorder
from recorder.care.verification import verify
from recorder.models import Deletion, Json
from recorder.record.chain import Head
from recorder.store.erasure import Selection
from recorder.store.reading import Reader
from scripts.torture_runs.integrity import recover


def erase(folder: Path, selection: Selection) -> None:
    async def run() -> None:
        async with SessionRecorder(folder) as recorder:
            await SessionManager(recorder, UTC_ZONE).erase(selection, now=NOW)

    asyncio.run(run())


def rows(folder: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "recorder.db")) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def secretive(folder: Path) -> Path:
    asyncio.run(record_secrets(folder))
    assert {secret for found in found_in(folder).values() for secret in found} == set(SECRETS)
    return folder


def test_no_byte_of_a_person_is_left_and_the_rest_stays(secretive: Path) -> None:
    exporter = SessionExporter(Reader(secretive), UTC_ZONE)
    heads = {session.id: session.head for session in Reader(secretive).sessions()}
    erase(secretive, Selection("user", user_id="666"))
    assert found_in(secretive) == {}
    assert_sound(secretive)
    reader = Reader(secretive)
    for session in reader.sessions():
        noted = Head.parse(heads[session.id])
        assert not verify(reader, session, recording=False, heads=[noted]).faults
    for session in reader.sessions():
        before, erased, after = reader.messages(session.id)
        assert (before.message.content, after.message.content) == (
            "harmless before",
            "harmless after",
        )
        assert before.reactions == {"👍": 1}
        assert erased.message.withheld == "erased"
        assert (erased.message.content, erased.message.author_id) == ("", "0")
        assert erased.message.message_id is not None
        assert erased.deleted_at == NOW
        assert session.user_id == "0"
        assert "] erased: " in "".join(exporter.render(session, "txt", NOW))
    assert rows(secretive, "SELECT reason, line_count, finished FROM erasures") == [("user", 8, 1)]
    assert [path.name for path in (secretive / "exports").iterdir()] == [".sessions.jsonl"]


def test_answers_to_the_commands_of_a_person_are_erased_too(folder: Path) -> None:
    async def answer() -> None:
        async with SessionRecorder(folder) as recorder:
            await SessionManager(recorder, UTC_ZONE).start("s", CHANNEL, user_id="1", now=NOW)
            for number, id in enumerate(("666", "5"), 1):
                used: Json = {"id": "3", "command": "/me", "user": f"u{id}", "user_id": id}
                recorder.post(replace(said(number, f"to {id}"), extra={"interaction": used}))

    asyncio.run(answer())
    erase(folder, Selection("user", user_id="666"))
    assert_sound(folder, recording=True)
    assert texts(folder) == ["", "to 5"]
    assert rows(folder, "SELECT author FROM commands") == [("u5",)]
    assert not any(b"u666" in path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "selection",
    [
        Selection("message", message_ids=(1002, 1012)),
        Selection("retention", before=NOW + timedelta(days=1)),
    ],
)
def test_messages_and_what_is_old(secretive: Path, selection: Selection) -> None:
    erase(secretive, selection)
    left = {secret for found in found_in(secretive).values() for secret in found}
    assert left == ({"🦓"} if selection.reason == "message" else set())
    assert_sound(secretive)


def test_what_is_newer_than_the_retention_stays(secretive: Path) -> None:
    erase(secretive, Selection("retention", before=NOW + timedelta(seconds=3)))
    first = next(s for s in Reader(secretive).sessions() if s.name == "first")
    assert [m.message.content for m in Reader(secretive).messages(first.id)] == [
        "",
        "",
        "harmless after",
    ]
    assert_sound(secretive)


def test_a_session_as_a_whole(secretive: Path) -> None:
    session = Reader(secretive).find("first")
    erase(secretive, Selection("session", session_id=session.id))
    assert [s.name for s in Reader(secretive).sessions()] == ["second"]
    assert not (secretive / session.file_path).exists()
    assert_sound(secretive)
    assert rows(secretive, "SELECT reason, finished FROM erasures") == [("session", 1)]
    left = {path.name for path in (secretive / "exports").iterdir()}
    assert left == {".sessions.jsonl", "second.jsonl"}


async def test_a_session_that_runs_goes_on(folder: Path) -> None:
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, UTC_ZONE)
        await manager.start("running", CHANNEL, user_id="1", now=NOW)
        recorder.post(said(1, SECRETS[0]))
        erasing = asyncio.ensure_future(
            manager.erase(Selection("message", message_ids=(1001,)), now=NOW)
        )
        await asyncio.sleep(0)
        recorder.post(said(2, "said meanwhile"))
        await erasing
        assert found_in(folder) == {}
        await recorder.record(said(3, "said after"))
        assert await recorder.record(said(1, SECRETS[0])) is None, "no history brings it back"
    assert texts(folder) == ["", "said meanwhile", "said after"]
    assert_sound(folder)


def test_content_in_the_place_of_what_was_erased_is_found(secretive: Path) -> None:
    erase(secretive, Selection("user", user_id="666"))
    with closing(sqlite3.connect(secretive / "recorder.db", isolation_level=None)) as connection:
        connection.execute(
            'UPDATE lines SET line = replace(line, \'"author_id": "0"\', \'"author_id": "7"\') '
            "WHERE key = x''"
        )
    reader = Reader(secretive)
    asyncio.run(rewrite(secretive))  # file and database agree, and the chain does not cover it
    faults = [verify(reader, session, recording=False).faults for session in reader.sessions()]
    assert [len(found) for found in faults] == [1, 1]
    assert all("is marked as erased but has content" in found for (found,) in faults)


def test_erasing_twice_changes_nothing(secretive: Path) -> None:
    erase(secretive, Selection("user", user_id="666"))
    lines = rows(secretive, "SELECT * FROM lines")
    erase(secretive, Selection("user", user_id="666"))
    assert rows(secretive, "SELECT * FROM lines") == lines
    assert len(rows(secretive, "SELECT * FROM erasures")) == 1


@pytest.mark.slow
@needs_strace
def test_killed_at_any_step_it_is_old_or_new_and_never_mixed(
    secretive: Path, tmp_path: Path
) -> None:
    original = tmp_path / "original"
    shutil.copytree(secretive, original)
    outcomes = set()
    for number in killed(original, secretive, "erase", "--user", "666", "--yes"):
        recover(secretive)
        assert_sound(secretive)
        erased = bool(rows(secretive, "SELECT * FROM erasures"))
        if erased:
            assert found_in(secretive) == {}, number
            assert rows(secretive, "SELECT DISTINCT finished FROM erasures") == [(1,)]
        else:
            assert found_in(secretive).keys() >= found_in(original).keys() - {"recorder.db-wal"}
        outcomes.add(erased)
    assert outcomes == {False, True}


async def rewrite(folder: Path) -> None:
    async with SessionRecorder(folder) as recorder:
        for session in Reader(folder).sessions():
            await recorder.rewrite(session.id)


def test_deletion_waits_for_the_scrubbing(secretive: Path) -> None:
    """Its content is gone from rows and files at once, and from free space when asked for."""

    async def run(check: Callable[[], None]) -> None:
        async with SessionRecorder(secretive) as recorder:
            selection = Selection("deletion", message_ids=(1002, 1012))
            await SessionManager(recorder, UTC_ZONE).erase(selection, now=NOW)
            check()
            await recorder.scrub()
            assert not {*SECRETS[:5]} & {s for found in found_in(secretive).values() for s in found}

    def files_are_clean() -> None:
        shown = {
            secret
            for name, found in found_in(secretive).items()
            for secret in found
            if not name.startswith(("recorder.db", ".verify-"))
        }
        assert shown <= {"🦓"}

    asyncio.run(run(files_are_clean))
    assert rows(secretive, "SELECT finished FROM erasures") == [(1,)]


async def test_a_deletion_and_its_erasure_are_one(
    secretive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash between them would leave what was to be erased, and nobody to do it."""
    deletion = Deletion(NOW, CHANNEL.id, 1001)
    lines = rows(secretive, "SELECT * FROM lines")

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    async with SessionRecorder(secretive) as recorder:
        manager = SessionManager(recorder, UTC_ZONE)
        with monkeypatch.context() as patch:
            patch.setattr("recorder.store.erasure.erase", fail)
            with pytest.raises(ZeroDivisionError):
                await manager.erase_deleted([deletion], now=NOW)
        assert rows(secretive, "SELECT * FROM lines") == lines
        await manager.erase_deleted([deletion], now=NOW)
    first = Reader(secretive).find("first")
    before, *_ = Reader(secretive).messages(first.id)
    assert (before.message.withheld, before.deleted_at) == ("erased", NOW)
    assert_sound(secretive)
