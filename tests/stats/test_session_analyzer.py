"""Statistics: each figure on recordings with known answers."""

import itertools
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder import Channel, Message, SessionManager, SessionRecorder
from recorder.bot.replies.stats_reply import stats
from recorder.models import Deletion, Edit, Json, MessageType
from recorder.record.snowflake import snowflake_at
from recorder.stats.session_analyzer import Answers, Count, SessionAnalyzer, Span, Statistics
from recorder.stats.topics import topics
from recorder.store.reading import Reader

NOW = datetime(2025, 11, 8, 15, 45, tzinfo=UTC)
CHANNEL = Channel("77", "development", "1")

Row = tuple[float, str, MessageType, str]


async def analyze(folder: Path, rows: list[Row], pause: tuple[float, float] | None) -> Statistics:
    """Return the statistics of a session; times are in seconds from its start."""

    def at(seconds: float) -> datetime:
        return NOW + timedelta(seconds=seconds)

    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, ZoneInfo("UTC"))
        await manager.start("s", CHANNEL, user_id="1", now=NOW)
        waiting = pause
        for seconds, author, kind, text in rows:
            if waiting and seconds >= waiting[1]:
                await manager.pause(CHANNEL.id, now=at(waiting[0]))
                await manager.resume(CHANNEL.id, now=at(waiting[1]))
                waiting = None
            model = "claude" if kind == "bot_response" else None
            message = Message(at(seconds), author, author, text, kind, model, (), None, CHANNEL.id)
            await recorder.record(message)
        session = await manager.stop(CHANNEL.id, now=at(4980))
    return SessionAnalyzer(Reader(folder)).analyze([session], NOW)


async def test_every_figure(tmp_path: Path) -> None:
    result = await analyze(
        tmp_path,
        [
            (0, "STRYK", "user_message", "!ai How do I implement OAuth2?"),
            (4, "Bot", "bot_response", "OAuth2 is an authorization framework"),
            (60, "STRYK", "user_message", "!ai Show me the code for token refresh"),
            (70, "Bot", "bot_response", "Here's a token refresh implementation"),
            (100, "mira", "user_message", "!run x\ny"),
            (900, "mira", "user_message", "not a /command, nor !this"),
            (3000, "mira", "user_message", "refresh the token: works"),
            (3600, "Discord", "system_message", "jonas joined"),
        ],
        pause=(950, 2900),
    )
    assert (result.messages, result.user_messages, result.bot_responses) == (8, 5, 2)
    assert (result.system_messages, result.duration) == (1, 4980 - 1950)
    assert result.commands == (Count("!ai", 2), Count("!run", 1))
    assert result.most_active == Span(NOW, NOW + timedelta(minutes=15), 5)
    # The pause explains the longest silence, so the next longest counts.
    gap = Span(NOW + timedelta(seconds=100), NOW + timedelta(seconds=900))
    assert result.longest_gap == gap
    assert result.authors == (Count("mira", 3), Count("Bot", 2), Count("STRYK", 2))
    assert result.models == (Count("claude", 2),)
    assert result.answers == Answers(2, 7.0, 10.0)
    assert len(result.activity) == 24 and result.activity[0] == "█"
    assert result.topics[0].phrase == "Token refresh"
    assert result.topics[0].messages == 3


async def test_what_deleted_messages_said_is_not_counted(folder: Path) -> None:
    """Neither in statistics nor in the view of commands; that there was a message is."""
    used: Json = {"id": "9", "command": "/ask", "user": "a", "user_id": "a"}
    texts = [("!secret word", {}), ("!known", {}), ("answer", {"interaction": used})]
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, ZoneInfo("UTC"))
        await manager.start("s", CHANNEL, user_id="1", now=NOW)
        for number, (text, extra) in enumerate(texts, 1):
            kind: MessageType = "bot_response" if extra else "user_message"
            message = Message(at(number), "a", "a", text, kind, message_id=number, extra=extra)
            files = ("https://cdn.example/a.png",)
            model = "claude" if extra else None
            message = replace(message, channel_id=CHANNEL.id, attachments=files, model=model)
            await recorder.record(message)
        for deleted in (1, 3):
            recorder.change(Deletion(at(9), CHANNEL.id, deleted))
        session = await manager.stop(CHANNEL.id, now=at(10))
    reader = Reader(folder)
    result = SessionAnalyzer(reader).analyze([session], NOW)
    assert (result.messages, result.words, result.attachments) == (3, 1, 1)
    assert (result.commands, result.models) == ((Count("!known", 1),), ())
    assert [row["command"] for row in reader.query("SELECT command FROM commands")] == ["!known"]


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def reply(number: int, seconds: float, **interaction: Json) -> Message:
    """Return what a bot writes, as an answer to a command if there is one."""
    extra: dict[str, Json] = {"interaction": interaction} if interaction else {}
    kind: MessageType = "bot_response"
    return Message(at(seconds), "Bot", "9", "…", kind, None, (), number, CHANNEL.id, None, extra)


def edited(number: int, seconds: float) -> Edit:
    extra: dict[str, Json] = {"edited_timestamp": at(seconds).isoformat()}
    return Edit(at(seconds), CHANNEL.id, number, f"longer by {seconds}", (), extra)


async def commands_and_answers(folder: Path, *items: Message | Edit) -> Statistics:
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, ZoneInfo("UTC"))
        await manager.start("s", CHANNEL, user_id="1", now=NOW)
        for item in items:
            if isinstance(item, Edit):
                recorder.change(item)
            else:
                await recorder.record(item)
        session = await manager.stop(CHANNEL.id, now=at(4980))
    return SessionAnalyzer(Reader(folder)).analyze([session], NOW)


