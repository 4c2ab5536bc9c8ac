"""Open ``recorder.db``: its pragmas, identity and upgrades, and the errors of SQLite.

This module knows files and connections, but neither sessions nor messages.
"""

from __future__ import annotations

import errno
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from recorder.errors import (
    DamagedDatabase,
    DamagedRow,
    DataFolderError,
    ForeignDatabase,
    RecordingFailed,
    StorageError,
)
from recorder.store.folder import NO_LINK, refuse_links
from recorder.store.schema import schema, statements
from recorder.store.time_limit import apply_limit
from recorder.store.upgrades import UPGRADES

APPLICATION_ID = 0x44524543  # "DREC"
DATABASE_NAME = "recorder.db"

# Handed on to those who run SQL of their own.
Connection = sqlite3.Connection
OperationalError = sqlite3.OperationalError
SQLITE_ERROR = sqlite3.SQLITE_ERROR
SCHEMA_VERSION = 1 + len(UPGRADES)

_BUSY_SECONDS = 5.0
_WRITER_BUSY_SECONDS = 60.0  # another program may lock the database for a while
_FOLD_MILLISECONDS = 2_000
_BLOCK_BYTES = 1 << 20
# A folder that cannot be read, or a file system (or Windows) that syncs no folders.
_FOLDER_CANNOT_BE_SYNCED = (errno.EACCES, errno.EBADF, errno.EINVAL)
_NO_SUCH_PART = re.compile(
    r"(?:no such (?:table|column)|vtable constructor failed): (?:\w+\.)?(\w+)"
)


def prepare_folder(folder: Path) -> None:
    """Create the data folder and its parts, readable by their owner alone.

    Raises
    ------
    DataFolderError
        It cannot be created, is not a folder, or a part of it is a link.
    """
    try:
        refuse_links(folder)
        above = [part.parent for part in folder.absolute().parents if not part.exists()]
        for part in (folder, folder / "sessions", folder / "exports", folder / "attachments"):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
        for place in (*reversed(above), folder.parent):
            sync_folder(place)
    except OSError as error:
        raise DataFolderError(
            f"The data folder {folder} cannot be made ({error.strerror}). "
            "Make it by hand, or set RECORDER_DATA to a folder that this user may write to."
        ) from error


def advice(error: OSError) -> str:
    """Return what to do about a failed write."""
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "Raise the limit of open files (ulimit -n)"
    return "Free space or mend the disk"


