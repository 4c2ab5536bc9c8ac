"""What is given to a recorder while a session runs is recorded: in order, once, and as it was."""

import asyncio
import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Coroutine, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.recordings import CHANNEL, NOW, UTC_ZONE, assert_sound, said, texts

from recorder import Channel, Message, Session, SessionManager, SessionRecorder
from recorder.errors import AlreadyRunning, StorageError
from recorder.models import Annotation, Edit
from recorder.record.json_values import clean_text
from recorder.store.database import open_for_writing, prepare_folder
from recorder.store.message_rows import changes_of
from recorder.store.reading import Reader

# Everything that a str can hold, and more often what breaks lines, JSON, C strings or UTF-8.
WILD_TEXT = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from('\0\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\ufeff"\\\ud800\udfff<@'),
    )
)


async def start(manager: SessionManager, name: str = "session") -> Session:
    return await manager.start(name, CHANNEL, user_id="5", now=NOW)


def with_recorder(
    use: Callable[[SessionRecorder, SessionManager], Coroutine[Any, Any, None]], **options: Any
) -> None:
    """Record in a fresh folder; then prove that file and database are sound."""

    async def run(folder: Path) -> None:
        async with SessionRecorder(folder, **options) as recorder:
            await use(recorder, SessionManager(recorder, UTC_ZONE))

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))
        assert_sound(Path(folder))


# As it was.


@pytest.mark.slow
@settings(max_examples=60)
@given(st.lists(WILD_TEXT, max_size=6))
@example(["\0", "\ud800", "a\u2028b\n", "", "\udc00\ud800 \U0001f600"])
def test_any_text_comes_back_as_it_was(contents: list[str]) -> None:
    async def record(recorder: SessionRecorder, manager: SessionManager) -> None:
        await start(manager)
        for number, content in enumerate(contents):
            recorded = await recorder.record(said(number, content))
            assert recorded is not None
            assert recorded.message_index == number + 1
        assert texts(recorder.folder) == [clean_text(content) for content in contents]

    with_recorder(record)


@pytest.mark.slow
@settings(max_examples=40)
@given(WILD_TEXT, WILD_TEXT, st.lists(WILD_TEXT, max_size=2), st.dictionaries(WILD_TEXT, WILD_TEXT))
def test_so_does_everything_else_about_a_message(
    name: str, model: str, attachments: list[str], extra: dict[str, str]
) -> None:
    known = "timestamp author author_id content type model attachments message_id channel_id"
    extra = {key: value for key, value in extra.items() if key not in known.split()}
    given_message = said(
        1,
        "text",
        author=name,
        author_id=name,
        model=model,
        attachments=tuple(attachments),
        type="bot_response",
        extra=extra,
    )

    async def record(recorder: SessionRecorder, manager: SessionManager) -> None:
        session = await start(manager)
        await recorder.record(given_message)
        (recorded,) = manager.load(session)
        assert recorded.message == replace(
            given_message,
            author=clean_text(name),
            author_id=clean_text(name),
            model=clean_text(model),
            attachments=tuple(map(clean_text, attachments)),
            extra={clean_text(key): clean_text(value) for key, value in extra.items()},
        )

    with_recorder(record)


# In order, and all of it.


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_a_short_queue_keeps_the_order_and_drops_nothing(limit: int) -> None:
    async def record(recorder: SessionRecorder, manager: SessionManager) -> None:
        await start(manager)
        ways: Sequence[Callable[[Message], Coroutine[Any, Any, object]]] = (
            recorder.record,
            recorder.enqueue,
        )
        given_work = [ways[number % 3 == 0](said(number, str(number))) for number in range(400)]
        results = await asyncio.gather(*given_work)
        await recorder.flush()
        assert texts(recorder.folder) == [str(number) for number in range(400)]
        indexes = [r.message_index for r in results if r is not None]  # type: ignore[attr-defined]
        assert indexes == [number + 1 for number in range(400) if number % 3]

    with_recorder(record, queue_limit=limit)


@pytest.mark.parametrize("limit", [1, 4])
def test_those_who_do_not_wait_keep_the_order_too(limit: int) -> None:
    async def record(recorder: SessionRecorder, manager: SessionManager) -> None:
        await start(manager)
        for number in range(200):
            recorder.post(said(number, str(number)))
        await recorder.record(said(200, "200"))
        assert texts(recorder.folder) == [str(number) for number in range(201)]

    with_recorder(record, queue_limit=limit)


async def test_who_stops_waiting_does_not_take_a_message_back(folder: Path) -> None:
    async with SessionRecorder(folder, queue_limit=1) as recorder:
        await start(SessionManager(recorder, UTC_ZONE))
        tasks: list[asyncio.Task[Any]] = [
            asyncio.create_task(recorder.enqueue(said(n, str(n)))) for n in range(50)
        ]
        tasks.append(asyncio.create_task(recorder.record(said(50, "50"))))
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert await recorder.record(said(51, "51")) is not None
    assert texts(folder) == [str(number) for number in range(52)]
    assert_sound(folder)


