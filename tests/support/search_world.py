"""Recorded messages to search, by label, in many writing systems."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from recorder import Channel, Message, SessionManager, SessionRecorder
from recorder.models import Json, MessageType
from recorder.store.database import open_for_writing

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2025, 11, 12, 12, 0, tzinfo=UTC)  # a Wednesday
START = datetime(2025, 11, 3, 9, 0, tzinfo=UTC)  # a Monday
FIRST_ID = 1_300_000_000_000_000_000
PEOPLE = {"alice": "101000000000000001", "bob": "101000000000000002", "robot": "101000000000000009"}
PNG = "https://cdn.example/1/cat.png?ex=1"

Texts = dict[str, str]
WORLD: Texts = {
    "refresh": "Show me the token refresh code",
    "hyphen": "the token-refresh job failed",
    "apart": "refresh every token tonight",
    "tokens": "tokens are refreshed hourly",
    "cpp": "I write C++ at work",
    "c": "plain C is fine too",
    "csharp": "C# and F# are alike",
    "dotnet": "we target .NET here",
    "net": "the net is down",
    "percent": "about 50% done",
    "fifty": "about 50 done",
    "colon": "map a:b here",
    "snake": "call foo_bar now",
    "spaces": "call foo bar now",
    "url": "see https://example.com/docs?page=2 please",
    "mail": "write to carol@example.com",
    "flag": "run it with --force again",
    "arrow": "x -> y is a function",
    "not": "this is not x at all",
    "or": "either this or that",
    "and": "salt and pepper",
    "quote": 'he said "maybe" twice',
    "apostrophe": "don’t panic",
    "apostrophe2": "don't worry",
    "inch": 'a 5" disk',
    "umlaut": "Ärger mit dem Server",
    "ascii": "arger is no word",
    "sharp": "Straße gesperrt",
    "cafe": "cafe\u0301 olé",
    "polish": "zażółć gęślą jaźń",
    "emoji": "deployed 🎉 today",
    "emoji2": "party 🎉🎊",
    "heart": "I ❤️ it",
    "thumb": "ok 👍🏽 then",
    "robotface": "hello🤖",
    "cyrillic": "Обновление токена прошло",
    "cyrillic2": "токены обновлены, ещё раз",
    "greek": "Η ανανέωση ΤΟΥ κλειδιού",
    "greek2": "λόγος και ΛΌΓΟΣ",
    "arabic": "تحديث الرمز المميز",
    "arabic2": "الرمز القديم",
    "hebrew": "רענון אסימון עכשיו",
    "hebrew2": "אסימון ישן",
    "hindi": "टोकन ताज़ा करें",
    "hindi2": "नमस्ते दुनिया",
    "hindi3": "नमसाते अलग है",
    "chinese": "请刷新令牌然后重试",
    "chinese2": "新刷的墙",
    "japanese": "トークンを更新してください",
    "japanese2": "更新プログラム",
    "mixed": "点击Refresh按钮",
    "thai": "กรุณารีเฟรชโทเค็น",
    "thai2": "โทเค็นใหม่",
    "korean": "토큰 새로고침 완료",
    "korean2": "새로고침을 누르세요",
    "vietnamese": "Làm mới mã thông báo",
    "turkish": "Iğdır'da İstanbul",
    "price": "it costs $100 or €90",
    "price2": "100 of them",
    "code": "try `print(1)` now",
    "block": "```\nselect 1\n```",
    "path": "edit /etc/hosts please",
    "version": "since v2.7.1 only",
    "issue": "fixed in #42",
    "fortytwo": "the answer is 42",
    "long": "word " * 100 + "needle " + "word " * 100,
    "operator": "a + b = c",
    "literal": "100% _sure_ \\o/",
    "lines": "first line\nsecond line",
}
FROM_BOB = {"hyphen", "tokens", "c", "emoji2", "chinese2", "lines"}
FROM_ROBOT = {"version", "block"}
TIMES = {  # the others are minutes after START
    "umlaut": datetime(2025, 11, 10, 22, 30, tzinfo=UTC),  # still Monday in Berlin
    "ascii": datetime(2025, 11, 10, 23, 30, tzinfo=UTC),  # Tuesday in Berlin
    "sharp": datetime(2025, 11, 12, 10, 30, tzinfo=UTC),
    "cafe": datetime(2024, 2, 29, 12, 0, tzinfo=UTC),
}
CHANNELS = {
    name: Channel(f"{501 + number}000000000000001", name, "1")
    for number, name in enumerate(("world", "east", "secret"))
}
SECOND = ("chinese", "chinese2", "mixed", "japanese", "japanese2")
SECRET = "classified zebra refresh"


def message(label: str, number: int) -> Message:
    author = "bob" if label in FROM_BOB else "robot" if label in FROM_ROBOT else "alice"
    type: MessageType = "bot_response" if author == "robot" else "user_message"
    extra: dict[str, Json] = {"display_name": "Alice Liddell"} if author == "alice" else {}
    content, attachments = WORLD[label], ()
    if label == "hyphen":
        content = f"<@{PEOPLE['alice']}> {content}"
        extra["mentions"] = {f"<@{PEOPLE['alice']}>": "@Alice Liddell"}
    if label == "c":
        content += " @Alice Liddell"
    if label == "version":
        extra["embeds"] = [{"type": "rich", "title": "Changelog", "description": "many things"}]
    return Message(
        timestamp=TIMES.get(label, START + timedelta(minutes=number)),
        author=author,
        author_id=PEOPLE[author],
        content=content,
        type=type,
        attachments={"emoji": (PNG,), "path": ("https://cdn.example/1/hosts.txt",)}.get(
            label, attachments
        ),
        message_id=FIRST_ID + number,
        extra=extra,
    )


async def record(folder: Path) -> None:
    """Record the sessions ``world`` and ``east``, and ``secret``, which not everybody may read."""
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, BERLIN)
        for name, channel in CHANNELS.items():
            await manager.start(name, channel, user_id="1", now=START)
        for number, label in enumerate(WORLD):
            id = CHANNELS["east" if label in SECOND else "world"].id
            await recorder.record(replace(message(label, number), channel_id=id))
        secret = Message(START, "eve", "104000000000000004", SECRET, "user_message", message_id=1)
        await recorder.record(replace(secret, channel_id=CHANNELS["secret"].id))
        world = manager.reader.running(CHANNELS["world"].id)
        assert world is not None
        await manager.tag(world, "solution", now=NOW, message_index=1)
        await manager.tag(world, "solution", now=NOW, message_index=3)
        await manager.tag(world, "solutions", now=NOW, message_index=4)
    connection = open_for_writing(folder)
    connection.execute("UPDATE messages SET pinned = 1 WHERE instr(text, 'foo_bar')")
    connection.execute("UPDATE messages SET edited_at = timestamp WHERE text LIKE '%disk%'")
    connection.execute("UPDATE messages SET deleted_at = timestamp WHERE text LIKE '%panic%'")
    connection.close()
