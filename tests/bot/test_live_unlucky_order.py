"""Events that come in the same instant, around a notice, or while the bot is being closed."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import discord
import pytest
from support.discord_server.model import Flag
from support.live_scenes import Live, living

from recorder.bot.listening.day_rotation import DayRotation
from recorder.errors import RecorderClosed
from recorder.models import Session


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with living(tmp_path) as opened:
        yield opened


@pytest.fixture
async def late(tmp_path: Path) -> AsyncIterator[Live]:
    """An hour before midnight."""
    async with living(tmp_path, now=datetime(2026, 11, 2, 22, 0, tzinfo=UTC)) as opened:
        yield opened


async def start(live: Live, happens: Callable[[], object]) -> None:
    """Start a session; between its notice and its activation something happens."""
    activate, is_activated = live.cog.manager.activate, asyncio.Event()

    def activate_later(draft: Session, *, now: datetime) -> Awaitable[Session]:
        async def activating() -> Session:
            happens()
            await asyncio.sleep(0.1)  # until the bot has received it
            try:
                return await activate(draft, now=now)
            finally:
                is_activated.set()

        return activating()

    live.cog.manager.activate = activate_later  # type: ignore[method-assign]
    await live.order("start s")
    await is_activated.wait()
    await live.rest()


async def leave(live: Live) -> None:
    """Lose the connection; the gateway session can be resumed."""
    live.server.gateway.refusing = True
    await live.server.gateway.disconnect(None)
    await live.rest()


async def test_a_message_before_a_lost_permission_is_recorded(live: Live) -> None:
    """discord.py knows of the permission before it passes the rename of the post on."""
    post = live.world.post(live.bob, live.named("help"), "How?", "first")
    await live.order("start s", post)
    await leave(live)
    live.world.rename(post, "How then?")
    live.say("said", post)
    live.world.overwrite(live.named("help"), live.world.bot, view_channel=False)
    await live.come_back()
    assert live.texts("s") == ["said"]
    assert live.session("s").status == "paused"


async def test_a_message_between_notice_and_lost_permission_is_recorded(live: Live) -> None:
    def happens() -> None:
        live.say("said")
        live.world.overwrite(live.channel, live.world.bot, send_messages=False)
        live.say("blind")

    await start(live, happens)
    assert live.texts("s") == ["said"]
    assert live.session("s").status == "paused"


async def test_a_kick_between_notice_and_activation_ends_the_session(live: Live) -> None:
    await start(live, lambda: live.world.remove_member(live.guild, live.world.bot))
    live.world.advance(minutes=1)
    live.say("not announced")
    live.world.add_member(live.guild, live.world.bot)
    await live.reconnect()
    assert live.texts("s") == []
    assert live.session("s").status == "stopped"
    stopped_at = live.session("s").stopped_at
    assert stopped_at and stopped_at < live.world.now - timedelta(seconds=59)


async def test_a_message_of_yesterday_does_not_wait_for_the_new_day(
    late: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    await late.order("auto on")
    end_day, is_ended = DayRotation.end_day, asyncio.Event()

    async def end_later(*arguments: Any) -> str | None:
        late.server.gateway.release()
        await asyncio.sleep(0.1)  # until the bot has received the message
        try:
            return await end_day(*arguments)
        finally:
            is_ended.set()

    monkeypatch.setattr(DayRotation, "end_day", end_later)
    late.server.gateway.hold()
    late.say("of yesterday")
    late.faults.blocked_by_automod(times=9)  # the notice of the new day
    late.world.advance(hours=1, minutes=1)
    late.clock.tick()
    await is_ended.wait()
    await late.rest()
    assert late.texts("auto_2026-11-02") == ["of yesterday"]


async def test_a_session_of_yesterday_fetches_nothing_of_today(late: Live) -> None:
    await late.order("auto on")
    await late.go_away()
    late.world.advance(hours=1, minutes=1)
    late.say("today")
    session = late.session("auto_2026-11-02")
    await late.cog.backfill.fill(session)
    assert late.texts(session.name) == []


async def test_a_reply_of_a_bot_that_was_closed_is_given_up(live: Live) -> None:
    bot = live.cog.bot
    channel = bot.get_channel(live.channel.id)
    assert isinstance(channel, discord.TextChannel)
    await bot.http.close()
    assert await live.cog.announce(channel, "text") is None


async def test_a_slash_command_of_a_bot_that_was_closed_is_given_up(live: Live) -> None:
    errors: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    send = live.cog.own_messages.send

    async def send_when_closed(*arguments: Any) -> discord.Message:
        await live.cog.bot.http.close()
        return await send(*arguments)

    live.cog.own_messages.send = send_when_closed  # type: ignore[assignment,method-assign]
    live.world.slash(live.staff, live.channel, "record list")
    await asyncio.sleep(0.2)
    gc.collect()  # a task whose error nobody read says so when it is collected
    assert errors == []


async def test_an_expired_slash_command_is_not_answered_in_public(live: Live) -> None:
    await live.order("start s")

    async def send(*arguments: Any) -> discord.Message:
        arguments[1].close()
        live.world.advance(minutes=16)
        raise RecorderClosed("The recorder is being closed.")

    live.cog.own_messages.send = send  # type: ignore[assignment,method-assign]
    before = list(live.channel.messages)
    live.world.slash(live.staff, live.channel, "record list")
    await live.rest()
    assert list(live.channel.messages) == before


async def test_a_refused_start_leaves_the_session_of_the_day_running(live: Live) -> None:
    await live.order("auto on")
    live.faults.blocked_by_automod(times=4)
    await live.order("start s")
    live.faults.clear()
    live.server.gateway.drop("MESSAGE_CREATE")
    live.say("missed")
    live.say("said")
    await live.rest()
    await live.reconnect()
    assert live.session("auto_2026-11-02").status == "active"
    assert live.texts("auto_2026-11-02") == ["missed", "said"]


async def test_an_answer_finished_in_a_later_outage_is_fetched(live: Live) -> None:
    """It was no message yet when the history was compared up to a later one."""
    await live.order("start s")
    answer = live.world.say(live.robot, live.channel, flags=Flag.LOADING)
    await live.rest()
    live.world.advance(minutes=14)
    await leave(live)
    live.say("said")
    await live.come_back()
    await live.go_away()
    live.world.change(answer, content="an answer", flags=0)
    await live.come_back()
    assert live.texts("s") == ["an answer", "said"]


async def test_a_message_after_a_notice_is_not_fetched_for_the_session_before(live: Live) -> None:
    await live.order("auto on")
    filling: list[asyncio.Future[None]] = []

    def happens() -> None:
        live.say("said")
        auto = live.session("auto_2026-11-02")
        filling.append(asyncio.ensure_future(live.cog.backfill.fill(auto)))

    await start(live, happens)
    await asyncio.gather(*filling)
    assert live.texts("auto_2026-11-02") == []
    assert live.texts("s") == ["said"]


async def test_a_message_of_a_pause_is_not_on_a_page_that_was_requested_before(live: Live) -> None:
    await live.order("start s")
    live.say("said")
    await live.rest()
    request = live.faults.add(hold=True, method="GET", path="/messages")
    filling = asyncio.ensure_future(live.cog.backfill.fill(live.session("s")))
    await live.rest()
    await live.order("pause")
    live.say("private")
    request.release()
    await filling
    assert live.texts("s") == ["said"]


async def test_a_message_of_a_day_that_could_not_begin_is_left_to_the_history(late: Live) -> None:
    await late.order("auto on")
    request = late.faults.add(hold=True, method="GET", path="/messages")
    late.world.advance(hours=26)
    late.clock.tick()  # the history is read before the old session ends
    late.say("today")
    await asyncio.sleep(0.1)
    stopping = asyncio.ensure_future(late.host.stop())
    await asyncio.sleep(0.1)
    request.release()
    await stopping
    assert late.texts("auto_2026-11-02") == []
    await late.host.start()
    await late.rest()
    assert late.texts("auto_2026-11-02") == []
    assert late.texts("auto_2026-11-04") == ["today"]


async def test_a_stop_follows_the_resume_before_it(live: Live) -> None:
    await live.order("start s")
    await live.order("pause")
    request = live.faults.add(hold=True, method="POST", path="/messages", times=1)
    live.say("!record resume", user=live.staff)
    await asyncio.sleep(0.1)
    live.say("!record stop", user=live.staff)
    await asyncio.sleep(0.1)
    request.release()
    await live.rest()
    assert live.session("s").status == "stopped"
    notices = [message.content for message in live.channel.messages.values()]
    assert [text[0] for text in notices[-2:]] == ["🔴", "⏹"]


async def test_a_message_that_is_held_is_recorded_before_a_permission_is_lost(live: Live) -> None:
    await live.order("start s")
    request = live.faults.add(hold=True, method="GET", path="/messages", times=1)
    live.say("!record start t since:2h", user=live.staff)
    await asyncio.sleep(0.1)
    live.say("said")
    await asyncio.sleep(0.1)
    live.world.overwrite(live.channel, live.world.bot, read_message_history=False)
    await live.cog.availability.check()
    request.release()
    await live.rest()
    assert live.texts("s") == ["said"]
    assert live.session("s").status == "paused"


async def test_an_edit_of_a_new_day_begins_its_session(late: Live) -> None:
    await late.order("auto on")
    late.server.gateway.drop("MESSAGE_CREATE")
    late.world.advance(hours=1, minutes=1)
    late.world.edit(late.say("today"), "better")
    await late.rest()
    await late.reconnect()
    assert late.texts("auto_2026-11-02") == []
    assert late.texts("auto_2026-11-03") == ["better"]


async def test_auto_recording_goes_on_after_a_kick_before_its_notice(late: Live) -> None:
    await late.order("auto on")
    request = late.faults.add(hold=True, method="POST", path="/messages", times=1)
    late.world.advance(hours=1, minutes=1)
    late.clock.tick()
    await asyncio.sleep(0.1)
    late.world.remove_member(late.guild, late.world.bot)
    await asyncio.sleep(0.1)
    late.world.advance(minutes=1)
    late.world.add_member(late.guild, late.world.bot)
    await asyncio.sleep(0.1)
    request.release()
    await late.rest()
    late.say("said")
    await late.rest()
    assert late.texts("auto_2026-11-03") == ["said"]


async def test_a_session_whose_notice_came_after_a_kick_is_not_stopped(live: Live) -> None:
    request = live.faults.add(hold=True, method="POST", path="/messages", times=1)
    live.say("!record start s", user=live.staff)
    await asyncio.sleep(0.1)
    live.world.remove_member(live.guild, live.world.bot)
    await asyncio.sleep(0.1)
    live.world.advance(minutes=1)
    live.world.add_member(live.guild, live.world.bot)
    await asyncio.sleep(0.1)
    request.release()
    await live.rest()
    live.say("said")
    await live.rest()
    assert live.texts("s") == ["said"]
