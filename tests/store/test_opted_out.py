"""Opting out holds for the time at which a message was sent, whenever it is recorded."""

from __future__ import annotations

from datetime import timedelta

from support.recordings import CHANNEL, NOW, UTC_ZONE, said

from recorder import SessionManager, SessionRecorder
from recorder.models import Edit


async def test_a_message_that_is_fetched_later_follows_the_consent_of_its_time(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    session = await manager.start("consent", CHANNEL, user_id="5", now=NOW)
    author, scope = said(1).author_id, CHANNEL.guild_id or ""
    for number in range(2):  # twice the same period is no error
        assert await manager.opt_out(scope, author, now=NOW + timedelta(seconds=10)) is not number
    assert await manager.opt_in(scope, author, now=NOW + timedelta(seconds=20))
    assert not await manager.opt_in(scope, author, now=NOW + timedelta(seconds=21))
    for number in (5, 15, 25):
        await recorder.record(said(number, f"said at {number}"))
    recorder.change(Edit(said(15).timestamp, CHANNEL.id, 1005, "edited while opted out"))
    await recorder.flush()
    texts = [(r.message.text, r.message.author_id) for r in manager.load(session)]
    assert texts == [("said at 5", author), ("[opted out]", "0"), ("said at 25", author)]


async def test_it_outlives_a_restart(recorder: SessionRecorder, manager: SessionManager) -> None:
    session = await manager.start("consent", CHANNEL, user_id="5", now=NOW)
    await manager.opt_out(CHANNEL.guild_id or "", said(1).author_id, now=NOW)
    await recorder.close()
    await recorder.open()
    await recorder.record(said(1, "kept out"))
    (recorded,) = SessionManager(recorder, UTC_ZONE).load(session)
    assert recorded.message.withheld == "opted out"
