"""No notice seen, no recording: every recording begins with a notice that Discord accepted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.discord_server import Channel
from support.workshop import Workshop, recording

REFUSALS: dict[str, Callable[[Workshop], Any]] = {
    "forbidden": lambda it: it.server.faults.add(403, method="POST", path=NOTICES, code=50013),
    "broken": lambda it: it.server.faults.add(500, method="POST", path=NOTICES),
    "automod": lambda it: it.server.faults.blocked_by_automod(NOTICES),
    "cut off": lambda it: it.server.faults.add(drop=True, method="POST", path=NOTICES),
}
NOTICES = r"/channels/\d+/messages$|/interactions/|/webhooks/"
refused = pytest.mark.parametrize("refusal", REFUSALS)
both = pytest.mark.parametrize("how", ["prefix", "slash"])
STARTED_THREAD = "alice started a thread: **aside**. See all **threads**."
NOT_ACCEPTED = "Discord did not accept my notice"


async def call(it: Workshop, how: str, command: str, **options: Any) -> None:
    if how == "slash":
        await it.slash(command, **options)
    else:
        words = [f"since:{v}" if k == "since" else v for k, v in options.items()]
        await it.say(it.mod, " ".join(("!record", command, *words)))


def of_session(it: Workshop, channel: Channel) -> str:
    """Return the name of the session in a channel."""
    return next(s.name for s in it.reader.sessions() if s.channel_id == str(channel.id))


@refused
@both
@pytest.mark.parametrize("since", [{}, {"since": "1h"}])
async def test_a_start(tmp_path: Path, how: str, refusal: str, since: dict[str, str]) -> None:
    async with recording(tmp_path) as it:
        await it.say(it.alice, "before")
        fault = REFUSALS[refusal](it)
        await call(it, how, "start", name="secret", **since)
        assert fault.hits
        it.server.faults.clear()
        await it.say(it.alice, "unannounced")
        assert it.reader.sessions() == []
        assert "Nothing is being recorded" in (await it.slash("stop")).answers[0]
        await call(it, how, "start", name="secret", **since)
        await it.say(it.alice, "announced")
        expected = ["before", "unannounced"] if since else []
        assert it.texts("secret") == [*expected, "announced"]
        it.assert_sound()


@refused
@both
@pytest.mark.parametrize("name", [{}, {"name": "again"}])
async def test_a_resumption(tmp_path: Path, how: str, refusal: str, name: dict[str, str]) -> None:
    async with recording(tmp_path) as it:
        await it.say(it.mod, "!record start again")
        await it.say(it.mod, "!record stop" if name else "!record pause")
        REFUSALS[refusal](it)
        await call(it, how, "resume", **name)
        it.server.faults.clear()
        await it.say(it.alice, "unannounced")
        assert it.reader.find("again").status == ("stopped" if name else "paused")
        await call(it, how, "resume", **name)
        await it.say(it.alice, "announced")
        assert it.texts("again") == ["announced"]
        it.assert_sound()


async def test_the_user_is_told_where_it_is_possible(tmp_path: Path) -> None:
    async with recording(tmp_path) as it:
        it.server.faults.blocked_by_automod(times=1)
        await it.say(it.mod, "!record start in-the-channel")
        assert NOT_ACCEPTED in it.answers()[-1]
        it.server.faults.add(403, method="POST", path=f"/channels/{it.channel.id}/messages")
        await it.say(it.mod, "!record start by-dm")
        assert NOT_ACCEPTED in it.answers(it.world.dm(it.mod))[-1]
        it.server.faults.clear()
        it.server.faults.blocked_by_automod("/interactions/", times=1)
        assert NOT_ACCEPTED in (await it.slash("start", name="slash")).answers[0]


@refused
async def test_auto_recording_tries_again_at_most_once_a_minute(
    tmp_path: Path, refusal: str
) -> None:
    async with recording(tmp_path) as it:
        await it.say(it.mod, "!record auto on server")
        other = it.world.create_channel(it.guild, "other")
        fault = REFUSALS[refusal](it)
        await it.say(it.alice, "first", other)
        tries = fault.hits
        assert tries
        for text in ("second", "third"):
            await it.say(it.alice, text, other)
        assert fault.hits == tries
        it.server.faults.clear()
        await it.say(it.alice, "fourth", other)
        assert [s.channel_id for s in it.reader.sessions()] == [str(it.channel.id)]
        it.world.advance(minutes=1)
        await it.say(it.alice, "fifth", other)
        await it.say(it.alice, "sixth", other)
        assert it.texts(of_session(it, other)) == ["sixth"]
        assert len(it.answers(other)) == 1
        it.assert_sound()


async def test_recording_begins_with_the_notice(tmp_path: Path) -> None:
    """Messages between the command and the notice are not recorded, those after it all are."""
    async with recording(tmp_path) as it:
        fault = it.server.faults.add(hold=True, method="POST", path="/messages", times=1)
        await it.say(it.mod, "!record start exact")
        await it.say(it.alice, "before the notice")
        with it.slow_answers() as go_on:
            fault.release()
            await it.server.settle()
            await it.say(it.alice, "one")
            thread = it.world.start_thread(it.alice, it.channel, "aside")
            await it.say(it.alice, "two", thread)
            go_on.set()
            await it.say(it.alice, "three")
        assert it.texts("exact") == ["one", STARTED_THREAD, "two", "three"]
        session = it.reader.find("exact")
        notice = next(m for m in it.channel.messages.values() if m.author is it.world.bot)
        assert session.started_at == notice.timestamp
        it.assert_sound()


async def test_a_message_before_the_notice_that_arrives_late(tmp_path: Path) -> None:
    async with recording(tmp_path) as it:
        fault = it.server.faults.add(hold=True, method="POST", path="/messages", times=1)
        await it.say(it.mod, "!record start late")
        it.server.gateway.hold()
        it.world.say(it.alice, it.channel, "before the notice")
        fault.release()
        await it.settle()
        assert it.reader.is_recording(str(it.channel.id))
        it.server.gateway.release()
        await it.say(it.alice, "after it")
        assert it.texts("late") == ["after it"]


async def test_two_starts_at_once(tmp_path: Path) -> None:
    async with recording(tmp_path) as it:
        fault = it.server.faults.add(hold=True, method="POST", path="/messages", times=1)
        for name in ("first", "second"):
            await it.say(it.mod, f"!record start {name}")
        fault.release()
        await it.settle()
        await it.say(it.alice, "announced")
        assert [session.name for session in it.reader.sessions()] == ["first"]
        assert "first is already being recorded" in it.answers()[-1]
        assert it.texts("first") == ["announced"]


async def test_many_first_messages_cause_one_notice(tmp_path: Path) -> None:
    async with recording(tmp_path) as it:
        await it.say(it.mod, "!record auto on server")
        other = it.world.create_channel(it.guild, "other")
        for number in range(5):
            it.world.say(it.alice, other, f"unannounced {number}")
        await it.settle()
        await it.say(it.alice, "announced", other)
        assert len(it.answers(other)) == 1
        assert it.texts(of_session(it, other)) == ["announced"]


async def test_with_earlier_messages_nothing_is_missing_before_the_notice(tmp_path: Path) -> None:
    async with recording(tmp_path) as it:
        await it.say(it.alice, "earlier")
        fault = it.server.faults.add(hold=True, method="POST", path="/messages", times=1)
        await it.say(it.mod, "!record start whole since:1h")
        await it.say(it.alice, "before the notice")
        fault.release()
        await it.say(it.alice, "after it")
        assert it.texts("whole") == ["earlier", "before the notice", "after it"]
        it.assert_sound()


async def test_after_auto_recording_nothing_is_missing_before_the_notice(tmp_path: Path) -> None:
    async with recording(tmp_path) as it:
        await it.say(it.mod, "!record auto on")
        await it.say(it.alice, "automatic")
        fault = it.server.faults.add(hold=True, method="POST", path="/messages", times=1)
        await it.say(it.mod, "!record start manual")
        await it.say(it.alice, "in between")
        fault.release()
        await it.say(it.alice, "manual")
        await it.say(it.mod, "!record start Manual")  # an error ends no recording
        await it.say(it.alice, "still manual")
        assert it.texts("manual") == ["in between", "manual", "still manual"]
        await it.say(it.mod, "!record stop")
        await it.say(it.alice, "automatic again")
        auto = next(session.name for session in it.reader.sessions() if session.is_auto)
        assert it.texts(auto) == ["automatic", "automatic again"]
        it.assert_sound()


async def test_an_error_before_the_notice_ends_no_recording(tmp_path: Path) -> None:
    async with recording(tmp_path) as it:
        await it.say(it.mod, "!record start taken")
        await it.say(it.mod, "!record stop")
        await it.say(it.mod, "!record auto on")
        await it.say(it.mod, "!record start taken")
        assert "is taken" in it.answers()[-1]
        await it.say(it.alice, "automatic")
        auto = next(session for session in it.reader.sessions() if session.is_auto)
        assert it.texts(auto.name) == ["automatic"]


async def test_auto_recording_goes_on_when_a_start_is_refused(tmp_path: Path) -> None:
    async with recording(tmp_path) as it:
        await it.say(it.mod, "!record auto on")
        it.server.faults.blocked_by_automod(times=1)
        await it.say(it.mod, "!record start rude")
        await it.say(it.alice, "automatic")
        (session,) = it.reader.sessions()
        assert it.texts(session.name) == ["automatic"]


@pytest.mark.parametrize("kind", ["forum", "media"])
@pytest.mark.parametrize("where", ["server", "post"])
async def test_each_post_has_a_session_of_its_own(tmp_path: Path, kind: str, where: str) -> None:
    async with recording(tmp_path) as it:
        forum = it.world.create_channel(it.guild, "questions", kind)
        if where == "server":
            await it.say(it.mod, "!record auto on server")
        posts = [it.world.post(it.alice, forum, f"post {n}", f"opening {n}") for n in range(2)]
        await it.settle()
        for post in posts:
            if where == "post":
                await it.say(it.mod, "!record auto on", post)
            notice = it.answers(post)[-1]
            assert notice.startswith("🔴 New session started")
            await it.say(it.alice, f"reply in {post.name}", post)
        for post in posts:
            name = of_session(it, post)
            assert it.texts(name) == [f"reply in {post.name}"]
        await it.say(it.mod, "!record tag here", posts[0])
        assert "Tag added" in it.answers(posts[0])[-1]
        await it.say(it.mod, "!record pause", posts[0])
        await it.say(it.alice, "paused", posts[0])
        await it.say(it.mod, "!record resume", posts[0])
        await it.say(it.alice, "resumed", posts[0])
        await it.say(it.mod, "!record stop" if where == "server" else "!record auto off", posts[0])
        await it.say(it.alice, "stopped", posts[0])
        session = it.reader.find(of_session(it, posts[0]))
        assert session.status == "stopped"
        assert it.texts(session.name) == ["reply in post 0", "resumed"]
        it.world.advance(days=1)
        await it.say(it.alice, "the next day", posts[0])
        running = it.reader.running(str(posts[0].id))
        assert (running is not None) == (where == "server")
        it.assert_sound()


async def test_auto_on_in_a_thread_records_the_thread(tmp_path: Path) -> None:
    async with recording(tmp_path) as it:
        thread = it.world.start_thread(it.alice, it.channel, "aside")
        await it.say(it.mod, "!record auto on", thread)
        await it.say(it.alice, "in the thread", thread)
        await it.say(it.alice, "in the channel")
        assert it.texts(of_session(it, thread)) == ["in the thread"]
        assert "New session started" in it.answers(thread)[-1]
        await it.say(it.mod, "!record start channel")
        await it.say(it.alice, "in both", thread)
        await it.say(it.alice, "in the channel")
        assert it.texts(of_session(it, thread)) == ["in the thread", "in both"]
        assert it.texts("channel") == ["in the channel"]
        await it.say(it.mod, "!record auto off", thread)
        await it.say(it.alice, "in the channel's thread", thread)
        assert it.texts("channel") == ["in the channel", "in the channel's thread"]


async def test_commands_in_a_thread_speak_of_the_session_of_its_channel(tmp_path: Path) -> None:
    async with recording(tmp_path) as it:
        await it.say(it.mod, "!record start whole")
        thread = it.world.start_thread(it.alice, it.channel, "aside")
        await it.say(it.alice, "in the thread", thread)
        await it.say(it.mod, "!record pause", thread)
        await it.say(it.alice, "paused", thread)
        await it.say(it.mod, "!record resume", thread)
        assert it.answers()[-1].startswith("🔴 **Resumed Session"), "also in the channel"
        await it.say(it.alice, "resumed", thread)
        await it.say(it.mod, "!record stop", thread)
        assert it.texts("whole") == [STARTED_THREAD, "in the thread", "resumed"]
        assert it.reader.find("whole").status == "stopped"


@pytest.mark.parametrize("ending", ["deleted", "hidden"])
async def test_the_session_of_a_channel_though_another_is_hidden(
    tmp_path: Path, ending: str
) -> None:
    async with recording(tmp_path) as it:
        await it.say(it.mod, "!record start open")
        thread = it.world.start_thread(it.alice, it.channel, "aside")
        await it.say(it.alice, "in the thread", thread)
        other = it.world.create_channel(it.guild, "other")
        await it.say(it.mod, "!record stop")
        await it.say(it.mod, "!record resume open", other)
        await it.say(it.alice, "in the other channel", other)
        if ending == "deleted":
            it.world.delete_channel(thread)
        else:
            it.world.overwrite(it.channel, it.guild.everyone, view_channel=False)
        await it.settle()
        await it.say(it.alice, "!record tag found", other)
        assert "Tag added" in it.answers(other)[-1]
        await it.say(it.alice, "!record tags", other)
        assert "found" in it.answers(other)[-1]
        await it.say(it.alice, "!record privacy", other)
        assert "3 messages of yours in 1 recording" in it.answers(it.world.dm(it.alice))[-1]
        await it.say(it.mod, "!record stop", other)
        assert it.reader.find("open").status == "stopped"


async def test_stop_ends_an_auto_session_that_auto_recording_no_longer_covers(
    tmp_path: Path,
) -> None:
    async with recording(tmp_path) as it:
        await it.say(it.mod, "!record auto on server")
        await it.say(it.mod, "!record auto on")
        await it.say(it.mod, "!record stop")
        assert "recorded automatically" in it.answers()[-1]
        await it.say(it.mod, "!record auto off")
        await it.say(it.mod, "!record stop")
        await it.say(it.alice, "after the stop")
        assert it.reader.sessions()[0].status == "stopped"
