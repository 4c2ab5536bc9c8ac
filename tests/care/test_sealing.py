"""A seal covers the whole ledger: nothing up to it can be changed, removed or rolled back."""

import asyncio
import shutil
import sqlite3
import stat
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.recordings import CHANNEL, NOW, UTC_ZONE, assert_sound, said
from support.timestamp_authority import Authority, served

from recorder import SessionManager, SessionRecorder
from recorder.care import sealing
from recorder.care.backup import back_up
from recorder.care.diagnosis import Finding, examine
from recorder.care.seal_checks import SealReport, verify_seals
from recorder.errors import InvalidInput, InvalidSetting, StorageError
from recorder.record import merkle
from recorder.record.seal import LedgerRoot, Seal, parse_seal
from recorder.settings import Settings
from recorder.store.database import DATABASE_NAME
from recorder.store.reading import Reader
from recorder.store.seal_file import SEALS_NAME, append_seal_line, read_seal_lines

HOUR = timedelta(hours=1)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return tmp_path / "configuration" / "recorder" / "seal.key"


async def record(folder: Path, name: str) -> None:
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, UTC_ZONE)
        await manager.start(name, CHANNEL, user_id="5", now=NOW)
        for number in range(1, 6):
            await recorder.record(said(number, f"{name} {number}"))
        await manager.stop(CHANNEL.id, now=NOW)


async def seal(
    folder: Path, key: Path, hours: int = 0, authority: str | None = None
) -> sealing.Sealed:
    async with SessionRecorder(folder) as recorder:
        return await sealing.seal(recorder, key, NOW + hours * HOUR, authority)


@pytest.fixture
def seals(folder: Path, key: Path) -> list[Seal]:
    """Seals after the first, the second and no further session."""
    sealed = []
    for number, name in enumerate(("first", "second", None)):
        if name is not None:
            asyncio.run(record(folder, name))
        sealed.append(asyncio.run(seal(folder, key, number)).seal)
    return sealed


def check(folder: Path, *given: Seal | LedgerRoot) -> SealReport:
    return verify_seals(Reader(folder), given)


def test_seals_continue_each_other(folder: Path, seals: list[Seal]) -> None:
    assert_sound(folder)
    assert [each.size for each in seals] == [1, 2, 2]
    assert [each.previous for each in seals] == [None, seals[0].hash, seals[1].hash]
    assert [each.time for each in seals] == [f"2025-11-08T{n}:45:00+00:00" for n in (15, 16, 17)]
    report = check(folder)
    assert report == SealReport(tuple(seals), 2, ())
    assert (folder / SEALS_NAME).read_text() == "".join(f"{each}\n" for each in seals)
    assert stat.S_IMODE((folder / SEALS_NAME).stat().st_mode) == 0o600
    entries = [row["entry"] for row in Reader(folder).query("SELECT entry FROM ledger")]
    leaves = [merkle.leaf_hash(entry.encode()) for entry in entries]
    assert seals[1].root == merkle.root(leaves)


def test_a_seal_is_read_as_it_was_printed(seals: list[Seal]) -> None:
    for each in seals:
        assert parse_seal(f" {each}\n") == each
        assert parse_seal(str(each.ledger_root)) == each.ledger_root
        assert sealing.is_signed(each)


def test_given_seals_are_compared_too(folder: Path, seals: list[Seal]) -> None:
    assert check(folder, seals[0], seals[1].ledger_root).faults == ()
    keys = [seals[0].key]
    assert verify_seals(Reader(folder), seals, keys=keys).faults == ()
    other = verify_seals(Reader(folder), seals[:1], keys=[bytes(32)]).faults
    assert len(other) == 4 and all("is signed with another key" in fault for fault in other)


def execute(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / DATABASE_NAME)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


ROLLBACK = {
    "an entry removed": ["DELETE FROM ledger WHERE position = 1"],
    "entries swapped": [
        "UPDATE ledger SET position = 5 WHERE position = 0",
        "UPDATE ledger SET position = 0 WHERE position = 1",
        "UPDATE ledger SET position = 1 WHERE position = 5",
    ],
    "an entry changed": ["UPDATE ledger SET entry = replace(entry, '5', '6') WHERE position = 1"],
    "all removed": ["DELETE FROM ledger"],
}


