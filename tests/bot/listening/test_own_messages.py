"""The recorder leaves out its own commands and answers, and nothing else."""

from pathlib import Path

import pytest
from support.workshop import recording, workshop

LOOK_ALIKES = ["❌ failed", "🔍 looking", "⏳ wait", "🗑️ gone", "🔴 **Recording Started", "📊 sums"]


async def test_the_host_bot_may_say_anything(tmp_path: Path) -> None:
    async with recording(tmp_path) as it:
        for text in LOOK_ALIKES:
            await it.say(it.world.bot, text)
        await it.say(it.mod, "!record help")
        await it.say(it.mod, "!record start all since:1h")
        for text in LOOK_ALIKES:
            await it.say(it.world.bot, f"{text} again")
        await it.say(it.mod, "!record help")
        await it.say(it.mod, "!record list")
        again = [f"{text} again" for text in LOOK_ALIKES]
        assert it.texts("all") == LOOK_ALIKES + again
        assert "6 earlier messages" in it.answers()[7]


async def test_after_a_restart_own_answers_are_still_known(tmp_path: Path) -> None:
    async with workshop(tmp_path) as it:
        async with it.running():
            await it.say(it.mod, "!record start kept")
            await it.slash("help")
            await it.slash("merge", sessions="kept nope", output="deferred")
        for text in LOOK_ALIKES:
            it.world.say(it.world.bot, it.channel, text)
        it.world.advance(minutes=1)
        async with it.running():
            assert it.texts("kept") == LOOK_ALIKES
            notice = next(m for m in it.channel.messages.values() if "Started" in m.content)
            it.world.pin(it.mod, notice)
            await it.settle()
            assert len(it.texts("kept")) == len(LOOK_ALIKES) + 1  # the pin itself


async def test_an_answer_that_arrives_before_its_request_returns(tmp_path: Path) -> None:
    async with recording(tmp_path) as it:
        await it.say(it.mod, "!record start racing")
        with it.slow_answers() as go_on:
            await it.say(it.mod, "!record help")
            own = it.answers()[-1]
            await it.say(it.world.bot, "said meanwhile")
            await it.say(it.world.bot, own)  # the same words, but of the host bot
            await it.say(it.alice, "no bot waits for it")
            assert it.texts("racing") == ["no bot waits for it"]
            go_on.set()
            await it.settle()
        assert it.texts("racing") == ["said meanwhile", own, "no bot waits for it"]
        assert it.reader.find("racing").message_count == 3


async def test_answers_by_direct_message_are_left_out_too(tmp_path: Path) -> None:
    async with recording(tmp_path) as it:
        direct = it.world.dm(it.alice)
        await it.say(it.alice, "!record start us", direct)
        await it.say(it.alice, "!record privacy")  # answered in the same DM channel
        await it.say(it.alice, "just us", direct)
        assert len(it.answers(direct)) == 2
        await it.say(it.alice, "!record stop", direct)
        assert it.texts("us") == ["just us"]


async def test_the_command_of_a_bot_is_said_like_anything(tmp_path: Path) -> None:
    async with recording(tmp_path) as it:
        await it.say(it.mod, "!record start bots")
        other = it.world.create_user("other", bot=True)
        it.world.add_member(it.guild, other)
        await it.say(other, "!record start mine")
        await it.say(it.world.bot, "!record stop")
        assert it.texts("bots") == ["!record start mine", "!record stop"]
        assert [session.name for session in it.reader.sessions()] == ["bots"]


async def test_a_command_is_recorded_when_an_edit_makes_it_a_message(tmp_path: Path) -> None:
    async with recording(tmp_path) as it:
        await it.say(it.mod, "!record start edited")
        command = await it.say(it.alice, "!record search all you fool")
        it.world.edit(command, "!record search all you old fool")
        await it.settle()
        assert it.texts("edited") == []
        it.world.edit(command, "nothing to see here")
        await it.settle()
        assert it.texts("edited") == ["nothing to see here"]
        it.world.edit(command, "!record list")  # it is recorded, and so are its edits
        await it.settle()
        assert it.texts("edited") == ["!record list"]


@pytest.mark.parametrize("drop", [False, True])
async def test_the_answer_of_a_bot_that_was_thinking(tmp_path: Path, drop: bool) -> None:
    async with workshop(tmp_path) as it:
        other = it.world.create_user("other", bot=True)
        it.world.add_member(it.guild, other)
        async with it.running():
            await it.say(it.mod, "!record auto on")
            if drop:
                it.server.gateway.drop("MESSAGE_CREATE", times=1)
            it.world.say(other, it.channel, flags=1 << 7)
            await it.settle()
            thinking = list(it.channel.messages.values())[-1]
            over_reload = it.world.say(other, it.channel, flags=1 << 7)
            it.world.advance(seconds=5)
            it.world.change(thinking, flags=0, content="the first answer")
            await it.settle()
            await it.reload()
            it.world.change(over_reload, flags=0, content="the second answer")
            await it.settle()
            session = it.reader.sessions()[0]
            assert session.is_auto
            assert it.texts(session.name) == ["the first answer", "the second answer"]
            await it.slash("help")
            await it.slash("auto")
            assert it.reader.sessions()[0].message_count == 2


@pytest.mark.parametrize("starter", ["alice", "bot"])
async def test_a_thread_on_a_command_does_not_show_it(tmp_path: Path, starter: str) -> None:
    async with workshop(tmp_path) as it:
        user = it.alice if starter == "alice" else it.world.bot
        async with it.running():
            await it.say(it.mod, "!record start kept")
            command = await it.say(it.mod, "!record search kept secret words")
            thread = it.world.start_thread(user, it.channel, "aside", message=command)
            await it.settle()
            await it.say(it.alice, "in the thread", thread)
        missed = it.world.say(it.mod, it.channel, "!record search kept more secret words")
        it.world.start_thread(user, it.channel, "missed", message=missed)
        source = it.world.say(it.mod, it.channel, "a record, no command")
        it.world.start_thread(user, it.channel, "fine", message=source)
        it.world.advance(minutes=1)
        async with it.running():
            texts = it.texts("kept")
    assert "in the thread" in texts and texts.count("a record, no command") == 2
    assert not any("secret" in text for text in texts)
