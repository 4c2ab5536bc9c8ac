"""The Discord of the tests behaves to discord.py as Discord does."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import discord
import pytest
from discord.ext import commands
from support.discord_server import Channel, DiscordServer, User, World, poll, serving

from recorder.bot.cog import Recorder
from recorder.settings import Settings
from recorder.store.reading import Reader

RECORDED = "message raw_message_edit raw_message_delete raw_bulk_message_delete".split()
EVENTS = [
    *RECORDED,
    *"raw_reaction_add raw_reaction_remove raw_reaction_clear ready resumed disconnect".split(),
    *"guild_join guild_remove guild_available guild_unavailable guild_channel_update".split(),
    *"thread_create thread_join thread_remove thread_update interaction".split(),
]


@dataclass
class Stage:
    """A guild with a channel and people in it, and a bot that notes what it receives."""

    server: DiscordServer
    bot: commands.Bot
    events: list[tuple[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        world = self.world = self.server.world
        self.guild = world.create_guild("Workshop")
        self.channel = world.create_channel(self.guild, "development")
        staff = world.create_role(self.guild, "Staff", "manage_messages")
        self.alice = world.create_user("alice", global_name="Alice Liddell")
        self.mod = world.create_user("mod")
        world.add_member(self.guild, self.alice)
        world.add_member(self.guild, self.mod, staff)

    async def settle(self) -> None:
        await self.server.settle()

    def received(self, name: str = "message") -> list[Any]:
        return [payload for event, payload in self.events if event == name]

    @property
    def texts(self) -> list[str]:
        return [message.content for message in self.received()]

    def seen(self, channel: Channel) -> Any:
        """The channel as discord.py sees it."""
        return self.bot.get_channel(channel.id)


def plain_bot(intents: discord.Intents | None = None) -> commands.Bot:
    if intents is None:
        intents = discord.Intents.all()
        intents.presences = False
    return commands.Bot("!", intents=intents, help_command=None)


@asynccontextmanager
async def staged(bot: commands.Bot) -> AsyncIterator[Stage]:
    async with serving() as server:
        stage = Stage(server, bot)
        for name in EVENTS:

            async def note(*args: Any, name: str = name) -> None:
                stage.events.append((name, args[0] if args else None))

            bot.add_listener(note, f"on_{name}")
        async with server.connected(bot):
            await stage.settle()
            yield stage


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with staged(plain_bot()) as opened:
        yield opened


async def test_the_bot_is_ready_and_knows_its_guild(stage: Stage) -> None:
    guild = stage.bot.get_guild(stage.guild.id)
    assert guild is not None and guild.chunked and guild.me.name == "recorder-bot"
    assert [channel.name for channel in guild.text_channels] == ["development"]
    assert stage.received("guild_available") == [guild] and len(stage.received("ready")) == 1
    assert discord.utils.utcnow() == stage.world.now


async def test_messages_arrive_as_they_were_said(stage: Stage) -> None:
    said = stage.world.say(stage.alice, stage.channel, f"hello {stage.mod.mention}")
    stage.world.say(stage.mod, stage.channel, "hi", reply_to=said, files={"a.txt": b"abc"})
    await stage.settle()
    first, second = stage.received()
    assert (first.id, first.created_at.replace(microsecond=0)) == (
        said.id,
        said.timestamp.replace(microsecond=0),
    )
    assert first.author.display_name == "Alice Liddell" and first.mentions[0].name == "mod"
    assert second.reference.resolved.content == first.content
    assert await second.attachments[0].read() == b"abc"


async def test_messages_of_every_shape_are_understood(stage: Stage) -> None:
    world, channel, alice = stage.world, stage.channel, stage.alice
    original = world.say(alice, channel, "original", embeds=[{"title": "t", "type": "rich"}])
    world.say(alice, channel, forward=original)
    world.say(alice, channel, poll=poll("Lunch?", "yes", "no"))
    world.say(alice, channel, poll=poll(None, "yes"))
    world.say(alice, channel, stickers=[{"id": "1", "name": "wave", "format_type": 1}])
    world.say(
        alice, channel, components=[{"type": 10, "id": 1, "content": "layout"}], flags=1 << 15
    )
    world.webhook_say(channel, "CI", "built")
    world.announce_join(channel, alice)
    world.pin(alice, original)
    await stage.settle()
    _, forward, asked, silent, sticker, layout, webhook, join, pinned = stage.received()
    assert forward.message_snapshots[0].content == "original"
    assert asked.poll.question == "Lunch?" and silent.poll.answers[0].text == "yes"
    assert sticker.stickers[0].name == "wave" and layout.components[0].content == "layout"
    assert webhook.webhook_id and webhook.author.display_name == "CI"
    assert join.type is discord.MessageType.new_member
    assert pinned.type is discord.MessageType.pins_add
    assert [m.id for m in await _collect(stage.seen(channel).pins())] == [original.id]


async def test_a_hidden_channel_sends_nothing_until_it_is_shown(stage: Stage) -> None:
    everyone = stage.guild.everyone
    stage.world.overwrite(stage.channel, everyone, view_channel=False)
    stage.world.say(stage.alice, stage.channel, "secret")
    await stage.settle()
    assert stage.texts == [] and stage.seen(stage.channel).name == "___hidden___"
    stage.world.overwrite(stage.channel, everyone, view_channel=None)
    stage.world.say(stage.alice, stage.channel, "open")
    await stage.settle()
    assert stage.texts == ["open"] and stage.seen(stage.channel).name == "development"


async def test_a_role_that_shows_a_channel_brings_its_threads(stage: Stage) -> None:
    world, guild = stage.world, stage.guild
    world.overwrite(stage.channel, guild.everyone, view_channel=False)
    role = world.create_role(guild, "Insiders")
    world.overwrite(stage.channel, role, view_channel=True)
    thread = world.start_thread(stage.alice, stage.channel, "aside")
    await stage.settle()
    assert stage.seen(thread) is None
    world.edit_member(guild, world.bot, roles=[role])
    await stage.settle()
    assert stage.seen(thread).name == "aside" and stage.received("thread_join")


@pytest.mark.parametrize("oldest_first", [True, False])
async def test_history_is_paged_in_both_directions(stage: Stage, oldest_first: bool) -> None:
    said = [stage.world.say(stage.alice, stage.channel, str(n)) for n in range(250)]
    channel = stage.seen(stage.channel)
    after, before = discord.Object(said[9].id), discord.Object(said[240].id)
    page = channel.history(limit=None, after=after, before=before, oldest_first=oldest_first)
    numbers = [int(message.content) for message in await _collect(page)]
    assert numbers == (list(range(10, 240)) if oldest_first else list(range(239, 9, -1)))
    around = channel.history(limit=5, around=discord.Object(said[100].id))
    assert [int(m.content) for m in await _collect(around)] == [102, 101, 100, 99, 98]


async def test_what_may_not_be_read_is_refused_or_empty(stage: Stage) -> None:
    said = stage.world.say(stage.alice, stage.channel, "words")
    channel = stage.seen(stage.channel)
    stage.world.overwrite(stage.channel, stage.guild.everyone, read_message_history=False)
    assert await _collect(channel.history()) == []
    stage.world.overwrite(stage.channel, stage.guild.everyone, view_channel=False)
    with pytest.raises(discord.Forbidden) as hidden:
        await channel.fetch_message(said.id)
    assert hidden.value.code == 50001
    stage.world.overwrite(
        stage.channel, stage.guild.everyone, view_channel=True, read_message_history=True
    )
    stage.world.delete(said)
    with pytest.raises(discord.NotFound) as deleted:
        await channel.fetch_message(said.id)
    assert deleted.value.code == 10008
    stage.world.delete_channel(stage.channel)
    with pytest.raises(discord.NotFound) as gone:
        await _collect(channel.history())
    assert gone.value.code == 10003


@pytest.mark.parametrize("is_global", [True, False])
async def test_rate_limits_are_waited_for(stage: Stage, is_global: bool) -> None:
    stage.server.faults.add(429, path="/messages", retry_after=3.5, is_global=is_global, times=2)
    await stage.seen(stage.channel).send("at last")
    await stage.settle()
    assert stage.texts == ["at last"] and stage.server.sleeps.count(3.5) == 2


async def test_faults_reach_the_bot(stage: Stage) -> None:
    faults, channel = stage.server.faults, stage.seen(stage.channel)
    faults.add(502, path="/messages", times=1)
    await channel.send("after a bad gateway")
    faults.add(500, method="GET", path="/messages")
    with pytest.raises(discord.DiscordServerError):
        await _collect(channel.history())
    faults.clear()
    automod = faults.blocked_by_automod(times=1)
    with pytest.raises(discord.HTTPException) as blocked:
        await channel.send("a bad word")
    assert blocked.value.code == 200000 and automod.hits == 1
    faults.clear()
    faults.add(drop=True, method="POST", path="/messages")
    with pytest.raises(Exception, match="disconnected"):
        await channel.send("into nothing")
    assert len(stage.channel.messages) == 1


async def test_a_request_is_held_while_the_world_goes_on(stage: Stage) -> None:
    said = stage.world.say(stage.alice, stage.channel, "old")
    held = stage.server.faults.add(hold=True, method="GET", times=1)
    asking = asyncio.create_task(_collect(stage.seen(stage.channel).history()))
    await stage.settle()
    stage.world.delete(said)
    assert held.hits == 1 and not asking.done()
    held.release()
    assert await asking == []


async def test_another_bot_continues_in_the_same_world() -> None:
    async with serving() as server:
        guild = server.world.create_guild("Workshop")
        channel = server.world.create_channel(guild, "development")
        for count in range(3):
            bot = plain_bot()
            async with server.connected(bot):
                seen = bot.get_channel(channel.id)
                assert isinstance(seen, discord.TextChannel)
                assert len(await _collect(seen.history())) == count
                await seen.send("I was here")


async def test_a_resumed_session_receives_what_it_missed(stage: Stage) -> None:
    await stage.server.gateway.disconnect(None)
    stage.world.say(stage.alice, stage.channel, "meanwhile")
    await stage.settle()
    await stage.server.gateway.request_reconnect()
    await stage.settle()
    stage.world.say(stage.alice, stage.channel, "afterwards")
    await stage.settle()
    assert stage.texts == ["meanwhile", "afterwards"]
    assert len(stage.received("resumed")) == 2 and stage.server.gateway.identified == 1


async def test_a_lost_session_is_begun_again_without_what_was_missed(stage: Stage) -> None:
    stage.server.gateway.lose_session()
    await stage.server.gateway.disconnect(4000)
    stage.world.say(stage.alice, stage.channel, "lost")
    await stage.settle()
    stage.world.say(stage.alice, stage.channel, "received")
    await stage.settle()
    assert stage.texts == ["received"] and len(stage.received("ready")) == 2


async def test_events_are_lost_and_held_on_demand(stage: Stage) -> None:
    stage.server.gateway.drop("MESSAGE_CREATE")
    stage.world.say(stage.alice, stage.channel, "lost")
    stage.server.gateway.hold()
    stage.world.say(stage.alice, stage.channel, "late")
    await stage.settle()
    assert stage.texts == []
    stage.server.gateway.release()
    await stage.settle()
    assert stage.texts == ["late"]


async def test_a_refused_bot_comes_back(stage: Stage) -> None:
    stage.server.gateway.refusing = True
    await stage.server.gateway.disconnect()
    stage.world.say(stage.alice, stage.channel, "meanwhile")
    await stage.settle()
    assert stage.texts == []
    stage.server.gateway.refusing = False
    await stage.settle()
    assert stage.texts == ["meanwhile"]


async def test_the_bot_is_kicked_and_invited_again(stage: Stage) -> None:
    channel = stage.seen(stage.channel)
    stage.world.remove_member(stage.guild, stage.world.bot)
    stage.world.say(stage.alice, stage.channel, "unseen")
    await stage.settle()
    assert len(stage.received("guild_remove")) == 1 and not stage.bot.guilds
    with pytest.raises(discord.Forbidden):
        await channel.send("too late")
    stage.world.add_member(stage.guild, stage.world.bot)
    await stage.settle()
    assert len(stage.received("guild_join")) == 1 and stage.texts == []


async def test_an_outage_of_a_guild(stage: Stage) -> None:
    stage.world.set_available(stage.guild, False)
    stage.world.say(stage.alice, stage.channel, "unseen")
    await stage.settle()
    guild = stage.received("guild_unavailable")[0]
    assert guild.unavailable and stage.texts == []
    with pytest.raises(discord.DiscordServerError):
        await stage.bot.fetch_channel(stage.channel.id)
    stage.world.set_available(stage.guild, True)
    await stage.settle()
    assert len(stage.received("guild_available")) == 2 and not guild.unavailable


async def test_archived_threads_are_listed_in_pages(stage: Stage) -> None:
    world, channel = stage.world, stage.channel
    threads = [world.start_thread(stage.alice, channel, str(n)) for n in range(130)]
    for thread in threads:
        world.advance(seconds=1)
        world.archive(thread)
    await stage.settle()
    assert stage.seen(threads[0]) is None
    listed = await _collect(stage.seen(channel).archived_threads(limit=None))
    assert [thread.name for thread in listed] == [str(n) for n in range(129, -1, -1)]
    world.say(stage.alice, threads[3], "again")
    await stage.settle()
    assert not threads[3].archived and stage.texts[-1] == "again"


async def test_a_thread_starts_at_a_message(stage: Stage) -> None:
    said = stage.world.say(stage.alice, stage.channel, "worth a thread")
    thread = stage.world.start_thread(stage.mod, stage.channel, "aside", message=said)
    await stage.settle()
    starter = stage.received()[-1]
    assert thread.id == said.id == starter.channel.id
    assert starter.type is discord.MessageType.thread_starter_message
    assert starter.reference.resolved.content == "worth a thread"
    assert stage.received("raw_message_edit")[-1].message.flags.has_thread


async def test_forum_posts(stage: Stage) -> None:
    forum = stage.world.create_channel(stage.guild, "help", "forum")
    post = stage.world.post(stage.alice, forum, "How?", "I wonder")
    stage.world.say(stage.mod, post, "Like this")
    await stage.settle()
    assert stage.texts == ["I wonder", "Like this"] and stage.received()[0].id == post.id
    assert stage.received("thread_create")[0].parent.name == "help"
    created = await stage.seen(forum).create_thread(name="Mine", content="Text")
    assert created.message.id == created.thread.id and created.message.content == "Text"


async def test_private_threads_are_seen_by_their_members(stage: Stage) -> None:
    world = stage.world
    thread = world.start_thread(stage.alice, stage.channel, "secret", private=True)
    world.say(stage.alice, thread, "unseen")
    await stage.settle()
    assert stage.texts == [] and stage.seen(thread) is None
    world.join_thread(thread, world.bot)
    world.say(stage.alice, thread, "shared")
    await stage.settle()
    assert stage.texts == ["shared"] and len(await _collect(stage.seen(thread).history())) == 2
    seen = stage.seen(thread)
    world.leave_thread(thread, world.bot)
    world.say(stage.alice, thread, "secret again")
    await stage.settle()
    assert stage.texts == ["shared"] and stage.received("thread_remove")
    with pytest.raises(discord.Forbidden):
        await seen.send("?")


def _slash_bot() -> commands.Bot:
    bot = plain_bot()

    @bot.event
    async def setup_hook() -> None:
        await bot.tree.sync()

    @bot.tree.command(description="Echo")
    async def echo(interaction: discord.Interaction, text: str) -> None:
        await interaction.response.send_message(text)
        await interaction.followup.send("and this to you alone", ephemeral=True)

    @bot.tree.command(description="Think")
    async def think(interaction: discord.Interaction) -> None:
        await interaction.response.defer(thinking=True)
        await interaction.followup.send("thought")

    @bot.tree.command(description="Ask")
    async def ask(interaction: discord.Interaction) -> None:
        view = discord.ui.View()
        button: discord.ui.Button[discord.ui.View] = discord.ui.Button(custom_id="go", label="Go")

        async def pressed(press: discord.Interaction) -> None:
            await press.response.edit_message(content="gone", view=None)

        button.callback = pressed  # type: ignore[method-assign, assignment]
        await interaction.response.send_message("ready?", view=view.add_item(button))

    @echo.autocomplete("text")
    async def offer(_: discord.Interaction, current: str) -> list[discord.app_commands.Choice[str]]:
        return [discord.app_commands.Choice(name=f"{current}!", value=current)]

    class Form(discord.ui.Modal, title="Form"):
        answer: discord.ui.TextInput[Form] = discord.ui.TextInput(label="?", custom_id="answer")

        async def on_submit(self, interaction: discord.Interaction) -> None:
            await interaction.response.send_message(f"It is {self.answer.value}")

    @bot.tree.command(description="Fill in")
    async def fill(interaction: discord.Interaction) -> None:
        await interaction.response.send_modal(Form())

    return bot


async def test_a_slash_command_is_answered() -> None:
    async with staged(_slash_bot()) as stage:
        used = stage.world.slash(stage.alice, stage.channel, "echo", text="hello")
        await stage.settle()
        assert used.answers == ["hello", "and this to you alone"] and stage.texts == ["hello"]
        answer = stage.received()[0]
        assert answer.type is discord.MessageType.chat_input_command
        assert answer.interaction_metadata.user.id == stage.alice.id
        assert len(stage.channel.messages) == 1


async def test_a_deferred_answer_arrives_as_an_edit() -> None:
    async with staged(_slash_bot()) as stage:
        used = stage.world.slash(stage.alice, stage.channel, "think")
        await stage.settle()
        assert used.answers == ["thought"] and not used.followups
        [edit] = stage.received("raw_message_edit")
        assert edit.cached_message.flags.loading and edit.cached_message.content == ""
        assert (edit.message.content, edit.message.flags.loading) == ("thought", False)


async def test_a_button_is_pressed() -> None:
    async with staged(_slash_bot()) as stage:
        used = stage.world.slash(stage.alice, stage.channel, "ask")
        await stage.settle()
        assert used.original is not None
        stage.world.press(stage.alice, used.original, "go")
        await stage.settle()
        assert used.answers == ["gone"] and used.original.components == []


async def test_options_are_completed_and_forms_filled_in() -> None:
    async with staged(_slash_bot()) as stage:
        typed = stage.world.autocomplete(stage.alice, stage.channel, "echo", "text", text="hi")
        used = stage.world.slash(stage.alice, stage.channel, "fill")
        await stage.settle()
        sent = stage.world.submit(used, answer="42")
        await stage.settle()
        assert [choice["name"] for choice in typed.choices] == ["hi!"]
        assert sent.answers == ["It is 42"]


async def test_an_interaction_that_waited_too_long_is_unknown() -> None:
    async with staged(_slash_bot()) as stage:
        stage.server.gateway.hold()
        used = stage.world.slash(stage.alice, stage.channel, "think")
        stage.world.advance(seconds=4)
        stage.server.gateway.release()
        await stage.settle()
        assert used.answers == [] and not used.acknowledged


async def test_the_bot_uploads_files(stage: Stage) -> None:
    file = discord.File(io.BytesIO(b"\x00picture"), "chart.png")
    sent = await stage.seen(stage.channel).send("see", file=file)
    assert await sent.attachments[0].read() == b"\x00picture"
    assert stage.channel.messages[sent.id].attachments[0]["filename"] == "chart.png"


async def test_changes_of_messages_that_are_not_cached_arrive(stage: Stage) -> None:
    world, channel = stage.world, stage.channel
    old = [world.say(stage.alice, channel, str(n)) for n in range(5)]
    await stage.settle()
    stage.bot._connection._messages.clear()  # type: ignore[union-attr]
    world.react(stage.alice, old[0], "👍")
    world.react(stage.alice, old[0], "party:123456789012345678")
    world.unreact(stage.alice, old[0], "👍")
    world.clear_reactions(old[0])
    world.edit(old[1], "one")
    world.delete(old[1])
    world.bulk_delete(channel, old[2:])
    await stage.settle()
    assert [r.emoji.name for r in stage.received("raw_reaction_add")] == ["👍", "party"]
    assert (
        len(stage.received("raw_reaction_remove")) == len(stage.received("raw_reaction_clear")) == 1
    )
    assert stage.received("raw_message_edit")[0].message.edited_at == world.now
    assert stage.received("raw_message_delete")[0].message_id == old[1].id
    assert stage.received("raw_bulk_message_delete")[0].message_ids == {m.id for m in old[2:]}


async def test_channels_of_every_kind(stage: Stage) -> None:
    world, guild = stage.world, stage.guild
    category = world.create_channel(guild, "Rooms", "category")
    kinds = "text voice news stage forum media".split()
    channels = {k: world.create_channel(guild, k, k, parent=category) for k in kinds}
    for kind in ("voice", "news", "stage"):
        world.say(stage.alice, channels[kind], kind)
    world.overwrite(channels["voice"], guild.everyone, connect=False)
    world.say(stage.alice, channels["voice"], "behind a closed door")
    world.rename(channels["text"], "renamed")
    world.delete_channel(channels["media"])
    await stage.settle()
    assert stage.texts == ["voice", "news", "stage"]
    seen = stage.bot.get_guild(guild.id)
    assert seen is not None
    names = "renamed voice news stage forum".split()
    assert sorted(c.name for c in seen.channels if c.category) == sorted(names)
    assert [c.name for c in await seen.fetch_channels()] == ["development", "Rooms", *names]
    fetched = {member.id async for member in seen.fetch_members()}
    assert fetched == set(guild.members)


async def test_direct_messages(stage: Stage) -> None:
    stage.world.say(stage.alice, stage.world.dm(stage.alice), "psst")
    await stage.settle()
    assert isinstance(stage.received()[0].channel, discord.DMChannel)
    await stage.received()[0].author.send("what?")
    assert [m.content for m in stage.world.dm(stage.alice).messages.values()] == ["psst", "what?"]


async def test_intents_decide_what_arrives() -> None:
    intents = discord.Intents.default()
    intents.guild_reactions = False
    async with staged(plain_bot(intents)) as stage:
        said = stage.world.say(stage.alice, stage.channel, "words")
        stage.world.react(stage.alice, said, "👍")
        await stage.settle()
        assert stage.texts == [""] and stage.received("raw_reaction_add") == []


async def test_an_intent_that_is_not_granted_ends_the_bot() -> None:
    async with serving() as server:
        server.gateway.allowed_intents = discord.Intents.default().value
        with pytest.raises(discord.PrivilegedIntentsRequired):
            async with server.connected(plain_bot()):
                pass


def test_the_world_changes_while_the_loop_stands_still() -> None:
    """As in the rules of a state machine, which are no coroutines."""
    with asyncio.Runner() as runner:
        stack, bot = AsyncExitStack(), plain_bot()
        stage = runner.run(stack.enter_async_context(staged(bot)))
        for text in ("one", "two"):
            stage.world.say(stage.alice, stage.channel, text)
            runner.run(stage.settle())
            assert stage.texts[-1] == text
        runner.run(stack.aclose())


# the recorder in it


@dataclass
class Recording:
    """The recorder, loaded into a bot that is connected."""

    server: DiscordServer
    world: World
    channel: Channel
    alice: User
    mod: User
    cog: Recorder
    reader: Reader

    async def settle(self) -> None:
        await self.server.settle(self.cog.recorder.flush)

    async def say(self, author: User, text: str) -> Any:
        message = self.world.say(author, self.channel, text)
        self.world.advance(seconds=1)
        await self.settle()
        return message

    def contents(self) -> list[str]:
        session = self.reader.sessions()[0]
        return [recorded.message.content for recorded in self.reader.messages(session.id)]


@asynccontextmanager
async def recording(stage: Stage, folder: Path) -> AsyncIterator[Recording]:
    settings = Settings.from_environment({"RECORDER_DATA": str(folder)})
    cog = Recorder(stage.bot, settings)
    await stage.bot.add_cog(cog)
    people = (stage.alice, stage.mod)
    it = Recording(stage.server, stage.world, stage.channel, *people, cog, Reader(folder))
    await it.settle()
    yield it


async def test_a_conversation_is_recorded(stage: Stage, tmp_path: Path) -> None:
    async with recording(stage, tmp_path) as it:
        await it.say(it.alice, "before")
        await it.say(it.mod, "!record start x")
        first = await it.say(it.alice, "one")
        second = await it.say(it.alice, "two")
        it.world.edit(first, "one, edited")
        it.world.delete(second)
        await it.settle()
        await it.say(it.mod, "!record stop")
        await it.say(it.alice, "after")
        session = it.reader.sessions()[0]
        assert (session.name, session.message_count) == ("x", 2)
        assert "one, edited" in it.contents() and "after" not in it.contents()


async def test_what_a_lost_session_missed_is_fetched(stage: Stage, tmp_path: Path) -> None:
    async with recording(stage, tmp_path) as it:
        await it.say(it.mod, "!record start x")
        await it.say(it.alice, "one")
        stage.server.gateway.lose_session()
        await stage.server.gateway.disconnect()
        it.world.say(it.alice, it.channel, "two")
        it.world.advance(minutes=1)
        await it.settle()
        await it.say(it.alice, "three")
        assert sorted(it.contents()) == ["one", "three", "two"]


async def test_who_may_not_record_is_refused(stage: Stage, tmp_path: Path) -> None:
    async with recording(stage, tmp_path) as it:
        await it.say(it.alice, "!record start x")
        assert it.reader.sessions() == [] and len(it.channel.messages) == 2


async def _collect(pages: AsyncIterator[Any]) -> list[Any]:
    return [each async for each in pages]
