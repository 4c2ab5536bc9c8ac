"""Every command through the real bot, typed as a prefix command and called as a slash command."""

import asyncio
import zipfile

import discord
import pytest
from support.world import World, both

from recorder.bot import Recorder
from recorder.bot.replies import notices, refusals
from recorder.errors import StorageError
from recorder.formats.session_exporter import FORMATS
from recorder.store.reading import Reader

pytestmark = pytest.mark.simcord(check_errors=False)  # what users do wrong is an error to it

BAD_NAMES = {
    "x" * 500: "Choose one of at most 100",
    "../../etc/passwd": "Leave out",
    "CON": "device",
    "two\nlines": "line break",
    "right\u202eleft": "invisible",
}


@both
async def test_a_session_from_start_to_export(world: World, how: str) -> None:
    started = await world.call(how, "start", name="oauth-implementation")
    prefix = "/" if how == "slash" else "!"
    assert started.startswith("🔴 **Recording Started**\n\nSession: oauth-implementation\nFile: ")
    assert "File: sessions/oauth-implementation_" in started
    assert f"All messages will be recorded\nStop: {prefix}record stop" in started
    await world.say("!ai How do I implement OAuth2?")
    await world.say("plain words about the record", world.member)
    paused = await world.call(how, "pause")
    assert paused.startswith("⏸️ **Recording Paused**")
    await world.env.advance_time(600)
    await world.say("nobody shall read this")
    resumed = await world.call(how, "resume")
    assert resumed.startswith("🔴 **Resumed Session: oauth-implementation**\n\nOriginal: <t:")
    assert "Messages before pause: 3\nAll new messages will be appended" in resumed
    await world.env.advance_time(60)
    stopped = await world.call(how, "stop")
    assert stopped.startswith(
        "⏹️ **Recording Stopped**\n\nSession: oauth-implementation\n"
        "Duration: 1m\nMessages: 3\nSize: "
    )
    assert f"Load: {prefix}record load oauth-implementation\nHead: 5:" in stopped
    assert len(stopped.rpartition(":")[2]) == 64

    said = [(line["author"], line["content"], line["type"]) for line in world.lines()]
    assert said == [
        ("mod", "!ai How do I implement OAuth2?", "user_message"),
        ("TestBot", "Answer to: How do I implement OAuth2?", "bot_response"),
        ("alice", "plain words about the record", "user_message"),
    ]
    world.assert_sound()

    listed = await world.call(how, "list")
    assert listed == (
        "📚 **Saved Sessions**\n\n1. oauth-implementation (1m, 3 msgs) - Today\n\n"
        f"Total: 1 session, 3 messages\nLoad: {prefix}record load <name>"
    )
    loaded = await world.call(how, "load", name="OAUTH-implementation")
    assert loaded.startswith("📖 **Loading Session: oauth-implementation**\n\nDate: <t:")
    assert "Duration: 1m\nMessages: 3\n\n**First 3 messages:**\n\n[<t:" in loaded
    assert ":t>] mod: !ai How do I implement OAuth2?\n" in loaded
    assert loaded.endswith(f"View full: {prefix}record export oauth-implementation md")
    shown: list[str] = []
    for name, format in FORMATS.items():
        answer = await world.call(how, "export", name="oauth-implementation", format=name)
        messages = world.channel.history(viewer=world.staff)
        file_name = f"oauth-implementation.{format.suffix}"
        if name == "jsonl":  # which holds what was deleted, too: for who asked alone
            seen = [file.filename for m in world.channel.history() for file in m.attachments]
            assert seen == shown
            if how == "prefix":
                assert answer == refusals.DELETED_BY_DIRECT_MESSAGE
                messages = world.staff.user.dm_channel.history()
        else:
            shown.append(file_name)
        assert messages[-1].content == f"📄 **Exporting to {format.title}...**"
        attached = messages[-1].attachments[0]
        assert attached.filename == file_name
        assert b"How do I implement OAuth2?" in await attached.read()


@both
async def test_saving_a_copy(world: World, how: str) -> None:
    assert "Nothing has been recorded in this channel" in await world.call(
        how, "save", filename="a"
    )
    await world.call(how, "start", name="notes")
    await world.say("a thing worth keeping")
    saved = await world.call(how, "save", filename="copy.txt")
    assert saved.startswith("💾 **Session Saved**\n\nSession: notes\nMessages: 1\n")
    assert saved.endswith("Saved: exports/copy.txt")
    text = (world.data / "exports" / "copy.txt").read_text(encoding="utf-8")
    assert "mod: a thing worth keeping" in text
    again = await world.call(how, "save", filename="copy.txt")
    assert again.startswith("❌ ") and "exists already" in again
    assert (world.data / "exports" / "copy.txt").read_text(encoding="utf-8") == text
    outside = await world.call(how, "save", filename="../outside.txt")
    assert outside.startswith("❌ ")
    assert not (world.data / "outside.txt").exists()


