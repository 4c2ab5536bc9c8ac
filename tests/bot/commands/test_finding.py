"""Searching and statistics, through the real bot."""

import io
import sys

import discord
import pytest
from PIL import Image
from simcord.backend.models import Overwrite
from simcord.enums import OverwriteType
from support.world import World, both, staff_room

from recorder.bot.replies import refusals

pytestmark = pytest.mark.simcord(check_errors=False)


async def conversation(world: World) -> None:
    await world.say("!record start oauth-implementation")
    await world.say("Show me **the** token refresh code")
    await world.say("!ai token refresh?", world.member)
    await world.say("Token refresh works! ✓ @everyone")
    await world.say("something else, C++ and 刷新 too")
    await world.say("!record stop")


@both
async def test_search_answers_with_matches_and_links(world: World, how: str) -> None:
    await conversation(world)
    if how == "slash":
        query = "token refresh --sort oldest"
        answer = await world.slash("search", name="oauth-implementation", query=query)
    else:
        answer = await world.say("!record search oauth-implementation token refresh --sort oldest")
    lines = answer.splitlines()
    assert lines[0] == "🔍 **Found 4 matches in oauth-implementation:**"
    first = next(m for m in world.channel.history() if m.content.startswith("Show me"))
    assert lines[2].startswith("1. [<t:")
    assert lines[2].endswith(f' **token** **refresh** code" [↗](<{first.jump_url}>)')
    assert "@everyone" not in answer.replace("@\u200beveryone", "")
    phrase = await world.call(how, "search", name="all", query='"refresh works"')
    assert "**Found 1 match in all sessions:**" in phrase
    assert "in oauth-implementation: " in phrase
    for query, count in (("C++", 1), ("刷新", 1), ("from:alice", 1), ("refres*", 4)):
        matches = "1 match" if count == 1 else f"{count} matches"
        answer = await world.call(how, "search", name="all", query=query)
        assert f"**Found {matches} in all" in answer, query
    nothing = await world.call(how, "search", name="all", query="tokne")
    assert nothing.startswith("🔍 **Found nothing in all sessions**\n") and "token" in nothing


async def test_search_pages(world: World) -> None:
    await world.say("!record start long")
    for number in range(12):
        await world.say(f"needle number {number}")
    answer = await world.say("!record search long needle --sort newest")
    assert "Found 12 matches" in answer and "\n1. " in answer and "\n6. " not in answer
    await world.member.click(world.channel.history()[-1], label="Next")
    second = world.channel.history()[-1].content
    assert "\n6. " in second and "number 6" in second


async def test_nothing_is_found_in_what_one_may_not_read(world: World) -> None:
    me = world.guild.me
    assert me is not None
    seen = discord.PermissionOverwrite(view_channel=True)
    private = world.guild.create_text_channel(
        "private",
        overwrites={
            world.guild.default_role: discord.PermissionOverwrite(view_channel=False),
            world.staff: seen,
            me: seen,
        },
    )
    for text in ("!record start hidden", "the secret needle", "!record stop"):
        await world.staff.send(private, text)
    await conversation(world)
    await world.staff.send(private, "!record search all needle")
    assert "Found 1 match" in private.history()[-1].content
    for actor in (world.staff, world.member):  # where others listen, both get the same
        assert "Found nothing" in await world.say("!record search all needle", actor)
    answer = await world.say("!record search hidden needle", world.member)
    assert answer == (await world.say("!record search nope needle", world.member)).replace(
        "nope", "hidden"
    )
    assert "Messages: 5\n" in await world.say("!record stats", world.member)
    answer = await world.say("!record stats hidden", world.member)
    assert answer == (
        '❌ There is no session "hidden" here. See **!record list**. '
        "About sessions that not everyone in this channel may read, I reply by direct message."
    )


async def test_deleted_messages_are_found_by_those_who_manage_messages(world: World) -> None:
    await world.say("!record start deleting")
    message = await world.member.send(world.channel, "a rash needle")
    await world.member.delete(message)
    await world.say("!record stop")
    search = "!record search deleting"
    assert await world.say(f"{search} needle is:deleted") == refusals.DELETED_BY_DIRECT_MESSAGE
    assert "Found 1 match" in world.staff.user.dm_channel.history()[-1].content
    found = await world.slash("search", name="deleting", query="needle is:deleted")
    assert "Found 1 match" in found and world.channel.history()[-1].content != found
    await world.staff.send(staff_room(world), f"{search} needle")
    assert "Found 1 match" in world.guild.channels["staff-room"].history()[-1].content


@pytest.mark.parametrize(
    "query",
    [
        "needle",
        "needle --fts",
        "needle is:deleted",
        "is:deleted OR needle",
        "needle OR",
        '"needle',
        "needle -",
        "needle OR " * 60 + "needle",
        "needle from:",
        "needle " + "x" * 2_000,
    ],
)
async def test_deleted_messages_are_not_found_by_others(world: World, query: str) -> None:
    """Nor counted, nor hinted at; also not by those who may, where others see the answer."""
    await world.say("!record start deleting")
    message = await world.member.send(world.channel, "a rash needle")
    await world.member.delete(message)
    await world.say("!record stop")
    answers = await world.slash("search", actor=world.member, name="deleting", query=query)
    if "is:deleted" not in query:
        answers += await world.slash("search", name="deleting", query=query)
    assert "Found nothing" in answers
    assert "rash" not in answers and "there would be" not in answers, answers


