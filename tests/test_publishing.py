"""A copy for publishing: nothing of other sessions, nothing deleted, no keys."""

import asyncio
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from recordings import record
from secretive import SECRETS, record_secrets
from soundness import CHANNEL, NOW, UTC_ZONE, said

from recorder import SessionManager, SessionRecorder
from recorder.cli import main
from recorder.errors import Conflict, StorageError
from recorder.publishing import publish
from recorder.store.reading import Reader


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


async def record_all(folder: Path) -> None:
    """Secrets that were deleted, one session to be published, and one that is not."""
    await record_secrets(folder)
    await record(folder, "hidden-plans", ["clandestine words"], guild="9")
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, UTC_ZONE)
        await manager.start("public", CHANNEL, user_id="424242", now=NOW)
        await recorder.record(said(50, "known to all"))
        await manager.tag(manager.reader.find("public"), "start")
        await manager.stop(CHANNEL.id, now=NOW)


@pytest.fixture
def published(folder: Path, tmp_path: Path) -> Path:
    asyncio.run(record_all(folder))
    reader, path = Reader(folder), tmp_path / "public.db"
    assert publish(reader, [reader.find("first"), reader.find("public")], path) == (
        path.stat().st_size
    )
    return path


def test_the_chosen_sessions_are_there_and_can_be_searched(published: Path) -> None:
    names = rows(published, "SELECT name FROM recording_sessions ORDER BY name")
    assert names == [("first",), ("public",)]
    found = "SELECT rowid FROM messages_fts WHERE messages_fts MATCH 'harmless'"
    assert len(rows(published, found)) == 2
    assert rows(published, "SELECT tag, message_index FROM session_tags") == [("start", 1)]
    shown = rows(published, "SELECT text, content FROM messages WHERE deleted_at IS NOT NULL")
    assert shown == [("(deleted)", "")]
    assert rows(published, "PRAGMA integrity_check") == [("ok",)]
    assert stat.S_IMODE(published.stat().st_mode) == 0o600


def test_no_byte_of_anything_else_is_there(published: Path) -> None:
    data = published.read_bytes()
    for secret in (*SECRETS[:2], SECRETS[4], "clandestine", "hidden-plans", "second", "424242"):
        assert secret.encode() not in data, secret
    tables = {name for (name,) in rows(published, "SELECT name FROM sqlite_schema")}
    assert not tables & {"lines", "erased_lines", "erasures", "opted_out", "auto_recording"}


def test_what_is_there_is_not_written_over(published: Path, folder: Path) -> None:
    before, reader = published.read_bytes(), Reader(folder)
    with pytest.raises(Conflict, match="exists already"):
        publish(reader, [reader.find("first")], published)
    assert published.read_bytes() == before
    with pytest.raises(StorageError, match="cannot be written"):
        publish(reader, [reader.find("first")], folder / "no" / "such.db")


def test_the_command_line_writes_it(published: Path, folder: Path, tmp_path: Path) -> None:
    def serve(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["--data", str(folder), "serve", *arguments])

    copy = tmp_path / "copy.db"
    done = serve("--public-copy", str(copy), "--session", "first", "--session", "public")
    assert (done.exit_code, done.stdout.partition(",")[0]) == (0, f"{copy}: 2 sessions")
    assert rows(copy, "SELECT count(*) FROM messages") == [(4,)]
    assert serve("--public-copy", str(tmp_path / "x.db")).exit_code == 2
    assert serve("--session", "first").exit_code == 2
