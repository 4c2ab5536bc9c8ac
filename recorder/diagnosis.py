"""What a sysadmin wants to know of an installation, each with a hint."""

from __future__ import annotations

import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal

from recorder import __version__
from recorder.database import DATABASE_NAME, SCHEMA_VERSION
from recorder.errors import RecorderError
from recorder.formatting import plural, size
from recorder.lock import is_locked
from recorder.settings import Settings
from recorder.store import checks
from recorder.store.reading import Reader

_LOW_DISK_BYTES = 1 << 30
_LARGE_WAL_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `hint` says what to do about it."""

    what: str
    state: Literal["good", "note", "bad"]
    value: str
    hint: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Look at versions, settings, disk, database and files; changes nothing."""
    findings = [
        Finding("recorder", "good", __version__),
        Finding("Python", "good", platform.python_version()),
        Finding("SQLite", "good", checks.sqlite_version()),
        Finding("discord.py", "good", version("discord.py")),
        Finding("time zone", "good", settings.timezone.key),
        Finding("token", "good", "is set")
        if settings.token
        else Finding("token", "note", "is not set", "`recorder bot` needs DISCORD_TOKEN."),
    ]
    if not settings.data.is_dir():
        return [
            *findings,
            Finding("data folder", "bad", f"{settings.data} is missing", "Run `recorder init`."),
        ]
    free = shutil.disk_usage(settings.data).free
    findings += [
        Finding("data folder", "good", str(settings.data.absolute())),
        Finding("disk", "good", f"{size(free)} free")
        if free > _LOW_DISK_BYTES
        else Finding(
            "disk", "bad", f"{size(free)} free", "Make room: a full disk stops recording."
        ),
    ]
    try:
        return findings + _database(settings)
    except RecorderError as error:
        return [*findings, Finding("database", "bad", str(error))]


def _database(settings: Settings) -> list[Finding]:
    reader, recording = Reader(settings.data), is_locked(settings.data)
    sessions = reader.sessions()
    running = [session for session in sessions if session.status != "stopped"]
    path = settings.data / DATABASE_NAME
    wal = path.with_name(f"{DATABASE_NAME}-wal")
    wal_bytes = wal.stat().st_size if wal.exists() else 0
    unsynced = reader.unsynced()
    faults = checks.database_faults(settings.data)
    return [
        Finding("database", "good", f"{size(path.stat().st_size)}, version {SCHEMA_VERSION}"),
        Finding("database", "bad", faults[0], "Put back a backup, or run `recorder repair`.")
        if faults
        else Finding("integrity", "good", "database and full-text index are sound"),
        Finding("write-ahead log", "good", size(wal_bytes))
        if wal_bytes < _LARGE_WAL_BYTES
        else Finding(
            "write-ahead log", "note", size(wal_bytes), "A reader stays open: close what reads."
        ),
        Finding("sessions", "good", f"{len(sessions)}, {len(running)} of them running"),
        Finding("recorder", "good", "is running")
        if recording
        else Finding(
            "recorder",
            "note" if running else "good",
            "is not running",
            "Sessions wait for it: start the bot." if running else "",
        ),
        Finding("files", "good", "all synced")
        if not unsynced or recording
        else Finding(
            "files",
            "note",
            f"{plural(len(unsynced), 'file')} not synced, first {unsynced[0].file_path} "
            f"from byte {unsynced[0].synced_bytes} on",
            "The next start of the recorder writes them from the database.",
        ),
    ]
