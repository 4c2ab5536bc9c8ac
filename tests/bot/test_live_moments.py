"""Recordings at unlucky moments: what random runs of the model found, in few steps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.live_scenes import Live, living


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with living(tmp_path) as opened:
        yield opened


async def test_a_command_does_not_resume_what_may_not_be_recorded(live: Live) -> None:
    await live.order("start s")
    live.world.overwrite(live.channel, live.world.bot, read_message_history=False)
    await live.rest()
    answer = await live.order("resume")
    live.say("blind")
    await live.rest()
    assert "no permission to read the message history" in answer
    assert live.texts("s") == []


async def test_a_session_that_moves_takes_nothing_from_before(live: Live) -> None:
    await live.order("start s")
    other = live.named("reading")
    live.world.add_member(live.other_guild, live.staff)
    lounge = live.named("lounge")
    live.say("not announced", lounge)
    live.say("not announced", other)
    await live.order("stop")
    await live.order("resume s", lounge)
    live.say("announced", lounge)
    await live.reconnect()
    assert live.texts("s") == ["announced"]


async def test_a_message_between_command_and_start_is_recorded_once(live: Live) -> None:
    await live.order("auto on")
    live.say("!record start s", user=live.staff)
    live.say("meanwhile")
    await live.rest()
    await live.reconnect()
    assert live.all_texts().count("meanwhile") == 1


async def test_a_command_edited_in_a_pause_is_not_fetched(live: Live) -> None:
    await live.order("start s")
    command = live.say("!record list", user=live.bob)
    await live.rest()
    await live.order("pause")
    live.world.edit(command, "private")
    await live.rest()
    await live.order("resume")
    await live.reconnect()
    assert "private" not in live.texts("s")
