"""Sessions are started, paused, resumed, stopped, reopened, renamed and deleted as a model says."""

import asyncio
import tempfile
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.recordings import CHANNEL, NOW, UTC_ZONE, assert_sound, dump, said

from recorder import Channel, Session, SessionManager, SessionRecorder
from recorder.errors import Conflict, InvalidInput, InvalidName, NotFound
from recorder.models import Status

T = TypeVar("T")

# Two channels of a guild, one of another guild, and a DM channel.
CHANNELS = [Channel("1", "a", "10"), Channel("2", "b", "10"), Channel("3", "c", "20")]
CHANNELS.append(Channel("4", "dm", None))
# Some of them are the same name without case.
NAMES = ["api", "API", "Straße", "STRASSE", "ﬁle", "file"]

channels = st.sampled_from(CHANNELS)
names = st.sampled_from(NAMES)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
moments = st.integers(-5_000, 3_600_000).map(lambda ms: timedelta(milliseconds=ms))


@dataclass
class Expected:
    """A session as the model has it."""

    id: str
    name: str
    channel: Channel
    started_at: datetime
    status: Status = "active"
    stopped_at: datetime | None = None
    finished: timedelta = timedelta()
    running_since: datetime | None = None
    messages: list[str] = field(default_factory=list)

    @property
    def place(self) -> str:
        """Where its name is unique."""
        return self.channel.guild_id or self.channel.id

    def begin(self, now: datetime) -> None:
        self.status, self.running_since, self.stopped_at = "active", now, None

    def end(self, now: datetime) -> None:
        if self.running_since is not None:
            self.finished += max(now - self.running_since, timedelta())
            self.running_since = None


def same_name(one: str, other: str) -> bool:
    plain = [name.casefold().replace("ﬁ", "fi") for name in (one, other)]
    return plain[0] == plain[1]