@both
async def test_deleting_asks_first(world: World, how: str) -> None:
    await world.call(how, "start", name="gone")
    await world.say("soon gone")
    assert "still running" in await world.call(how, "delete", name="gone")
    await world.call(how, "stop")
    path = world.data / Reader(world.data).sessions()[0].file_path
    question = await world.call(how, "delete", name="gone")
    assert question.startswith("🗑️ Delete **gone** with its 1 message for good?")
    message = world.channel.history()[-1]
    await world.member.click(message, label="Delete")
    assert path.exists(), "a press by another user deletes nothing"
    await world.staff.click(message, label="Cancel")
    assert path.exists()
    await world.call(how, "delete", name="gone")
    await world.staff.click(world.channel.history()[-1], label="Delete")
    assert world.channel.history()[-1].content.startswith("🗑️ **Session Deleted**")
    assert not path.exists()
    assert Reader(world.data).sessions() == []
    assert 'There is no session "gone" here' in await world.call(how, "load", name="gone")


@both
@pytest.mark.parametrize("name", BAD_NAMES)
async def test_names_that_cannot_be_used(world: World, how: str, name: str) -> None:
    answer = await world.call(how, "start", name=name)
    assert answer.startswith("❌ ") and BAD_NAMES[name] in answer
    assert Reader(world.data).sessions() == []
    assert list((world.data / "sessions").iterdir()) == []


@both
async def test_a_name_that_is_taken_in_other_letters(world: World, how: str) -> None:
    await world.call(how, "start", name="Über uns 🚀")
    await world.call(how, "stop")
    answer = await world.call(how, "start", name="üBER UNS 🚀")
    assert answer.startswith("❌ ") and "is taken" in answer
    assert len(Reader(world.data).sessions()) == 1


@both
@pytest.mark.parametrize("command", ["stop", "pause", "resume"])
async def test_what_is_not_running_cannot_end(world: World, how: str, command: str) -> None:
    answer = await world.call(how, command)
    prefix = "/" if how == "slash" else "!"
    assert answer == (
        "❌ Nothing is being recorded in this channel. "
        f"Begin with **{prefix}record start \\<name>**."
    )


@both
async def test_what_is_running_cannot_start(world: World, how: str) -> None:
    await world.call(how, "start", name="one")
    assert "already being recorded" in await world.call(how, "start", name="two")
    assert "is not paused" in await world.call(how, "resume")
    await world.call(how, "pause")
    assert "is paused already" in await world.call(how, "pause")
    assert [session.name for session in Reader(world.data).sessions()] == ["one"]


@pytest.mark.parametrize("text", ["!record", "!record help"])
async def test_help(world: World, text: str) -> None:
    assert "!record start <name>" in await world.say(text)
    assert "/record start <name>" in await world.slash("help")


async def test_what_is_not_understood_is_explained(world: World) -> None:
    assert "Use it like this: !record start <name>" in await world.say("!record start")
    assert "Use it like this: !record export <name> [format=md]" in await world.say(
        "!record export"
    )
    assert "There is no such command" in await world.say("!record strat x")
    await world.say("!record start here")
    assert 'no export format "pdf"' in await world.say("!record export here pdf")
    assert "!record help" in await world.say('!record export "here')


async def test_who_may_not_manage_messages_may_not_control(world: World) -> None:
    for command in ("start x", "stop", "pause", "resume", "save x", "delete x"):
        answer = await world.say(f"!record {command}", world.member)
        assert answer.startswith("❌ This needs the Manage Messages permission")
    assert Reader(world.data).sessions() == []