async def test_what_was_acknowledged_can_be_read_at_once(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    await start(manager)
    for number in range(30):
        await recorder.record(said(number, str(number)))
        assert texts(recorder.folder)[-1] == str(number)


async def test_closing_writes_all_that_was_enqueued(folder: Path) -> None:
    recorder = SessionRecorder(folder, queue_limit=5)
    await recorder.open()
    await start(SessionManager(recorder, UTC_ZONE))
    waiting = [asyncio.ensure_future(recorder.enqueue(said(n, str(n)))) for n in range(300)]
    await asyncio.sleep(0)
    await recorder.close()
    await asyncio.gather(*waiting)
    assert texts(folder) == [str(number) for number in range(300)]
    assert_sound(folder)


async def test_a_closed_recorder_takes_nothing(folder: Path) -> None:
    recorder = SessionRecorder(folder)
    for _ in range(2):
        with pytest.raises(StorageError, match="not open"):
            await recorder.record(said(1))
        with pytest.raises(StorageError, match="not open"):
            recorder.post(said(1))
        async with recorder:
            pass
        await recorder.close()


async def test_sessions_go_on_when_a_recorder_comes_back(folder: Path) -> None:
    async with SessionRecorder(folder) as recorder:
        session = await start(SessionManager(recorder, UTC_ZONE))
        await recorder.record(said(1, "before"))
    assert Reader(folder).session(session.id).status == "active"
    async with SessionRecorder(folder) as recorder:
        assert recorder.channels == {CHANNEL.id}
        assert await recorder.record(said(1, "before")) is None, "known from before"
        recorded = await recorder.record(said(2, "after"))
        assert recorded is not None
        assert (recorded.session_id, recorded.message_index) == (session.id, 2)
    assert texts(folder) == ["before", "after"]
    assert_sound(folder)


# Once, and only where a session runs.


async def test_a_message_is_recorded_once(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    await start(manager)
    for number in (5, 3, 9, 3, 5, 1, 9, 4):
        await recorder.record(said(number, str(number)))
    at_once = await asyncio.gather(*(recorder.record(said(20, "20")) for _ in range(5)))
    assert [r is not None for r in at_once] == [True, False, False, False, False]
    assert texts(recorder.folder) == ["5", "3", "9", "1", "4", "20"]


async def test_messages_without_an_id_are_all_recorded(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    await start(manager)
    for _ in range(3):
        assert await recorder.record(said(1, "same", message_id=None)) is not None
    assert texts(recorder.folder) == ["same"] * 3


async def test_a_message_may_stand_in_two_sessions(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    for name in ("first", "second"):
        await start(manager, name)
        assert await recorder.record(said(1, name)) is not None
        await manager.stop(CHANNEL.id, now=NOW)
    assert [s.message_count for s in manager.list("1")] == [1, 1]
    assert_sound(recorder.folder, recording=True)


@pytest.mark.parametrize("channel_id", ["78", None, ""])
async def test_nothing_is_recorded_where_no_session_runs(
    recorder: SessionRecorder, manager: SessionManager, channel_id: str | None
) -> None:
    assert await recorder.record(said(1)) is None, "no session at all"
    session = await start(manager)
    assert await recorder.record(said(1, channel_id=channel_id)) is None
    assert manager.reader.session(session.id).byte_size == session.byte_size
    await manager.stop(CHANNEL.id, now=NOW)
    assert await recorder.record(said(1)) is None


async def test_nothing_is_recorded_while_a_session_is_paused(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    await start(manager)
    await recorder.record(said(1, "before"))
    await manager.pause(CHANNEL.id, now=NOW)
    assert await recorder.record(said(2, "meanwhile")) is None
    recorder.post(said(3, "meanwhile too"))
    await manager.resume(CHANNEL.id, now=NOW)
    await recorder.record(said(4, "after"))
    assert texts(recorder.folder) == ["before", "after"]


async def test_the_place_of_a_command_among_the_messages_is_kept(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    await start(manager)
    recorder.post(said(1, "before"))
    stopping = asyncio.ensure_future(manager.stop(CHANNEL.id, now=NOW))
    await asyncio.sleep(0)
    recorder.post(said(2, "behind"))
    assert (await stopping).message_count == 1
    await recorder.flush()
    assert texts(recorder.folder) == ["before"]


async def test_a_thread_is_recorded_with_its_channel(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    session = await start(manager)
    await recorder.record(said(1, "in the channel"))
    assert await recorder.record(said(2, "thread", channel_id="900", parent_id="77")) is not None
    assert await recorder.record(said(3, "of others", channel_id="901", parent_id="78")) is None
    assert [r.message.channel_id for r in manager.load(session)] == ["77", "900"]
    assert manager.reader.channels([session]) == {session.id: ("77", "900")}
    assert recorder.listens_to("900", "77")
    assert not recorder.listens_to("900", "78")


async def test_a_session_in_the_thread_itself_comes_first(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    await start(manager)
    thread = await manager.start("thread", Channel("900", "t", "1"), user_id="5", now=NOW)
    recorded = await recorder.record(said(1, channel_id="900", parent_id="77"))
    assert recorded is not None
    assert recorded.session_id == thread.id


async def test_ids_of_any_length_are_kept_and_sorted_as_numbers(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    session = await start(manager)
    ids = [99_999_999_999_999_999, 175_928_847_299_117_063, 1_421_000_000_000_000_000, 2**63 - 1]
    given_ids = [ids[2], ids[0], ids[3], ids[1]]
    for given_id in given_ids * 2:
        await recorder.record(said(1, message_id=given_id))
    assert [r.message.message_id for r in manager.load(session)] == given_ids
    with manager.reader.connect() as connection:
        rows = connection.execute("SELECT message_id FROM messages ORDER BY message_id")
        assert [row[0] for row in rows] == ids


# Edits and deletions.


@pytest.mark.slow
@settings(max_examples=25)
@given(st.lists(WILD_TEXT, min_size=1, max_size=4))
@example(["\ud800", "\0", "\u2028"])
def test_any_edit_is_recorded_as_it_was(contents: list[str]) -> None:
    async def record(recorder: SessionRecorder, manager: SessionManager) -> None:
        session = await start(manager)
        await recorder.record(said(1, "first"))
        for content in contents:
            recorder.change(Edit(NOW, "77", 1001, content, (content,), {"key": content}))
        await recorder.flush()
        (recorded,) = manager.load(session)
        last = clean_text(contents[-1])
        assert recorded.message.content == last
        assert recorded.message.attachments == (last,)
        assert recorded.message.extra == {"key": last}

    with_recorder(record)


# The model of a reply.


async def test_a_model_is_named_before_or_after_the_reply(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    session = await start(manager)
    later = NOW + timedelta(minutes=1)
    recorder.annotate(Annotation(later, "77", 1002, "named before \ud800"))
    for number in (1, 2, 3):
        await recorder.record(said(number, f"answer {number}", type="bot_response"))
    recorder.annotate(Annotation(later, "77", 1001, "named after"))
    recorder.annotate(Annotation(later, "78", 1003, "of another channel"))
    await recorder.flush()
    models = [r.message.model for r in manager.load(session)]
    assert models == ["named after", "named before \ufffd", None]
    lines = list(manager.reader.lines(session.id))
    assert len(lines) == 1 + 4, "what was named later is a line of its own"
    assert '"type": "model"' in lines[4]
    await manager.stop(CHANNEL.id, now=NOW)
    assert_sound(recorder.folder, recording=True)


async def test_a_model_can_be_named_when_the_session_is_over(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    session = await start(manager)
    await recorder.record(said(1, type="bot_response"))
    await manager.stop(CHANNEL.id, now=NOW)
    recorder.annotate(Annotation(NOW, "77", 1001, "late"))
    recorder.annotate(Annotation(NOW, "77", 1001, "late"))
    await recorder.flush()
    assert [r.message.model for r in manager.load(session)] == ["late"]
    models = [line for line in manager.reader.lines(session.id) if '"type": "model"' in line]
    assert len(models) == 1, "the same again says nothing new"
    assert_sound(recorder.folder, recording=True)


def test_the_changes_of_a_message_are_found_without_reading_the_whole_session(
    folder: Path,
) -> None:
    prepare_folder(folder)
    with closing(open_for_writing(folder)) as connection:
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        changes_of(connection, "session", 1001)
        ((*_, plan),) = connection.execute(f"EXPLAIN QUERY PLAN {statements[0]}").fetchall()
    assert plan == "SEARCH lines USING INDEX line_about (session_id=? AND about=?)"


# One at a time.

OPENS = textwrap.dedent("""
    import asyncio, sys
    from pathlib import Path
    from recorder import SessionRecorder
    from recorder.errors import AlreadyRunning

    async def main():
        try:
            async with SessionRecorder(Path(sys.argv[1])):
                print("opened")
        except AlreadyRunning as error:
            print(error)

    asyncio.run(main())
""")


@pytest.mark.slow
async def test_a_second_recorder_is_refused_at_once_and_named_the_first(folder: Path) -> None:
    def in_a_process_of_its_own() -> str:
        command = [sys.executable, "-c", OPENS, str(folder)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    async with SessionRecorder(folder) as recorder:
        with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}.*Stop it first"):
            await SessionRecorder(folder).open()
        assert f"process {os.getpid()}" in await asyncio.to_thread(in_a_process_of_its_own)
        await start(SessionManager(recorder, UTC_ZONE))
        assert await recorder.record(said(1)) is not None, "the first one goes on"
    assert await asyncio.to_thread(in_a_process_of_its_own) == "opened\n"