@pytest.mark.parametrize("statements", ROLLBACK.values(), ids=ROLLBACK)
def test_what_was_changed_in_the_ledger_is_named(
    folder: Path, seals: list[Seal], statements: list[str]
) -> None:
    execute(folder, *statements)
    for given in ([], seals[1:2], [seals[1].ledger_root]):
        found = " ".join(check(folder, *given).faults)
        assert "were sealed" in found
    (folder / SEALS_NAME).unlink()
    found = " ".join(check(folder, seals[1]).faults)
    assert "were sealed" in found and f"the seal of {seals[1].time}: is not in" in found


def test_an_older_database_is_named(folder: Path, key: Path, tmp_path: Path) -> None:
    asyncio.run(record(folder, "first"))
    asyncio.run(seal(folder, key))
    older = tmp_path / "older"
    shutil.copytree(folder, older)
    asyncio.run(record(folder, "second"))
    last = asyncio.run(seal(folder, key, 1)).seal
    assert check(older).faults == (), "nothing in the folder itself can show it"
    found = check(older, last).faults
    assert "has 1 entries, but 2 were sealed" in " ".join(found)
    (older / SEALS_NAME).write_bytes((folder / SEALS_NAME).read_bytes())
    assert "the database is an older one" in " ".join(check(older).faults)


Lines = list[str]


def forged_root(lines: Lines) -> Lines:
    return [lines[0], lines[1].replace('"root":"', '"root":"0'), lines[2]]


def other_size(lines: Lines) -> Lines:
    return [lines[0], lines[1].replace('"size":2', '"size":1'), lines[2]]


def other_time(lines: Lines) -> Lines:
    return [lines[0].replace("T15:45", "T15:44"), *lines[1:]]


def other_signature(lines: Lines) -> Lines:
    seal = Seal.parse(lines[2])
    return [*lines[:2], str(replace(seal, signature=seal.signature[::-1]))]


def first_removed(lines: Lines) -> Lines:
    return lines[1:]


def middle_removed(lines: Lines) -> Lines:
    return [lines[0], lines[2]]


def swapped(lines: Lines) -> Lines:
    return [lines[1], lines[0], lines[2]]


def doubled(lines: Lines) -> Lines:
    return [*lines, lines[-1]]


def spaced(lines: Lines) -> Lines:
    return [lines[0], f"{lines[1]} ", lines[2]]


def no_seal(lines: Lines) -> Lines:
    return [*lines, "{}"]


def empty_line(lines: Lines) -> Lines:
    return [lines[0], "", *lines[1:]]


SEAL_DAMAGE: dict[Callable[[Lines], Lines], str] = {
    forged_root: "line 2: is not a seal",
    other_size: "line 2: its signature does not fit",
    other_time: "line 1: its signature does not fit",
    other_signature: "line 3: its signature does not fit",
    first_removed: "line 1: does not continue the line before",
    middle_removed: "line 2: does not continue the line before",
    swapped: "line 1: does not continue the line before",
    doubled: "line 4: does not continue the line before",
    spaced: "line 2: is not a seal",
    no_seal: "line 4: is not a seal",
    empty_line: "line 2: is not a seal",
}


@pytest.mark.parametrize("damage", SEAL_DAMAGE)
def test_what_was_changed_in_the_seals_is_named(
    folder: Path, seals: list[Seal], damage: Callable[[Lines], Lines]
) -> None:
    lines, rest = read_seal_lines(folder)
    assert rest == ""
    (folder / SEALS_NAME).write_text("".join(f"{line}\n" for line in damage(lines)))
    assert f"{SEALS_NAME}, {SEAL_DAMAGE[damage]}" in " ".join(check(folder).faults)
    assert check(folder, *seals).faults


def test_any_byte_of_a_kept_line_matters(folder: Path, seals: list[Seal]) -> None:
    content = (folder / SEALS_NAME).read_bytes()
    for index in range(0, len(content), 17):
        changed = bytearray(content)
        changed[index] ^= 1
        (folder / SEALS_NAME).write_bytes(changed)
        assert check(folder, *seals).faults, index
        assert check(folder).faults, index


def test_the_last_seal_removed_shows_by_one_that_was_kept(folder: Path, seals: list[Seal]) -> None:
    lines, _ = read_seal_lines(folder)
    (folder / SEALS_NAME).write_text("".join(f"{line}\n" for line in lines[:-1]))
    assert check(folder).faults == ()
    assert f"the seal of {seals[2].time}: is not in {SEALS_NAME}" in check(folder, seals[2]).faults