async def test_a_role_from_the_settings_may_control(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECORDER_ROLE", "Recorders")
    await world.env.restart_bot()
    role = world.guild.create_role("Recorders")
    person = world.guild.add_member(world.env.create_user("jonas"), roles=[role])
    assert "Recording Started" in await world.say("!record start x", person)
    assert "or the role Recorders" in await world.say("!record stop", world.member)


async def test_nothing_is_recorded_where_nobody_can_be_told(world: World) -> None:
    me = world.guild.me
    assert me is not None
    silent = world.guild.create_text_channel(
        "silent", overwrites={me: discord.PermissionOverwrite(send_messages=False)}
    )
    result = await world.staff.slash(silent, "record start", name="secret")
    assert result.response is not None
    assert "I cannot send messages in that channel" in result.response.content
    user = world.env.create_user("zoe")
    zoe = world.guild.add_member(user, roles=[world.guild.roles["Staff"]])
    await zoe.send(silent, "!record start secret")
    assert "I cannot send messages in that channel" in user.dm_channel.history()[-1].content
    assert Reader(world.data).sessions() == []


async def test_a_private_recording_is_as_one_that_does_not_exist(world: World) -> None:
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
    await world.staff.send(private, "!record start secret-plan")
    await world.staff.send(private, "the plan")
    await world.staff.send(private, "!record stop")
    unknown = await world.say("!record load nothing-like-it", world.member)
    for command in ("load secret-plan", "export secret-plan md"):
        answer = await world.say(f"!record {command}", world.member)
        assert answer == unknown.replace("nothing-like-it", "secret-plan")
    assert "secret" not in await world.say("!record list", world.member)
    assert "secret-plan" not in await world.say("!record list")
    await world.staff.send(private, "!record list")
    assert "secret-plan" in private.history()[-1].content


@both
async def test_managing_messages_elsewhere_is_not_enough(world: World, how: str) -> None:
    """Who manages messages in a channel of their own may not change recordings of others."""
    await world.say("!record start general")
    message = await world.member.send(world.channel, "a rash needle")
    await world.member.delete(message)
    await world.say("!record tag kept")
    await world.say("!record stop")
    keeper = discord.PermissionOverwrite(manage_messages=True)
    den = world.guild.create_text_channel("den", overwrites={world.member: keeper})
    needed = "This needs the Manage Messages permission in every channel that general was recorded"
    for command, options, expected in (
        ("delete", {"name": "general"}, needed),
        ("untag", {"name": "general", "tag": "kept"}, needed),
        ("resume", {"name": "general"}, needed),
        ("export", {"name": "general", "format": "jsonl"}, "includes deleted messages"),
        ("search", {"name": "general", "query": "needle is:deleted"}, "Found nothing"),
        ("search", {"name": "all", "query": "needle is:deleted"}, "Found nothing"),
    ):
        if how == "slash":
            result = await world.member.slash(den, f"record {command}", **options)
            assert result.response is not None
            answer = result.response.content
            for followup in result.followups:
                answer += followup.content
        else:
            await world.member.send(den, " ".join((f"!record {command}", *options.values())))
            answer = den.history()[-1].content
        assert expected in answer, command
    session = Reader(world.data).sessions()[0]
    assert session.status == "stopped"
    assert [tag.name for tag in Reader(world.data).tags(session)] == ["kept"]


async def test_pages_turn_and_obey_who_presses(world: World) -> None:
    await world.say("!record start long")
    for number in range(12):
        await world.say(f"message {number}")
    await world.say("!record load long", world.member)
    message = world.channel.history()[-1]
    assert "message 4" in message.content and "message 5" not in message.content
    await world.member.click(message, label="Next")
    second = world.channel.history()[-1]
    assert "**Messages 6-10 of 12:**" in second.content and "message 9" in second.content
    for number in range(1, 12):
        await world.say(f"!record start s{number}")
        await world.say("!record stop")
        await world.say(f"!record start t{number}")
        await world.say("!record stop")
    assert "10. " in await world.say("!record list")


async def test_replay_is_harmless(world: World) -> None:
    await world.say("!record start hostile")
    hostile = "@everyone <@&1> ``` [link](http://evil) \u202e **bold** \n# heading\n> quote"
    await world.say(hostile, world.member)
    await world.say("x" * 2000)
    answer = await world.say("!record load hostile")
    assert len(answer) <= 2000
    assert "@everyone" not in answer.replace("@\u200beveryone", "")
    assert "\n#" not in answer and "\n>" not in answer and "\u202e" not in answer
    assert not world.channel.history()[-1].mention_everyone


async def test_too_large_for_discord_is_zipped_or_left_on_the_host(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.say("!record start large")
    for number in range(40):
        await world.say(f"{number} " + "the same words again " * 90)
    guild = world.bot.get_guild(world.guild.id)
    assert guild is not None
    monkeypatch.setattr(type(guild), "filesize_limit", 20_000)
    assert "Exporting to TXT" in await world.say("!record export large txt")
    attached = world.channel.history()[-1].attachments[0]
    assert attached.filename == "large.txt.zip"
    path = world.data / "attached.zip"
    path.write_bytes(await attached.read())
    with zipfile.ZipFile(path) as archive:
        assert b"39 the same words" in archive.read("large.txt")
    monkeypatch.setattr(type(guild), "filesize_limit", 100)
    answer = await world.say("!record export large txt")
    assert "It is saved on the recorder's host" in answer and "exports/large.txt" in answer
    assert "39 the same words" in (world.data / "exports" / "large.txt").read_text()


async def test_a_restart_goes_on_with_what_was_running(world: World) -> None:
    await world.say("!record start lasting")
    await world.say("before")
    await world.env.restart_bot()
    await world.say("after")
    stopped = await world.say("!record stop")
    assert "Messages: 2" in stopped
    assert [line["content"] for line in world.lines()] == ["before", "after"]
    world.assert_sound()


async def test_a_thread_belongs_to_its_channel_and_a_private_one_to_nobody(world: World) -> None:
    await world.say("!record start with-threads")
    channel = world.bot.get_channel(world.channel.id)
    assert isinstance(channel, discord.TextChannel)
    for name, kind in (
        ("open", discord.ChannelType.public_thread),
        ("closed", discord.ChannelType.private_thread),
    ):
        await channel.create_thread(name=name, type=kind)
        await world.env.settle()
        thread = next(t for t in world.channel.threads if t.name == name)
        await (await channel.guild.fetch_channel(thread.id)).send(f"in the {name} one")  # type: ignore[union-attr]
        await world.env.settle()
    await world.say("!record stop")
    said = [line["content"] for line in world.lines()]
    assert "in the open one" in said and "in the closed one" not in said


async def test_a_direct_message_channel_has_sessions_of_its_own(world: World) -> None:
    person = world.member
    await person.send_dm("!record start just-us")
    await person.send_dm("between us")
    await person.send_dm("!record stop")
    session = Reader(world.data).sessions()[0]
    assert (session.name, session.guild_id, session.message_count) == ("just-us", None, 1)
    assert "just-us" not in await world.say("!record list", person)


async def test_the_model_of_a_reply_is_named_before_or_after(world: World) -> None:
    await world.say("!record start models")
    cog = world.bot.get_cog("Recorder")
    assert isinstance(cog, Recorder)
    await world.say("!ai first")
    reply = world.channel.history()[-1]
    cog.annotate(reply, model="claude-3-5-sonnet")
    await world.env.settle()
    await world.say("!record stop")
    reader = Reader(world.data)
    session = reader.sessions()[0]
    models = [recorded.message.model for recorded in reader.messages(session.id)]
    assert models == [None, "claude-3-5-sonnet"]
    world.assert_sound()


async def test_a_write_that_fails_is_told_in_the_channel_and_recording_goes_on_later(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failures: list[StorageError] = []

    @world.bot.listen("on_recorder_failed")
    async def note(error: StorageError) -> None:
        failures.append(error)

    await world.say("!record start unlucky")
    await world.say("kept")
    cog = world.bot.get_cog("Recorder")
    assert isinstance(cog, Recorder)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(cog.recorder._writer._projection, "write", full)  # type: ignore[union-attr]
        patched.setattr("recorder.recording.projection.Projection.size", full)
        await world.staff.send(world.channel, "the disk is full now")
        await asyncio.sleep(0.2)
        await world.env.settle()
        assert notices.RECORDING_FAILED in [message.content for message in world.channel.history()]
        assert await world.say("!record pause") == notices.RECORDING_FAILED
        await world.env.advance_time(1_500)
        assert len(failures) == 1, "a bot of its own ends then"
    await world.staff.send(world.channel, "said in between")
    await world.env.advance_time(301)
    await asyncio.sleep(0.2)
    await world.settle()
    assert notices.RECORDING_RECOVERED in [m.content for m in world.channel.history()]
    await world.say("recorded again")
    await world.say("!record stop")
    reader = Reader(world.data)
    texts = [recorded.message.content for recorded in reader.messages(reader.sessions()[0].id)]
    assert texts == ["kept", "the disk is full now", "said in between", "recorded again"]
    assert [gap.reason for gap in reader.gaps(reader.sessions()[0])] == ["recording stopped"]
    world.assert_sound()
    caplog.clear()
