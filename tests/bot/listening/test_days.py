"""Auto-recording over midnights: each message lies in the session of its own day."""

from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from support.discord_server import Channel
from support.live import Live, live

TZ = ZoneInfo("Europe/Berlin")


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Live]:
    async with live(tmp_path, RECORDER_TZ=str(TZ)) as opened:  # it is 2026-11-02, 10:00
        yield opened


def days(it: Live) -> dict[str, list[str]]:
    """The texts of all sessions by their names."""
    return {s.name.removeprefix("auto_2026-"): it.texts(s.name) for s in it.reader.sessions()[::-1]}


def seen(it: Live, channel: Channel | None = None) -> list[str]:
    """The first lines of the notices of a new day."""
    starts = ("🔴 New session", "🔴 Auto-recording continues")
    return [text.split("\n")[0] for text in it.notices(channel) if text.startswith(starts)]


async def auto(it: Live) -> None:
    await it.say("!record auto on", author=it.mod)
    it.world.advance(minutes=1)
    await it.say("on the first day")


@pytest.mark.parametrize("way", ["close", "kill"])
async def test_what_is_said_after_midnight_while_the_bot_is_off(it: Live, way: str) -> None:
    await auto(it)
    await (it.disconnect() if way == "close" else it.kill())
    it.world.advance(hours=13)
    it.world.say(it.alice, it.channel, "still on the first day")
    it.world.advance(hours=1)
    it.world.say(it.alice, it.channel, "23:00 UTC is midnight")
    it.world.advance(hours=9)
    await it.connect()
    await it.say("the next morning")
    assert days(it) == {
        "11-02": ["on the first day", "still on the first day"],
        "11-03": ["23:00 UTC is midnight", "the next morning"],
    }
    first, second = it.reader.sessions()[::-1]
    assert (first.status, first.stopped_at) == ("stopped", second.started_at)
    assert second.started_at.astimezone(TZ).isoformat() == "2026-11-03T00:00:00+01:00"
    reason = "restart" if way == "close" else "crash"
    for name in (first.name, second.name):
        (gap,) = it.gaps(name)
        assert (gap.reason, gap.fetched, gap.complete) == (reason, 1, True)
    assert seen(it) == ["🔴 New session started: 2026-11-02", "🔴 New session started: 2026-11-03"]
    assert second.file_path == "sessions/auto_2026-11-03.jsonl"


async def test_only_days_with_messages_get_a_session(it: Live) -> None:
    await auto(it)
    thread = it.world.start_thread(it.alice, it.channel, "aside")
    await it.settle()
    await it.disconnect()
    it.world.advance(days=2)
    it.world.say(it.alice, it.channel, "two days later")
    it.world.advance(days=2)
    it.world.say(it.alice, thread, "four days later, in a thread")
    it.world.advance(days=2)
    await it.connect()
    texts = days(it)
    assert texts["11-02"][0] == "on the first day"
    assert {day: said for day, said in texts.items() if day > "11-02"} == {
        "11-04": ["two days later"],
        "11-06": ["four days later, in a thread"],
        "11-08": [],
    }
    assert [s.status for s in it.reader.sessions()] == ["active", *["stopped"] * 3]
    assert len(seen(it)) == 2, "one notice for today"
    assert all(gap.complete for s in it.reader.sessions() for gap in it.gaps(s.name))


async def test_days_that_cannot_be_read_have_sessions_with_a_gap(it: Live) -> None:
    await auto(it)
    await it.disconnect()
    it.world.advance(days=2)
    it.world.say(it.alice, it.channel, "two days later")
    it.world.advance(days=1)
    fault = it.server.faults.add(500, method="GET", path=f"{it.channel.id}/messages")
    await it.connect()
    assert [*days(it)] == ["11-02", "11-03", "11-04", "11-05"]
    assert all(not it.gaps(s.name)[0].complete for s in it.reader.sessions())
    fault.times = 0
    await it.sweep()
    assert days(it)["11-04"] == ["two days later"]


async def test_a_lost_connection_over_midnight(it: Live) -> None:
    await auto(it)
    it.server.gateway.lose_session()
    it.server.gateway.refusing = True
    await it.server.gateway.disconnect(None)
    await it.until(lambda: it.cog.gap_filler._connection.lost_at)
    it.world.say(it.alice, it.channel, "evening")
    it.world.advance(days=1)
    it.world.say(it.alice, it.channel, "morning")
    it.server.gateway.refusing = False
    await it.settle()
    await it.say("noon")
    assert days(it) == {"11-02": ["on the first day", "evening"], "11-03": ["morning", "noon"]}
    assert {gap.reason for s in it.reader.sessions() for gap in it.gaps(s.name)} == {
        "connection lost"
    }


async def test_the_first_message_of_a_day_begins_its_session(it: Live) -> None:
    """Whether or not the timer of midnight has run."""
    await auto(it)
    it.world.advance(days=1)
    it.server.gateway.hold()
    for text in ("good morning", "and again"):
        it.world.say(it.alice, it.channel, text)
    it.server.gateway.release()
    await it.settle()
    assert days(it) == {"11-02": ["on the first day"], "11-03": ["good morning", "and again"]}
    assert all(it.gaps(s.name) == [] for s in it.reader.sessions())


async def test_a_session_of_a_user_is_not_rotated(it: Live) -> None:
    await auto(it)
    await it.start("mine")
    it.world.advance(days=1)
    await it.say("the next day")
    assert it.texts("mine") == ["the next day"]


async def test_a_day_whose_notice_is_refused_is_not_recorded(it: Live) -> None:
    await auto(it)
    await it.disconnect()
    it.world.advance(days=1)
    it.world.say(it.alice, it.channel, "unannounced")
    it.server.faults.blocked_by_automod()
    await it.connect()
    await it.say("unannounced too")
    assert days(it) == {"11-02": ["on the first day"]}
    assert it.reader.sessions()[0].status == "stopped"


async def test_a_suspended_session_of_yesterday_is_followed_by_that_of_today(it: Live) -> None:
    await auto(it)
    it.world.overwrite(it.channel, it.guild.everyone, send_messages=False)
    await it.settle()
    it.world.advance(days=1)
    await it.say("nobody was told")
    it.world.overwrite(it.channel, it.guild.everyone, send_messages=None)
    await it.settle()
    await it.say("announced")
    assert days(it) == {"11-02": ["on the first day"], "11-03": ["announced"]}
    (gap,) = it.gaps("auto_2026-11-02")
    assert (gap.complete, gap.problem) == (True, "no permission to send messages")
