"""The first message of a thread, and a forward, show the words of another message."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.recordings import CHANNEL, NOW, UTC_ZONE, assert_sound, message, said, texts

from recorder import Message, SessionManager, SessionRecorder
from recorder.models import Deletion, Edit, Json
from recorder.record.snowflake import snowflake_at
from recorder.store.erasure import Selection

SCOPE = CHANNEL.guild_id or ""
SOURCE = replace(message(0, "words", CHANNEL.id), message_id=snowflake_at(NOW))
THREAD = str(SOURCE.message_id)


def first_message(number: int = 1) -> Message:
    """Return the first message of the thread of `SOURCE`, as it is captured."""
    return replace(
        SOURCE,
        timestamp=NOW + timedelta(seconds=number),
        message_id=snowflake_at(NOW + timedelta(seconds=number)),
        channel_id=THREAD,
        parent_id=CHANNEL.id,
        extra={"reply_to": THREAD, "starts_thread": True},
    )


def forward(content: str = "words", author_id: str | None = "5", **more: Json) -> Message:
    """Return a forward of `SOURCE` by another user."""
    forwarded: Json = {"content": content, "timestamp": NOW.isoformat(), "message_id": THREAD}
    if author_id is not None:
        forwarded |= {"author_id": author_id}  # type: ignore[operator]
    return said(9, author="bob", author_id="6", extra={"forwarded": forwarded, **more})


@pytest.fixture
async def session_id(manager: SessionManager) -> str:
    return (await manager.start("s", CHANNEL, user_id="1", now=NOW)).id


async def test_it_is_changed_and_deleted_with_its_source(
    recorder: SessionRecorder, manager: SessionManager, session_id: str
) -> None:
    source, first = SOURCE.message_id or 0, first_message()
    reply = said(3, "a reply", channel_id=THREAD, parent_id=CHANNEL.id)
    for each in (SOURCE, first, replace(reply, extra={"reply_to": str(first.message_id)})):
        await recorder.record(each)
    recorder.change(Edit(NOW, CHANNEL.id, source, "better words", extra={"reply_to": "1"}))
    await recorder.flush()
    _, copy, other = manager.load(manager.reader.session(session_id))
    assert (copy.message.content, copy.message.extra["reply_to"]) == ("better words", THREAD)
    recorder.change(Deletion(NOW, CHANNEL.id, source))
    await recorder.flush()
    _, copy, other = manager.load(manager.reader.session(session_id))
    assert copy.deleted_at == NOW and other.deleted_at is None
    assert other.message.content == "a reply"


async def test_replies_to_the_first_message_of_a_post_are_no_copies(
    recorder: SessionRecorder, manager: SessionManager, session_id: str
) -> None:
    """A post of a forum has the id of its first message, which lies in the post itself."""
    post = replace(SOURCE, channel_id=THREAD, parent_id=CHANNEL.id)
    answer = replace(first_message(), content="an answer", extra={"reply_to": THREAD})
    for each in (post, answer):
        await recorder.record(each)
    recorder.change(Deletion(NOW, THREAD, SOURCE.message_id or 0))
    await manager.erase(Selection("message", message_ids=(SOURCE.message_id or 0,)), now=NOW)
    _, other = manager.load(manager.reader.session(session_id))
    assert (other.message.content, other.deleted_at) == ("an answer", None)


@pytest.mark.parametrize("selection", [
    Selection("message", message_ids=(SOURCE.message_id or 0,)),
    Selection("user", user_id="5"),
    Selection("retention", before=NOW + timedelta(milliseconds=1)),
])  # fmt: skip
async def test_it_is_erased_with_its_source_and_does_not_come_back(
    recorder: SessionRecorder, manager: SessionManager, session_id: str, selection: Selection
) -> None:
    for each in (SOURCE, first_message()):
        await recorder.record(each)
    await manager.erase(selection, now=NOW)
    await recorder.record(first_message(2))  # of a further thread, or fetched later
    recorded = list(manager.load(manager.reader.session(session_id)))
    assert [r.message.withheld for r in recorded] == ["erased"] * 3


@pytest.mark.parametrize("periods", [[(-1, None)], [(-1, 0.5)], [(0.5, None)]])
async def test_a_thread_shows_no_words_of_someone_who_opted_out(
    recorder: SessionRecorder,
    manager: SessionManager,
    session_id: str,
    periods: list[tuple[float, float | None]],
) -> None:
    """Neither of someone who had opted out when they wrote, nor when the thread was started."""
    for since, until in periods:
        await manager.opt_out(SCOPE, "5", now=NOW + timedelta(seconds=since))
        if until is not None:
            await manager.opt_in(SCOPE, "5", now=NOW + timedelta(seconds=until))
    await recorder.record(first_message())
    (copy,) = manager.load(manager.reader.session(session_id))
    assert (copy.message.withheld, copy.message.author_id) == ("opted out", "0")


async def test_a_forward_shows_no_words_of_someone_who_opted_out(
    recorder: SessionRecorder, manager: SessionManager, session_id: str
) -> None:
    await manager.opt_out(SCOPE, "5", now=NOW)
    await recorder.record(forward("<@5> says", mentions={"<@5>": "@STRYK"}))
    await recorder.record(replace(forward("of another", "7"), message_id=2_000))
    recorder.change(Edit(NOW, CHANNEL.id, 1009, "", extra=dict(forward("unfolded").extra)))
    await recorder.flush()
    one, other = manager.load(manager.reader.session(session_id))
    assert (one.message.text, other.message.text) == (
        "Forwarded: [opted out]",
        "Forwarded: of another",
    )
    assert (one.message.author, "mentions" in one.message.extra) == ("bob", False)


async def test_a_forward_of_a_message_that_was_recorded_without_words(
    recorder: SessionRecorder, manager: SessionManager, session_id: str
) -> None:
    """Even where its author is not known."""
    await manager.opt_out(SCOPE, "5", now=NOW)
    await recorder.record(SOURCE)
    await recorder.record(forward(author_id=None))
    *_, forwarded = manager.load(manager.reader.session(session_id))
    assert forwarded.message.text == "Forwarded: [opted out]"


@pytest.mark.parametrize("is_cached", [True, False])
def test_forwarded_words_are_erased_with_their_author(folder: Path, is_cached: bool) -> None:
    """Discord does not name the author: discord.py may remember, else the record knows."""

    async def run() -> None:
        async with SessionRecorder(folder) as recorder:
            manager = SessionManager(recorder, UTC_ZONE)
            await manager.start("s", CHANNEL, user_id="1", now=NOW)
            await recorder.record(replace(SOURCE, author="a", author_id="666"))
            await recorder.record(forward("eloquent words", "666" if is_cached else None))
            recorder.change(
                Edit(NOW, CHANNEL.id, 1009, "", extra=dict(forward("eloquent!", None).extra))
            )
            await manager.erase(Selection("user", user_id="666"), now=NOW)
            _, copy = manager.load(manager.list(SCOPE)[0])
            assert (copy.message.author, copy.message.text) == ("bob", "Forwarded: [erased]")

    asyncio.run(run())
    assert_sound(folder, recording=True)
    assert texts(folder) == ["", ""]
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert not any(b"eloquent" in data or b"666" in data for data in files)