def test_a_line_that_a_crash_cut_off_is_replaced(
    folder: Path, key: Path, seals: list[Seal]
) -> None:
    with (folder / SEALS_NAME).open("a") as file:
        file.write(str(seals[0])[:50])
    assert "the last line is cut off" in " ".join(check(folder).faults)
    new = asyncio.run(seal(folder, key, 3)).seal
    assert check(folder).seals == (*seals, new)
    assert check(folder).faults == ()


def test_a_link_is_not_followed(folder: Path, tmp_path: Path, key: Path, seals: list[Seal]) -> None:
    (folder / SEALS_NAME).rename(tmp_path / "elsewhere")
    (folder / SEALS_NAME).symlink_to(tmp_path / "elsewhere")
    for work in (lambda: check(folder), lambda: append_seal_line(folder, "x")):
        with pytest.raises(StorageError, match=r"seals\.jsonl cannot be"):
            work()


# The key.


def test_the_key_is_created_once_for_its_owner_alone(
    folder: Path, key: Path, seals: list[Seal]
) -> None:
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    assert key.read_text().startswith("-----BEGIN PRIVATE KEY-----")
    assert len({each.key for each in seals}) == 1
    public = sealing.load_key(key, folder).public_key().public_bytes_raw()
    assert sealing.parse_public_key(f"{public.hex().upper()}\n") == public == seals[0].key


def test_a_key_that_others_can_read_is_refused(folder: Path, key: Path, seals: list[Seal]) -> None:
    for mode in (0o640, 0o604, 0o660):
        key.chmod(mode)
        with pytest.raises(InvalidInput, match=r"can be read by others .*chmod 600"):
            asyncio.run(seal(folder, key))
    assert check(folder).seals == tuple(seals)


def test_a_key_in_the_data_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    for path in (folder / "seal.key", tmp_path / "link" / "sub" / "seal.key"):
        with pytest.raises(InvalidSetting, match="in the data folder"):
            asyncio.run(seal(folder, path))
        assert not path.exists()
    with pytest.raises(InvalidSetting, match="RECORDER_SEAL_KEY is not set"):
        sealing.load_key(None, folder)


@pytest.mark.parametrize(
    "text", ["", "x", "-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY"]
)
def test_what_is_no_key_is_refused(folder: Path, key: Path, text: str) -> None:
    key.parent.mkdir(parents=True)
    key.write_text(text)
    key.chmod(0o600)
    with pytest.raises(InvalidInput, match="is not an Ed25519 key in PEM"):
        asyncio.run(seal(folder, key))
    assert key.read_text() == text
    with pytest.raises(InvalidInput, match="is not a public key"):
        sealing.parse_public_key(text)


