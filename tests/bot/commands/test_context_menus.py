"""The menu of a message: recording from it on, and tagging it."""

from __future__ import annotations

import discord
import pytest
import simcord
from discord import app_commands
from support.world import World

from recorder.store.reading import Reader

pytestmark = pytest.mark.simcord(check_errors=False)


async def choose(
    world: World,
    entry: str,
    message: discord.Message,
    name: str,
    actor: simcord.MemberActor | None = None,
) -> simcord.InteractionResult:
    """Choose an entry of the menu of a message, and fill in its form."""
    actor = actor or world.staff
    shown = await actor.context_menu(world.channel, entry, message)
    assert shown.modal is not None, shown.response
    result = await actor.submit_modal(shown, {"name": name})
    await world.settle()
    return result


def answer_of(result: simcord.InteractionResult) -> str:
    answers = [a for a in (result.response, *result.followups) if a is not None]
    return "\n".join(answer.content for answer in answers)


def contents(world: World, name: str) -> list[str]:
    reader = Reader(world.data)
    return [m.message.content for m in reader.messages(reader.find(name).id)]


async def test_recording_begins_with_the_message(world: World) -> None:
    await world.member.send(world.channel, "before")
    first = await world.member.send(world.channel, "from here")
    await world.member.send(world.channel, "and this")
    result = await choose(world, "Record from here", first, "our plan")
    notice = world.channel.history()[-1]
    assert notice.content == answer_of(result)
    assert notice.content.startswith("🔴 **Recording Started**\n\nSession: our plan\n")
    assert "2 earlier messages recorded too" in notice.content
    assert "Do not record me: /record optout" in notice.content
    await world.member.send(world.channel, "later")
    await world.settle()
    assert contents(world, "our plan") == ["from here", "and this", "later"]
    assert Reader(world.data).find("our plan").user_id == str(world.staff.id)
    await world.say("!record stop")
    world.assert_sound()


async def test_who_may_not_start_a_recording_is_not_asked_for_a_name(world: World) -> None:
    message = await world.member.send(world.channel, "hello")
    shown = await world.member.context_menu(world.channel, "Record from here", message)
    assert shown.modal is None
    assert shown.response is not None and shown.response.ephemeral
    assert shown.response.content.startswith("❌ This needs the Manage Messages permission")
    assert Reader(world.data).sessions() == []


async def test_who_lost_the_right_meanwhile_starts_nothing(world: World) -> None:
    message = await world.member.send(world.channel, "hello")
    shown = await world.staff.context_menu(world.channel, "Record from here", message)
    guild = world.bot.guilds[0]
    staff = guild.get_member(world.staff.id)
    assert staff is not None
    await staff.remove_roles(*staff.roles[1:])
    result = await world.staff.submit_modal(shown, {"name": "late"})
    assert answer_of(result).startswith("❌ This needs the Manage Messages permission")
    assert Reader(world.data).sessions() == []


async def test_a_name_that_is_taken_is_refused(world: World) -> None:
    await world.say("!record start plan")
    await world.say("!record stop")
    message = await world.member.send(world.channel, "hello")
    assert answer_of(await choose(world, "Record from here", message, "PLAN")).startswith("❌ ")
    assert [s.status for s in Reader(world.data).sessions()] == ["stopped"]


async def test_the_chosen_message_is_tagged(world: World) -> None:
    await world.say("!record start tags")
    chosen = await world.member.send(world.channel, "the solution")
    await world.member.send(world.channel, "thanks")
    result = await choose(world, "Tag this moment", chosen, "solved", world.member)
    assert answer_of(result).startswith("🏷️ Tag added: solved\n")
    reader = Reader(world.data)
    (tag,) = reader.tags(reader.find("tags"))
    assert (tag.name, tag.message_index) == ("solved", 1)
    assert contents(world, "tags") == ["the solution", "thanks"]


async def test_a_message_that_was_not_recorded_cannot_be_tagged(world: World) -> None:
    early = await world.member.send(world.channel, "too early")
    result = await choose(world, "Tag this moment", early, "x")
    assert "Nothing is being recorded" in answer_of(result)
    assert result.response is not None and result.response.ephemeral
    await world.say("!record start tags")
    assert answer_of(await choose(world, "Tag this moment", early, "x")).startswith("❌ ")


async def test_the_entries_leave_with_the_recorder(world: World) -> None:
    kind = discord.AppCommandType.message
    assert len(world.bot.tree.get_commands(type=kind)) == 2
    await world.bot.remove_cog("Recorder")
    assert world.bot.tree.get_commands(type=kind) == []


async def test_an_entry_of_the_host_bot_stays(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.bot.remove_cog("Recorder")

    async def other(interaction: discord.Interaction, message: discord.Message) -> None:
        await interaction.response.send_message("mine")

    menu = app_commands.ContextMenu(name="Tag this moment", callback=other)
    world.bot.tree.add_command(menu)
    await world.load()
    assert 'The menu of messages lacks "Tag this moment"' in caplog.text
    await world.bot.remove_cog("Recorder")
    assert world.bot.tree.get_commands(type=discord.AppCommandType.message) == [menu]
