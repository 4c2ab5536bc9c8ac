"""A proof is checked by one file without the recorder, which refuses whatever was changed."""

import ast
import asyncio
import json
import random
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from support.recordings import CHANNEL, NOW, UTC_ZONE, said
from support.timestamp_authority import Authority, served

from recorder import SessionManager, SessionRecorder
from recorder.care import proof_checker, sealing
from recorder.care.proving import prove
from recorder.errors import Conflict, InvalidInput, StorageError
from recorder.models import Edit
from recorder.record.seal import Seal
from recorder.store.database import DATABASE_NAME
from recorder.store.erasure import Selection
from recorder.store.reading import Reader

Files = dict[str, bytes]
OUTSIDE = "import runpy, sys; sys.modules['recorder'] = None; sys.argv = sys.argv[1:]; "


async def record_and_seal(folder: Path, key: Path) -> list[Seal]:
    """Record and seal five sessions, of which the third has an edit and an erased message."""
    seals = []
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, UTC_ZONE)
        for number in range(1, 6):
            await manager.start(f"session{number}", CHANNEL, user_id="5", now=NOW)
            for each in range(1, 8):
                await recorder.record(said(10 * number + each, f"{number} ärger 刷新 {each}"))
            if number == 3:
                recorder.change(Edit(NOW, CHANNEL.id, 1032, "edited"))
            await manager.stop(CHANNEL.id, now=NOW)
            if number == 3:
                await manager.erase(Selection("message", message_ids=(1034, 1035)), now=NOW)
            time = NOW + timedelta(hours=number)
            seals.append((await sealing.seal(recorder, key, time)).seal)
    return seals


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return tmp_path / "seal.key"


@pytest.fixture
def seals(folder: Path, key: Path) -> list[Seal]:
    return asyncio.run(record_and_seal(folder, key))


@pytest.fixture(scope="module")
def proved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Seal]]:
    """A proof of the third session that continues the second seal; and all seals."""
    folder = tmp_path_factory.mktemp("proved")
    seals = asyncio.run(record_and_seal(folder / "data", folder / "seal.key"))
    reader, path = Reader(folder / "data"), folder / "proof.zip"
    written = prove(reader, reader.find("session3"), path, seals[1])
    assert written.seal == seals[-1] and path.stat().st_mode & 0o777 == 0o600
    return path, seals


