"""A noted head shows every attack on the lines before it, also one that rewrites everything."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from support.command_line import Run
from support.recordings import CHANNEL, NOW, UTC_ZONE, assert_sound, said

from recorder import SessionManager, SessionRecorder
from recorder.care.verification import verify
from recorder.errors import InvalidInput
from recorder.models import Annotation, Edit, Message, SessionEvent
from recorder.record import chain, jsonl
from recorder.record.chain import Head
from recorder.store.database import open_for_writing
from recorder.store.journal import Journal
from recorder.store.open_session import load_open_session
from recorder.store.reading import Reader

LINES = 24  # a start, twenty messages, two changes, a stop
NOTED = (5, 10, 15)

Lines = list[str]
Attack = Callable[[Lines], Lines]


async def record_into(folder: Path) -> list[Head]:
    """Record twenty messages, an edit and a model; the heads after some of the lines."""
    heads = []
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, UTC_ZONE)
        session = await manager.start("session", CHANNEL, user_id="5", now=NOW)
        for number in range(1, 21):
            await recorder.record(said(number, f"message {number} ärger 刷新"))
            if number in NOTED:
                heads.append(Head.parse(manager.reader.session(session.id).head))
        recorder.change(Edit(NOW, CHANNEL.id, 1005, "edited"))
        recorder.annotate(Annotation(NOW, CHANNEL.id, 1006, "a-model"))
        session = await manager.stop(CHANNEL.id, now=NOW)
    assert [head.lines for head in heads] == [number + 1 for number in NOTED]
    return [*heads, Head.parse(session.head)]


@pytest.fixture
def heads(folder: Path) -> list[Head]:
    return asyncio.run(record_into(folder))


def faults(folder: Path, *heads: Head) -> tuple[str, ...]:
    (session,) = Reader(folder).sessions()
    return verify(Reader(folder), session, recording=False, heads=heads).faults


def changed(lines: Lines) -> Lines:
    return [*lines[:12], lines[12].replace("message 12", "message 21"), *lines[13:]]


def dropped(lines: Lines) -> Lines:
    return [*lines[:12], *lines[13:]]


def added(lines: Lines) -> Lines:
    line = lines[12].replace("1012", "2000").replace("message 12", "never said")
    return [*lines[:12], line, *lines[12:]]


def moved(lines: Lines) -> Lines:
    return [*lines[:12], lines[13], lines[12], *lines[14:]]


def dropped_and_added(lines: Lines) -> Lines:
    return dropped(added(lines))[:12] + added(lines)[12:13] + lines[13:]


def edit_changed(lines: Lines) -> Lines:
    return [line.replace("edited", "other") for line in lines]


def last_dropped(lines: Lines) -> Lines:
    return lines[:-1]


def all_dropped(lines: Lines) -> Lines:
    return lines[:1]


ATTACKS: dict[Attack, tuple[int, int]] = {
    # the lines between which it has to be found, by heads after 5, 10, 15 and all lines
    changed: (12, 16),
    dropped: (12, 16),
    added: (12, 16),
    moved: (12, 16),
    dropped_and_added: (12, 16),
    edit_changed: (17, LINES),
    last_dropped: (17, LINES),
    all_dropped: (1, 6),
}


def lines_of(folder: Path) -> Lines:
    (session,) = Reader(folder).sessions()
    return list(Reader(folder).lines(session.id))


def rewrite_file(folder: Path, lines: Lines) -> None:
    (session,) = Reader(folder).sessions()
    (folder / session.file_path).write_text("".join(f"{line}\n" for line in lines))


def rewrite_database(folder: Path, lines: Lines) -> None:
    """As somebody does who has our program: chain, offsets, counts, messages and index anew.

    The keys of lines that stay are kept, so that as little as can be is different.
    """
    (session,) = Reader(folder).sessions()
    with closing(open_for_writing(folder)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        keys = dict(connection.execute("SELECT line, key FROM lines"))
        for statement in (
            "DELETE FROM messages",
            "DELETE FROM lines",
            "DELETE FROM session_intervals",
            "DELETE FROM session_channels",
            "UPDATE recording_sessions SET message_count = 0, line_count = 0, byte_size = 0, "
            "stopped_at = NULL",
        ):
            connection.execute(statement)
        genesis = chain.genesis(session.id)
        connection.execute("UPDATE recording_sessions SET head = ?", (genesis,))
        journal = Journal(connection, lambda path: True)
        opened = load_open_session(journal.db, session.id)
        for line in lines:
            item = jsonl.decode(line)
            if isinstance(item, Message):
                journal.append(opened, item)
            elif isinstance(item, SessionEvent):
                journal.append_event(opened, item)
            else:
                journal.append_change(opened, item)
        journal.flush()
        reached = genesis
        for number, line in enumerate(lines, 1):
            key = keys.get(line, bytes(chain.KEY_BYTES))
            reached = chain.link(reached, chain.digest(key, line.encode()))
            row = (key, reached, number)
            connection.execute("UPDATE lines SET key = ?, hash = ? WHERE line_number = ?", row)
        connection.execute(
            "UPDATE recording_sessions SET synced_bytes = byte_size, head = ?", (reached,)
        )
        connection.execute("COMMIT")


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_record_that_was_rewritten_as_a_whole_is_found(
    folder: Path, heads: list[Head], attack: Attack
) -> None:
    lines = attack(lines_of(folder))
    assert lines != lines_of(folder)
    rewrite_database(folder, lines)
    rewrite_file(folder, lines)
    assert lines_of(folder) == lines
    assert_sound(folder)  # nothing but a noted head can show it
    for noted in ((heads[-1],), heads):
        found, meaning = faults(folder, *noted)
        assert "the whole record was rewritten" in meaning and "another session" in meaning
        first, last = ATTACKS[attack] if len(noted) > 1 else (1, LINES)
        head = next(head for head in heads if head.lines == last)
        if len(lines) < last:
            assert f"had {last} lines when the head {head} was noted, and has {len(lines)}" in found
        else:
            assert f", lines {first} to {last}: do not match the head {head}" in found


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("where", ["file", "database"])
def test_what_was_rewritten_in_one_of_both_is_named_by_its_line(
    folder: Path, heads: list[Head], attack: Attack, where: str
) -> None:
    before = lines_of(folder)
    lines = attack(before)
    (rewrite_file if where == "file" else rewrite_database)(folder, lines)
    first = next(n for n, (a, b) in enumerate(zip([*lines, ""], before, strict=False)) if a != b)
    found = faults(folder, heads[-1])
    assert f", line {first + 1}: " in found[0]
    assert "whole record" not in " ".join(found)
    of_head = [fault for fault in found if str(heads[-1]) in fault]
    assert bool(of_head) is (where == "database"), "it tells which of both was rewritten"


def test_a_line_that_was_changed_in_both_without_the_chain_is_named(
    folder: Path, heads: list[Head]
) -> None:
    with closing(open_for_writing(folder)) as connection:
        connection.execute("UPDATE lines SET line = replace(line, 'message 7 ', 'message 8 ')")
    rewrite_file(folder, lines_of(folder))
    found = faults(folder, *heads)
    assert ", line 8: was changed in the database (its hash does not match)" in found[0]
    assert ", lines 7 to 11: do not match" in found[1]
    assert len(found) == 2


def test_a_session_of_the_same_name_is_another_one(folder: Path, heads: list[Head]) -> None:
    lines = lines_of(folder)
    with closing(open_for_writing(folder)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("UPDATE recording_sessions SET id = 'other'")
        for table in ("lines", "messages", "session_channels", "session_intervals"):
            connection.execute(f"UPDATE {table} SET session_id = 'other'")
    rewrite_database(folder, lines)
    assert_sound(folder)
    assert faults(folder, heads[-1])


def test_what_was_recorded_later_is_allowed(folder: Path, heads: list[Head], run: Run) -> None:
    assert faults(folder, *heads) == ()

    async def go_on() -> None:
        async with SessionRecorder(folder) as recorder:
            recorder.change(Edit(NOW, CHANNEL.id, 1007, "edited after the stop"))
            manager = SessionManager(recorder, UTC_ZONE)
            (session,) = manager.list("1")
            await manager.rename(session, "renamed", now=NOW)
            await manager.reopen(session, CHANNEL, now=NOW)
            await recorder.record(said(100, "later"))

    asyncio.run(go_on())
    assert faults(folder, *heads) == ()
    head = run("head", "renamed").stdout
    assert head.startswith(f"{LINES + 4}:") and len(head) == 68
    for noted in (str(heads[-1]), head):
        proved = run("verify", "renamed", "--against", noted)
        assert proved.returncode == 0 and "match the noted head" in proved.stdout
    wrong = f"{LINES}:{'0' * 64}"
    refuted = run("verify", "renamed", "--against", heads[0].__str__(), "--against", wrong)
    assert refuted.returncode == 1 and f"lines 7 to {LINES}" in refuted.stdout


@pytest.mark.parametrize("text", ["", "5", "5:", "5:abc", f"-1:{'0' * 64}", f"5:{'g' * 64}"])
def test_what_is_no_head_is_said_so(run: Run, heads: list[Head], text: str) -> None:
    with pytest.raises(InvalidInput, match="`recorder head NAME` prints it"):
        Head.parse(text)
    result = run("verify", "session", "--against", text)
    assert result.returncode == 2 and "is not the head of a record" in result.stderr


def test_heads_go_with_one_session(run: Run, heads: list[Head]) -> None:
    result = run("verify", "--against", str(heads[0]))
    assert result.returncode == 2 and "needs the NAME" in result.stderr
    assert run("head", "nothing").returncode == 2