def sync_folder(folder: Path) -> None:
    """Sync the names in a folder to the disk, where the system can do that.

    Raises
    ------
    OSError
        The sync failed.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _FOLDER_CANNOT_BE_SYNCED:
            raise


def open_for_writing(folder: Path) -> sqlite3.Connection:
    """Open the database for the one writing process; create or upgrade it if need be.

    Raises
    ------
    StorageError
        The folder cannot be written to, or the database is foreign, newer or damaged.
    """
    path = folder / DATABASE_NAME
    with sqlite_errors(path):
        # SQLite gives its -wal and -shm files the mode of the database.
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | NO_LINK, 0o600))
        except OSError as error:
            raise DataFolderError(
                f"{path} cannot be written ({error.strerror}). Give this user write access."
            ) from error
        connection = sqlite3.connect(path, timeout=_WRITER_BUSY_SECONDS, isolation_level=None)
        try:
            _identify(connection, path, fresh_allowed=True)
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode != "wal":  # SQLite reports a failure by its old mode
                raise DataFolderError(
                    f"{path} cannot have a write-ahead log (SQLite stays in mode {mode}). "
                    "Mend the disk, or set RECORDER_DATA to a folder on a local one."
                )
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA cache_size = -16384")
            connection.execute("PRAGMA journal_size_limit = 67108864")
            _write_log_again(connection, path)
            _create_or_upgrade(connection)
            sync_folder(folder)  # SQLite does it too, but reports no failure
        except OSError as error:
            connection.close()
            raise RecordingFailed(
                f"Writing to {path} failed ({error.strerror}). Nothing is recorded. "
                f"{advice(error)}, then start the recorder again."
            ) from error
        except BaseException:
            connection.close()
            raise
        return connection


def checkpoint(connection: sqlite3.Connection) -> None:
    """Copy the write-ahead log into the database, as far as readers allow.

    SQLite does so by itself when the log is long, but reports no failure.

    Raises
    ------
    sqlite3.OperationalError
        The database cannot be written.
    """
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


def fold_log(connection: Connection) -> None:
    """Copy the whole write-ahead log into the database and empty it, unless a reader holds it up.

    SQLite does so when the last connection is closed, but an idle reader may remain open. Where it
    fails, everything stays in the log.
    """
    with suppress(sqlite3.OperationalError):
        connection.execute(f"PRAGMA busy_timeout = {_FOLD_MILLISECONDS}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def open_for_reading(folder: Path) -> sqlite3.Connection:
    """Open the database read-only; readers neither block the writer nor wait for it.

    Raises
    ------
    DataFolderError
        There is no database, or it cannot be read.
    StorageError
        The database is foreign, newer, older or damaged.
    """
    path = folder / DATABASE_NAME
    refuse_links(folder)
    if not path.is_file():
        missing = f"{folder} is a file" if folder.is_file() else f"There is no database at {path}"
        raise DataFolderError(
            f"{missing}. Make a data folder with `recorder init`, "
            "or name the right one with --data or RECORDER_DATA."
        )
    with sqlite_errors(path):
        try:
            return _connect_for_reading(path, "mode=ro")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (
                sqlite3.SQLITE_CANTOPEN,
                sqlite3.SQLITE_READONLY,
            ):
                raise
            # SQLite needs a -shm file beside the database even to read it. Where it cannot create
            # one and the -wal file is empty, there is no writer: the database alone is complete.
            wal = path.with_name(f"{DATABASE_NAME}-wal")
            if wal.exists() and wal.stat().st_size:
                raise DataFolderError(
                    f"{path} cannot be read where it is: the newest messages are still in {wal}, "
                    "and this user may not write beside it. Copy the folder to a place that can "
                    "be written and read the copy, or give this user write access."
                ) from error
            return _connect_for_reading(path, "immutable=1")


def _connect_for_reading(path: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        connection.execute("PRAGMA query_only = ON")
        apply_limit(connection)
        _identify(connection, path, fresh_allowed=False)
    except BaseException:
        connection.close()
        raise
    return connection


def stored_time(text: object) -> datetime:
    """Return the time in a column.

    Raises
    ------
    DamagedRow
        It is no time, or one without an offset.
    """
    try:
        time = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise DamagedRow(f"{text!r:.60} stands where a time should")
    return time


@contextmanager
def sqlite_errors(path: Path) -> Iterator[None]:
    """Raise errors of SQLite's environment as :class:`StorageError`.

    Raises
    ------
    DamagedDatabase, DataFolderError, RecordingFailed, StorageError
        Depending on the code of the error, or when a part of ``schema.sql`` is missing. Errors
        in SQL statements propagate as they are.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", None)
        primary = None if code is None else code & 0xFF
        if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or (
            primary == sqlite3.SQLITE_ERROR and _is_lacking(str(error))
        ):
            raise DamagedDatabase(
                f"{path} is damaged ({error}). Keep a copy of it, then put back the last backup, "
                "or read the JSONL files in sessions/ into a fresh data folder with "
                "`recorder import`."
            ) from error
        if primary in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise RecordingFailed(
                f"Writing to {path} failed ({error}). Nothing more is recorded. "
                "Free space or mend the disk, then start the recorder again."
            ) from error
        if primary in (
            sqlite3.SQLITE_READONLY,
            sqlite3.SQLITE_CANTOPEN,
            sqlite3.SQLITE_PERM,
        ):
            raise DataFolderError(
                f"{path} cannot be opened or written ({error}). "
                "Give this user read and write access to the data folder."
            ) from error
        if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise StorageError(
                f"{path} is locked by another program ({error}). Close what writes to it."
            ) from error
        if str(error).startswith("Could not decode to UTF-8"):
            raise DamagedRow(str(error)) from error
        raise


def _is_lacking(text: str) -> bool:
    """Return whether an error says that a part of ``schema.sql`` is missing."""
    part = _NO_SUCH_PART.match(text)
    return part is not None and re.search(rf"\b{part[1]}\b", schema()) is not None


def _identify(connection: sqlite3.Connection, path: Path, *, fresh_allowed: bool) -> None:
    application_id = int(connection.execute("PRAGMA application_id").fetchone()[0])
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if application_id != APPLICATION_ID:
        empty = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
        if fresh_allowed and empty and application_id == 0 and version == 0:
            return
        raise ForeignDatabase(
            f"{path} is not a database of the recorder. "
            "Move it away, or set RECORDER_DATA to another folder."
        )
    if version > SCHEMA_VERSION:
        raise ForeignDatabase(
            f"{path} was written by a newer recorder (version {version}, this one knows "
            f"{SCHEMA_VERSION}). Upgrade the recorder."
        )
    if version < SCHEMA_VERSION and not fresh_allowed:
        raise ForeignDatabase(
            f"{path} was written by an older recorder (version {version}). "
            "Bring it up to date with `recorder init`; nothing is lost."
        )


def _write_log_again(connection: sqlite3.Connection, path: Path) -> None:
    """Write the bytes of an existing write-ahead log again, and sync them.

    After a failed sync the kernel may show bytes as written that are not on the disk: a commit
    behind such a hole would be lost in a power failure.
    """
    log = path.with_name(f"{path.name}-wal")
    if not log.exists() or log.stat().st_size == 0:
        return
    connection.execute("BEGIN IMMEDIATE")  # no other process writes to it now
    try:
        with log.open("r+b") as file:
            while block := file.read(_BLOCK_BYTES):
                file.seek(-len(block), os.SEEK_CUR)
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
    finally:
        connection.execute("ROLLBACK")


def _create_or_upgrade(connection: sqlite3.Connection) -> None:
    """Create or upgrade the schema in one transaction."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version == SCHEMA_VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        if version == 0:
            for statement in statements(schema()):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        else:
            for upgrade in UPGRADES[version - 1 :]:
                upgrade(connection)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk ends it by itself
            connection.execute("ROLLBACK")
        raise
