"""Import of DiscordChatExporter's JSON of any version, damaged or not, and its export."""

from __future__ import annotations

import io
import json
import re
import tracemalloc
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.dce_files import FILES, NEW_ROOT, PHOTO, Data, new, numbered, old, records, written
from support.importing import refused, take_in
from support.recordings import NOW, UTC_ZONE, assert_sound

from recorder import Message, SessionExporter
from recorder.errors import InvalidInput
from recorder.formats.dce.dce_import import MESSAGE_START
from recorder.formats.import_sources import Record, Unreadable, open_source
from recorder.formats.json_document import Item, JsonDocument
from recorder.models import Json
from recorder.record.changes import current
from recorder.store.reading import Reader


def kept(data: Json) -> Json:
    """Return a part of a file without empty values, which later versions write too."""
    if isinstance(data, dict):
        return {k: kept(v) for k, v in data.items() if v not in (None, [], {}, "", False)}
    return [kept(item) for item in data] if isinstance(data, list) else data


# Versions.


@pytest.mark.parametrize("version", FILES)
def test_a_file_of_any_version_goes_out_again_as_it_came_in(
    folder: Path, tmp_path: Path, version: str
) -> None:
    path = written(tmp_path / "Crew - Text - général [800000000000000001].json", FILES[version])
    imported = take_in(folder, path)
    assert imported.left_out == ()
    session = imported.session
    assert (session.name, session.message_count) == ("général", len(FILES[version]["messages"]))
    assert (session.guild_id, session.channel_id) == ("900000000000000001", "800000000000000001")
    assert Reader(folder).channels([session]) == {session.id: ("800000000000000001",)}
    assert_sound(folder)
    out = tmp_path / "out.dce.json"
    SessionExporter(Reader(folder), UTC_ZONE).export(session, "dce", out, NOW)
    data = json.loads(out.read_text())
    for found, before in zip(data["messages"], FILES[version]["messages"], strict=True):
        assert "recorder" not in found
        wanted = deepcopy(before)
        for key in ("timestamp", "timestampEdited"):
            if wanted[key] and key == "timestamp":
                wanted[key] = datetime.fromisoformat(wanted[key]).astimezone(UTC).isoformat()
        assert subset(kept(wanted), kept(found)), (wanted, found)
    assert data["messageCount"] == len(data["messages"])
    for key in ("guild", "channel", "newAtTheRoot"):
        assert data.get(key) == FILES[version].get(key)
    assert data["exportedAt"] == NOW.isoformat()