async def test_slash_commands_count_once_with_all_their_answers(tmp_path: Path) -> None:
    ann: dict[str, Json] = {"command": "/ask", "user": "ann", "user_id": "5"}
    first, second = (str(snowflake_at(at(seconds))) for seconds in (0, 100))
    result = await commands_and_answers(
        tmp_path,
        Message(at(0), "ann", "5", "/ask me", "user_message", None, (), 1, CHANNEL.id),
        reply(2, 2, id=first, **ann),
        reply(3, 30, id=first, user="ann", user_id="5"),
        reply(4, 105, id=second, **ann, answered_at=at(110).isoformat()),
        reply(5, 300, user="ann", user_id="5"),
    )
    assert result.commands == (Count("/ask", 3),)
    assert result.answers == Answers(2, 6.0, 10.0)  # 2 s, and 10 s with the thinking


async def test_an_answer_is_finished_with_the_last_edit_of_its_stream(tmp_path: Path) -> None:
    question = Message(at(0), "ann", "5", "?", "user_message", None, (), 1, CHANNEL.id)
    streamed = (edited(2, seconds) for seconds in (10, 40, 95))
    result = await commands_and_answers(tmp_path, question, reply(2, 5), *streamed, edited(2, 900))
    assert result.answers == Answers(1, 95.0, 95.0)


async def test_an_edit_long_after_the_answer_does_not_count(tmp_path: Path) -> None:
    question = Message(at(0), "ann", "5", "?", "user_message", None, (), 1, CHANNEL.id)
    result = await commands_and_answers(tmp_path, question, reply(2, 5), edited(2, 66))
    assert result.answers == Answers(1, 5.0, 5.0)


async def test_the_answer_is_as_the_specification_shows_it(tmp_path: Path) -> None:
    result = await analyze(
        tmp_path,
        [
            (0, "STRYK", "user_message", "!ai How do I implement OAuth2?"),
            (60, "Bot", "bot_response", "OAuth2 is…"),
            (780, "STRYK", "user_message", "!ai again OAuth2"),
        ],
        pause=None,
    )
    text = stats("oauth-implementation", result)
    start = int(NOW.timestamp())
    assert text.startswith(
        "📊 **Session Stats: oauth-implementation**\n\n"
        "**Overview:**\nDuration: 1h 23m\nMessages: 3\nUser: 2 messages\nBot: 1 response\n"
    )
    assert "**Activity:**\nCommands used: 2\n- !ai: 2\n" in text
    assert f"Most active: <t:{start}:t>-<t:{start + 900}:t> (3 messages)\n" in text
    assert f"Longest gap: 12 minutes (<t:{start + 60}:t>-<t:{start + 780}:t>)\n" in text
    assert "**Topics discussed:**\n- OAuth2" in text


async def test_an_empty_session(tmp_path: Path) -> None:
    result = await analyze(tmp_path, [], None)
    assert (result.messages, result.most_active, result.longest_gap, result.answers) == (
        0,
        None,
        None,
        None,
    )
    assert stats("empty", result).endswith("Bot: 0 responses")
    nothing = SessionAnalyzer(Reader(tmp_path)).analyze([], NOW)
    assert nothing.sessions == 0


KINDS: st.SearchStrategy[MessageType] = st.sampled_from(["user_message", "bot_response"])
ROWS = st.lists(
    st.tuples(
        st.integers(0, 4000).map(float),
        st.sampled_from(["a", "b", "c"]),
        KINDS,
        st.one_of(st.text(max_size=20), st.sampled_from(["!ai x", "!run", "/x y", "a b"])),
    ),
    max_size=25,
)


@pytest.mark.slow
@settings(max_examples=40)
@given(ROWS)
async def test_sql_agrees_with_a_plain_count(rows: list[Row]) -> None:
    rows = sorted(rows, key=lambda one: one[0])
    with tempfile.TemporaryDirectory() as folder:
        result = await analyze(Path(folder), rows, None)
    assert result.messages == len(rows)
    assert result.user_messages == sum(kind == "user_message" for _, _, kind, _ in rows)
    by_author = {name: sum(a == name for _, a, _, _ in rows) for name in "abc"}
    assert {c.name: c.count for c in result.authors} == {n: c for n, c in by_author.items() if c}
    quarters: dict[int, int] = {}
    for seconds, *_ in rows:
        quarter = int(NOW.timestamp() + seconds) // 900
        quarters[quarter] = quarters.get(quarter, 0) + 1
    most = max(quarters.values(), default=0)
    assert (result.most_active.messages if result.most_active else 0) == most
    gaps = [later[0] - earlier[0] for earlier, later in itertools.pairwise(rows)]
    longest = max(gaps, default=0)
    gap = result.longest_gap
    assert round((gap.end - gap.begin).total_seconds() if gap else 0) == longest
    assert len(stats("x", result)) <= 2000


def test_topics_are_whole_phrases_without_code_and_links() -> None:
    rows = [
        ("a", "the token refresh fails with https://example.org/token/refresh"),
        ("b", "how do I refresh the token? ```token refresh token```"),
        ("a", "Token refresh again; error handling too"),
        ("b", "!docs error handling"),
        ("c", "Fehlerbehandlung ist wichtig, die Fehlerbehandlung"),
    ]
    assert [topic.phrase for topic in topics(rows)] == ["Token refresh", "Error handling"]
    assert topics([]) == []
    assert topics([("a", "only once rows")]) == []


@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=60))))
def test_topics_of_anything(rows: list[tuple[str, str]]) -> None:
    result = topics(rows)
    assert len(result) <= 5
    assert all(topic.phrase and topic.messages > 1 for topic in result)
