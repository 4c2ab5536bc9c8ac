"""The button under each notice: whoever presses it is recorded no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import discord
import pytest
from discord.ext import commands
from support.discord_server import Channel, DiscordServer, Message, User, serving
from support.world import World

from recorder.bot.cog import Recorder
from recorder.errors import StorageError
from recorder.settings import Settings
from recorder.store.reading import Reader

pytestmark = pytest.mark.simcord(check_errors=False)
LABEL, CUSTOM_ID = "Do not record me", "recorder:optout"


def has_button(message: discord.Message) -> bool:
    rows = [row.children for row in message.components if isinstance(row, discord.ActionRow)]
    return any(getattr(item, "label", None) == LABEL for row in rows for item in row)


async def press(world: World, message: discord.Message) -> str:
    """What the member alone is answered."""
    result = await world.member.click(message, label=LABEL)
    answers = [a for a in (result.response, *result.followups) if a is not None]
    assert answers and all(answer.ephemeral for answer in answers)
    return "\n".join(answer.content for answer in answers)


async def authors(world: World) -> list[str]:
    await world.cog.recorder.flush()
    reader = Reader(world.data)
    return [m.message.author for m in reader.messages(reader.sessions()[0].id)]


async def test_a_press_opts_out(world: World) -> None:
    await world.say("!record start plan")
    notice = world.channel.history()[-1]
    await world.member.send(world.channel, "early")
    assert await press(world, notice) == (
        "🙈 **You are not recorded here from now on**\n\n"
        "Recordings show that a member who opted out wrote a message, but neither who nor what\n"
        "Earlier recordings: /record privacy\n"
        "Be recorded again: /record optin"
    )
    await world.member.send(world.channel, "late")
    await world.staff.send(world.channel, "still here")
    assert await authors(world) == ["alice", "opted out", "mod"]
    assert (await press(world, notice)).startswith("🙈 **You are not recorded here**")
    await world.slash("optin", actor=world.member)
    await world.member.send(world.channel, "back")
    assert (await authors(world))[-1] == "alice"
    await world.say("!record stop")
    world.assert_sound()


async def test_every_notice_has_the_button(world: World) -> None:
    await world.say("!record start plan")
    assert has_button(world.channel.history()[-1])
    await world.say("!record pause")
    assert not has_button(world.channel.history()[-1])
    await world.say("!record resume")
    assert has_button(world.channel.history()[-1])
    await world.say("!record stop")
    await world.slash("resume", name="plan")
    assert has_button(world.channel.history()[-1])
    await world.say("!record stop")
    await world.say("!record auto on")
    assert has_button(world.channel.history()[-1])


async def test_buttons_from_before_a_reload_work_and_nothing_is_remembered_of_each(
    world: World,
) -> None:
    await world.say("!record start plan")
    notice = world.channel.history()[-1]
    for _ in range(3):
        await world.bot.remove_cog("Recorder")
        assert world.bot.persistent_views == []
        await world.load()
    assert len(world.bot.persistent_views) == 1
    assert "not recorded here from now on" in await press(world, notice)


async def test_a_press_is_answered_when_nothing_can_be_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> bool:
        raise StorageError("the disk is full")

    await world.say("!record start plan")
    monkeypatch.setattr(world.cog.manager, "opt_out", fail)
    answer = await press(world, world.channel.history()[-1])
    assert answer.startswith("🛑 **Recording stopped")


def new_bot(folder: Path) -> commands.Bot:
    intents = discord.Intents.default()
    intents.message_content = True
    bot = commands.Bot("!", intents=intents, help_command=None)

    @bot.event
    async def setup_hook() -> None:
        await bot.add_cog(Recorder(bot, Settings(folder, ZoneInfo("UTC"))))

    return bot


class Place:
    """A guild of the server with a channel, a moderator and a member."""

    def __init__(self, server: DiscordServer) -> None:
        world = self.world = server.world
        guild = world.create_guild("Workshop")
        self.channel: Channel = world.create_channel(guild, "development")
        self.mod: User = world.create_user("mod")
        self.alice: User = world.create_user("alice")
        world.add_member(guild, self.mod, world.create_role(guild, "Staff", "manage_messages"))
        world.add_member(guild, self.alice)

    @property
    def newest(self) -> Message:
        return list(self.channel.messages.values())[-1]


def flush(bot: commands.Bot) -> Any:
    cog = bot.get_cog("Recorder")
    assert isinstance(cog, Recorder)
    return cog.recorder.flush


async def test_a_button_works_after_a_restart(tmp_path: Path) -> None:
    async with serving() as server:
        place = Place(server)
        bot = new_bot(tmp_path)
        async with server.connected(bot):
            await server.settle(flush(bot))
            server.world.say(place.mod, place.channel, "!record start plan")
            await server.settle(flush(bot))
            notice = place.newest
        bot = new_bot(tmp_path)
        async with server.connected(bot):
            await server.settle(flush(bot))
            pressed = server.world.press(place.alice, notice, CUSTOM_ID)
            await server.settle(flush(bot))
            (answer,) = pressed.answers
            assert answer.startswith("🙈 **You are not recorded here from now on**")
            assert place.newest is notice  # nobody else sees it
            server.world.say(place.alice, place.channel, "unspeakable")
            await server.settle(flush(bot))
    reader = Reader(tmp_path)
    (recorded,) = reader.messages(reader.find("plan").id)
    assert recorded.message.withheld == "opted out"