def subset(wanted: Json, found: Json) -> bool:
    """Return whether a part contains another; it may have keys of later versions too."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(key in found and subset(value, found[key]) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return len(wanted) == len(found) and all(map(subset, wanted, found))
    return wanted == found


def test_what_a_message_says_has_its_place_with_us(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", FILES["2.47 (2026)"])
    talk, answer, forward, shown, command, poll = (
        record for record in records(path) if isinstance(record, Message)
    )
    assert talk.timestamp == datetime(2018, 10, 5, 12, tzinfo=UTC)
    assert (talk.message_id, talk.channel_id) == (500000000000000001, "800000000000000001")
    assert (talk.author, talk.speaker, talk.type) == ("mira", "Mira", "user_message")
    assert talk.text == "see @Jo :LUL:"
    assert answer.extra["reply_to"] == "500000000000000001"
    assert answer.attachments == ("x.json_Files\\b-1A2B3.txt",)
    assert "[file: b.txt]" in answer.text
    assert "reply_to" not in forward.extra
    assert forward.text.startswith("Forwarded: old news\nAnn\nDocs\nHow to\na\nb\nend\n")
    assert "[sticker: wave]" in shown.text and "Docs" in shown.text
    assert shown.extra["reactions"] == {"❤️": 2, ":LUL:": 1}
    assert command.type == "user_message"
    assert (poll.type, poll.extra["event"]) == ("system_message", "poll_result")
    assert isinstance(unknown := poll.extra["dce"], dict) and "poll" in unknown


def test_system_messages_bots_pins_and_edits_are_known(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", FILES["2.16 (2020)"])
    _, bot, joined, photo, edited = (r for r in records(path) if isinstance(r, Message))
    assert edited.timestamp == datetime(2018, 10, 5, 12, 0, 0, 123_000, tzinfo=UTC)
    assert current(edited).edited_at == datetime(2018, 10, 5, 13, tzinfo=UTC)
    assert (bot.type, bot.extra["pinned"]) == ("bot_response", True)
    assert (joined.type, joined.extra["event"]) == ("system_message", "new_member")
    assert photo.attachments == (PHOTO["url"],)
    assert photo.extra["files"] == [{"name": "a.png", "size": 1234}]


LAYOUTS: list[Data] = [{"indent": None}, {"indent": "\t"}, {"separators": (",", ":")}]


@pytest.mark.parametrize("options", LAYOUTS)
@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\r\n \n"])
def test_how_the_file_is_laid_out_does_not_matter(
    tmp_path: Path, options: Data, before: bytes
) -> None:
    path = written(tmp_path / "a.json", FILES["2.47 (2026)"], **options)
    expected = records(path)
    path.write_bytes(before + path.read_bytes().replace(b"\n", b"\r\n"))
    assert records(path) == expected
    assert len(expected) == 6


def test_missing_keys_and_nulls_do_not_matter(tmp_path: Path) -> None:
    author = {"id": 5, "name": "a"}
    least = {"id": 7, "timestamp": "2018-10-05T12:00:00", "author": author}
    nulls = {**dict.fromkeys(new()), **least, "author": dict.fromkeys(new()["author"]) | author}
    path = written(tmp_path / "a.json", {"messages": [least, nulls], "guild": None})
    first, second = records(path)
    assert isinstance(first, Message) and isinstance(second, Message)
    assert replace(first, extra={}) == replace(second, extra={})
    assert second.extra == {}
    assert (first.message_id, first.author_id, first.content) == (7, "5", "")
    assert first.channel_id is None


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("2018-10-05T12:00:00+00:00", 0),
        ("2018-10-05T14:00:00.1234567+02:00", 123456),
        ("2018-10-05T12:00:00.12Z", 120000),
        ("2018-10-05 12:00:00", 0),
        ("2018-10-05T08:00-04:00", 0),
        ("20181005T120000Z", 0),
    ],
)
def test_times_of_all_versions(tmp_path: Path, text: str, microseconds: int) -> None:
    (message,) = records(written(tmp_path / "a.json", {"messages": [old(timestamp=text)]}))
    assert isinstance(message, Message)
    assert message.timestamp == datetime(2018, 10, 5, 12, 0, 0, microseconds, tzinfo=UTC)


# Damage.

MANY: Data = {**NEW_ROOT, "messages": numbered(*[new(content=f"text {i} “é”") for i in range(9)])}
MANY_BYTES = json.dumps(MANY, ensure_ascii=False, indent=2).encode()
STARTS = [match.start() for match in re.finditer(rb'\{\s+"id": "5000', MANY_BYTES)]
ENDS = [match.end() for match in re.finditer(rb"\n    \}", MANY_BYTES)]


def contents(found: Iterable[Record]) -> list[str]:
    return [record.content for record in found if isinstance(record, Message)]


def faults(found: Iterable[Record]) -> list[str]:
    return [str(record) for record in found if isinstance(record, Unreadable)]


def test_a_file_that_is_cut_gives_what_stands_before(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    last = MANY_BYTES.rindex(b"]")
    for cut in (*range(STARTS[0] + 1, STARTS[1], 2), *range(STARTS[1], last, 101), last):
        path.write_bytes(MANY_BYTES[:cut])
        found = records(path)
        whole = sum(cut >= end for end in ENDS)
        assert contents(found) == [f"text {i} “é”" for i in range(whole)]
        (fault,) = faults(found)
        assert fault.startswith(f"{path}, message {whole + 1} (byte ")
    path.write_bytes(MANY_BYTES[: last + 1])
    assert len(records(path)) == len(STARTS)


def test_a_file_that_is_cut_in_its_head_holds_no_messages(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for cut in (2, 30, MANY_BYTES.index(b'"messages"') + 5, STARTS[0] - 5, STARTS[0] + 9):
        path.write_bytes(MANY_BYTES[:cut])
        refused(folder, path, InvalidInput, "Nothing was imported")


DAMAGE: dict[str, tuple[bytes, bytes, str]] = {
    "a comma is missing": (
        b'false,\n      "content"',
        b'false\n      "content"',
        "is not JSON (Expecting",
    ),
    "a quote is missing": (b'"content": "', b'"content": ', "is not JSON (Expecting value"),
    "an open text": (b'"\n', b"\n", "is not JSON"),
    "zeros": (b'"isPinned": false', bytes(17), "is not JSON"),
    "not UTF-8": ("“".encode(), b"\xff", "is not UTF-8"),
    "not a number": (b'"isPinned": false', b'"isPinned": NaN', "is not JSON (NaN is no number)"),
    "no author": (b'"author": {', b'"who": {', 'has no object under "author"'),
    "no name": (b'"name": "mira"', b'"name": 5', 'has no text under "author"'),
    "no id": (b'"id": "500000000000000005"', b'"id": null', 'has no "id"'),
    "a wrong id": (b'"id": "500000000000000005"', b'"id": "5x"', "is not a Discord id"),
    "a large id": (b'"500000000000000005"', b'"9' + b"9" * 19 + b'"', "is not a Discord id"),
    "no time": (b'"timestamp": "2018', b'"timestamp": "soon', "is not an ISO 8601 time"),
    "wrong text": (b'"content": "text 4', b'"content": ["', "is not JSON"),
    "a number as text": ('"text 4 “é”"'.encode(), b"7", 'has no text under "content"'),
    "attachments": (b'"attachments": []', b'"attachments": {}', '"attachments" is not a list'),
    "a link": (b'"attachments": []', b'"attachments": [{"url": 3}]', "not a list of URLs"),
    "embeds": (b'"embeds": []', b'"embeds": [null]', '"embeds" is not a list of objects'),
    "stickers": (b'"stickers": []', b'"stickers": "x"', '"stickers" is not a list'),
    "deep": (b'"mentions": []', b'"mentions": ' + b"[" * 200 + b"]" * 200, "nested deeper"),
    "very deep": (b'"mentions": []', b'"mentions": ' + b"[" * 10**5, "is not JSON"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_broken_message_is_named_and_the_rest_comes_in(tmp_path: Path, kind: str) -> None:
    before, after, fault = DAMAGE[kind]
    start, end = STARTS[4], STARTS[5]
    broken = MANY_BYTES[start:end].replace(before, after, 1)
    assert broken != MANY_BYTES[start:end]
    path = tmp_path / "a.json"
    path.write_bytes(MANY_BYTES[:start] + broken + MANY_BYTES[end:])
    found = records(path)
    assert contents(found) == [f"text {i} “é”" for i in range(9) if i != 4]
    (text,) = faults(found)
    assert text.startswith(f"{path}, message 5 (byte {start + 1}): ") and fault in text


@settings(max_examples=200)
@given(st.integers(0, len(MANY_BYTES) - 1), st.integers(0, 255))
@example(STARTS[3] - 6, ord("]"))
@example(STARTS[3] - 6, ord("x"))
@example(MANY_BYTES.index(b"["), ord("x"))
@example(MANY_BYTES.index(b"messages"), ord("x"))
@example(MANY_BYTES.index(b"[") - 1, ord("["))
@example(MANY_BYTES.index(b"[") - 1, ord("0"))
@example(MANY_BYTES.index(b'},\n  "dateRange"'), ord(" "))
@example(0, ord("x"))
def test_a_wrong_byte_costs_a_message_at_most(place: int, byte: int) -> None:
    data = bytearray(MANY_BYTES)
    data[place] = byte
    document = JsonDocument(io.BytesIO(bytes(data)), "messages", MESSAGE_START)
    list(document.head())
    values = [item.value for item in document.items() if isinstance(item, Item)]
    ids = {value["id"] for value in values if isinstance(value, dict) and "id" in value}
    assert len(ids & {message["id"] for message in MANY["messages"]}) >= len(STARTS) - 1


def test_a_message_without_an_end_does_not_swallow_the_others(tmp_path: Path) -> None:
    big = {**NEW_ROOT, "messages": numbered(*[new(content="x" * 3_000) for _ in range(2_000)])}
    data = bytearray(json.dumps(big).encode())
    assert len(data) > 6 << 20
    starts = [match.start() for match in re.finditer(rb'\{"id": "5000', data)]
    for number in range(100, 2_000, 100):
        data[starts[number] + 60 : starts[number] + 70] = b'"' + bytes(9)
    path = tmp_path / "a.json"
    path.write_bytes(data)
    found = records(path)
    assert len(contents(found)) == 2_000 - 19
    assert [f"message {n + 1} (byte {starts[n] + 1})" in text for n, text in zip(
        range(100, 2_000, 100), faults(found), strict=True)] == [True] * 19  # fmt: skip


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        path = tmp_path / f"{count}.json"
        text = json.dumps(new(content="x" * 2_000))
        path.write_text('{"guild": {}, "messages": [' + ",\n".join([text] * count) + "]}")
        tracemalloc.start()
        with open_source(path, lambda read: None) as source:
            assert sum(isinstance(record, Message) for record in source.records) == count
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    small, large = peak(2_000), peak(8_000)
    assert large < 1.2 * small < 20 << 20
