"""Answers of other bots to slash commands: who asked is kept, unless they opted out."""

from __future__ import annotations

from typing import Any

import pytest
import simcord
from simcord.backend import serializers
from support.world import World

from recorder.store.reading import Reader

pytestmark = pytest.mark.simcord(check_errors=False)
_LOADING = 1 << 7


class Answering:
    """Another bot, which answers the slash command of a member."""

    def __init__(self, world: World, bot: simcord.MemberActor, user: simcord.MemberActor) -> None:
        self._world = world
        about = {"id": str(user.id), "username": user.name, "discriminator": "0", "avatar": None}
        stored = world.env.backend.create_message(world.channel.id, bot.id, "?", broadcast=False)
        self._payload = {
            **serializers.message_payload(world.env.backend, stored),
            "type": 20,
            "webhook_id": str(bot.id),
            "application_id": str(bot.id),
            "interaction": {"id": str(stored.id - 1), "type": 2, "name": "ask", "user": about},
            "interaction_metadata": {"id": str(stored.id - 1), "type": 2, "user": about},
        }

    async def send(self, event: str = "MESSAGE_CREATE", **fields: Any) -> None:
        self._world.env.backend.emit(event, {**self._payload, **fields})
        await self._world.settle()


@pytest.fixture
async def answering(world: World, robot: simcord.MemberActor) -> Answering:
    return Answering(world, robot, world.member)


def commands(world: World) -> list[dict[str, Any]]:
    return Reader(world.data).query("SELECT author, command, author_id FROM commands")


async def test_the_command_and_its_user_are_shown(world: World, answering: Answering) -> None:
    await world.say("!record start asked")
    await answering.send(content="42")
    await answering.send("MESSAGE_UPDATE", content="43", edited_timestamp="2026-01-01T00:00:00Z")
    loaded = await world.say("!record load asked")
    assert "robot: 43 *(edited)* *(alice used /ask)*" in loaded
    assert "/ask" in await world.say("!record stats asked")
    assert commands(world) == [
        {"author": "alice", "command": "/ask", "author_id": str(world.member.id)}
    ]
    assert "interaction" in world.lines()[0] and "interaction" not in world.lines()[1]
    await world.say("!record stop")
    world.assert_sound()


async def test_a_deferred_answer_keeps_when_it_was_given(
    world: World, answering: Answering
) -> None:
    await world.say("!record start deferred")
    await answering.send(content="", flags=_LOADING)
    assert world.lines() == []
    await answering.send("MESSAGE_UPDATE", content="42", flags=0)
    (line,) = world.lines()
    assert (line["content"], line["interaction"]["command"]) == ("42", "/ask")
    assert line["interaction"]["answered_at"] >= line["timestamp"]


async def test_a_user_who_opted_out_is_not_named(world: World, answering: Answering) -> None:
    await world.say("!record optout", world.member)
    await world.say("!record start private")
    await answering.send(content="42")
    await answering.send("MESSAGE_UPDATE", content="43", edited_timestamp="2026-01-01T00:00:00Z")
    assert commands(world) == [{"author": "opted out", "command": "/ask", "author_id": "0"}]
    assert "43 *(edited)* *(opted out used /ask)*" in await world.say("!record load private")
    assert str(world.member.id) not in str(world.lines()) and "alice" not in str(world.lines())
