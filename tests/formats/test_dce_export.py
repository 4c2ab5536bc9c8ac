"""Export to DiscordChatExporter's JSON and back, and repeated imports."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.conversations import Conversation, session
from support.dce_files import (
    EMBED,
    FILES,
    NEW_ROOT,
    PHOTO,
    REACTIONS,
    new,
    numbered,
    paths,
    records,
    written,
)
from support.importing import refused, take_in
from support.recordings import CHANNEL, NOW, UTC_ZONE, assert_sound, dump, said
from support.strategies import JSON, TEXT, messages

from recorder import Message, SessionExporter, SessionManager, SessionRecorder
from recorder.errors import Conflict, InvalidInput
from recorder.formats.dce import dce_export
from recorder.formats.exported_session import ExportedSession
from recorder.models import Deletion, Edit, Reaction, RecordedMessage
from recorder.record.changes import current
from recorder.store.reading import Reader


def exported(messages: Iterable[Message], **place: Any) -> str:
    """Return the text of an export of messages that are in no database."""
    of_now = [(message, current(message)) for message in messages]
    recorded = [
        RecordedMessage(index, message, (), now.edited_at, now.deleted_at, now.reactions)
        for index, (message, now) in enumerate(of_now, 1)
    ]

    class Said(Conversation):
        def messages(self, *_: Any, **__: Any) -> Iterator[RecordedMessage]:
            return iter(recorded)

    of = replace(session(len(recorded)), **place)
    return "".join(dce_export.render(ExportedSession(of, Said(list), UTC_ZONE, NOW)))


# Out and in again.

NAMED_KEYS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "display_name": TEXT | JSON,
        "webhook_id": TEXT,
        "reply_to": st.sampled_from(["7", "x", ""]) | JSON,
        "mentions": st.just({"<@5>": "@Ann", "<@&6>": "@crew", "<@!5>": "Ann"}) | JSON,
        "files": st.lists(st.fixed_dictionaries({"name": TEXT, "size": st.integers()})) | JSON,
        "embeds": st.just([{"title": "a", "color": 5, "fields": [{"name": "x"}]}]) | JSON,
        "stickers": st.just([{"id": "1", "name": "wave", "url": "https://x"}]) | JSON,
        "components": st.just([{"content": "text"}]) | JSON,
        "poll": st.just({"question": "Tea?", "answers": ["yes"]}) | JSON,
        "forwarded": st.just({"content": "old", "attachments": ["https://x"]}) | JSON,
        "event": st.sampled_from(["pins_add", "new_member", "unknown"]) | JSON,
        "raw_content": TEXT,
        "pinned": st.booleans() | JSON,
        "edited_timestamp": st.just("2025-11-08T15:46:30+00:00") | TEXT | JSON,
        "reactions": st.dictionaries(TEXT, st.integers(1, 5)) | JSON,
        "source": st.just("history"),
        "merged_from": st.just({"session": "a", "message_index": 1}),
        "opted_out": st.just(True),
        "dce": st.fixed_dictionaries(
            {},
            optional={
                "author": st.just({"roles": [{"id": "1"}], "name": "forged"}) | JSON,
                "reactions": st.just(REACTIONS) | JSON,
                "mentions": JSON,
                "reference": JSON,
                "type": TEXT,
                "recorder": JSON,
                "content": TEXT,
                "poll": JSON,
            },
        )
        | JSON,
    },
)


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    """Draw messages with anything that a line can hold."""
    drawn = draw(st.lists(messages(TEXT), max_size=4))
    places = st.sampled_from(["70", "71"]) | st.none()
    named = [
        replace(m, extra={**m.extra, **draw(NAMED_KEYS)}, channel_id=draw(places)) for m in drawn
    ]
    plain = st.builds(
        said,
        st.integers(1, 9),
        TEXT,
        channel_id=st.just("70"),
        extra=st.just({}) | st.fixed_dictionaries({"display_name": TEXT}),
        type=st.sampled_from(["user_message", "bot_response", "system_message"]),
    )
    return draw(st.permutations([*named, *draw(st.lists(plain, max_size=3))]))


@pytest.mark.slow
@given(conversations(), st.sampled_from(["70", None]))
@example(
    [said(1, "x", extra={"dce": {"export": {"guild": {"id": "1"}, "channel": {"name": "x"}}}})],
    "70",
)
@example([said(1, message_id=0), said(2, model="")], CHANNEL.id)
def test_what_goes_out_comes_in_again(talk: list[Message], channel_id: str | None) -> None:
    text = exported(talk, channel_id=channel_id)
    assert json.loads(text)["messageCount"] == len(talk)
    with tempfile.TemporaryDirectory() as folder:
        (path := Path(folder) / "a.dce.json").write_text(text, encoding="utf-8")
        assert records(path) == talk


RICH: list[dict[str, Any]] = [
    message for data in FILES.values() for message in deepcopy(data["messages"])
]
PLACES = [(number, path) for number, message in enumerate(RICH) for path in paths(message)]


@pytest.mark.slow
@settings(max_examples=300)
@given(st.sampled_from(PLACES), JSON)
def test_no_wrong_type_stops_an_import_or_what_goes_out_of_it(
    place: tuple[int, tuple[str | int, ...]], value: Any
) -> None:
    number, path = place
    data = deepcopy(RICH[number])
    part: Any = data
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    with tempfile.TemporaryDirectory() as folder:
        (record,) = records(written(Path(folder) / "a.json", {"messages": [data]}))
        if isinstance(record, Message):
            (Path(folder) / "b.json").write_text(exported([record], channel_id=None))
            assert records(Path(folder) / "b.json") == [record]


def test_a_viewer_finds_all_keys_that_it_looks_for() -> None:
    plain = said(1, "plain", extra={"display_name": "Stryk"})
    rich = said(
        2,
        "<@5> look",
        model="claude",
        attachments=("https://cdn.discordapp.com/attachments/1/22/a%20b.png?ex=1",),
        extra={
            "reply_to": "1001",
            "mentions": {"<@5>": "@Ann"},
            "embeds": [{"type": "rich", "title": "Docs", "color": 255}],
            "reactions": {"👍": 2},
        },
    )
    data = json.loads(exported([plain, rich], channel_id=CHANNEL.id))
    assert list(data) == [
        *("guild", "channel", "dateRange", "exportedAt", "recorder", "messages", "messageCount")
    ]
    assert (data["guild"]["id"], data["channel"]["id"]) == ("7", CHANNEL.id)
    assert list(data["channel"]) == ["id", "type", "categoryId", "category", "name", "topic"]
    first, second = data["messages"]
    keys = list(new())
    assert set(keys) == set(first) and set(keys) | {"reference", "recorder"} == set(second)
    assert set(first["author"]) == set(second["author"]) == set(new()["author"])
    assert first["author"]["nickname"] == "Stryk" and second["type"] == "Reply"
    assert second["content"] == "<@5> look", "as with --markdown false, which viewers ask for"
    assert second["mentions"][0]["id"] == "5" and second["mentions"][0]["nickname"] == "Ann"
    (attachment,) = second["attachments"]
    assert (attachment["id"], attachment["fileName"]) == ("22", "a%20b.png")
    assert set(EMBED) - set(second["embeds"][0]) == {"author", "thumbnail", "image", "footer"}
    assert second["embeds"][0]["color"] == "#0000FF"
    assert second["reactions"][0]["count"] == 2
    assert second["recorder"]["keys"]["model"] == "claude"


def test_messages_without_an_id_get_one_that_sorts_by_time() -> None:
    talk = [replace(said(n, str(n)), message_id=None) for n in (3, 3, 1)]
    data = json.loads(exported([*talk, replace(talk[0], timestamp=NOW.replace(year=2004))]))
    ids = [int(message["id"]) for message in data["messages"]]
    assert ids[3] < ids[2] < ids[0] < ids[1]


def test_what_is_withheld_is_told() -> None:
    message = said(1, "", author="opted out", author_id="0", extra={"opted_out": True})
    (data,) = json.loads(exported([message], channel_id=CHANNEL.id))["messages"]
    assert data["content"] == "[opted out]"


async def test_what_was_deleted_stays_hidden_and_comes_in_as_deleted(
    folder: Path, tmp_path: Path
) -> None:
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, UTC_ZONE)
        await manager.start("talk", CHANNEL, user_id="5", now=NOW)
        for number in (1, 2):
            extra = {"embeds": [{"title": f"secret {number}"}], "dce": {"x": f"secret {number}"}}
            await recorder.record(said(number, f"secret {number}", extra=extra))
        recorder.change(Edit(NOW + timedelta(1), CHANNEL.id, 1002, "edited"))
        recorder.change(Reaction(NOW, CHANNEL.id, 1002, "add", "👍", "5"))
        recorder.change(Deletion(NOW + timedelta(2), CHANNEL.id, 1001))
        talk = await manager.stop(CHANNEL.id, now=NOW)
        texts = {
            format: "".join(manager.exporter.render(talk, format, NOW)) for format in ("dce", "csv")
        }
        before = list(manager.load(talk))
    for text in texts.values():
        assert "secret" not in text and "(deleted)" in text and "edited" in text
    path = tmp_path / "again.dce.json"
    path.write_text(texts["dce"], encoding="utf-8")
    two = tmp_path / "two"
    imported = await asyncio.to_thread(take_in, two, path)
    assert (imported.session.name, imported.session.guild_id) == ("talk", "1")
    gone, edited = Reader(two).messages(imported.session.id)
    assert gone.deleted_at == before[0].deleted_at and gone.message.content == "(deleted)"
    assert (edited.message.content, edited.reactions) == ("edited", {"👍": 1})
    assert_sound(two)


# Sessions.


def part(*numbers: int, **root: Any) -> dict[str, Any]:
    said_then = [new(content=str(n), id=str(5 * 10**17 + n)) for n in numbers]
    return {**NEW_ROOT, **root, "messages": said_then}


def test_the_parts_of_a_channel_become_one_session(folder: Path, tmp_path: Path) -> None:
    one = written(tmp_path / "part 1.json", part(1, 2, 3))
    two = written(tmp_path / "part 2.json", part(3, 4))
    assert take_in(folder, one).added == 3
    imported = take_in(folder, two)
    assert (imported.added, imported.session.message_count) == (1, 4)
    assert_sound(folder)
    before = dump(folder)
    for path in (one, two):
        assert take_in(folder, path).added == 0
    assert dump(folder) == before


def test_another_channel_of_the_same_name_is_refused(folder: Path, tmp_path: Path) -> None:
    take_in(folder, written(tmp_path / "a.json", part(1)))
    channel = {**NEW_ROOT["channel"], "id": "800000000000000002"}
    other = written(tmp_path / "b.json", part(2, channel=channel))
    refused(folder, other, Conflict, "is taken")
    assert take_in(folder, other, name="other").session.channel_id == "800000000000000002"


def test_direct_messages_belong_to_no_guild(folder: Path, tmp_path: Path) -> None:
    guild = {"id": "0", "name": "Direct Messages", "iconUrl": "x"}
    channel = {"id": "81", "type": "DirectTextChat", "name": "jo/../x", "topic": None}
    path = written(tmp_path / "a.json", part(1, guild=guild, channel=channel))
    session = take_in(folder, path).session
    assert (session.guild_id, session.channel_id, session.name) == (None, "81", "jo-..-x")
    assert Reader(folder).named("jo-..-x", None, "81") == session
    assert take_in(folder, path, guild_id="9").session.guild_id == "9"


@pytest.mark.parametrize(
    "data",
    [{"session": "a", "messages": []}, {"a": 1}, {"messages": {}}, {"guild": {}, "messages": 5}],
)
def test_other_documents_are_refused(folder: Path, tmp_path: Path, data: Any) -> None:
    path = written(tmp_path / "a.json", data)
    refused(folder, path, InvalidInput, "not DiscordChatExporter's. Nothing was imported")


def test_with_strict_a_damaged_file_is_refused(folder: Path, tmp_path: Path) -> None:
    data = part(1, 2, 3)
    data["messages"][1]["author"] = None
    path = written(tmp_path / "a.json", data)
    refused(folder, path, InvalidInput, r"message 2 \(byte \d+\): has no object", strict=True)
    assert take_in(folder, path).session.message_count == 2


def test_very_much_damage_is_counted(folder: Path, tmp_path: Path) -> None:
    data = part(*range(150))
    for message in data["messages"][1:]:
        message["author"] = None
    imported = take_in(folder, written(tmp_path / "a.json", data))
    assert (len(imported.left_out), imported.left_out_count) == (100, 149)


def test_all_versions_of_a_file_are_one_conversation(folder: Path, tmp_path: Path) -> None:
    sessions = {
        take_in(folder, written(tmp_path / f"{n}.json", data)).session.id
        for n, data in enumerate(FILES.values())
    }
    assert len(sessions) == 1
    assert numbered(new())[0]["id"] in [str(r.message.message_id) for r in all_of(folder)]
    assert PHOTO["url"] not in [r.message.attachments for r in all_of(folder)]


def all_of(folder: Path) -> list[RecordedMessage]:
    (session,) = Reader(folder).sessions()
    return list(Reader(folder).messages(session.id))


def test_an_export_through_the_exporter_is_the_same(folder: Path, tmp_path: Path) -> None:
    session = take_in(folder, written(tmp_path / "a.json", part(1, 2))).session
    exporter = SessionExporter(Reader(folder), UTC_ZONE)
    path = tmp_path / "b.dce.json"
    exporter.export(session, "dce", path, NOW)
    assert records(path) == [r.message for r in Reader(folder).messages(session.id)]