@both
async def test_stats(world: World, how: str) -> None:
    await conversation(world)
    answer = await world.call(how, "stats", name="oauth-implementation")
    assert answer.startswith(
        "📊 **Session Stats: oauth-implementation**\n\n**Overview:**\nDuration: 0s\nMessages: 5\n"
        "User: 4 messages\nBot: 1 response\n"
    )
    assert "**Activity:**\nCommands used: 1\n- !ai: 1\n" in answer
    assert "**Topics discussed:**\n- Token refresh" in answer


async def attached(message: discord.Message) -> list[Image.Image]:
    return [Image.open(io.BytesIO(await file.read())) for file in message.attachments]


@both
async def test_stats_come_with_a_picture(world: World, how: str) -> None:
    await conversation(world)
    answer = await world.call(how, "stats", name="oauth-implementation")
    message = world.channel.history()[-1]
    assert message.content == answer and answer.startswith("📊 **Session Stats")
    (picture,) = await attached(message)
    assert picture.format == "PNG" and picture.width == 1000
    assert message.attachments[0].description == "Messages by time and author"
    assert [file.filename for file in message.attachments] == ["activity.png"]


async def test_a_picture_is_not_recorded(world: World) -> None:
    await world.say("!record start watched")
    await world.say("hello")
    await world.say("!record stats watched")
    assert world.channel.history()[-1].attachments
    assert [line["content"] for line in world.lines()] == ["hello"]


async def test_stats_without_a_picture(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.say("!record start quiet")
    await world.say("!record stats quiet")
    assert not world.channel.history()[-1].attachments, "there is nothing to draw"
    await world.say("hello")
    with monkeypatch.context() as context:
        context.setitem(sys.modules, "PIL", None)
        assert "Messages: 1\n" in await world.say("!record stats quiet")
        assert not world.channel.history()[-1].attachments, "Pillow is missing"
    await world.say("!record stats quiet")
    assert world.channel.history()[-1].attachments
    me = world.guild.me
    assert me is not None
    world.channel = world.guild.create_text_channel(
        "no-files", overwrites={me: discord.PermissionOverwrite(attach_files=False)}
    )
    assert "Messages: 1\n" in await world.say("!record stats quiet")
    assert not world.channel.history()[-1].attachments, "the bot may not attach files"


async def test_fts_errors_are_explained(world: World) -> None:
    await conversation(world)
    assert "❌ " in await world.say("!record search all --fts token AND (")
    assert "Found 3 matches" in await world.say("!record search all --fts token NOT code")


async def private_session(world: World) -> None:
    """A session of two pages in the room of the staff."""
    room = staff_room(world)
    for text in ("!record start hush", *map(str, range(7)), "!record stop"):
        await world.staff.send(room, text)


@both
async def test_a_private_answer_has_pages_and_buttons(world: World, how: str) -> None:
    await private_session(world)
    direct = world.staff.user.dm_channel
    missing = (await world.call("prefix", "load", name="gone")).replace("gone", "hush")
    before = [message.content for message in world.channel.history()]
    await world.call(how, "load", name="hush")
    seen = [message.content for message in world.channel.history()][len(before) :]
    assert [text for text in seen if text != "!record load hush"] == (
        [missing] if how == "prefix" else []
    )
    place = direct if how == "prefix" else world.channel
    person = world.staff.user if how == "prefix" else world.staff

    def last() -> discord.Message:
        return place.history(viewer=person)[-1]

    assert "**First 5 messages:**" in last().content
    await person.click(last(), label="Next")
    assert "**Messages 6-7 of 7:**" in last().content
    await world.call(how, "delete", name="hush")
    assert "Delete **hush** with its 7 messages" in last().content
    await person.click(last(), label="Delete")
    assert "**Session Deleted**" in last().content
    in_channel = "\n".join(message.content for message in world.channel.history())
    assert "Deleted**" not in in_channel and "Loading" not in in_channel


async def test_who_takes_no_direct_messages_gets_none(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """And the channel sees no more than before."""
    await private_session(world)
    await world.staff.send_dm("hello")
    direct = world.staff.user.dm_channel
    world.env.inject_error("POST", f"/channels/{direct.id}/messages", status=403, times=None)
    answer = await world.say("!record load hush")
    assert answer == (await world.say("!record load gone")).replace("gone", "hush")
    assert direct.history()[-1].content == "hello"
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_pages_are_not_turned_where_others_may_read_them_no_more(world: World) -> None:
    """A channel can be closed while an answer about it stands in another one."""
    other = world.guild.create_text_channel("other")
    for text in ("!record start open", *map(str, range(7)), "!record stop"):
        await world.staff.send(other, text)
    await world.say("!record load open")
    shown = world.channel.history()[-1]
    assert "**First 5 messages:**" in shown.content
    hidden = Overwrite(
        world.guild.default_role.id,
        OverwriteType.ROLE,
        0,
        discord.Permissions(view_channel=True).value,
    )
    world.env.backend.set_overwrite(other.id, hidden)
    seen = discord.Permissions(view_channel=True).value
    staff = Overwrite(world.staff.id, OverwriteType.MEMBER, seen, 0)
    world.env.backend.set_overwrite(other.id, staff)
    await world.env.settle()
    result = await world.staff.click(shown, label="Next")
    assert result.response is not None and result.ephemeral
    assert "not everyone here may read" in result.response.content
    assert world.channel.history()[-1].content == shown.content
