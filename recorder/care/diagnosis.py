"""The checks of ``recorder doctor``: one finding each, with a hint where something is wrong."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from recorder import __version__
from recorder.care.sealing import is_signed, require_libraries
from recorder.care.verification import load_last_verification
from recorder.errors import InvalidInput, RecorderError
from recorder.formatting import date_and_clock, plural, size
from recorder.record.seal import Seal
from recorder.settings import Settings
from recorder.store import attachments, checks, gaps, scrubbing
from recorder.store.database import DATABASE_NAME, SCHEMA_VERSION
from recorder.store.lines import FileState
from recorder.store.lock import is_locked
from recorder.store.reading import Reader
from recorder.store.seal_file import read_seal_lines

_LOW_DISK_BYTES = 1 << 30
_LARGE_WAL_BYTES = 64 << 20
_VERIFICATION_IS_OLD = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; `hint` says what to do about a problem."""

    what: str
    state: Literal["good", "note", "bad"]
    value: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """A channel in which something is recorded, or without a channel id a whole guild."""

    name: str
    guild_id: str | None
    channel_id: str | None


def recorded_scopes(folder: Path) -> list[Scope]:
    """Return the scopes of running sessions and of auto-recording.

    Raises
    ------
    StorageError
        The database cannot be read.
    """
    reader = Reader(folder)
    running = [session for session in reader.sessions() if session.status != "stopped"]
    scopes = [Scope(f'"{s.name}"', s.guild_id, s.channel_id) for s in running]
    for auto in reader.auto_recordings():
        channel_id = None if auto.place_id == auto.guild_id else auto.place_id
        scopes.append(Scope("auto-recording", auto.guild_id, channel_id))
    return scopes


def examine(settings: Settings, now: datetime) -> list[Finding]:
    """Check versions, settings, disk, database and files, without changing anything."""
    findings = [
        Finding("recorder", "good", __version__),
        Finding("Python", "good", platform.python_version()),
        Finding("SQLite", "good", checks.sqlite_version()),
        Finding("discord.py", "good", version("discord.py")),
        Finding("time zone", "good", settings.timezone.key),
        Finding("token", "good", "is set")
        if settings.token
        else Finding(
            "token",
            "note",
            "is not set",
            "`recorder bot` needs DISCORD_TOKEN, and so does the check of the bot's intents and "
            "permissions.",
        ),
    ]
    if not settings.data.is_dir():
        fault = "is a file" if settings.data.exists() else "is missing"
        hint = "Run `recorder init`, or set the right folder with --data or RECORDER_DATA."
        return [*findings, Finding("data folder", "bad", f"{settings.data} {fault}", hint)]
    free = shutil.disk_usage(settings.data).free
    findings += [
        Finding("data folder", "good", str(settings.data.absolute())),
        Finding("disk", "good", f"{size(free)} free")
        if free > _LOW_DISK_BYTES
        else Finding(
            "disk", "bad", f"{size(free)} free", "Free some space: a full disk stops recording."
        ),
    ]
    try:
        return [*findings, *_database(settings), _sealed(settings, now), _verified(settings, now)]
    except RecorderError as error:
        value, _, hint = str(error).partition(". ")
        return [*findings, Finding("database", "bad", value, hint)]


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
        Finding("integrity", "bad", faults[0], "Restore a backup, or run `recorder repair`.")
        if faults
        else Finding("integrity", "good", "database and full-text index are sound"),
        Finding("write-ahead log", "good", size(wal_bytes))
        if wal_bytes < _LARGE_WAL_BYTES
        else Finding(
            "write-ahead log", "note", size(wal_bytes), "Close programs that read the database."
        ),
        Finding("sessions", "good", f"{len(sessions)}, {len(running)} of them running"),
        Finding("recording process", "good", "is running")
        if recording
        else Finding(
            "recording process",
            "note" if running else "good",
            "is not running",
            "Sessions are waiting for it: start the bot." if running else "",
        ),
        _files(unsynced, recording),
        _gaps(reader),
        _attachments(reader),
        _erasures(reader),
    ]


