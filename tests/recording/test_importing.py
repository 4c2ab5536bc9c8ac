"""JSONL files are read back, as often as one likes, and the same bytes come out again."""

import asyncio
import json
import re
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.importing import refused, take_in
from support.recordings import (
    CHANNEL,
    NOW,
    UTC_ZONE,
    assert_sound,
    content_lines,
    dump,
    message,
    record,
    texts,
)
from support.strategies import TEXT, messages

from recorder import Message, SessionManager, SessionRecorder
from recorder.errors import Conflict, InvalidInput, InvalidLine, InvalidName, NotFound
from recorder.formats.key_types import check_types
from recorder.models import Annotation, Change, Deletion, Edit
from recorder.record import jsonl
from recorder.recording.importing import import_file
from recorder.search.searcher import Searcher
from recorder.store.reading import Reader

QUESTION = message(0, "How do I implement OAuth2?", CHANNEL.id)
GOOD = (
    b'{"timestamp": "2025-11-08T15:45:00+00:00", "author": "STRYK", "author_id": "123", '
    b'"content": "!ai How do I implement OAuth2?", "type": "user_message"}\n'
    b'{"timestamp": "2025-11-08T15:46:30Z", "author": "Bot", "author_id": "bot", '
    b'"content": "Here is how\\u2026", "type": "bot_response", "model": "claude"}\n'
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "oauth_2025-11-08.jsonl"
    path.write_bytes(GOOD)
    return path


# Ours: the same bytes.


def has_right_types(message: Message) -> bool:
    try:
        check_types(message.extra)
    except InvalidLine:
        return False
    return True


@st.composite
def said(draw: st.DrawFn) -> list[Message | Change]:
    """Some messages, and then what happened to some of them."""
    recorded = messages(TEXT).filter(has_right_types)
    given_messages = draw(st.lists(recorded, min_size=1, max_size=5))
    ids = [m.message_id for m in given_messages if m.message_id is not None]
    about = st.sampled_from(ids or [1])
    change = st.one_of(
        st.builds(Edit, st.just(NOW), st.just(CHANNEL.id), about, TEXT),
        st.builds(Annotation, st.just(NOW), st.just(CHANNEL.id), about, TEXT),
        st.builds(Deletion, st.just(NOW), st.just(CHANNEL.id), about),
    )
    here = [replace(message, channel_id=CHANNEL.id) for message in given_messages]
    return [*here, *draw(st.lists(change, max_size=3 if ids else 0))]


async def record_and_import(folder: Path, what: list[Message | Change]) -> None:
    async with SessionRecorder(folder / "one") as recorder:
        manager = SessionManager(recorder, UTC_ZONE)
        await manager.start("session", CHANNEL, user_id="5", now=NOW)
        for item in what:
            if isinstance(item, Message):
                recorder.post(item)
            elif isinstance(item, Annotation):
                recorder.annotate(item)
            else:
                recorder.change(item)
        session = await manager.stop(CHANNEL.id, now=NOW)
        recorded = list(manager.load(session))
    original = folder / "one" / session.file_path
    async with SessionRecorder(folder / "two") as recorder:
        imported = (await import_file(recorder, original, UTC_ZONE, now=NOW)).session
        manager = SessionManager(recorder, UTC_ZONE)
        manager.exporter.export(imported, "jsonl", folder / "export.jsonl", NOW)
        assert list(manager.load(imported)) == recorded
    exported = (folder / "export.jsonl").read_bytes()
    assert exported.startswith(original.read_bytes())
    assert '"event": "import"' in exported.removeprefix(original.read_bytes()).decode()
    assert (folder / "two" / imported.file_path).read_bytes() == exported
    assert_sound(folder / "two")


@pytest.mark.slow
@settings(max_examples=40)
@given(said())
@example([replace(QUESTION, message_id=0), Edit(NOW, CHANNEL.id, 0, "x")])
def test_what_we_wrote_is_read_back_to_the_same_bytes(what: list[Message | Change]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(record_and_import(Path(folder), what))


# Of others.


def test_a_file_with_only_the_basic_keys_is_read(folder: Path, file: Path) -> None:
    imported = take_in(folder, file, guild_id="9")
    session = imported.session
    assert imported.left_out == ()
    assert (session.name, session.guild_id, session.status) == ("oauth", "9", "stopped")
    assert (session.message_count, session.channel_id) == (2, None)
    assert session.recorded_seconds == 90, "from the first message to the last"
    assert session.file_path == "sessions/oauth_2025-11-08.jsonl"
    question, answer = (r.message for r in Reader(folder).messages(session.id))
    assert (question.author, question.author_id) == ("STRYK", "123")
    assert (question.message_id, question.channel_id, question.model) == (None, None, None)
    assert (answer.content, answer.type, answer.model) == (
        "Here is how…",
        "bot_response",
        "claude",
    )
    assert_sound(folder)


def test_keys_of_others_are_kept(folder: Path, file: Path) -> None:
    line = {**json.loads(GOOD.splitlines()[0]), "mood": {"deep": [1, None, "x"]}, "": 2.5}
    file.write_text(json.dumps(line) + "\n")
    session = take_in(folder, file).session
    (recorded,) = Reader(folder).messages(session.id)
    assert recorded.message.extra == {"mood": {"deep": [1, None, "x"]}, "": 2.5}


@pytest.mark.parametrize("channel", [None, ""])
async def test_lines_without_a_channel_are_of_unknown_origin(
    folder: Path, tmp_path: Path, channel: str | None
) -> None:
    """Also in a merge: the channel "" is for those who manage the guild."""
    unknown = {**json.loads(GOOD.splitlines()[0]), "channel_id": channel}
    known = {**unknown, "content": "known", "channel_id": "70"}
    contents = {"known": [known], "unknown": [unknown], "both": [known, unknown]}
    reader = Reader(folder)
    async with SessionRecorder(folder) as recorder:
        sessions = {}
        for name, lines in contents.items():
            path = tmp_path / f"{name}.jsonl"
            path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
            imported = await import_file(recorder, path, UTC_ZONE, guild_id="1", now=NOW)
            sessions[name] = imported.session
        sources = [sessions["known"], sessions["unknown"]]
        manager = SessionManager(recorder, UTC_ZONE)
        merged = await manager.merge(sources, "merged", CHANNEL, user_id="5", now=NOW)
    channels = reader.channels([*sessions.values(), merged])
    assert channels[sessions["known"].id] == ("70",)
    assert channels[sessions["unknown"].id] == ("",)
    assert channels[sessions["both"].id] == channels[merged.id] == ("", "70")


@pytest.mark.parametrize(
    ("extra", "fault"),
    [
        ({"display_name": 5}, '"display_name" is not a text'),
        ({"reply_to": 12}, '"reply_to" is not a text'),
        ({"interaction": []}, '"interaction" is not an object'),
        ({"mentions": {"<@1>": 5}}, '"mentions" is not an object of texts'),
        ({"reactions": {"x": "1"}}, '"reactions" is not an object of numbers'),
        ({"files": {}}, '"files" is not a list'),
        ({"embeds": ["x"]}, '"embeds" is not a list of objects'),
        ({"pinned": "yes"}, '"pinned" is not true or false'),
        ({"author": 5}, 'has no text under "author"'),
        ({"model": []}, 'has no text under "model"'),
        ({"attachments": [5]}, '"attachments" is not a list of URLs'),
    ],
)
def test_a_key_of_the_wrong_type_is_named(
    folder: Path, file: Path, extra: dict[str, object], fault: str
) -> None:
    bad = json.dumps({**json.loads(GOOD.splitlines()[0]), **extra})
    file.write_bytes(GOOD + f"{bad}\n".encode())
    imported = take_in(folder, file)
    assert [str(entry) for entry in imported.left_out] == [f"{file}, line 3: {fault}"]
    assert imported.session.message_count == 2


def test_no_row_of_an_earlier_import_breaks_a_search(
    folder: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recorder.formats.import_sources.check_types", lambda extra: None)
    first = json.loads(GOOD.splitlines()[0])
    values: list[object] = [5, 1.5, True, [], [5], {}, {"a": 5}, "x", None]
    lines = [json.dumps({**first, "content": "words", "display_name": value}) for value in values]
    file.write_text("\n".join(lines) + "\n")
    take_in(folder, file)
    searcher = Searcher(Reader(folder), UTC_ZONE)
    for query in ("words", "from:5", "from:stryk", "words from:x"):
        hits = searcher.search(query, None, now=NOW, limit=20).hits
        assert all(isinstance(hit.message.speaker, str) for hit in hits)
    assert len(searcher.search("words", None, now=NOW, limit=20).hits) == len(values)
    searcher.close()


@pytest.mark.parametrize(
    "data",
    [
        GOOD.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + GOOD,
        b"\n" + GOOD.replace(b"\n", b"\n\n \n"),
        GOOD[:-1],
    ],
    ids=["crlf", "byte order mark", "empty lines", "no last newline"],
)
def test_what_editors_leave_behind_does_not_matter(folder: Path, file: Path, data: bytes) -> None:
    file.write_bytes(data)
    assert take_in(folder, file).left_out == ()
    assert texts(folder) == ["!ai How do I implement OAuth2?", "Here is how…"]


def test_many_lines_are_read(folder: Path, file: Path) -> None:
    first = GOOD.splitlines(keepends=True)[0]
    file.write_bytes(first * 2500)
    read: list[int] = []
    assert take_in(folder, file, progress=read.append).session.message_count == 2500
    assert sum(read) == len(first) * 2500
    assert_sound(folder)


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("oauth_2025-11-08", "oauth"),
        ("oauth_2025-11-08-3", "oauth"),
        ("oauth", "oauth"),
        ("2025-11-08", "2025-11-08"),
        ("a_b_2025-11-08", "a_b"),
    ],
)
def test_the_file_name_gives_the_name(folder: Path, tmp_path: Path, stem: str, name: str) -> None:
    (tmp_path / f"{stem}.jsonl").write_bytes(GOOD)
    assert take_in(folder, tmp_path / f"{stem}.jsonl").session.name == name


def test_a_file_is_numbered_when_another_session_has_its_path(folder: Path, file: Path) -> None:
    paths = [take_in(folder, file, guild_id=guild).session.file_path for guild in "12"]
    assert paths == ["sessions/oauth_2025-11-08.jsonl", "sessions/oauth_2025-11-08-2.jsonl"]
    assert_sound(folder)


def test_a_file_can_be_read_from_the_data_folder_itself(folder: Path, file: Path) -> None:
    session = take_in(folder, file).session
    copy = take_in(folder, folder / session.file_path, name="copy").session
    copied = (folder / copy.file_path).read_bytes()
    assert copied.startswith((folder / session.file_path).read_bytes())


# What is refused.

LINES = GOOD.splitlines(keepends=True)
BAD: dict[str, tuple[bytes, str]] = {
    "torn": (GOOD + LINES[0][:60], "line 3: is not JSON .* and has no newline: it may be cut off"),
    "foreign": (LINES[0] + b"[12:30] <a> hello\n" + LINES[1], "line 2: is not JSON"),
    "not an object": (GOOD + b"[1, 2]\n", "line 3: is not a JSON object"),
    "missing key": (b'{"timestamp": "2025-11-08T15:45:00Z"}\n' + GOOD, 'line 1: has no "type"'),
    "no author": (
        LINES[0] + LINES[1].replace(b'"author"', b'"who"'),
        'line 2: has no text under "author"',
    ),
    "bad time": (
        LINES[0].replace(b"2025-11-08T15:45", b"yesterday") + LINES[1],
        'line 1: "timestamp" is not an ISO 8601 time',
    ),
    "not UTF-8": (LINES[0] + b"\n" + b'{"a": "\xff"}\n', r"line 3: is not UTF-8 \(byte 8 "),
    "zeros": (GOOD + bytes(100), "line 3: is not JSON"),
    "not a number": (
        GOOD + LINES[0].replace(b'"123"', b'"123", "x": NaN'),
        "line 3: is not JSON .NaN",
    ),
    "deep": (GOOD + b"[" * 100_000 + b"\n", "line 3: is not JSON"),
    "large id": (
        GOOD + LINES[0].replace(b'"123"', b'"123", "message_id": "99999999999999999999"'),
        'line 3: "message_id" is not a Discord id',
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_with_strict_a_bad_line_is_named_and_nothing_is_changed(
    folder: Path, file: Path, kind: str
) -> None:
    data, says = BAD[kind]
    file.write_bytes(data)
    refused(folder, file, InvalidInput, f"{file}, {says}.*Nothing was imported", strict=True)


@pytest.mark.parametrize("kind", BAD)
def test_what_cannot_be_read_is_named_and_the_rest_comes_in(
    folder: Path, file: Path, kind: str
) -> None:
    data, says = BAD[kind]
    file.write_bytes(data)
    imported = take_in(folder, file)
    (bad,) = imported.left_out
    assert imported.left_out_count == 1
    assert bad.path == file
    assert re.match(f"{file}, {says}", str(bad))
    good = sum(data.count(line) for line in LINES)
    assert imported.session.message_count == good > 0
    assert_sound(folder)


def test_the_number_of_further_bad_lines_is_said(folder: Path, file: Path) -> None:
    file.write_bytes(b"one\ntwo\n" + GOOD + b"three\n")
    says = r"line 1: .*\(2 further places are bad too\)"
    refused(folder, file, InvalidInput, says, strict=True)


def test_a_file_without_messages_is_refused(folder: Path, file: Path) -> None:
    for data in (
        b"",
        b"\n \n",
        b'{"timestamp": "2025-11-08T15:45:00Z", "type": "deletion", '
        b'"message_id": "1", "channel_id": "2"}\n',
    ):
        file.write_bytes(data)
        refused(folder, file, InvalidInput, f"{file} holds no messages. Nothing was imported")


def test_what_cannot_be_read_is_refused(folder: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing.jsonl"
    refused(folder, missing, NotFound, f"{missing} cannot be read .No such file or directory")
    (tmp_path / "a.jsonl").mkdir()
    refused(folder, tmp_path / "a.jsonl", NotFound, "cannot be read .Is a directory")


def test_a_name_that_is_taken_is_refused(folder: Path, file: Path) -> None:
    asyncio.run(record(folder, "oauth", ["recorded"]))
    refused(folder, file, Conflict, "is taken", name="OAUTH", guild_id="1")
    take_in(folder, file, guild_id="9")
    file.write_bytes(GOOD.replace(b"How do I", b"Why should I"))
    refused(folder, file, Conflict, "is taken", name="OAUTH", guild_id="9")
    take_in(folder, file, guild_id="10")


# Twice.


def test_a_file_that_is_read_twice_changes_nothing(folder: Path, file: Path) -> None:
    for data in (GOOD, GOOD + GOOD, said_and_changed()):
        file.write_bytes(data)
        name = f"of {len(data)} bytes"
        first = take_in(folder, file, name=name)
        assert first.added == first.session.message_count > 0
        before = dump(folder)
        again = take_in(folder, file, name=name)
        assert (again.added, again.session) == (0, first.session)
        assert dump(folder) == before


def said_and_changed() -> bytes:
    """A message that was edited there and back, and deleted: its changes are lines too."""
    asked = replace(QUESTION, message_id=7)
    changes = [Edit(NOW + timedelta(n), CHANNEL.id, 7, text) for n, text in enumerate("aba")]
    lines = [jsonl.encode(asked), *map(jsonl.encode_change, changes)]
    lines.append(jsonl.encode_change(Deletion(NOW, CHANNEL.id, 7)))
    return "".join(f"{line}\n" for line in lines).encode()


def test_a_file_that_has_grown_adds_what_is_new(folder: Path, file: Path) -> None:
    take_in(folder, file)
    later = LINES[0].replace(b"15:45:00", b"17:00:00")
    file.write_bytes(GOOD + LINES[1] + later)
    imported = take_in(folder, file)
    assert (imported.added, imported.session.message_count) == (2, 4)
    assert imported.session.recorded_seconds == 75 * 60
    assert texts(folder)[2:] == ["Here is how…", "!ai How do I implement OAuth2?"]
    assert_sound(folder)


def test_new_changes_of_known_messages_are_added(folder: Path, file: Path) -> None:
    first, *changes = said_and_changed().splitlines(keepends=True)
    file.write_bytes(first + changes[0])
    take_in(folder, file)
    file.write_bytes(first + b"".join(changes))
    imported = take_in(folder, file)
    assert imported.added == 0
    recorded = content_lines((folder / imported.session.file_path).read_bytes())
    assert recorded == said_and_changed().splitlines()
    assert_sound(folder)


def test_changes_that_say_the_same_are_told_apart(folder: Path, file: Path) -> None:
    asked = replace(QUESTION, message_id=7)
    first = f"{jsonl.encode(asked)}\n"
    changes = [jsonl.encode_change(Edit(NOW, CHANNEL.id, 7, text)) for text in "aba"]
    file.write_text(first)
    take_in(folder, file)
    file.write_text(first + "".join(f"{line}\n" for line in changes))
    session = take_in(folder, file).session
    recorded = content_lines((folder / session.file_path).read_bytes())
    assert recorded == file.read_bytes().splitlines()


def test_what_was_recorded_is_never_added_to(folder: Path, tmp_path: Path) -> None:
    asyncio.run(record(folder, "oauth", ["one"]))
    (session,) = Reader(folder).sessions()
    path = tmp_path / "oauth.jsonl"
    path.write_bytes((folder / session.file_path).read_bytes())
    refused(folder, path, Conflict, "is taken", guild_id=session.guild_id or "")


async def test_a_model_that_waits_for_a_live_reply_is_left_to_it(
    folder: Path, tmp_path: Path
) -> None:
    said = replace(QUESTION, message_id=7, model=None)
    (tmp_path / "a.jsonl").write_text(jsonl.encode(said) + "\n")
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, UTC_ZONE)
        live = await manager.start("live", CHANNEL, user_id="5", now=NOW)
        recorder.annotate(Annotation(NOW, CHANNEL.id, 7, "claude"))
        imported = (await import_file(recorder, tmp_path / "a.jsonl", UTC_ZONE, now=NOW)).session
        await recorder.record(said)
        for session, model in ((imported, None), (live, "claude")):
            (found,) = manager.load(session)
            assert found.message.model == model


async def test_lines_of_a_recording_that_wait_are_not_lost_by_an_import(
    folder: Path, file: Path
) -> None:
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, UTC_ZONE)
        await manager.start("live", CHANNEL, user_id="5", now=NOW)
        recorder.post(replace(QUESTION, message_id=1))
        importing = asyncio.create_task(import_file(recorder, file, UTC_ZONE, now=NOW))
        await asyncio.sleep(0)
        recorder.post(replace(QUESTION, message_id=2))
        await importing
        await manager.stop(CHANNEL.id, now=NOW)
    assert_sound(folder)


def test_a_name_that_cannot_be_used_is_refused(folder: Path, tmp_path: Path, file: Path) -> None:
    refused(folder, file, InvalidName, "Leave out", name="a/b")
    path = tmp_path / ".hidden.jsonl"
    path.write_bytes(GOOD)
    refused(folder, path, InvalidName, "dot")
