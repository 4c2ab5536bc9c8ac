"""Activity: each number on recordings with known answers."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from recorder import Channel, Message, Session, SessionManager, SessionRecorder
from recorder.models import MessageType, Tag
from recorder.stats.activity import Activity, activity
from recorder.stats.session_analyzer import Count, Span
from recorder.store.journal import Journal
from recorder.store.reading import Reader

NOW = datetime(2025, 11, 8, 15, 45, tzinfo=UTC)
CHANNEL = Channel("77", "development", "1")
MINUTE = timedelta(minutes=1)

Row = tuple[float, str, MessageType]


async def record(
    folder: Path, rows: list[Row], pause: tuple[float, float] | None, end: float
) -> Session:
    """Record a session; times are in minutes from its start."""
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, ZoneInfo("UTC"))
        await manager.start("s", CHANNEL, user_id="1", now=NOW)
        waiting = pause
        for number, (minutes, author, kind) in enumerate(rows):
            if waiting and minutes >= waiting[1]:
                await manager.pause(CHANNEL.id, now=NOW + waiting[0] * MINUTE)
                await manager.resume(CHANNEL.id, now=NOW + waiting[1] * MINUTE)
                waiting = None
            time = NOW + minutes * MINUTE
            message = Message(
                time, author, author, "x", kind, message_id=number + 1, channel_id=CHANNEL.id
            )
            await recorder.record(message)
        return await manager.stop(CHANNEL.id, now=NOW + end * MINUTE)


def activity_of(folder: Path, session: Session, zone: str = "UTC", bars: int = 12) -> Activity:
    result = activity(Reader(folder), [session], NOW, ZoneInfo(zone), most_bars=bars)
    assert result is not None
    return result


async def test_messages_by_time_and_author(tmp_path: Path) -> None:
    rows: list[Row] = [
        *((0.0, "mira", "user_message"), (0.5, "Bot", "bot_response")),
        *((9.99, "mira", "user_message"), (10.0, "mira", "user_message")),
        *((50.0, "jonas", "system_message"), (59.0, "Bot", "bot_response")),
    ]
    session = await record(tmp_path, rows, (20, 45), 60)
    result = activity_of(tmp_path, session)
    assert result.authors == (Count("mira", 3), Count("Bot", 2), Count("Discord", 1))
    assert result.scale.unit == "5 minutes"
    assert (result.begin, result.end) == (NOW, NOW + 60 * MINUTE)
    bars = dict(zip(result.scale.edges, result.counts, strict=False))
    assert {edge: counts for edge, counts in bars.items() if any(counts)} == {
        NOW: (1, 1, 0),
        NOW + 5 * MINUTE: (1, 0, 0),
        NOW + 10 * MINUTE: (1, 0, 0),
        NOW + 50 * MINUTE: (0, 0, 1),
        NOW + 55 * MINUTE: (0, 1, 0),
    }
    assert result.pauses == (Span(NOW + 20 * MINUTE, NOW + 45 * MINUTE),)
    assert result.totals.count(0) == len(result.counts) - 5


async def test_gaps_and_tags_are_of_the_session(tmp_path: Path) -> None:
    session = await record(tmp_path, [(1, "mira", "user_message")], None, 30)
    async with SessionRecorder(tmp_path) as recorder:
        await SessionManager(recorder, ZoneInfo("UTC")).tag(session, "solved", now=NOW)

        def add_gap(journal: Journal) -> None:
            connection = journal.connection
            connection.execute(
                "INSERT INTO session_gaps (session_id, number, started_at, reason) "
                "VALUES (?, 1, ?, ?)",
                (session.id, (NOW - 5 * MINUTE).isoformat(), "restart"),
            )

        await recorder.call(add_gap)
    result = activity_of(tmp_path, session)
    assert result.gaps == (Span(NOW - 5 * MINUTE, NOW),)
    assert result.tags == (Tag("solved", NOW + MINUTE, 1),)


async def test_authors_behind_the_eighth_are_others(tmp_path: Path) -> None:
    names = "abcdefghijk"
    rows: list[Row] = [
        (number, name, "user_message") for number, name in enumerate(names * 2 + names[:9])
    ]
    result = activity_of(tmp_path, await record(tmp_path, rows, None, 40))
    assert [author.name for author in result.authors] == [*"abcdefgh", "3 others"]
    assert result.authors[-1].count == 3 + 2 + 2
    assert sum(result.totals) == len(rows)
    assert sum(counts[-1] for counts in result.counts) == 7


async def test_hours_are_those_of_the_time_zone(tmp_path: Path) -> None:
    rows: list[Row] = [(60.0 * hour, "mira", "user_message") for hour in range(48)]
    session = await record(tmp_path, rows, None, 48 * 60)
    for zone, begin in (("UTC", "14:00"), ("Asia/Kathmandu", "20:00")):
        edge = activity_of(tmp_path, session, zone, 60).scale.edges[0]
        assert f"{edge.astimezone(ZoneInfo(zone)):%H:%M}" == begin
        assert sum(activity_of(tmp_path, session, zone, 60).totals) == 48


async def test_nothing_recorded(tmp_path: Path) -> None:
    session = await record(tmp_path, [], None, 0)
    assert sum(activity_of(tmp_path, session).totals) == 0
    assert activity(Reader(tmp_path), [], NOW, ZoneInfo("UTC"), most_bars=10) is None