def _gaps(reader: Reader) -> Finding:
    counts = gaps.count_gaps(reader)
    if not counts.unfilled:
        return Finding("gaps", "good", f"{counts.gaps}, history fetched")
    return Finding(
        "gaps",
        "note",
        f"{counts.gaps}, history incomplete for {counts.unfilled}"
        + (f" ({counts.problem})" if counts.problem else ""),
        "Allow the bot to read the message history there and start it: it tries again.",
    )


def _attachments(reader: Reader) -> Finding:
    counts = attachments.count_attachments(reader)
    value = (
        f"{counts.kept} kept ({size(counts.bytes)}), {counts.pending} waiting, "
        f"{counts.failed} not kept"
    )
    if not counts.failed:
        return Finding("attachments", "good", value)
    hint = (
        "Run `recorder sql 'SELECT url, problem FROM attachments WHERE file_path IS NULL'` "
        "to see why."
    )
    return Finding("attachments", "note", value, hint)


def _erasures(reader: Reader) -> Finding:
    counts = scrubbing.count_erasures(reader)
    if not counts.unfinished:
        return Finding("erasures", "good", str(counts.erasures))
    return Finding(
        "erasures",
        "note",
        f"{counts.erasures}, {counts.unfinished} not finished",
        "Erased content may still be in the free space of the database: start the recorder, and "
        "close other programs that read the database.",
    )


def _files(unsynced: Sequence[FileState], recording: bool) -> Finding:
    if not unsynced:
        return Finding("files", "good", "all synced")
    largest = max(unsynced, key=lambda state: state.byte_size - state.synced_bytes)
    value = (
        f"{plural(len(unsynced), 'file')} not synced yet, mostly {largest.file_path}: "
        f"{size(largest.byte_size - largest.synced_bytes)} from byte {largest.synced_bytes} on"
    )
    if recording:
        return Finding("files", "good", value)
    hint = "The next start of the recorder completes them from the database."
    return Finding("files", "note", value, hint)


def _sealed(settings: Settings, now: datetime) -> Finding:
    every, (lines, _) = settings.seal_every, read_seal_lines(settings.data)
    if not lines:
        if every is None:
            return Finding("last seal", "good", "none")
        return Finding("last seal", "note", "none yet", "Start the bot, or run `recorder seal`.")
    try:
        seal = Seal.parse(lines[-1])
        require_libraries()
    except InvalidInput as error:
        return Finding("last seal", "bad", "cannot be checked", str(error))
    at = datetime.fromisoformat(seal.time)
    value = f"{date_and_clock(at, settings.timezone)}, {plural(seal.size, 'entry', 'entries')}"
    if not is_signed(seal):
        hint = "seals.jsonl was changed. Run `recorder verify`."
        return Finding("last seal", "bad", f"{value}, signature does not fit", hint)
    if every is not None and now - at > 2 * every:
        hint = "Start the bot, which seals by RECORDER_SEAL_EVERY, or run `recorder seal`."
        return Finding("last seal", "note", f"{value}, signature fits", hint)
    return Finding("last seal", "good", f"{value}, signature fits")


def _verified(settings: Settings, now: datetime) -> Finding:
    last = load_last_verification(settings.data)
    if last is None:
        hint = "Run `recorder verify`, preferably daily from cron or a systemd timer."
        return Finding("last verification", "note", "never run for all sessions", hint)
    value = (
        f"{date_and_clock(last.at, settings.timezone)}, {plural(last.sessions, 'session')}, "
        f"{plural(last.lines, 'line')}, {plural(last.faults, 'fault')}"
    )
    if last.faults:
        return Finding("last verification", "bad", value, "Run `recorder verify` to list them.")
    if now - last.at > _VERIFICATION_IS_OLD:
        return Finding("last verification", "note", value, "Run `recorder verify` again.")
    return Finding("last verification", "good", value)
