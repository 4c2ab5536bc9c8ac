"""Of an erased user nothing is left: not in lines of others, and not in files without a session."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.command_line import Run
from support.killing import killed, needs_strace
from support.recordings import CHANNEL, NOW, UTC_ZONE, assert_sound, said

from recorder import SessionManager, SessionRecorder
from recorder.models import AutoRecording, Edit, Json, Message, Reaction
from recorder.recording.importing import import_file
from recorder.store.erasure import Selection
from recorder.store.reading import Reader
from scripts.torture_runs.integrity import recover

ALICE = "666000000000000666"
NAMES = ("alicia_w", "Alicia Wonder")
WORDS = "her very own words"
TRACES = (ALICE, *NAMES, WORDS)
USER: dict[str, Json] = {
    "id": ALICE,
    "name": NAMES[0],
    "discriminator": "0000",
    "nickname": NAMES[1],
    "roles": [],
    "avatarUrl": f"https://x/avatars/{ALICE}/1.png",
}
BOB: dict[str, Json] = {**USER, "id": "5", "name": "bob", "nickname": "Bob", "avatarUrl": ""}


def traces(folder: Path) -> dict[str, list[str]]:
    """Return the traces of Alice in each file of a folder, and in the names of files."""
    found: dict[str, list[str]] = {}
    for path in folder.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        hits = [each for each in TRACES if each.encode() in data or each in path.name]
        if hits:
            found[path.relative_to(folder).as_posix()] = hits
    return found


def of_others() -> list[Message]:
    """Return messages of others with what names Alice."""
    token = f"<@{ALICE}>"
    mentions: Json = {token: f"@{NAMES[1]}", "<@5>": "@STRYK"}
    embed: Json = {
        "author": {"name": NAMES[0], "icon_url": f"https://x/avatars/{ALICE}/1.png"},
        "description": f"asked by {token}",
    }
    return [
        said(1, f"hello {token} and <@5>", extra={"mentions": mentions}),
        said(2, "see", type="bot_response", extra={"embeds": [embed], "mentions": mentions}),
        said(
            *(3, f"STRYK added {NAMES[0]} to the thread."),
            type="system_message",
            extra={"mentions": {token: f"@{NAMES[0]}"}, "event": "recipient_add"},
        ),
        said(4, "hello all"),
    ]


def dce(channel: dict[str, Json], **changes: Json) -> str:
    """Return an export of DiscordChatExporter in which Bob speaks, and Alice only occurs."""
    about: dict[str, Json] = {
        "id": "900000000000000001",
        "type": "Default",
        "timestamp": NOW.isoformat(),
        "content": f"so says <@{ALICE}>",
        "author": BOB,
        "mentions": [USER],
        "reactions": [{"emoji": {"id": "", "name": "👍"}, "count": 1, "users": [USER]}],
        "interaction": {"id": "7", "name": "ask", "user": {**BOB, "friend": USER}},
        **changes,
    }
    return json.dumps({"guild": {"id": "0", "name": "DM"}, "channel": channel, "messages": [about]})


async def record_traces(folder: Path) -> None:
    """Record everything that can name a user who wrote nothing, and what else holds their words."""
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, UTC_ZONE)
        gone = await manager.start("gone", CHANNEL, user_id="1", now=NOW)
        await recorder.record(said(9, WORDS, author=NAMES[0], author_id=ALICE))
        await manager.stop(CHANNEL.id, now=NOW)
        manager.save(gone, f"{NAMES[0]}.txt", now=NOW)
        (folder / "exports" / "of a year" / NAMES[0]).mkdir(parents=True)
        deep = folder / "exports" / "of a year" / NAMES[0] / "one.txt"
        manager.exporter.export(gone, "txt", deep, NOW)
        damaged = folder / f"{gone.file_path}.damaged-2"
        damaged.write_text(WORDS)
        await manager.delete(gone)
        (folder / "exports" / ".export-killed").mkdir()
        for path in ("exports/.export-x", "exports/.export-killed/a.md", "sessions/.rewritten"):
            (folder / path).write_text(WORDS)
        await manager.start("kept", CHANNEL, user_id=ALICE, now=NOW)
        for message in of_others():
            await recorder.record(message)
        recorder.change(
            Edit(NOW, CHANNEL.id, 1004, f"<@!{ALICE}>!", extra=dict(of_others()[0].extra))
        )
        recorder.change(Reaction(NOW, CHANNEL.id, 1004, "add", "👍", ALICE))
        await manager.switch_auto(AutoRecording("78", "1", ALICE), True, now=NOW)
        await manager.stop(CHANNEL.id, now=NOW + timedelta(minutes=1))
        foreign: dict[str, Json] = {"seen_by": [ALICE], "who": {ALICE: NAMES[0]}, "number": 3}
        await manager.start("other", replace(CHANNEL, id="78"), user_id="1", now=NOW)
        await recorder.record(said(5, "bare", channel_id="78", extra=foreign))
        await manager.start("apart", replace(CHANNEL, id="79"), user_id="1", now=NOW)
        apart = manager.reader.find("apart").file_path
        (folder / f"{apart}.damaged").write_text(
            f'{{"author_id": "{ALICE}", "content": "{WORDS}"}}'
        )
        file = folder.parent / "import.json"
        file.write_text(dce({"id": "79", "type": "DirectTextChat", "name": NAMES[1]}))
        await import_file(recorder, file, UTC_ZONE, name="imported", now=NOW)


def rows(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "recorder.db")) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def traced(data: Path) -> Path:
    asyncio.run(record_traces(data))
    present = traces(data)
    assert {trace for each in present.values() for trace in each} == set(TRACES)
    assert len(present) > 8
    return data


def test_no_byte_of_someone_who_is_only_named_is_left(traced: Path, run: Run) -> None:
    done = run("erase", "--user", ALICE, "--yes")
    assert done.returncode == 0, done.stderr
    assert traces(traced) == {}
    assert_sound(traced, recording=True)
    kept = Reader(traced).find("kept")
    assert [recorded.message.text for recorded in Reader(traced).messages(kept.id)] == [
        "hello @erased and @STRYK",
        "see\nerased\nasked by @erased",
        "STRYK added erased to the thread.",
        "@erased!",
    ]
    assert {r.message.author for r in Reader(traced).messages(kept.id)} == {"STRYK"}
    assert (kept.user_id, Reader(traced).auto_recordings()[0].user_id) == ("0", "0")
    assert not (traced / "exports" / "of a year").exists()
    (imported,) = Reader(traced).messages(Reader(traced).find("imported").id)
    assert imported.message.text == "so says @erased" and imported.reactions == {"👍": 1}
    assert rows(traced, "SELECT line_count, finished FROM erasures") == [(8, 1)]
    with closing(sqlite3.connect(traced / "recorder.db")) as connection:
        connection.execute("CREATE VIRTUAL TABLE temp.v USING fts5vocab (main, messages_fts, row)")
        words = {word for (word,) in connection.execute("SELECT term FROM temp.v")}
    assert "hello" in words and not words & {"alicia", "wonder", ALICE}


def test_a_name_that_is_known_from_their_own_message_alone(data: Path, run: Run) -> None:
    own = said(1, WORDS, author=NAMES[0], author_id=ALICE, extra={"display_name": NAMES[1]})
    asyncio.run(_record(data, own))
    file = data.parent / "import.json"
    channel: dict[str, Json] = {"id": "79", "type": "DirectTextChat", "name": NAMES[1]}
    file.write_text(dce(channel, mentions=[], reactions=[], interaction=None))
    assert run("import", str(file), "--name", "imported").returncode == 0
    assert len(traces(data)) > 2
    assert run("erase", "--user", ALICE, "--yes").returncode == 0
    assert traces(data) == {}
    assert_sound(data, recording=True)


@pytest.mark.slow
@needs_strace
def test_killed_at_any_step_it_is_finished_at_the_next_start(traced: Path, tmp_path: Path) -> None:
    original = tmp_path / "original"
    shutil.copytree(traced, original)
    outcomes = set()
    for number in killed(original, traced, "erase", "--user", ALICE, "--yes"):
        recover(traced)
        assert_sound(traced, recording=True)
        erased = rows(traced, "SELECT finished FROM erasures")
        assert (erased, bool(traces(traced))) in (([], True), ([(1,)], False)), number
        outcomes.add(bool(erased))
    assert outcomes == {False, True}


def test_names_are_found_in_the_index(traced: Path, run: Run) -> None:
    """Of someone who wrote nothing too; and erasing by name, again, is no error."""
    shown = run("erase", "--user", NAMES[0].upper(), "--dry-run")
    assert shown.returncode == 0 and ALICE in shown.stdout
    assert run("erase", "--user", NAMES[1], "--yes").returncode == 0
    assert traces(traced) == {}
    again = run("erase", "--user", ALICE, "--yes")
    assert (again.returncode, again.stdout) == (0, "There is nothing to erase.\n")


def test_a_line_is_erased_after_a_user_was_removed_from_it(traced: Path, run: Run) -> None:
    assert run("erase", "--user", ALICE, "--yes").returncode == 0
    assert run("erase", "--user", "5", "--yes").returncode == 0
    assert_sound(traced)
    kept = Reader(traced).find("kept")
    assert {r.message.withheld for r in Reader(traced).messages(kept.id)} == {"erased"}
    assert not any(b"hello" in path.read_bytes() for path in traced.rglob("*") if path.is_file())


def test_two_users_are_removed_from_one_line(traced: Path, run: Run) -> None:
    asyncio.run(_record(traced, replace(of_others()[0], author="carl", author_id="7")))
    for user in (ALICE, "5"):
        assert run("erase", "--user", user, "--yes").returncode == 0
    assert_sound(traced, recording=True)
    session = Reader(traced).find("more")
    (recorded,) = Reader(traced).messages(session.id)
    assert (recorded.message.text, recorded.message.author) == ("hello @erased and @erased", "carl")


async def _record(folder: Path, message: Message) -> None:
    async with SessionRecorder(folder) as recorder:
        await SessionManager(recorder, UTC_ZONE).start("more", CHANNEL, user_id="1", now=NOW)
        await recorder.record(message)


def test_a_real_recording_of_an_erased_starter_is_no_target_of_an_import(
    folder: Path, tmp_path: Path
) -> None:
    async def attempt() -> int:
        async with SessionRecorder(folder) as recorder:
            manager = SessionManager(recorder, UTC_ZONE)
            session = await manager.start("room", CHANNEL, user_id=ALICE, now=NOW)
            await recorder.record(said(1, "recorded"))
            await manager.stop(CHANNEL.id, now=NOW + timedelta(minutes=1))
            await manager.erase(Selection("user", user_id=ALICE), now=NOW)
            text = '{"timestamp": "2025-11-08T15:45:01+00:00", "author": "eve", "author_id": "9", '
            forged = f'{text}"content": "forged", "type": "user_message", "message_id": "1001", '
            more = forged.replace("1001", "1002")
            path = tmp_path / "room.jsonl"
            path.write_text(f'{forged}"channel_id": "77"}}\n{more}"channel_id": "77"}}\n')
            with pytest.raises(Exception, match="is taken"):
                await import_file(recorder, path, UTC_ZONE, guild_id=CHANNEL.guild_id, now=NOW)
            return manager.reader.session(session.id).message_count

    assert asyncio.run(attempt()) == 1


def test_while_a_reader_is_active_it_is_not_finished(traced: Path, run: Run) -> None:
    with closing(sqlite3.connect(traced / "recorder.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM messages").fetchone()
        done = run("erase", "--user", ALICE, "--yes")
        assert done.returncode == 1 and "not finished" in done.stderr
        assert "Erased." not in done.stdout
        assert traces(traced)
        again = run("erase")
        assert again.returncode == 1 and "not finished" in again.stderr
        assert run("erase", "--user", ALICE, "--dry-run").returncode == 0
        told = json.loads(run("erase", "--session", "imported", "--yes", "--json").stdout)
        assert (told["erased"], told["finished"]) == (True, False)
    done = run("erase")
    assert done.returncode == 0 and "finished now" in done.stderr
    assert traces(traced) == {}
    assert rows(traced, "SELECT DISTINCT finished FROM erasures") == [(1,)]
    assert run("erase").returncode == 2


@pytest.mark.parametrize("again", ["start", "hourly", "by name"])
def test_it_is_finished_later(traced: Path, run: Run, again: str) -> None:
    async def hourly() -> None:
        async with SessionRecorder(traced) as recorder:
            reader.close()
            await recorder.call(lambda journal: None)  # no call waits for it, only the task
            assert traces(traced)
            await recorder.scrub()
            assert traces(traced) == {}

    reader = sqlite3.connect(traced / "recorder.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM messages").fetchone()
    assert run("erase", "--user", ALICE, "--yes").returncode == 1
    if again == "hourly":
        asyncio.run(hourly())
    else:
        reader.close()
        command = ("erase", "--user", NAMES[0]) if again == "by name" else ("untag", "kept", "no")
        assert run(*command).returncode == (0 if again == "by name" else 2)
    assert traces(traced) == {}
