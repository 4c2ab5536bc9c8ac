"""`recorder serve --public-copy`: what is published, and what no byte of it may hold."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from support.recordings import NOW, message
from support.secretive import SECRETS, record_secrets

from recorder import Channel, Message, SessionManager, SessionRecorder
from recorder.cli import main
from recorder.datasette.configuration import metadata
from recorder.datasette.publishing import publish
from recorder.datasette.questions import QUESTIONS
from recorder.errors import Conflict, NotFound, StorageError
from recorder.models import Deletion, Edit, Json
from recorder.recording.importing import import_file
from recorder.store.consent import opt_out
from recorder.store.erasure import Selection
from recorder.store.public_copy import make_public_copy
from recorder.store.reading import Reader

GUILD, ROOM, OTHER = "810000000000000001", "820000000000000002", "830000000000000003"
ANNE, BEN, QUITTER = "840000000000000004", "850000000000000005", "860000000000000006"
PUBLIC = ("hello there", "see @Ben in #unknown", "the corrected text", "!help me", "公開された文章")
SECRET = (
    *("topsecretelsewhere", "oops deleted", "uncorrected version", "said before opting out"),
    *("quitter", "lawyer", "sourdough.png", "elsewhere", "topmodel"),
    *(GUILD, ROOM, OTHER, ANNE, BEN, QUITTER),
)


async def record(folder: Path) -> None:
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, ZoneInfo("UTC"))
        room, other = Channel(ROOM, "development", GUILD), Channel(OTHER, "office", GUILD)
        first = await manager.start("release notes", room, user_id=ANNE, now=NOW)
        await manager.start("elsewhere", other, user_id=ANNE, now=NOW)
        number = 0

        async def say(text: str, author: str = "anne", id: str = ANNE, **more: object) -> Message:
            nonlocal number
            number += 1
            plain = message(number, text, ROOM)
            said: Message = replace(plain, author=author, author_id=id, **more)  # type: ignore[arg-type]
            await recorder.record(said)
            return said

        await say("hello there")
        await say(
            f"see <@{BEN}> in <#{OTHER}>", extra={"mentions": {f"<@{BEN}>": "@Ben"}}
        )  # fmt: skip
        gone = await say("oops deleted", "ben", BEN)
        await say("uncorrected version", "ben", BEN)
        await say("said before opting out", "quitter", QUITTER)
        await say(PUBLIC[4], extra={"reply_to": str(gone.message_id)})
        await say(
            "!help me",
            "ben",
            BEN,
            attachments=(f"https://cdn.example/{ROOM}/sourdough.png",),
        )
        elsewhere = message(90, "topsecretelsewhere", OTHER)
        await recorder.record(replace(elsewhere, author="lawyer", model="topmodel"))
        await manager.tag(first, "greeting", now=NOW, message_index=1)
        await manager.tag(first, "sour", now=NOW, message_index=3)
        for change in (
            Deletion(NOW + timedelta(seconds=20), ROOM, 1003),
            Edit(NOW + timedelta(seconds=21), ROOM, 1004, "the corrected text"),
        ):
            recorder.change(change)
        await recorder.call(lambda journal: opt_out(journal, GUILD, QUITTER, NOW))
        await say("said after opting out", "quitter", QUITTER)


@pytest.fixture
def published(folder: Path, tmp_path: Path) -> Path:
    """A copy of one of the two sessions."""
    asyncio.run(record(folder))
    path = tmp_path / "my release.db"
    command = (sys.executable, "-m", "recorder", "--data", str(folder), "serve")
    result = subprocess.run(
        [*command, "--public-copy", str(path), "--session", "release notes"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert result.returncode == 0, result.stderr
    assert "5 messages" in result.stdout
    assert (
        "Left out: 1 deleted message, 2 messages of users who opted out, 1 earlier version, "
        "1 attached file\n"
    ) in result.stdout
    return path


def test_no_byte_of_anything_else_is_in_it(published: Path, folder: Path) -> None:
    ours = (folder / "recorder.db").read_bytes() + (folder / "recorder.db-wal").read_bytes()
    for path in (published, published.with_suffix(".metadata.json")):
        data = path.read_bytes().lower()
        for secret in SECRET:
            assert secret.encode() not in data
            assert secret.encode() in ours.lower(), f"{secret} was never there"
    with closing(sqlite3.connect(published)) as connection:
        texts = [text for (text,) in connection.execute("SELECT text FROM conversation")]
        people = connection.execute("SELECT DISTINCT author, author_id FROM messages").fetchall()
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
        tags = connection.execute("SELECT tag, text FROM tagged_moments").fetchall()
        links = connection.execute(
            "SELECT count(reply_to), count(discord_url), count(channel_id) FROM conversation"
        ).fetchone()
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.execute(
            "INSERT INTO messages_fts(messages_fts, rank) VALUES('integrity-check', 1)"
        )
    assert sorted(texts) == sorted(PUBLIC)
    assert people == [("anne", "1"), ("ben", "2")]
    assert not tables & {"lines", "opted_out", "attachments", "erased_lines", "session_channels"}
    assert tags == [("greeting", "hello there")]
    assert links == (0, 0, 0)


LINKS = {
    f"see https://discord.com/channels/{GUILD}/{ROOM}/1003": "see https://discord.com/channels/0/0/0",
    f"<https://ptb.discord.com/channels/{GUILD}>, no": "<https://ptb.discord.com/channels/0>, no",
    f"https://cdn.discordapp.com/attachments/{ROOM}/12/a.png?ex=1": (
        "https://cdn.discordapp.com/attachments/0/0/a.png?ex=0"
    ),
    f"discord://-/channels/{GUILD}/{ROOM}": "discord://-/channels/0/0",
    f"https%3A%2F%2Fdiscord.com%2Fchannels%2F{GUILD}": "https%3A%2F%2Fdiscord.com%2Fchannels%2F0",
    f"the id {ROOM} and <#{ROOM}>": "the id 0 and #unknown",
    "the number 123456789012345678": "the number 123456789012345678",
    "https://example.com/channels/12": "https://example.com/channels/12",
}


async def test_no_link_and_no_mention_names_what_is_not_public(
    recorder: SessionRecorder, manager: SessionManager, tmp_path: Path
) -> None:
    session = await manager.start(f"of {ROOM}", Channel(ROOM, "r", GUILD), user_id=ANNE, now=NOW)
    token = f"<@{QUITTER}>"
    names: Json = {token: "@公開 Quentin", f"<@{BEN}>": "@Ben"}
    embed: Json = {
        "author": {"name": "Quentin", "icon_url": f"https://x/avatars/{QUITTER}/a.png"},
        "description": f"for {token}",
    }
    forwarded: Json = {"content": "Quentin's own words", "author_id": QUITTER}
    extras: list[dict[str, Json]] = [
        {"mentions": names},
        {"embeds": [embed], "mentions": names},
        {"forwarded": forwarded},
        {"event": "recipient_add", "mentions": {token: "@Quentin"}},
    ]
    for number, text in enumerate(LINKS, 10):
        await recorder.record(message(number, text, ROOM))
    texts = (f"{token} or <@{BEN}>?", "see", "", "Ben added Quentin to the thread.")
    for number, (text, extra) in enumerate(zip(texts, extras, strict=True), 20):
        kind: Any = "system_message" if "event" in extra else "user_message"
        await recorder.record(replace(message(number, text, ROOM), extra=extra, type=kind))
    recorder.change(Edit(NOW, ROOM, 1021, f"{token} again", extra=extras[0]))
    await manager.opt_out(GUILD, QUITTER, now=NOW + timedelta(hours=1))
    path = tmp_path / "copy.db"
    published = publish(Reader(recorder.folder), [session], path)
    assert str(published.left_out) == "4 mentions of users who opted out, 1 earlier version"
    data = path.read_bytes()
    for secret in ("Quentin", "公開", "公 開", GUILD, ROOM, QUITTER):
        assert secret.encode() not in data, secret
    with closing(sqlite3.connect(path)) as connection:
        shown = [text for (text,) in connection.execute("SELECT text FROM conversation")]
        assert connection.execute("SELECT name FROM sessions").fetchone() == ("of 0",)
    assert shown == [
        *LINKS.values(),
        "@unknown or @Ben?",
        "@unknown again",
        "Forwarded: [unknown]",
        "Ben added unknown to the thread.",
    ]


async def test_an_author_with_the_id_0_is_public(folder: Path, tmp_path: Path) -> None:
    """It is no mark: an erased message is known by its line."""
    file = tmp_path / "old.jsonl"
    line = '{"timestamp": "2025-11-08T15:45:00+00:00", "author": "Zero", "author_id": "0", '
    file.write_text(f'{line}"content": "of user 0", "type": "user_message"}}\n')
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, ZoneInfo("UTC"))
        imported = (await import_file(recorder, file, ZoneInfo("UTC"), now=NOW)).session
        session = await manager.start("s", Channel(ROOM, "r", GUILD), user_id=ANNE, now=NOW)
        await recorder.record(message(1, "erased words", ROOM))
        await manager.erase(Selection("message", message_ids=(1001,)), now=NOW)
    reader, path = Reader(folder), tmp_path / "copy.db"
    published = publish(reader, [imported, session], path)
    assert (published.messages, str(published.left_out)) == (1, "1 erased message")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT author, text FROM conversation").fetchall() == [
            ("Zero", "of user 0")
        ]


def test_it_answers_questions_and_searches(published: Path) -> None:
    with closing(sqlite3.connect(published)) as connection:
        for question in QUESTIONS:
            connection.execute(question.sql).fetchall()
        (counted,) = connection.execute("SELECT message_count FROM sessions").fetchone()
        (command,) = connection.execute("SELECT command FROM commands").fetchone()
        find = "SELECT count(*) FROM messages_fts WHERE messages_fts MATCH ?"
        found = [connection.execute(find, (w,)).fetchone()[0] for w in ("hello", '"公 開"', "oops")]
    assert (counted, command, found) == (5, "!help", [1, 1, 0])


@pytest.mark.slow
def test_datasette_shows_it_with_its_metadata(published: Path) -> None:
    about = str(published.with_suffix(".metadata.json"))

    def get(path: str) -> str:
        command = (sys.executable, "-m", "datasette", str(published), "-m", about, "--get", path)
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        assert result.returncode == 0, result.stderr
        return result.stdout

    page = get("/my+release/conversation?_search=corrected")
    assert "the corrected text" in page and "hello there" not in page
    page = get("/")
    assert 'href="my+release/conversation"' in page and "/search" not in page


async def test_two_servers_may_have_sessions_of_one_name(folder: Path, tmp_path: Path) -> None:
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, ZoneInfo("UTC"))
        for guild in ("1", "2"):
            channel = Channel(f"7{guild}", "room", guild)
            await manager.start("same", channel, user_id="5", now=NOW)
            await recorder.record(message(int(guild), "said", channel.id))
    reader = Reader(folder)
    path = tmp_path / "copy.db"
    sessions = reader.sessions()
    assert publish(reader, [*sessions, sessions[0]], path).messages == 2
    before = path.read_bytes()
    with pytest.raises(Conflict, match="already exists"):
        publish(reader, sessions, path)
    with pytest.raises(Conflict, match="already exists"):
        publish(reader, sessions, tmp_path / "copy.sqlite")  # its metadata has this name
    assert path.read_bytes() == before
    assert not (tmp_path / "copy.sqlite").exists()
    with pytest.raises(StorageError, match="cannot be written"):
        publish(reader, sessions, tmp_path / "no" / "such.db")
    for file in (path, tmp_path / "copy.metadata.json"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_of_what_somebody_deleted_nothing_is_left(folder: Path, tmp_path: Path) -> None:
    await record_secrets(folder)
    path = tmp_path / "copy.db"
    reader = Reader(folder)
    assert publish(reader, [reader.find("first")], path).messages == 2
    data = path.read_bytes()
    for secret in (*SECRETS[:5], "second", "666"):
        assert secret.encode() not in data, secret


@pytest.mark.parametrize("options", [("--public-copy", "x.db"), ("--session", "first")])
def test_a_copy_is_of_something(folder: Path, options: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, ["--data", str(folder), "serve", *options])
    assert result.exit_code == 2 and "--public-copy FILE --session NAME" in result.output


async def test_nothing_is_left_of_what_fails(recorder: SessionRecorder, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="deleted in the meantime"):
        make_public_copy(Reader(recorder.folder), ["gone"], tmp_path / "x.db")
    assert os.listdir(tmp_path) == ["data"]  # noqa: PTH208


def test_the_metadata_speaks_of_no_more_than_there_is(published: Path) -> None:
    about = metadata("x", public=True)["databases"]["x"]["tables"]
    with closing(sqlite3.connect(published)) as connection:
        names = {
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')"
            )
        }
    assert about.keys() <= names
