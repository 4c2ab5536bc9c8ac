"""What happens to messages after they were recorded: edits, deletions, pins."""

import discord
import pytest
from simcord.backend import serializers
from support.world import World

from recorder.store.reading import Reader

pytestmark = pytest.mark.simcord(check_errors=False)


async def test_edits_and_deletions_are_lines_of_their_own(world: World) -> None:
    await world.say("!record start changing")
    edited = await world.staff.send(world.channel, "frist version")
    deleted = await world.member.send(world.channel, "better unsaid")
    await world.env.settle()
    await world.say("!record list")
    before = world.lines()
    await world.staff.edit(edited, "first version")
    await world.say("!record stop")
    await world.member.delete(deleted)
    await world.say("!record list")
    lines = world.lines()
    assert lines[: len(before)] == before, "nothing in the file is rewritten"
    assert [(line["type"], line.get("content")) for line in lines[2:]] == [
        ("edit", "first version"),
        ("deletion", None),
    ]
    assert [line["message_id"] for line in lines] == [str(edited.id), str(deleted.id)] * 2
    reader = Reader(world.data)
    session = reader.find("changing")
    first, second = reader.messages(session.id)
    assert (first.message.content, first.edited_at is not None) == ("first version", True)
    assert (second.message.content, second.deleted_at is not None) == ("better unsaid", True)
    world.assert_sound()
    loaded = await world.say("!record load changing")
    assert "mod: first version *(edited)*\n" in loaded
    assert "Alice Liddell: *(deleted)*\n" in loaded and "unsaid" not in loaded
    for format in ("txt", "md", "json"):
        await world.say(f"!record export changing {format}")
        text = (await world.channel.history()[-1].attachments[0].read()).decode()
        assert "first version" in text and "unsaid" not in text and "(deleted)" in text
    answer = await world.say("!record export changing jsonl", world.member)
    assert "includes deleted messages" in answer and "Choose another format" in answer


@pytest.mark.parametrize("ending", ["pause", "stop"])
async def test_of_an_edit_while_nothing_is_recorded_the_text_is_not_kept(
    world: World, ending: str
) -> None:
    await world.say("!record start over")
    message = await world.staff.send(world.channel, "on record")
    await world.say(f"!record {ending}")
    await world.staff.edit(message, "off the record")
    await world.say("!record list")
    assert "off the record" not in str(world.lines())
    assert world.lines()[-1]["type"] == "unrecorded_edit"
    reader = Reader(world.data)
    (recorded,) = reader.messages(reader.find("over").id)
    assert (recorded.message.content, recorded.marks) == ("on record", ("edited",))
    world.assert_sound()


async def test_messages_deleted_together(world: World) -> None:
    await world.say("!record start purge")
    for number in range(3):
        await world.say(f"message {number}")
    channel = world.bot.get_channel(world.channel.id)
    assert isinstance(channel, discord.TextChannel)
    await channel.delete_messages(world.channel.history()[-3:-1])
    await world.say("!record stop")
    reader = Reader(world.data)
    messages = list(reader.messages(reader.find("purge").id))
    assert [m.deleted_at is not None for m in messages] == [True, True, False]
    world.assert_sound()


async def test_a_pin_is_kept_and_is_no_edit(world: World) -> None:
    await world.say("!record start pins")
    message = await world.staff.send(world.channel, "worth a pin")
    await world.staff.set_pinned(message, True)
    # SimCord leaves out the update of the message that Discord sends along.
    backend = world.env.backend
    stored = backend.get_message(world.channel.id, message.id)
    backend.emit("MESSAGE_UPDATE", dict(serializers.message_payload(backend, stored)))
    await world.env.settle()
    await world.say("!record stop")
    reader = Reader(world.data)
    first = next(iter(reader.messages(reader.find("pins").id)))
    assert first.message.extra["pinned"] is True
    assert first.edited_at is None
    world.assert_sound()


async def test_a_merged_session_has_messages_as_they_are_now(world: World) -> None:
    await world.say("!record start one")
    message = await world.staff.send(world.channel, "old")
    gone = await world.staff.send(world.channel, "gone")
    await world.staff.edit(message, "new")
    await world.say("!record stop")
    await world.say("!record start two")
    await world.say("other")
    await world.say("!record stop")
    await world.staff.delete(gone)
    await world.say("!record merge one two --output both")
    reader = Reader(world.data)
    merged = list(reader.messages(reader.find("both").id))
    assert [m.message.content for m in merged] == ["new", "gone", "other"]
    assert [m.deleted_at is not None for m in merged] == [False, True, False]
    world.assert_sound()


async def test_where_the_settings_say_so_what_is_deleted_is_erased(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECORDER_ON_DELETE", "erase")
    await world.env.restart_bot()
    await world.say("!record start erasing")
    sent = [await world.member.send(world.channel, f"unspeakable {n}") for n in range(3)]
    await world.member.send(world.channel, "speakable")
    await world.member.delete(sent[0])
    channel = world.bot.get_channel(world.channel.id)
    assert isinstance(channel, discord.TextChannel)
    await channel.delete_messages(sent[1:])
    await world.settle()
    assert [line["content"] for line in world.lines() if "content" in line] == [
        *([""] * 3),
        "speakable",
    ]
    await world.env.advance_time(3601)
    await world.settle()
    for path in world.data.rglob("*"):
        assert not path.is_file() or b"unspeakable" not in path.read_bytes(), path
    await world.say("!record stop")
    world.assert_sound()
