"""What cannot be recorded fails alone: nothing of it stays, and recording goes on."""

import logging
import math
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from support.recordings import CHANNEL, NOW, assert_sound, said, texts

from recorder import SessionManager, SessionRecorder
from recorder.errors import InvalidInput
from recorder.models import Annotation, Deletion, Edit, Message
from recorder.store.journal import Journal


def nested(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


CIRCULAR: dict[str, Any] = {}
CIRCULAR["self"] = CIRCULAR

WRONG: dict[str, dict[str, Any]] = {
    "nan": {"extra": {"embeds": [{"score": math.nan}]}},
    "infinite": {"extra": {"score": math.inf}},
    "circular": {"extra": {"mine": CIRCULAR}},
    "deep": {"extra": {"mine": nested(150)}},
    "too deep": {"extra": {"mine": nested(50_000)}},
    "bytes": {"extra": {"mine": b"x"}},
    "a key of ours": {"extra": {"timestamp": "never"}},
    "id 2^63": {"message_id": 1 << 63},
    "id below 0": {"message_id": -1},
    "id as text": {"message_id": "1005"},
    "no author": {"author": None},
    "a number as author id": {"author_id": 5},
    "no content": {"content": None},
    "a model that is none": {"model": 5},
    "a channel that is none": {"channel_id": 77},
    "unknown type": {"type": "robot"},
    "attachments that are no texts": {"attachments": (5,)},
    "naive time": {"timestamp": datetime(2025, 11, 8)},  # noqa: DTZ001
    "time of another zone": {"timestamp": NOW.astimezone(timezone(timedelta(hours=1)))},
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_message_that_cannot_be_recorded_fails_alone(
    recorder: SessionRecorder, manager: SessionManager, wrong: str
) -> None:
    await manager.start("session", CHANNEL, user_id="5", now=NOW)
    recorder.post(said(1, "before"))
    bad = said(2, **{"content": "bad", **WRONG[wrong]})
    if wrong == "a channel that is none":  # no session runs in a channel without a name
        bad = said(2, "bad", channel_id=["77"], parent_id="77")
    with pytest.raises((InvalidInput, TypeError)):
        await recorder.record(bad)
    recorder.post(bad)
    recorder.post(said(3, "after"))
    recorded = await recorder.record(said(4, "last"))
    assert recorded is not None and recorded.message_index == 3
    assert texts(recorder.folder) == ["before", "after", "last"]
    assert_sound(recorder.folder, recording=True)


async def test_who_brought_it_reads_what_is_wrong(
    recorder: SessionRecorder, manager: SessionManager, caplog: pytest.LogCaptureFixture
) -> None:
    await manager.start("session", CHANNEL, user_id="5", now=NOW)
    for changes, says in (
        ({"extra": {"score": math.nan}}, "cannot be encoded as JSON: Out of range float"),
        ({"message_id": 1 << 63}, "message_id has to be a Discord id, not 9223372036854775808"),
        ({"timestamp": NOW.replace(tzinfo=None)}, "timestamp has to be an aware time in UTC"),
    ):
        with pytest.raises(InvalidInput, match=says):
            await recorder.record(said(1, **changes))
        assert says in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        Edit(NOW, CHANNEL.id, 1001, "x", extra={"score": math.nan}),
        Edit(NOW, CHANNEL.id, 1001, "x", extra={"type": "edit"}),
        Edit(NOW, CHANNEL.id, 1001, None),  # type: ignore[arg-type]
        Edit(NOW.replace(tzinfo=None), CHANNEL.id, 1001, "x"),
        Deletion(NOW, CHANNEL.id, 1 << 63),
        Deletion(NOW, CHANNEL.id, -(1 << 64)),
        Annotation(NOW, CHANNEL.id, 1 << 64, "a-model"),
    ],
)
async def test_a_change_that_cannot_be_recorded_fails_alone(
    recorder: SessionRecorder,
    manager: SessionManager,
    change: Edit | Deletion | Annotation,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await manager.start("session", CHANNEL, user_id="5", now=NOW)
    recorder.post(said(1, "as it was"))
    if isinstance(change, Annotation):
        recorder.annotate(change)
    else:
        recorder.change(change)
    await recorder.record(said(2, "after"))
    assert texts(recorder.folder) == ["as it was", "after"]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert_sound(recorder.folder, recording=True)


def appends(journal: Journal) -> None:
    """Append to the running session, and to one of its own, as an import would."""
    session = journal.running[CHANNEL.id]
    journal.append(session, said(50, "undone"))
    journal.flush()
    journal.append(session, said(51, "undone too"))
    session.active = False
    del journal.running[CHANNEL.id]


def ends(error: Exception) -> Callable[[Journal], None]:
    def work(journal: Journal) -> None:
        appends(journal)
        raise error

    return work


@pytest.mark.parametrize(
    "error",
    [ValueError("a bug"), OverflowError("a bug"), InvalidInput("no"), StopIteration(), KeyError(1)],
    ids=repr,
)
async def test_a_call_that_fails_is_undone(
    recorder: SessionRecorder,
    manager: SessionManager,
    error: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await manager.start("session", CHANNEL, user_id="5", now=NOW)
    recorder.post(said(1, "before"))
    failing = recorder.submit(ends(error))  # in one commit with what is beside it
    recorder.post(said(2, "after"))
    recorder.change(Edit(NOW, CHANNEL.id, 1001, "edited"))
    with pytest.raises(RuntimeError if isinstance(error, StopIteration) else type(error)):
        await failing
    assert bool(caplog.records) is not isinstance(error, InvalidInput), "a bug is in the log"
    recorded = await recorder.record(said(50, "again"))
    assert recorded is not None and recorded.message_index == 3
    assert texts(recorder.folder) == ["edited", "after", "again"]
    await manager.stop(CHANNEL.id, now=NOW)
    assert_sound(recorder.folder, recording=True)


async def test_what_sqlite_refuses_in_a_call_is_undone(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    await manager.start("session", CHANNEL, user_id="5", now=NOW)

    def too_large(journal: Journal) -> None:
        appends(journal)
        journal.connection.execute("SELECT ?", (1 << 64,))

    def twice(journal: Journal) -> None:
        appends(journal)
        journal.connection.execute("INSERT INTO lines SELECT * FROM lines")

    for work in (too_large, twice):
        with pytest.raises(Exception, match=r"too large|UNIQUE"):
            await recorder.call(work)
    assert await recorder.record(said(1, "goes on")) is not None
    await manager.stop(CHANNEL.id, now=NOW)
    assert texts(recorder.folder) == ["goes on"]
    assert_sound(recorder.folder, recording=True)


async def test_a_merge_leaves_what_waits_beside_it(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    sources = []
    for name in ("first", "second"):
        await manager.start(name, CHANNEL, user_id="5", now=NOW)
        await recorder.record(said(len(name), name))
        sources.append(await manager.stop(CHANNEL.id, now=NOW))
    await manager.start("live", CHANNEL, user_id="5", now=NOW)

    async def say(number: int) -> Message:
        message = said(number, f"live {number}")
        await recorder.enqueue(message)
        return message

    await say(100)  # not waited for: it is committed together with the merge
    merged = await manager.merge(sources, "both", CHANNEL, user_id="5", now=NOW)
    await say(101)
    live = await manager.stop(CHANNEL.id, now=NOW)
    assert (merged.message_count, live.message_count) == (2, 2)
    assert_sound(recorder.folder, recording=True)
