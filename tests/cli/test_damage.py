"""Damaged databases, folders that cannot be written, and backups: read, or told in a sentence."""

import asyncio
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.command_line import Run, call, unprivileged
from support.recordings import assert_sound, record

from recorder.cli import main
from recorder.errors import StorageError
from recorder.store.damage import damage_in
from recorder.store.reading import Reader


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that is as it should be."""
    folder = tmp_path_factory.mktemp("sound") / "data"
    asyncio.run(record(folder, "oauth", ["!ai first words", "second words"]))
    assert call(folder, "tag", "oauth", "here").exit_code == 0
    return folder


def changed(sound: Path, folder: Path, statement: str) -> Path:
    """A copy that somebody has changed with a SQLite shell."""
    shutil.copytree(sound, folder, ignore=shutil.ignore_patterns("*-shm", "*-wal"))
    with closing(sqlite3.connect(folder / "recorder.db")) as connection, connection:
        connection.execute(statement)
    return folder


def test_nothing_is_damaged_in_a_sound_database(sound: Path) -> None:
    assert damage_in(sound) is None


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("DROP TABLE recording_sessions", "list, show oauth, search words, stats, verify, init"),
        ("DROP TABLE session_tags", "tags oauth, goto oauth here, tag oauth more"),
        ("DROP TABLE session_channels", "init"),
        ("DROP TABLE session_intervals", "list, show oauth, tags oauth"),
        ("DROP TABLE lines", "show oauth, search words, verify, repair"),
        ("DROP TABLE messages", "show oauth, search words, stats, verify"),
        ("DROP TABLE messages_fts", "search words, verify"),
        ("DROP TABLE file_removals", "init"),
        ("ALTER TABLE messages RENAME COLUMN deleted_at TO gone", "verify"),
        ("UPDATE recording_sessions SET started_at = 'yesterday'", "list, show oauth, stats"),
        ("UPDATE recording_sessions SET started_at = '2025-01-01'", "list"),
        ("UPDATE recording_sessions SET started_at = NULL", "list, show oauth"),
        ("UPDATE recording_sessions SET message_count = 'many'", "list, verify"),
        ("UPDATE recording_sessions SET synced_bytes = x'00'", "init, repair"),
        ("UPDATE recording_sessions SET head = 'none'", "verify"),
        ("UPDATE recording_sessions SET id = 'other'", "search words"),
        ("UPDATE messages SET timestamp = 'yesterday'", "search words, stats, stats oauth"),
        ("UPDATE messages SET author = x'ff'", "stats oauth, search words"),
        ("UPDATE lines SET line = 'no JSON'", "show oauth, export oauth md -o -, search words"),
        ("UPDATE lines SET key = 'none'", "verify"),
        ("UPDATE lines SET line = CAST(x'ff' AS TEXT)", "show oauth"),
        ("UPDATE session_tags SET timestamp = 'soon'", "tags oauth, goto oauth here"),
        ("UPDATE session_tags SET message_index = NULL", "goto oauth here"),
    ],
)
def test_a_changed_database_is_told_in_a_sentence(
    sound: Path, tmp_path: Path, statement: str, broken: str
) -> None:
    folder = tmp_path / "data"
    for command in broken.split(", "):
        shutil.rmtree(folder, ignore_errors=True)
        changed(sound, folder, statement)
        result = call(folder, *command.split())
        assert result.exit_code == 3, command
        assert "is damaged" in result.stderr and "backup" in result.stderr
        assert "Traceback" not in result.output


def test_a_bug_of_ours_is_no_damage(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reader, "sessions", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        CliRunner().invoke(main, ["--data", str(sound), "list"], catch_exceptions=False)


# Folders that cannot be written.


@pytest.fixture
def read_only(sound: Path, tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    shutil.copytree(sound, folder, ignore=shutil.ignore_patterns("*-shm", "*-wal"))
    places = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    for path in places:
        path.chmod(0o500)
    yield folder
    for path in places:
        path.chmod(0o700)


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_read_and_verified(
    read_only: Path, tmp_path: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in read_only.rglob("*")}
    assert "second words" in unprivileged(read_only, "show", "oauth").stdout
    verified = unprivileged(read_only, "verify")
    assert verified.returncode == 0 and "file and database agree" in verified.stdout
    assert unprivileged(read_only, "doctor").returncode == 0
    assert unprivileged(read_only, "backup", tmp_path / "copy").returncode == 0
    assert call(tmp_path / "copy", "init").exit_code == 0
    assert_sound(tmp_path / "copy")
    assert {path: path.stat().st_mtime_ns for path in read_only.rglob("*")} == before
    refused = unprivileged(read_only, "init")
    assert refused.returncode == 3 and "access" in refused.stderr


@pytest.mark.slow
def test_what_is_still_in_the_wal_of_such_a_folder_is_not_left_out(read_only: Path) -> None:
    read_only.chmod(0o700)
    script = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
        "c.execute('UPDATE recording_sessions SET name = ?', ['renamed']); c.commit(); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script, read_only / "recorder.db"], check=True)
    assert (read_only / "recorder.db-wal").stat().st_size
    (read_only / "recorder.db-shm").unlink()
    read_only.chmod(0o500)
    result = unprivileged(read_only, "list")
    assert result.returncode == 3
    assert "recorder.db-wal" in result.stderr and "Copy the folder" in result.stderr
    read_only.chmod(0o700)
    assert "renamed" in unprivileged(read_only, "list").stdout


def test_verify_writes_nothing_into_the_database(sound: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(sound, folder, ignore=shutil.ignore_patterns("*-shm", "*-wal"))
    path = folder / "recorder.db"
    before = path.stat()
    assert call(folder, "verify").exit_code == 0
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert not list(folder.glob(".verify-*"))


# Backups.


def test_a_backup_holds_attachments_and_exports(sound: Path, tmp_path: Path) -> None:
    folder, copy = tmp_path / "data", tmp_path / "backups" / "today"
    shutil.copytree(sound, folder)
    kept = folder / "attachments" / "ab" / "abcdef"
    kept.parent.mkdir(mode=0o700)
    kept.write_bytes(b"\0picture" * 100_000)
    (folder / "exports" / "oauth.md").write_text("exported")
    secret = tmp_path / "secret"
    secret.write_text("outside")
    (folder / "attachments" / "link").symlink_to(secret)
    (folder / "attachments" / "folder").symlink_to(tmp_path)
    copied = json.loads(call(folder, "backup", copy, "--json").stdout)
    files = {str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file()}
    assert files == {"recorder.db", "attachments/ab/abcdef", "exports/oauth.md"}
    assert copied["files"] == 2
    assert (copy / "attachments/ab/abcdef").read_bytes() == kept.read_bytes()
    assert {path.stat().st_mode & 0o777 for path in copy.rglob("*")} == {0o600, 0o700}
    assert call(copy, "init").exit_code == 0
    assert_sound(copy)


def test_a_linked_folder_is_not_followed_and_not_left_out(sound: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(sound, folder)
    (folder / "attachments").rmdir()
    (folder / "attachments").symlink_to(tmp_path)
    result = call(folder, "backup", tmp_path / "copy")
    assert result.exit_code == 3 and "is a link" in result.stderr
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("there", [True, False], ids=["empty folder", "no folder"])
def test_a_backup_that_fails_leaves_nothing(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    copy = tmp_path / "copy"
    if there:
        copy.mkdir()

    def interrupted(*_: object) -> None:
        names = {path.name for path in copy.iterdir()}
        assert names == {"recorder.db.part", "attachments", "exports"}
        raise KeyboardInterrupt

    monkeypatch.setattr("recorder.care.backup.copy_faults", interrupted)
    assert call(sound, "backup", copy).exit_code == 130
    assert copy.exists() is there and (not there or not list(copy.iterdir()))


def test_a_damaged_copy_is_no_backup(sound: Path, tmp_path: Path) -> None:
    folder = changed(
        sound, tmp_path / "data", "INSERT INTO messages_fts (messages_fts) VALUES ('delete-all')"
    )
    result = call(folder, "backup", tmp_path / "copy")
    assert result.exit_code == 3 and "full-text index" in result.stderr
    assert not (tmp_path / "copy").exists()


def test_bad_places_for_a_backup_are_named(sound: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    result = call(sound, "backup", file / "copy")
    assert result.exit_code == 3 and f"The folder {file / 'copy'} cannot be used" in result.stderr
    assert "RECORDER_DATA" not in result.stderr
    interrupted = tmp_path / "interrupted"
    interrupted.mkdir()
    (interrupted / "recorder.db.part").touch()
    result = call(sound, "backup", interrupted)
    assert result.exit_code == 2 and "was interrupted" in result.stderr
    assert call(interrupted, "list").exit_code == 3, "it is no data folder"
    assert call(tmp_path / "nothing", "backup", tmp_path / "copy").exit_code == 3
    assert not (tmp_path / "copy").exists()


def test_a_backup_that_the_disk_does_not_take_names_the_copy(
    sound: Path, tmp_path: Path, run: Run
) -> None:
    if sys.platform == "win32":
        pytest.skip("has no limit on the size of files")
    script = (
        "import resource, signal, sys; from pathlib import Path; "
        "from recorder.care.backup import back_up; "
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)); "
        "back_up(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    copy = tmp_path / "copy"
    result = subprocess.run(
        [sys.executable, "-c", script, sound, copy], capture_output=True, text=True, check=False
    )
    assert StorageError.__name__ in result.stderr
    assert f"{copy}/recorder.db.part cannot be written" in result.stderr
    assert not copy.exists()
