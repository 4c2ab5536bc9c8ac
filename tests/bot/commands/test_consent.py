"""Opting out and in, and what is kept of somebody."""

from dataclasses import replace

import discord
import pytest
from support.world import World, both

from recorder import Channel, Message
from recorder.models import AutoRecording, Json
from recorder.store.reading import Reader

pytestmark = pytest.mark.simcord(check_errors=False)


async def contents(world: World, name: str) -> list[tuple[str, str]]:
    await world.cog.recorder.flush()
    reader = Reader(world.data)
    messages = reader.messages(reader.find(name).id)
    return [(m.message.author, m.message.content) for m in messages]


def bytes_kept(world: World) -> bytes:
    return b"".join(path.read_bytes() for path in world.data.rglob("*") if path.is_file())


@both
async def test_who_opts_out_is_recorded_no_more_until_they_opt_in(world: World, how: str) -> None:
    await world.say("!record start consent")
    early = await world.member.send(world.channel, "on record")
    if how == "slash":
        answer = await world.slash("optout", actor=world.member)
    else:
        answer = await world.say("!record optout", world.member)
    assert answer.startswith("🙈 **You are not recorded here from now on**")
    late = await world.member.send(world.channel, "unspeakable secret")
    await world.member.edit(late, "unspeakable secret again")
    await world.member.edit(early, "unspeakable afterthought")
    other = await world.staff.send(world.channel, "still here")
    await world.member.react(other, "🤫")
    await world.staff.react(other, "👍")
    await world.member.delete(early)
    assert await contents(world, "consent") == [
        ("alice", "on record"),
        ("opted out", ""),
        ("mod", "still here"),
    ]
    line = world.lines()[1]
    assert (line["author_id"], line["opted_out"]) == ("0", True)
    assert [line["type"] for line in world.lines()[3:]] == ["reaction", "deletion"]
    kept = bytes_kept(world)
    assert b"unspeakable" not in kept and "🤫".encode() not in kept
    loaded = await world.say("!record load consent")
    assert "opted out: [opted out]" in loaded
    assert "not recorded here**" in await world.say("!record optout", world.member)
    assert "recorded here again**" in await world.say("!record optin", world.member)
    await world.member.send(world.channel, "back again")
    assert (await contents(world, "consent"))[-1] == ("alice", "back again")
    await world.say("!record stop")
    world.assert_sound()


async def test_opting_out_holds_after_a_restart_and_for_what_is_fetched(world: World) -> None:
    await world.say("!record optout", world.member)
    await world.say("!record start later")
    await world.bot.remove_cog("Recorder")
    await world.member.send(world.channel, "said while away")
    await world.load()
    await world.member.send(world.channel, "said after")
    assert await contents(world, "later") == [("opted out", ""), ("opted out", "")]


async def test_somebody_is_told_what_is_kept_of_them_and_nobody_else_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECORDER_CONTACT", "ops@example.org")
    await world.bot.remove_cog("Recorder")
    await world.load()
    await world.say("!record start privacy")
    await world.member.send(world.channel, "one")
    await world.member.send(world.channel, "two")
    shown = await world.say("!record privacy", world.member)
    assert shown == "🙈 I reply by direct message with what is stored about you."
    told = world.member.user.dm_channel.history()[-1].content
    assert "2 messages of yours in 1 recording\n" in told
    assert f"ask ops@example.org to run `recorder erase --user {world.member.id}`" in told
    assert "2 messages" in await world.slash("privacy", actor=world.member)
    assert "0 messages of yours in 0 recordings" in await world.slash("privacy")


async def test_privacy_counts_everything_that_is_kept_by_user(world: World) -> None:
    me, mod = str(world.member.id), world.staff
    await world.say("!record start all")
    sent = await world.member.send(world.channel, "one", attachments=[("a.txt", b"1")])
    await world.member.edit(sent, "two")
    await world.say("!record tag moment")
    other = await mod.send(world.channel, f"hello {world.member.mention}")
    await world.member.react(other, "👍")
    await world.member.react(sent, "👍")
    recorder, channel = world.cog.recorder, str(world.channel.id)
    used: Json = {"id": "7", "command": "/ask", "user": "alice", "user_id": me}
    words: Json = {"content": "two", "author_id": me}
    now = discord.utils.utcnow()
    for number, extra in enumerate(({"interaction": used}, {"forwarded": words}), 1):
        message = Message(now, "bot", "9", "", "bot_response", message_id=sent.id + number)
        await recorder.record(replace(message, channel_id=channel, extra=extra))
    manager, guild_id = world.cog.manager, str(world.guild.id)
    elsewhere = Channel("78", "elsewhere", guild_id)
    await manager.start("mine", elsewhere, user_id=me, now=now)
    await manager.switch_auto(AutoRecording("79", guild_id, me), True, now=now)
    await manager.start("foreign", Channel("80", "x", "another"), user_id=me, now=now)
    shown = await world.slash("privacy", actor=world.member)
    assert "1 message of yours in 1 recording\n" in shown
    assert (
        "Also: 1 edit of them, 1 attached file, 1 tag on them, 1 answer to your slash commands, "
        "2 reactions of yours, 1 mention of you by others, 1 forward of your words, "
        "1 recording that you started, 1 auto-recording that you switched on\n"
    ) in shown
    other_one = world.guild.add_member(world.env.create_user("carl"))
    assert "Also" not in await world.slash("privacy", actor=other_one)


async def test_the_notice_at_the_start_says_how_to_opt_out(world: World) -> None:
    assert (await world.say("!record start notice")).endswith("!record optout")
    await world.say("!record stop")
    assert "/record optout" in await world.say("!record auto on")
