"""Nothing is read or written outside of the data folder, and all in it is its owner's alone."""

# ruff: noqa: ASYNC240

from __future__ import annotations

import os
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from support.recordings import NOW, message

from recorder import Channel, SessionManager, SessionRecorder
from recorder.bot.commands.finding import zip_file
from recorder.care.backup import back_up
from recorder.care.verification import verify
from recorder.errors import Conflict, DataFolderError, InvalidName, StorageError
from recorder.models import Session
from recorder.store.database import DATABASE_NAME
from recorder.store.export_index import files
from recorder.store.folder import path_inside
from recorder.store.lock import LOCK_NAME, is_locked
from recorder.store.reading import Reader

CHANNEL = Channel("71", "development", "1")
UTC_ZONE = ZoneInfo("UTC")
PARTS = ("sessions", "exports", "attachments", DATABASE_NAME, LOCK_NAME)


async def recorded(recorder: SessionRecorder, manager: SessionManager, name: str) -> Session:
    await manager.start(name, CHANNEL, user_id="5", now=NOW)
    await recorder.record(message(1, "kept", CHANNEL.id))
    return await manager.stop(CHANNEL.id, now=NOW)


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    """All that lies in a folder, with its mode; links are looked at, not followed."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            path.read_bytes() if path.is_file() and not path.is_symlink() else b"",
        )
        for path in folder.rglob("*")
    }


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that belongs to others; the database in it is one of ours."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "precious").write_text("mine")
    return folder


@pytest.fixture
def loose() -> Iterator[None]:
    """A user whose files everybody may read and write."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.parametrize("part", PARTS)
async def test_a_link_in_place_of_a_part_is_refused(
    folder: Path, outside: Path, part: str, tmp_path: Path
) -> None:
    async with SessionRecorder(folder) as recorder:
        await recorded(recorder, SessionManager(recorder, UTC_ZONE), "one")
    path = folder / part
    target = outside / part
    shutil.move(path, target)
    path.symlink_to(target)
    before = everything(outside)
    with pytest.raises(DataFolderError, match=f"{part} is a link"):
        async with SessionRecorder(folder):
            pass
    with pytest.raises(StorageError, match="is a link"):
        Reader(folder).sessions()
    with pytest.raises(StorageError, match="is a link"):
        back_up(folder, tmp_path / "copy")
    assert not is_locked(folder)
    assert everything(outside) == before
    assert not (tmp_path / "copy").exists()


async def test_exports_become_a_link_while_recording(
    folder: Path, outside: Path, recorder: SessionRecorder, manager: SessionManager
) -> None:
    session = await recorded(recorder, manager, "one")
    (folder / "exports").rmdir()
    (folder / "exports").symlink_to(outside)
    before = everything(outside), outside.stat().st_mtime_ns
    with pytest.raises(DataFolderError, match="exports is a link"):
        manager.save(session, "copy.txt", now=NOW)
    assert (everything(outside), outside.stat().st_mtime_ns) == before


async def test_the_data_folder_itself_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    async with SessionRecorder(folder) as recorder:
        session = await recorded(recorder, SessionManager(recorder, UTC_ZONE), "one")
    assert verify(Reader(folder), session, recording=False).faults == ()


@pytest.mark.parametrize("name", ["copy.txt", ".sessions.jsonl"])
@pytest.mark.parametrize("is_there", [True, False], ids=["a file", "nothing"])
async def test_links_among_the_exports(
    folder: Path,
    outside: Path,
    recorder: SessionRecorder,
    manager: SessionManager,
    name: str,
    is_there: bool,
) -> None:
    session = await recorded(recorder, manager, "one")
    (folder / "exports" / name).symlink_to(outside / ("precious" if is_there else "new"))
    before = everything(outside)
    with pytest.raises((Conflict, StorageError)):
        manager.save(session, "copy.txt", now=NOW)
    assert everything(outside) == before


async def test_a_link_in_place_of_a_sessions_file_is_not_read(folder: Path, outside: Path) -> None:
    async with SessionRecorder(folder) as recorder:
        session = await recorded(recorder, SessionManager(recorder, UTC_ZONE), "one")
    file = folder / session.file_path
    shutil.copy(file, outside / "same")
    file.unlink()
    file.symlink_to(outside / "same")
    (fault,) = verify(Reader(folder), session, recording=False).faults
    assert "cannot be read" in fault


@pytest.mark.parametrize(
    "file_path",
    ["../outside/precious", "sessions/../../outside/precious", "/etc/passwd", "recorder.db", "x/y"],
)
async def test_paths_in_a_database_of_others(folder: Path, outside: Path, file_path: str) -> None:
    """An archive of a data folder can hold anything."""
    async with SessionRecorder(folder) as recorder:
        session = await recorded(recorder, SessionManager(recorder, UTC_ZONE), "one")
    with closing(sqlite3.connect(folder / DATABASE_NAME)) as connection, connection:
        connection.execute("UPDATE recording_sessions SET file_path = ?", (file_path,))
    before = everything(outside)
    session = Reader(folder).sessions()[0]
    (fault,) = verify(Reader(folder), session, recording=False).faults
    assert "outside the folder sessions/" in fault
    with pytest.raises(StorageError, match="outside the folder sessions/"):
        async with SessionRecorder(folder) as recorder:
            await recorder.rewrite(session.id)
    assert everything(outside) == before
    with pytest.raises(DataFolderError):
        path_inside(folder, file_path)


@pytest.mark.parametrize(
    "name",
    [
        "../up",
        "..",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "C:x",
        "x\0y",
        "con",
        ".hidden",
        "~/x",
        "\u2025/",
    ],
)
async def test_names_that_lead_elsewhere(
    folder: Path, tmp_path: Path, recorder: SessionRecorder, manager: SessionManager, name: str
) -> None:
    session = await recorded(recorder, manager, "one")
    before = sorted(everything(tmp_path))
    with pytest.raises(InvalidName):
        await manager.start(name, CHANNEL, user_id="5", now=NOW)
    for ending in ("", ".txt", ".jsonl"):
        with pytest.raises(InvalidName):
            manager.save(session, f"{name}{ending}", now=NOW)
    assert sorted(everything(tmp_path)) == before


async def test_all_is_its_owners_alone(
    loose: None, folder: Path, recorder: SessionRecorder, manager: SessionManager
) -> None:
    """Whatever the user's umask says."""
    session = await recorded(recorder, manager, "one")
    for format in ("txt", "md", "json", "jsonl"):
        manager.save(session, f"copy.{format}", now=NOW)
    manager.keep_export(session, "md", folder / "exports" / "copy.md")
    back_up(folder, folder.parent / "copy")
    with zipfile.ZipFile(zipped := zip_file(folder / "exports" / "copy.txt")) as archive:
        assert archive.namelist() == ["copy.txt"]
    assert zipped.stat().st_mode & 0o777 == 0o600
    for place in (folder, folder.parent / "copy"):
        modes = {path: path.stat().st_mode & 0o777 for path in (place, *place.rglob("*"))}
        wrong = {p: m for p, m in modes.items() if m != (0o700 if p.is_dir() else 0o600)}
        assert wrong == {}
    assert files(folder / "exports")["one.md"] == {session.id}
