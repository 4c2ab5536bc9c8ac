"""``recorder seal``, and ``recorder verify --against`` a seal."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.command_line import Run
from support.timestamp_authority import Authority, served

from recorder.care import proof_checker
from recorder.record.seal import Seal, parse_seal
from recorder.store.database import DATABASE_NAME


@pytest.fixture(autouse=True)
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    return tmp_path / "configuration"


def test_a_seal_is_printed_and_verified(
    run: Run, data: Path, session: str, tmp_path: Path, configuration: Path
) -> None:
    result = run("seal")
    assert result.returncode == 0 and result.stderr == ""
    line, short = result.stdout.splitlines()
    seal = Seal.parse(line)
    assert parse_seal(short) == seal.ledger_root and len(short) < 100
    assert (data / "seals.jsonl").read_text() == f"{line}\n"
    key = configuration / "recorder" / "seal.key"
    assert key.stat().st_mode & 0o777 == 0o600
    (tmp_path / "printed").write_text(result.stdout)
    (tmp_path / "public").write_text(f"{seal.key.hex()}\n")
    for against in (line, short, "printed", data / "seals.jsonl"):
        for name in ([], [session]):
            verified = run("verify", *name, "--against", against)
            assert verified.returncode == 0, verified.stdout
            assert "The ledger of 1 entry matches" in verified.stdout
            from_seal = f"The key was taken from the seal itself: {seal.key.hex()}."
            assert from_seal in verified.stdout
    for pinned in (seal.key.hex(), "public"):
        verified = run("verify", "--against", line, "--key", pinned)
        assert verified.returncode == 0 and "taken from the seal" not in verified.stdout
    other = run("verify", "--against", line, "--key", "00" * 32)
    assert other.returncode == 1 and "is signed with another key" in other.stdout
    plain = json.loads(run("verify", "--json").stdout)
    assert plain["sound"] and run("verify").returncode == 0


def test_a_public_key_in_pem_is_accepted(
    run: Run, session: str, tmp_path: Path, configuration: Path
) -> None:
    run("seal")
    authority = Authority(tmp_path / "tsa")
    private = configuration / "recorder" / "seal.key"
    public = tmp_path / "public.pem"
    authority.openssl("pkey", "-in", private, "-pubout", "-out", public)
    assert run("verify", "--key", "public.pem").returncode == 0
    public.write_text("-----BEGIN PUBLIC KEY-----\n")
    assert run("verify", "--key", "public.pem").returncode == 2


def test_json(run: Run, session: str) -> None:
    sealed = json.loads(run("seal", "--json").stdout)
    assert json.loads(sealed["line"]) == sealed["seal"] and sealed["problem"] is None
    assert sealed["short"] == f"recorder-seal-v1 1:{sealed['seal']['root']}"


def test_a_deleted_session_shows(run: Run, data: Path, session: str) -> None:
    line = run("seal").stdout.splitlines()[0]
    with closing(sqlite3.connect(data / DATABASE_NAME)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("DELETE FROM messages")
        connection.execute("DELETE FROM recording_sessions")
    result = run("verify")
    assert result.returncode == 1 and "was deleted without an entry" in result.stdout
    with closing(sqlite3.connect(data / DATABASE_NAME)) as connection, connection:
        connection.execute("DELETE FROM ledger")
    (data / "seals.jsonl").unlink()
    assert run("verify").returncode == 0
    result = run("verify", "--against", line)
    assert result.returncode == 1 and "has 0 entries, but 1 were sealed" in result.stdout


def test_a_session_that_is_deleted_by_the_recorder_is_sound(run: Run, session: str) -> None:
    line = run("seal").stdout.splitlines()[0]
    assert run("delete", session, "--yes").returncode == 0
    assert run("verify", "--against", line).returncode == 0
    run("seal")
    assert run("verify", "--against", line).returncode == 0


def test_a_time_stamp_is_asked_for(run: Run, session: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tsa")
    with served(authority.answer) as url:
        assert run("seal", "--timestamp", url).returncode == 0
    verified = run("verify")
    assert "The last time stamp says 20" in verified.stdout
    assert "Use --authority to check" in verified.stdout
    verified = run("verify", "--authority", authority.root)
    assert verified.returncode == 0 and "--authority" not in verified.stdout
    refused = run("seal", "--timestamp", url)
    assert refused.returncode == 1 and len(refused.stdout.splitlines()) == 2
    assert "The seal has no time stamp" in refused.stderr
    assert run("verify").returncode == 0
    assert run("seal", "--timestamp", "file:///etc/passwd").returncode == 2


def test_the_authority_of_the_settings_is_asked(
    run: Run, session: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(Authority(tmp_path / "tsa").answer) as url:
        monkeypatch.setenv("RECORDER_TIMESTAMP_AUTHORITY", url)
        assert "timestamp" in json.loads(run("seal", "--json").stdout)["seal"]


@pytest.mark.parametrize(
    "text", ["{}", "recorder-seal-v1", "recorder-seal-v1 1:zz", '{"format":"recorder-seal-v2"}']
)
def test_what_is_no_seal_is_said_so(run: Run, session: str, text: str, tmp_path: Path) -> None:
    result = run("verify", "--against", text)
    assert result.returncode == 2 and "is not a seal" in result.stderr
    (tmp_path / "file").write_text(text)
    assert run("verify", "--against", "file").returncode == 2


def test_a_proof_is_written(run: Run, data: Path, session: str, tmp_path: Path) -> None:
    unsealed = run("prove", session, "-o", "proof.zip")
    assert (
        unsealed.returncode == 2 and "Run `recorder seal` first, or use --seal" in unsealed.stderr
    )
    assert not (tmp_path / "proof.zip").exists()
    written = run("prove", session, "-o", "proof.zip", "--seal")
    assert written.returncode == 0 and "Proved: session.jsonl is the session" in written.stdout
    assert proof_checker.check(str(tmp_path / "proof.zip"))
    older = data / "seals.jsonl"
    run("seal")
    again = run("prove", session, "-o", "again.zip", "--older", older, "--json")
    assert "continues that of the older seal" in " ".join(json.loads(again.stdout)["proved"])
    assert run("prove", session, "-o", "again.zip").returncode == 2
    short = json.loads(run("seal", "--json").stdout)["short"]
    refused = run("prove", session, "-o", "new.zip", "--older", short)
    assert refused.returncode == 2 and "needs a whole seal" in refused.stderr