def test_a_key_that_cannot_be_created_is_said(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be"):
        asyncio.run(seal(folder, tmp_path / "file" / "seal.key"))


def test_without_the_extra_it_is_named(
    folder: Path, key: Path, seals: list[Seal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    for work in (lambda: asyncio.run(seal(folder, key)), lambda: check(folder)):
        with pytest.raises(InvalidInput, match=r"'discord-session-recorder\[seal\]'"):
            work()
    assert finding(folder).state == "bad"
    (folder / SEALS_NAME).unlink()
    assert check(folder).faults == (), "who never sealed does not need it"


# Time stamps.


def test_an_authority_confirms_the_time(folder: Path, key: Path, tmp_path: Path) -> None:
    authority, other = Authority(tmp_path / "tsa"), Authority(tmp_path / "other")
    asyncio.run(record(folder, "first"))
    with served(authority.answer) as url:
        sealed = asyncio.run(seal(folder, key, authority=url))
    assert sealed.problem is None and sealed.seal.timestamp is not None
    assert Seal.parse(str(sealed.seal)) == sealed.seal
    asyncio.run(seal(folder, key, 1))
    assert check(folder, sealed.seal).faults == ()
    reader = Reader(folder)
    assert verify_seals(reader, authority=authority.root).faults == ()
    (fault,) = verify_seals(reader, authority=other.root).faults
    assert "line 1: its time stamp is not one of the authority" in fault
    # As docs/proof.md says, with openssl alone.
    (authority.folder / "seal.tsr").write_bytes(sealed.seal.timestamp)
    (authority.folder / "seal.json").write_bytes(sealed.seal.signed)
    files = ("-data", "seal.json", "-in", "seal.tsr", "-CAfile", "root.pem")
    authority.openssl("ts", "-verify", *files)
    age = abs(sealing.timestamp_time(sealed.seal.timestamp).timestamp() - time.time())
    assert age < 60


def test_a_time_stamp_of_another_seal_is_named(folder: Path, key: Path, tmp_path: Path) -> None:
    with served(Authority(tmp_path / "tsa").answer) as url:
        first, second = (asyncio.run(seal(folder, key, hours, url)).seal for hours in (0, 1))
    forged = replace(second, timestamp=first.timestamp)
    (folder / SEALS_NAME).write_text(f"{first}\n{forged}\n")
    assert check(folder).faults == (f"{SEALS_NAME}, line 2: its time stamp is of something else",)
    damaged = replace(second, timestamp=b"\x30\x00")
    (folder / SEALS_NAME).write_text(f"{first}\n{damaged}\n")
    assert check(folder).faults == (f"{SEALS_NAME}, line 2: its time stamp is damaged",)


def test_a_refusal_is_said_and_the_seal_is_made(folder: Path, key: Path, tmp_path: Path) -> None:
    refusing = Authority(tmp_path / "tsa", digests="sha512")
    right = Authority(tmp_path / "right")
    answered: list[tuple[int, bytes]] = []

    def replays(query: bytes) -> tuple[int, bytes]:
        answered.append(right.answer(query))
        return answered[0]

    answers = {
        "refused it": refusing.answer,
        "answered 503": lambda query: (503, b"busy"),
        "did not answer with a time stamp": lambda query: (200, b"<html>"),
    }
    for number, (text, answer) in enumerate(answers.items()):
        with served(answer) as url:
            sealed = asyncio.run(seal(folder, key, number, url))
        assert sealed.problem is not None and sealed.problem.startswith(
            "The seal has no time stamp"
        )
        assert f"{url} {text}" in sealed.problem
        assert sealed.seal.timestamp is None
    with served(replays) as url:
        assert asyncio.run(seal(folder, key, 3, url)).problem is None
        assert "confirmed something else" in str(asyncio.run(seal(folder, key, 4, url)).problem)
    gone = asyncio.run(seal(folder, key, 5, url))
    assert "cannot be reached (" in str(gone.problem)
    report = check(folder)
    assert len(report.seals) == 6 and report.faults == ()


def test_an_authority_that_does_not_answer_is_left(
    folder: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(query: bytes) -> tuple[int, bytes]:
        time.sleep(0.5)
        return 200, b""

    monkeypatch.setattr(sealing, "_TIMEOUT", 0.1)
    with served(slow) as url:
        sealed = asyncio.run(seal(folder, key, authority=url))
    assert "did not answer within" in str(sealed.problem)


# Around.


def test_a_backup_has_the_seals(folder: Path, seals: list[Seal], tmp_path: Path) -> None:
    assert back_up(folder, tmp_path / "copy").files == 1
    assert check(tmp_path / "copy", *seals).faults == ()


def finding(folder: Path, hours: int = 2, every: timedelta | None = None) -> Finding:
    settings = replace(Settings(folder, UTC_ZONE), seal_every=every)
    found = examine(settings, NOW + hours * HOUR)
    return next(each for each in found if each.what == "last seal")


def test_the_doctor_tells_the_last_seal(folder: Path, seals: list[Seal]) -> None:
    last = finding(folder)
    assert (last.state, last.value) == (
        "good",
        "2025-11-08 5:45 PM, 2 entries, signature fits",
    )
    assert finding(folder, 4, HOUR).state == "good"
    assert finding(folder, 5, HOUR).state == "note"
    forged = str(seals[2]).replace("T17:45", "T17:46")
    (folder / SEALS_NAME).write_text(f"{forged}\n")
    assert "signature does not fit" in finding(folder).value and finding(folder).state == "bad"
    (folder / SEALS_NAME).write_text("x\n")
    assert finding(folder).state == "bad"
    (folder / SEALS_NAME).unlink()
    assert finding(folder).state == "good" and finding(folder, 2, HOUR).state == "note"