class Lifecycle(RuleBasedStateMachine):
    """Commands at random, right and wrong ones, beside a model of what they do."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self.temporary.name)
        self.now = NOW
        self.sessions: list[Expected] = []
        self.gone: list[Session] = []
        self.last_message = 0
        self.open()

    def open(self) -> None:
        self.recorder = SessionRecorder(self.folder)
        self.runner.run(self.recorder.open())
        self.manager = SessionManager(self.recorder, UTC_ZONE)

    def teardown(self) -> None:
        self.runner.run(self.recorder.close())
        assert_sound(self.folder)
        self.runner.close()
        self.temporary.cleanup()

    def run(self, command: Awaitable[T]) -> T:
        async def wait() -> T:
            return await command

        return self.runner.run(wait())

    def refused(self, command: Awaitable[object], error: type[InvalidInput] = Conflict) -> None:
        before = dump(self.folder)
        with pytest.raises(error) as caught:
            self.run(command)
        assert str(caught.value).endswith("."), "a sentence"
        assert dump(self.folder) == before

    def in_channel(self, channel: Channel) -> Expected | None:
        running = [s for s in self.sessions if s.channel == channel and s.status != "stopped"]
        return running[0] if running else None

    def is_taken(self, name: str, place: str) -> bool:
        return any(same_name(s.name, name) for s in self.sessions if s.place == place)

    def actual(self, expected: Expected) -> Session:
        return self.manager.reader.session(expected.id)

    # What people do.

    @rule(passed=moments)
    def time_passes(self, passed: timedelta) -> None:
        """Sometimes the clock is set back."""
        self.now += passed

    @rule(channel=channels, name=names)
    def start(self, channel: Channel, name: str) -> None:
        command = self.manager.start(name, channel, user_id="5", now=self.now)
        if self.in_channel(channel) or self.is_taken(name, channel.guild_id or channel.id):
            self.refused(command)
            return
        session = self.run(command)
        started = Expected(session.id, name, channel, self.now)
        started.begin(self.now)
        self.sessions.append(started)

    @rule(channel=channels)
    def stop(self, channel: Channel) -> None:
        command, session = self.manager.stop(channel.id, now=self.now), self.in_channel(channel)
        if session is None:
            self.refused(command)
            return
        self.run(command)
        session.end(self.now)
        session.status, session.stopped_at = "stopped", self.now

    @rule(channel=channels)
    def pause(self, channel: Channel) -> None:
        command, session = self.manager.pause(channel.id, now=self.now), self.in_channel(channel)
        if session is None or session.status == "paused":
            self.refused(command)
            return
        self.run(command)
        session.end(self.now)
        session.status = "paused"

    @rule(channel=channels)
    def resume(self, channel: Channel) -> None:
        command, session = self.manager.resume(channel.id, now=self.now), self.in_channel(channel)
        if session is None or session.status == "active":
            self.refused(command)
            return
        self.run(command)
        session.begin(self.now)

    @precondition(lambda self: self.sessions)
    @rule(data=st.data(), channel=channels)
    def reopen(self, data: st.DataObject, channel: Channel) -> None:
        session = data.draw(st.sampled_from(self.sessions))
        if (channel.guild_id or channel.id) != session.place:
            channel = session.channel
        command = self.manager.reopen(self.actual(session), channel, now=self.now)
        if session.status != "stopped" or self.in_channel(channel):
            self.refused(command)
            return
        self.run(command)
        session.channel = channel
        session.begin(self.now)

    @precondition(lambda self: self.sessions)
    @rule(data=st.data(), name=names)
    def rename(self, data: st.DataObject, name: str) -> None:
        session = data.draw(st.sampled_from(self.sessions))
        command = self.manager.rename(self.actual(session), name, now=NOW)
        if not same_name(name, session.name) and self.is_taken(name, session.place):
            self.refused(command)
            return
        assert self.run(command).name == name
        session.name = name

    @precondition(lambda self: self.sessions)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        session = data.draw(st.sampled_from(self.sessions))
        actual = self.actual(session)
        command = self.manager.delete(actual)
        if session.status != "stopped":
            self.refused(command)
            return
        self.run(command)
        self.sessions.remove(session)
        self.gone.append(actual)

    @precondition(lambda self: self.gone)
    @rule(data=st.data())
    def use_what_is_gone(self, data: st.DataObject) -> None:
        session = data.draw(st.sampled_from(self.gone))
        self.refused(self.manager.delete(session), NotFound)
        self.refused(self.manager.rename(session, "other", now=NOW), NotFound)
        self.refused(self.manager.reopen(session, CHANNELS[0], now=self.now), NotFound)

    @rule(channel=channels, text=texts)
    def record(self, channel: Channel, text: str) -> None:
        self.last_message += 1
        message = said(self.last_message, text, channel_id=channel.id)
        recorded, session = self.run(self.recorder.record(message)), self.in_channel(channel)
        if session is None or session.status == "paused":
            assert recorded is None
            return
        session.messages.append(text)
        assert recorded is not None
        assert (recorded.session_id, recorded.message_index) == (
            session.id,
            len(session.messages),
        )

    @rule()
    def restart(self) -> None:
        self.runner.run(self.recorder.close())
        self.open()

    # What holds at every moment.

    @invariant()
    def sessions_are_as_expected(self) -> None:
        actual = {session.id: session for session in self.manager.reader.sessions()}
        assert actual.keys() == {session.id for session in self.sessions}
        for session in self.sessions:
            found = actual[session.id]
            assert (found.name, found.status, found.channel_id, found.guild_id) == (
                session.name,
                session.status,
                session.channel.id,
                session.channel.guild_id,
            )
            assert found.started_at == session.started_at
            assert found.stopped_at == session.stopped_at
            assert found.running_since == session.running_since
            running = self.now - (session.running_since or self.now)
            recorded = session.finished + max(running, timedelta())
            assert found.duration(self.now) == pytest.approx(recorded.total_seconds(), abs=0.002)
        running_channels = {s.channel.id for s in self.sessions if s.status != "stopped"}
        assert self.recorder.channels == running_channels
        for channel in CHANNELS:
            expected, is_running = self.in_channel(channel), self.manager.reader.running(channel.id)
            assert (is_running and is_running.id) == (expected and expected.id)

    @invariant()
    def messages_and_sizes_are_right(self) -> None:
        reader = self.manager.reader
        for session in self.sessions:
            found = self.actual(session)
            messages = [r.message.content for r in reader.messages(session.id)]
            assert messages == session.messages
            assert found.message_count == len(session.messages)
            data = (self.folder / found.file_path).read_bytes()
            assert found.byte_size == len(data)
            assert data == "".join(f"{line}\n" for line in reader.lines(session.id)).encode()

    @invariant()
    def each_session_has_a_file_and_each_file_a_session(self) -> None:
        files = sorted(f"sessions/{path.name}" for path in (self.folder / "sessions").iterdir())
        assert files == sorted(self.actual(session).file_path for session in self.sessions)


TestLifecycle = pytest.mark.slow(Lifecycle.TestCase)
TestLifecycle.settings = settings(max_examples=25, stateful_step_count=30)


@pytest.mark.parametrize("name", ["", " ", "a/b", "../x", "a\nb", "x" * 101, "con", ".hidden"])
async def test_a_name_that_cannot_be_used_changes_nothing(
    recorder: SessionRecorder, manager: SessionManager, name: str
) -> None:
    session = await manager.start("good", CHANNEL, user_id="5", now=NOW)
    before = dump(recorder.folder)
    with pytest.raises(InvalidName):
        await manager.start(name, Channel("78", "other", "1"), user_id="5", now=NOW)
    with pytest.raises(InvalidName):
        await manager.rename(session, name, now=NOW)
    assert dump(recorder.folder) == before


async def test_what_is_refused_says_what_to_do(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    for command in (manager.stop, manager.pause, manager.resume):
        with pytest.raises(Conflict, match=r"Nothing is being recorded .* `record start <name>`"):
            await command(CHANNEL.id, now=NOW)
    session = await manager.start("review", CHANNEL, user_id="5", now=NOW)
    with pytest.raises(Conflict, match=r"review is already .*\(active\).* `record stop`"):
        await manager.start("other", CHANNEL, user_id="5", now=NOW)
    with pytest.raises(Conflict, match='The name "REVIEW" is taken'):
        await manager.start("REVIEW", Channel("78", "other", "1"), user_id="5", now=NOW)
    with pytest.raises(Conflict, match="review is not paused"):
        await manager.resume(CHANNEL.id, now=NOW)
    with pytest.raises(Conflict, match=r"review is still running.*`record stop`"):
        await manager.delete(session)
    await manager.pause(CHANNEL.id, now=NOW)
    with pytest.raises(Conflict, match=r"review is paused already.*`record resume`"):
        await manager.pause(CHANNEL.id, now=NOW)


async def test_files_of_the_same_name_and_day_are_numbered(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    foreign = recorder.folder / "sessions" / "same_2025-11-08-3.jsonl"
    foreign.write_text("not of the recorder")
    paths = []
    for number, name in enumerate(("same", "SAME", "same")):
        channel = Channel(str(number), "c", str(number))
        paths.append((await manager.start(name, channel, user_id="5", now=NOW)).file_path)
    assert paths == [
        "sessions/same_2025-11-08.jsonl",
        "sessions/SAME_2025-11-08-2.jsonl",
        "sessions/same_2025-11-08-4.jsonl",
    ]
    assert foreign.read_text() == "not of the recorder"


async def test_renaming_keeps_the_file_and_the_old_name_is_free(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    session = await manager.start("old", CHANNEL, user_id="5", now=NOW)
    renamed = await manager.rename(session, "new", now=NOW)
    assert renamed.file_path == session.file_path
    second = await manager.start("old", Channel("78", "other", "1"), user_id="5", now=NOW)
    assert second.file_path == "sessions/old_2025-11-08-2.jsonl"


async def test_a_session_goes_on_in_another_channel(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    session = await manager.start("session", CHANNEL, user_id="5", now=NOW)
    await recorder.record(said(1, "here"))
    await manager.stop(CHANNEL.id, now=NOW)
    other = Channel("78", "other", CHANNEL.guild_id)
    reopened = await manager.reopen(session, other, now=NOW)
    assert (reopened.id, reopened.channel_id, reopened.status) == (session.id, "78", "active")
    assert await recorder.record(said(2, "not here any more")) is None
    assert await recorder.record(said(3, "there", channel_id="78")) is not None
    assert manager.reader.channels([session]) == {session.id: ("77", "78")}


async def test_a_clock_that_is_set_back_makes_no_duration_negative(
    manager: SessionManager,
) -> None:
    await manager.start("session", CHANNEL, user_id="5", now=NOW)
    await manager.pause(CHANNEL.id, now=NOW + timedelta(seconds=10))
    resumed = await manager.resume(CHANNEL.id, now=NOW + timedelta(seconds=20))
    earlier = NOW - timedelta(hours=1)
    assert resumed.duration(earlier) == 10
    stopped = await manager.stop(CHANNEL.id, now=earlier)
    assert stopped.duration(earlier) == stopped.recorded_seconds == 10