@pytest.fixture
def proof(proved: tuple[Path, list[Seal]]) -> Path:
    return proved[0]


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Runs a copy of the checker outside the repository, where there is no recorder."""
    copy = tmp_path / "elsewhere" / "check.py"
    copy.parent.mkdir()
    copy.write_bytes(Path(proof_checker.__file__).read_bytes())

    def run(*arguments: str | Path) -> tuple[int, str]:
        code = f"{OUTSIDE} runpy.run_path(sys.argv[0], run_name='__main__')"
        command = [sys.executable, "-I", "-c", code, copy, *arguments]
        done = subprocess.run(
            command, cwd=copy.parent, capture_output=True, text=True, encoding="utf-8", check=False
        )
        assert done.stderr == ""
        return done.returncode, done.stdout

    return run


def read(path: Path) -> Files:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path: Path, files: Iterable[tuple[str, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files:
            archive.writestr(name, content)
    return path


def test_the_checker_stands_alone() -> None:
    source = Path(proof_checker.__file__).read_text("utf-8")
    assert len(source.splitlines()) < 300
    imported = {
        alias.name if isinstance(node, ast.Import) else str(node.module)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    tops = {name.partition(".")[0] for name in imported}
    assert tops - sys.stdlib_module_names == {"cryptography"}


def test_a_proof_holds(
    proved: tuple[Path, list[Seal]], check: Callable[..., tuple[int, str]]
) -> None:
    (proof, seals), folder = proved, proved[0].parent / "data"
    session = Reader(folder).find("session3")
    code, told = check(proof)
    assert code == 0
    lines, _, head = session.head.partition(":")
    assert f"the session {session.id} with lines 1 to {lines} as they were sealed" in told
    assert f"a ledger of {seals[-1].size}; root {seals[-1].root.hex()}" in told
    digests = [b"digest" in link for link in read(proof)["chain.jsonl"].splitlines()]
    first = digests.index(True) + 1
    assert digests[first] and sum(digests) == 2
    assert f"Erased: line {first}-{first + 1}. It is proved that a line was there, and not" in told
    assert f"Sealed at {seals[-1].time}, by the clock of the signer" in told
    assert f"Signed with the key {seals[0].key.hex()} (from the proof itself" in told
    assert f"of the older seal of 2 entries, sealed at {seals[1].time}" in told
    files = read(proof)
    assert files["session.jsonl"] == (folder / session.file_path).read_bytes()
    assert head in files["entry.json"].decode()
    assert files["check.py"] == Path(proof_checker.__file__).read_bytes()


def test_a_known_key_and_a_published_seal_are_compared(
    proved: tuple[Path, list[Seal]], check: Callable[..., tuple[int, str]]
) -> None:
    proof, seals = proved
    code, told = check(proof, "--key", seals[0].key.hex().upper())
    assert code == 0 and "(as given)" in told
    code, told = check(proof, "--key", "00" * 32)
    assert code == 1 and "REFUSED: The seal is signed with another key" in told
    for seal in (seals[1], seals[-1]):
        code, told = check(proof, "--seal", str(seal.ledger_root))
        assert code == 0 and f"It has the published seal {seal.ledger_root}" in told
    code, told = check(proof, "--seal", str(seals[0].ledger_root))
    assert code == 1 and "REFUSED: The proof has no seal" in told


# What is changed in the files, and what the checker says.


def edit(name: str, old: str, new: str) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        assert old.encode() in files[name]
        files[name] = files[name].replace(old.encode(), new.encode(), 1)

    return change


def rows(name: str, change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Files], None]:
    def apply(files: Files) -> None:
        files[name] = b"".join(change(files[name].splitlines(keepends=True)))

    return apply


def both(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Files], None]:
    def apply(files: Files) -> None:
        for name in ("session.jsonl", "chain.jsonl"):
            rows(name, change)(files)

    return apply


def fields(name: str, **values: object) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        data = json.loads(files[name]) | values
        files[name] = json.dumps(data, sort_keys=True, separators=(",", ":")).encode()

    return change


def without(name: str) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        del files[name]

    return change


def with_stamp(files: Files) -> None:
    files["seal.tsr"] = b"x"


def flip_step(name: str) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        data = json.loads(files["proof.json"])
        data[name][0] = data[name][0][::-1]
        files["proof.json"] = json.dumps(data, sort_keys=True, separators=(",", ":")).encode()

    return change


HEAD = "do not lead to the head of the session"
LEDGER = "is not in the ledger that was sealed"
SIGNATURE = "does not fit: it was changed"
TAMPERED: dict[str, tuple[Callable[[Files], None], str]] = {
    "a letter": (edit("session.jsonl", "3 ärger", "4 ärger"), HEAD),
    "a time": (edit("session.jsonl", "T15:45", "T15:44"), HEAD),
    "an edit": (edit("session.jsonl", "edited", "edixed"), HEAD),
    "a space": (edit("session.jsonl", '": "', '":"'), HEAD),
    "lines swapped": (rows("session.jsonl", lambda all: [all[1], all[0], *all[2:]]), HEAD),
    "lines and keys swapped": (both(lambda all: [all[1], all[0], *all[2:]]), HEAD),
    "a line removed": (rows("session.jsonl", lambda all: all[:-1]), " lines, chain.jsonl "),
    "a line and its key removed": (both(lambda all: all[:-1]), "and the sealed session"),
    "a line doubled": (both(lambda all: [*all, all[-1]]), "and the sealed session"),
    "the last newline": (rows("session.jsonl", lambda all: [*all[:-1], all[-1][:-1]]), "cut off"),
    "other line ends": (edit("session.jsonl", "\n", "\r\n"), HEAD),
    "a key": (rows("chain.jsonl", lambda all: [all[1], *all[1:]]), HEAD),
    "a short key": (edit("chain.jsonl", '{"key":"', '{"key":"00'), "is not 16 bytes"),
    "an empty key": (rows("chain.jsonl", lambda all: [b'{"key":""}\n', *all[1:]]), "not 16 bytes"),
    "no key": (rows("chain.jsonl", lambda all: [b"{}\n", *all[1:]]), "neither a key nor a digest"),
    "a digest": (edit("chain.jsonl", '{"digest":"', '{"digest":"0'), "is not 32 bytes"),
    "another digest": (
        rows("chain.jsonl", lambda all: [b'{"digest":"%s"}\n' % (b"00" * 32), *all[1:]]),
        HEAD,
    ),
    "spaces in the chain": (edit("chain.jsonl", '{"key":', '{"key": '), "chain.jsonl, line 1, is"),
    "the session of the entry": (fields("entry.json", session="x"), HEAD),
    "no session": (fields("entry.json", session=["x"]), "has no session"),
    "the lines of the entry": (fields("entry.json", lines=1), "and the sealed session 1."),
    "the head of the entry": (fields("entry.json", head="00" * 32), HEAD),
    "a head that is none": (fields("entry.json", head=5), "The head is not 32 bytes"),
    "a key more in the entry": (fields("entry.json", more=1), "not the entry of a session"),
    "another kind of entry": (fields("entry.json", entry="deleted"), "not the entry of a session"),
    "lines as a text": (fields("entry.json", lines="1"), '"lines" is not a number'),
    "the position": (fields("proof.json", position=0), LEDGER),
    "a position behind": (fields("proof.json", position=1 << 50), LEDGER),
    "a position before": (fields("proof.json", position=-1), "is not a number"),
    "a step": (flip_step("inclusion"), LEDGER),
    "no steps": (fields("proof.json", inclusion=[]), LEDGER),
    "steps that are none": (fields("proof.json", inclusion={"00": 1}), "is not a list"),
    "a step that is none": (fields("proof.json", inclusion=["x"]), "is not 32 bytes"),
    "another format": (fields("proof.json", format="recorder-proof-v2"), "not a proof in the"),
    "a step to the older": (flip_step("consistency"), "does not continue"),
    "no consistency": (fields("proof.json", consistency=None), "needs a consistency proof"),
    "empty consistency": (fields("proof.json", consistency=[]), "does not continue"),
    "no older seal": (without("older_seal.json"), "needs a consistency proof"),
    "the older seal": (edit("older_seal.json", "T17", "T16"), SIGNATURE),
    "the time of the seal": (edit("seal.json", "T20:45", "T19:45"), SIGNATURE),
    "the root": (fields("seal.json", root="00" * 32), SIGNATURE),
    "the size": (fields("seal.json", size=4), SIGNATURE),
    "the key of the seal": (fields("seal.json", key="00" * 32), SIGNATURE),
    "the signature": (fields("seal.json", signature="00" * 64), SIGNATURE),
    "the seal before": (fields("seal.json", previous=None), SIGNATURE),
    "a seal of another format": (fields("seal.json", format="v2"), "is not a seal in the format"),
    "a key more in the seal": (fields("seal.json", more=1), "is not a seal in the format"),
    "a control character": (fields("seal.json", time="\x1b[2J"), "has no time"),
    "a time stamp in the seal": (fields("seal.json", timestamp="AA=="), "is not the time stamp"),
    "a time stamp beside it": (
        with_stamp,
        "is not the time stamp",
    ),
    "seals exchanged": (
        lambda files: files.update({"seal.json": files["older_seal.json"]}),
        LEDGER,
    ),
    "an unknown file": (lambda files: files.update({"x\x1b.txt": b""}), r"files: ['x\x1b.txt']"),
    **{
        f"{name} missing": (without(name), f"has no {name}")
        for name in ("session.jsonl", "chain.jsonl", "entry.json", "proof.json", "seal.json")
    },
    **{
        f"{name} is no JSON": (lambda files, n=name: files.update({n: b"\xff"}), f"{name} is not a")  # type: ignore[misc]
        for name in ("entry.json", "proof.json", "seal.json", "older_seal.json")
    },
}


@pytest.mark.parametrize("case", TAMPERED)
def test_what_was_changed_is_refused(
    proof: Path, tmp_path: Path, check: Callable[..., tuple[int, str]], case: str
) -> None:
    files, (change, sentence) = read(proof), TAMPERED[case]
    change(files)
    code, told = check(write(tmp_path / "forged.zip", files.items()))
    assert code == 1 and told.startswith("REFUSED: ") and sentence in told


def refused(path: Path) -> bool:
    try:
        proof_checker.check(str(path))
    except proof_checker.Refused:
        return True
    return False


def test_any_byte_that_is_proved_matters(proof: Path, tmp_path: Path) -> None:
    files, forged, random_ = read(proof), tmp_path / "forged.zip", random.Random(5)
    pairs = zip(files["session.jsonl"].splitlines(), files["chain.jsonl"].splitlines(), strict=True)
    erased = [line for line, link in pairs if b"digest" in link]
    for name in sorted(files.keys() - {"README.txt", "check.py"}):
        content = files[name]
        for _ in range(60):
            index, bit = random_.randrange(len(content)), 1 << random_.randrange(8)
            changed = bytearray(content)
            changed[index] ^= bit
            if name == "session.jsonl" and any(line not in changed for line in erased):
                continue  # of what stands in place of an erased line, nothing is proved
            write(forged, (files | {name: bytes(changed)}).items())
            assert refused(forged), (name, index, bit)


def test_a_damaged_file_is_refused(
    proof: Path, tmp_path: Path, check: Callable[..., tuple[int, str]]
) -> None:
    content, damaged = proof.read_bytes(), tmp_path / "damaged.zip"
    for size in (0, 10, len(content) // 2, len(content) - 1):
        damaged.write_bytes(content[:size])
        assert refused(damaged)
    random_ = random.Random(5)
    start = content.index(b"seal.json")
    for _ in range(200):
        changed = bytearray(content)
        changed[random_.randrange(start, len(content))] ^= 0xFF
        damaged.write_bytes(changed)
        refused(damaged)  # by a sentence, or the byte tells nothing, such as a date
    with pytest.warns(UserWarning, match="Duplicate name"):
        write(damaged, [*read(proof).items(), ("seal.json", b"{}")])
    assert check(damaged) == (1, "REFUSED: The proof has two files of the same name.\n")
    code, told = check(tmp_path / "missing.zip")
    assert code == 1 and "cannot be read" in told


def test_the_file_of_another_session_is_refused(
    proved: tuple[Path, list[Seal]], tmp_path: Path
) -> None:
    proof, seals = proved
    reader = Reader(proof.parent / "data")
    prove(reader, reader.find("session4"), tmp_path / "other.zip", seals[1])
    files, other = read(proof), read(tmp_path / "other.zip")
    assert not refused(write(tmp_path / "forged.zip", other.items()))
    for names in (
        ["session.jsonl"],
        ["session.jsonl", "chain.jsonl"],
        ["session.jsonl", "chain.jsonl", "entry.json"],
        ["entry.json"],
        ["entry.json", "proof.json"],
    ):
        mixed = files | {name: other[name] for name in names}
        assert refused(write(tmp_path / "forged.zip", mixed.items())), names


def test_what_is_not_sealed_is_not_proved(
    folder: Path, key: Path, seals: list[Seal], tmp_path: Path
) -> None:
    reader, path = Reader(folder), tmp_path / "new.zip"

    async def change(*, is_sealed: bool) -> None:
        async with SessionRecorder(folder) as recorder:
            recorder.change(Edit(NOW, CHANNEL.id, 1011, f"edited, {is_sealed}"))
            await recorder.flush()
            if is_sealed:
                await sealing.seal(recorder, key, NOW)

    asyncio.run(change(is_sealed=False))
    with pytest.raises(Conflict, match=r"all lines of session1\. Run `recorder seal`"):
        prove(reader, reader.find("session1"), path)
    assert not path.exists()
    asyncio.run(change(is_sealed=True))
    prove(reader, reader.find("session1"), path)
    with pytest.raises(Conflict, match="already exists"):
        prove(reader, reader.find("session1"), path)
    assert not refused(path)
    (folder / "seals.jsonl").unlink()
    with pytest.raises(Conflict, match="does not cover"):
        prove(reader, reader.find("session1"), tmp_path / "newer.zip")


def test_a_changed_record_is_not_proved(folder: Path, seals: list[Seal], tmp_path: Path) -> None:
    reader, path = Reader(folder), tmp_path / "new.zip"
    with closing(sqlite3.connect(folder / DATABASE_NAME)) as connection, connection:
        connection.execute("UPDATE lines SET line = replace(line, '1 ärger', '2 ärger')")
    with pytest.raises(StorageError, match=r"No proof was written: .* `recorder verify` says"):
        prove(reader, reader.find("session1"), path)
    assert not path.exists()
    prove(reader, reader.find("session2"), path)
    with pytest.raises(StorageError, match="cannot be written"):
        prove(reader, reader.find("session2"), tmp_path / "missing" / "proof.zip")


def test_an_older_seal_of_another_ledger_is_refused(
    folder: Path, key: Path, seals: list[Seal], tmp_path: Path
) -> None:
    other = asyncio.run(record_and_seal(tmp_path / "other", key))
    reader, path = Reader(folder), tmp_path / "new.zip"
    for older in (other[1], other[-1]):
        with pytest.raises(InvalidInput, match="is not one of this ledger"):
            prove(reader, reader.find("session1"), path, older)
    for older in (seals[0], seals[-1]):
        path.unlink(missing_ok=True)
        prove(reader, reader.find("session1"), path, older)
        assert not refused(path)


def test_a_time_stamp_goes_along(
    folder: Path, key: Path, tmp_path: Path, check: Callable[..., tuple[int, str]]
) -> None:
    authority = Authority(tmp_path / "tsa")

    async def record(url: str) -> None:
        async with SessionRecorder(folder) as recorder:
            manager = SessionManager(recorder, UTC_ZONE)
            await manager.start("session", CHANNEL, user_id="5", now=NOW)
            await sealing.seal(recorder, key, NOW, url)

    with served(authority.answer) as url:
        asyncio.run(record(url))
    reader, path = Reader(folder), tmp_path / "proof.zip"
    prove(reader, reader.find("session"), path)
    code, told = check(path)
    assert code == 0 and "It has a time stamp, whose signature is not checked here" in told
    files = read(path)
    (authority.folder / "seal.tsr").write_bytes(files["seal.tsr"])
    command = told[told.index("openssl ts") :].split()
    assert command[:4] == ["openssl", "ts", "-verify", "-in"]
    authority.openssl(*command[1:-1], "root.pem")
    response = files.pop("seal.tsr")
    assert refused(write(tmp_path / "forged.zip", files.items()))
    assert refused(write(tmp_path / "forged.zip", {**files, "seal.tsr": response + b"x"}.items()))
