"""Gaps, lost permissions, unseen deletions and ends, each in as few steps as it went wrong in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.discord_server import poll
from support.live_scenes import Live, living

from recorder.models import Channel, Gap


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with living(tmp_path) as opened:
        yield opened


@pytest.fixture
async def erasing(tmp_path: Path) -> AsyncIterator[Live]:
    """With ``RECORDER_ON_DELETE=erase``."""
    async with living(tmp_path, erase=True) as opened:
        yield opened


def says_so(gap: Gap) -> bool:
    """Return whether a gap says that it is not complete."""
    return not gap.complete or gap.problem is not None


# gap filling: one session's trouble is not that of another


async def test_a_session_of_a_forum_does_not_end_the_sweep(live: Live) -> None:
    forum = live.named("help")  # earlier releases began sessions of forums
    old = Channel(str(forum.id), forum.name, str(live.guild.id))
    await live.cog.manager.start("forum", old, user_id="1", now=live.world.now)
    await live.order("start s", live.named("reading"))  # it is swept after that of the forum
    await live.go_away()
    live.say("missed", live.named("reading"))
    await live.come_back()
    assert live.texts("s") == ["missed"]


async def test_an_unavailable_guild_does_not_end_the_sweep(live: Live) -> None:
    await live.order("start there", live.named("reading"))
    await live.order("start here")
    await live.host.stop()
    live.world.set_available(live.other_guild, False)
    live.say("missed here")
    live.say("missed there", live.named("reading"))
    await live.host.start()
    await live.rest()
    assert live.texts("here") == ["missed here"]
    assert any(says_so(gap) for gap in live.gaps("there"))
    live.world.set_available(live.other_guild, True)
    await live.rest()
    assert live.texts("there") == ["missed there"]
    assert not any(says_so(gap) for gap in live.gaps("there"))


async def test_a_poll_without_question_is_recorded(live: Live) -> None:
    await live.order("start s")
    live.world.say(live.bob, live.channel, poll=poll(None, "yes"))
    await live.rest()
    assert len(live.entries("s")) == 1


async def test_a_poll_without_question_does_not_end_the_sweep(live: Live) -> None:
    await live.order("start s")
    await live.go_away()
    live.world.say(live.bob, live.channel, poll=poll(None, "yes"))
    live.say("missed")
    await live.come_back()
    assert [entry.message.content for entry in live.entries("s")] == ["", "missed"]


async def test_a_thread_that_was_archived_meanwhile_is_fetched_later(live: Live) -> None:
    await live.order("start s")
    thread = live.world.start_thread(live.alice, live.channel, "aside")
    await live.rest()
    await live.go_away()
    live.say("missed in the thread", thread)
    live.world.advance(hours=2)
    live.world.archive(thread)
    live.world.advance(hours=2)
    live.say("missed in the channel")
    fault = live.faults.add(403, method="GET", path=f"/channels/{thread.id}/messages", times=1)
    await live.come_back()
    live.faults.clear()
    await live.pass_time(minutes=61)
    await live.reconnect()
    assert fault.hits == 1
    assert "missed in the thread" in live.texts("s")


async def test_a_refused_page_leaves_a_gap_that_says_so(live: Live) -> None:
    await live.order("start s")
    await live.go_away()
    for number in range(250):
        live.say(f"missed {number}")
    fault = live.faults.add(403, method="GET", path=f"{live.channel.id}/messages", skip=1, times=1)
    await live.come_back()
    assert fault.hits == 1
    assert len(live.texts("s")) < 250 and any(says_so(gap) for gap in live.gaps("s"))
    live.faults.clear()
    await live.pass_time(minutes=61)
    assert len(live.texts("s")) == 250 and not any(says_so(gap) for gap in live.gaps("s"))


# gaps are on record


async def test_a_stop_before_the_gap_is_filled_leaves_a_gap_that_says_so(live: Live) -> None:
    await live.order("start s")
    await live.go_away()
    missed = live.say("missed")
    live.faults.add(hold=True, method="GET", path=f"/channels/{live.channel.id}/messages")
    await live.come_back()
    await live.order("stop")
    live.faults.clear()
    await live.rest()
    gaps = [gap for gap in live.gaps("s") if gap.started_at <= missed.timestamp]
    assert "missed" in live.texts("s") or any(map(says_so, gaps))
    assert all(gap.ended_at for gap in live.gaps("s"))


async def test_an_outage_before_an_orderly_end_is_a_gap_from_its_beginning(live: Live) -> None:
    await live.order("start s")
    await live.go_away()
    live.world.advance(hours=3)
    missed = live.say("missed")
    live.world.advance(hours=3)
    await live.host.stop()
    assert any(says_so(gap) and gap.started_at <= missed.timestamp for gap in live.gaps("s"))


@pytest.mark.parametrize("name", ["view_channel", "read_message_history", "send_messages"])
async def test_a_lost_permission_pauses_with_a_gap(live: Live, name: str) -> None:
    await live.order("start s")
    live.world.overwrite(live.channel, live.world.bot, **{name: False})
    await live.rest()
    live.say("blind")
    await live.rest()
    (gap,) = live.gaps("s")
    assert gap.ended_at is None and "permission" in gap.reason
    assert live.session("s").status == "paused"
    count = len(live.answers())
    live.world.overwrite(live.channel, live.world.bot, **{name: None})
    await live.rest()
    notice = live.answers()[count]
    assert notice.content.startswith("🔴 **Resumed Session: s")
    live.say("seen")
    await live.pass_time(minutes=61)
    await live.reconnect()
    assert live.texts("s") == ["seen"]
    gap = live.gaps("s")[0]
    assert gap.ended_at and gap.fetched == 0 and gap.problem


async def test_a_kick_ends_the_session(live: Live) -> None:
    await live.order("start s")
    live.world.remove_member(live.guild, live.world.bot)
    await live.rest()
    assert live.session("s").status == "stopped"
    live.say("unannounced")
    live.world.add_member(live.guild, live.world.bot)
    await live.rest()
    live.say("unannounced too")
    await live.reconnect()
    assert live.texts("s") == []


async def test_a_kick_while_the_bot_is_away_ends_the_session(live: Live) -> None:
    await live.order("start s")
    await live.host.stop()
    live.world.remove_member(live.guild, live.world.bot)
    await live.host.start()
    await live.rest()
    assert live.session("s").status == "stopped"


# deletions


@pytest.mark.parametrize("way", ["restart", "crash", "disconnect"])
async def test_a_deletion_that_was_not_seen_is_recorded(live: Live, way: str) -> None:
    await live.order("start s")
    secret, kept = live.say("secret"), live.say("kept")
    await live.rest()
    await (live.go_away() if way == "disconnect" else live.host.stop())
    live.world.delete(secret)
    if way == "disconnect":
        await live.come_back()
    else:
        await live.host.start()
        await live.rest()
    first, second = live.entries("s")
    assert first.deleted_at and not second.deleted_at and not kept.is_deleted


async def test_a_deletion_that_was_not_seen_is_erased(erasing: Live) -> None:
    await erasing.order("start s")
    secret = erasing.say("secret")
    await erasing.rest()
    await erasing.go_away()
    erasing.world.delete(secret)
    await erasing.come_back()
    (entry,) = erasing.entries("s")
    assert entry.message.withheld == "erased"
    assert not any("secret" in line for line in erasing.reader.lines(erasing.session("s").id))


async def test_a_history_that_may_not_be_read_is_no_deletion(live: Live) -> None:
    await live.order("start s")
    live.say("kept")
    await live.rest()
    await live.host.stop()
    live.world.overwrite(live.channel, live.world.bot, read_message_history=False)
    await live.host.start()
    await live.rest()
    (entry,) = live.entries("s")
    assert entry.deleted_at is None


# ends


@pytest.mark.parametrize("away", [False, True])
@pytest.mark.parametrize("kind", ["channel", "thread", "post", "parent", "forum"])
async def test_a_session_ends_with_its_channel(live: Live, kind: str, away: bool) -> None:
    channel = recorded = live.channel
    if kind in ("thread", "parent"):
        recorded = live.world.start_thread(live.alice, live.channel, "aside")
        channel = recorded if kind == "thread" else live.channel
    elif kind in ("post", "forum"):
        recorded = live.world.post(live.bob, live.named("help"), "How?", "first")
        channel = recorded if kind == "post" else live.named("help")
    await live.order("start s", recorded)
    if away:
        await live.host.stop()
    live.world.delete_channel(channel)
    if away:
        await live.host.start()
    await live.rest()
    assert live.session("s").status == "stopped"
    assert all(gap.ended_at for gap in live.gaps("s"))
