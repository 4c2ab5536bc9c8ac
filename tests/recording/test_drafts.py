"""Drafts: sessions that nobody sees before their notice is sent, or their merge is complete."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from support.recordings import CHANNEL, NOW, UTC_ZONE, assert_sound, said

from recorder import Channel, SessionManager, SessionRecorder
from recorder.errors import Conflict, NotFound
from recorder.models import Deletion, Edit
from recorder.store.reading import Reader

LATER = NOW + timedelta(seconds=30)


async def test_a_draft_is_hidden_and_records_nothing_until_it_is_activated(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    draft = await manager.prepare("later", CHANNEL, user_id="5", now=NOW)
    assert await recorder.record(said(1, "before the notice")) is None
    assert manager.list("1") == [] and manager.reader.running(CHANNEL.id) is None
    with pytest.raises(Conflict, match="Nothing is being recorded"):
        await manager.stop(CHANNEL.id, now=NOW)
    with pytest.raises(Conflict, match="just being started"):
        await manager.prepare("other", CHANNEL, user_id="5", now=NOW)
    activating = manager.activate(draft, now=LATER)
    recorder.post(said(31, "after the notice"))  # before the activation is committed
    session = await activating
    assert (session.started_at, session.status) == (LATER, "active")
    await recorder.flush()
    texts = [recorded.message.content for recorded in manager.load(session)]
    assert texts == ["after the notice"]
    await manager.stop(CHANNEL.id, now=LATER)
    assert_sound(recorder.folder, recording=True)


async def test_a_discarded_draft_leaves_nothing(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    draft = await manager.prepare("refused", CHANNEL, user_id="5", now=NOW)
    await manager.discard(draft)
    assert list((recorder.folder / "sessions").iterdir()) == []
    with pytest.raises(NotFound):
        await manager.activate(draft, now=NOW)
    await manager.start("refused", CHANNEL, user_id="5", now=NOW)
    await manager.discard(draft)  # it is no draft: nothing happens
    assert [session.name for session in manager.list("1")] == ["refused"]


async def test_a_draft_does_not_survive_a_restart(folder: Path) -> None:
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, UTC_ZONE)
        await manager.prepare("lost", CHANNEL, user_id="5", now=NOW)
        crashed = folder.with_name("crashed")
        shutil.copytree(folder, crashed)
    async with SessionRecorder(crashed) as recorder:
        assert recorder.channels == frozenset()
        assert list((crashed / "sessions").iterdir()) == []
        await SessionManager(recorder, UTC_ZONE).start("lost", CHANNEL, user_id="5", now=NOW)


async def record_two(recorder: SessionRecorder, manager: SessionManager, count: int) -> None:
    for number, name in enumerate(("odd", "even")):
        await manager.start(name, CHANNEL, user_id="5", now=NOW)
        for index in range(number, 2 * count, 2):
            await recorder.enqueue(said(index, str(index)))
        await manager.stop(CHANNEL.id, now=LATER)


async def test_recording_goes_on_between_the_slices_of_a_merge(
    recorder: SessionRecorder, manager: SessionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recorder.recording.session_manager._MERGE_SLICE", 10)
    await record_two(recorder, manager, 100)
    elsewhere = Channel("88", "elsewhere", "1")
    await manager.start("live", elsewhere, user_id="5", now=NOW)
    merging = asyncio.create_task(
        manager.merge(manager.list("1")[1:], "both", CHANNEL, user_id="5", now=LATER)
    )
    seen = 0
    while not merging.done():
        await recorder.record(said(1_000 + seen, channel_id=elsewhere.id))
        seen += not merging.done()
        both = [s.message_count for s in manager.list("1") if s.name == "both"]
        assert both in ([], [200]), "not a part of it"
    assert seen >= 5, "messages were committed while it was merged"
    merged = await merging
    texts = [recorded.message.content for recorded in manager.load(merged)]
    assert texts == [str(number) for number in range(200)]
    assert_sound(recorder.folder, recording=True)


async def test_what_happens_to_a_message_during_a_merge_reaches_the_merged_session(
    recorder: SessionRecorder, manager: SessionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recorder.recording.session_manager._MERGE_SLICE", 1)
    await record_two(recorder, manager, 20)
    merging = asyncio.create_task(
        manager.merge(manager.list("1"), "both", CHANNEL, user_id="5", now=LATER)
    )
    while not merging.done():
        recorder.change(Deletion(LATER, CHANNEL.id, 1000))
        recorder.change(Deletion(LATER, CHANNEL.id, 1039))
        await recorder.flush()
    deleted = [r.message.content for r in manager.load(await merging) if r.deleted_at]
    assert deleted == ["0", "39"]
    assert_sound(recorder.folder, recording=True)


async def test_a_merge_that_fails_or_is_cancelled_leaves_nothing(
    recorder: SessionRecorder, manager: SessionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recorder.recording.session_manager._MERGE_SLICE", 1)
    await record_two(recorder, manager, 20)
    sources = manager.list("1")
    merging = asyncio.create_task(manager.merge(sources, "both", CHANNEL, user_id="5", now=LATER))
    await recorder.flush()
    await asyncio.sleep(0.01)
    await manager.delete(sources[0])
    with pytest.raises(NotFound):
        await merging
    sources = manager.list("1")
    await manager.start("third", CHANNEL, user_id="5", now=NOW)
    await recorder.record(said(90))
    await manager.stop(CHANNEL.id, now=LATER)
    merging = asyncio.create_task(
        manager.merge(manager.list("1"), "both", CHANNEL, user_id="5", now=LATER)
    )
    await asyncio.sleep(0.01)
    merging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await merging
    await recorder.flush()
    assert [session.name for session in manager.list("1")] == ["third", sources[0].name]
    with manager.reader.connect() as connection:
        assert connection.execute("SELECT count(*) FROM recording_sessions").fetchone() == (2,)


async def test_a_merge_that_is_cancelled_as_it_begins_leaves_no_draft(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    await record_two(recorder, manager, 2)
    writing = threading.Event()
    blocked = recorder.submit(lambda journal: writing.wait(5))
    merging = asyncio.create_task(
        manager.merge(manager.list("1"), "both", CHANNEL, user_id="5", now=LATER)
    )
    await asyncio.sleep(0.1)
    merging.cancel()
    await asyncio.sleep(0)
    writing.set()
    await blocked
    with pytest.raises(asyncio.CancelledError):
        await merging
    await recorder.flush()
    with manager.reader.connect() as connection:
        assert connection.execute("SELECT count(*) FROM recording_sessions").fetchone() == (2,)


@pytest.mark.slow
async def test_another_program_that_locks_the_database_for_a_while_stops_nothing(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    session = await manager.start("patient", CHANNEL, user_id="5", now=NOW)
    locked = threading.Event()

    def lock() -> None:
        other = sqlite3.connect(recorder.folder / "recorder.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        locked.set()
        threading.Event().wait(6)  # longer than readers wait
        other.execute("ROLLBACK")
        other.close()

    locking = asyncio.create_task(asyncio.to_thread(lock))
    await asyncio.to_thread(locked.wait)
    assert await recorder.record(said(1, "waited")) is not None
    await locking
    assert [r.message.content for r in manager.load(session)] == ["waited"]


async def test_an_edit_of_a_message_that_was_missed_is_the_message(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    session = await manager.start("missed", CHANNEL, user_id="5", now=NOW)
    answer = said(5, "the finished answer")
    edit = Edit(said(6).timestamp, CHANNEL.id, 1005, "the finished answer")
    recorder.update(answer, edit)
    recorder.update(said(5, "edited"), Edit(said(7).timestamp, CHANNEL.id, 1005, "edited"))
    before = said(-60, "before the session")
    recorder.update(before, Edit(said(6).timestamp, CHANNEL.id, 940, "before the session"))
    await recorder.flush()
    texts = [recorded.message.content for recorded in Reader(recorder.folder).messages(session.id)]
    assert texts == ["edited"]
    assert_sound(recorder.folder, recording=True)
