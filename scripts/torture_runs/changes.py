"""SIGKILL at random moments while a data folder is changed: everything is old or new after it."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import sys
import time
from collections import Counter
from contextlib import closing, nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

from support.recordings import NOW, UTC_ZONE, said
from support.secretive import SECRETS, found_in, record_secrets

from recorder import SessionManager, SessionRecorder
from recorder.care.seal_checks import verify_seals
from recorder.errors import RecorderError
from recorder.store.database import DATABASE_NAME, SCHEMA_VERSION
from recorder.store.reading import Reader
from recorder.store.scrubbing import is_unfinished
from recorder.store.seal_file import SEALS_NAME, read_seal_lines
from scripts.torture_runs.changes_child import (
    CHANNEL,
    ERASED_USER,
    change,
    make_older,
    newer_release,
)
from scripts.torture_runs.child import running
from scripts.torture_runs.integrity import Result, faults, recover

CHANGES = ("erase", "seal", "merge", "upgrade")

_MESSAGES = 1_200  # of each of two sessions
_MEASURED = 3
_PATIENCE = 60.0
_CUT_OFF = "the last line is cut off"

State: TypeAlias = dict[str, Any]


def kill_changes(folder: Path, what: str, kills: int, chance: random.Random) -> Result:
    """Kill a process `kills` times while it carries out a change on a copy of the same folder.

    A change that the process reported as done counts as acknowledged.
    """
    result = Result(f"killed during {what}")
    original = folder / "original"
    asyncio.run(_record(original))
    if what == "upgrade":
        with closing(sqlite3.connect(original / DATABASE_NAME)) as connection:
            make_older(connection)
    data = folder / "data"
    old, durations = _state(original, what), []
    for _ in range(_MEASURED):
        durations.append(_run(original, data, what)[1])
        new = _state(data, what)
    longest, outcomes = max(durations) * 1.3, Counter[str]()
    while result.runs < kills:
        is_done, _ = _run(original, data, what, chance.random() ** 0.7 * longest)
        result.runs += 1
        result.acknowledged += is_done
        outcome, problems = _examine(data, what, old, new)
        outcomes[outcome] += 1
        result.lost += is_done and outcome != "new"
        if problems:
            result.damage(*problems)
    result.note = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
    return result


async def _record(folder: Path) -> None:
    """Record secrets of one user in small sessions, and in two long ones with one seal."""
    await record_secrets(folder)
    async with SessionRecorder(folder) as recorder:
        manager = SessionManager(recorder, UTC_ZONE)
        for number, name in enumerate(("long", "longer")):
            first = 1_000 + number * 2_000
            await manager.start(name, CHANNEL, user_id="1", now=NOW)
            for n in range(first, first + _MESSAGES):
                message = said(n, f"message {n} ".ljust(200, "x"))
                if n % 3 == 0:
                    message = replace(
                        message, author=SECRETS[2], author_id=ERASED_USER, content=SECRETS[0]
                    )
                await recorder.record(message)
            await manager.tag(manager.reader.find(name), "middle", now=NOW, message_index=600)
            await manager.stop(CHANNEL.id, now=NOW + timedelta(minutes=83))
        await change(recorder, "seal")


def _run(original: Path, data: Path, what: str, wait: float | None = None) -> tuple[bool, float]:
    """Change a copy of a folder; return whether it was reported as done, and the seconds.

    Parameters
    ----------
    wait
        The seconds after which the process is killed.
    """
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(original, data)
    output = data.with_name("output")
    output.write_bytes(b"")
    command = [sys.executable, "-m", "scripts.torture_runs.changes_child", str(data), what]
    with running(command, output) as process:
        until = time.monotonic() + _PATIENCE
        while not output.stat().st_size and process.poll() is None and time.monotonic() < until:
            time.sleep(0.0005)
        begin = time.monotonic()
        if wait is None:
            process.wait(_PATIENCE)
        else:
            time.sleep(wait)
        seconds = time.monotonic() - begin
    if process.returncode not in (0, -9):
        raise RuntimeError(f"The process ended with exit code {process.returncode}.")
    return b"done" in output.read_bytes().split(), seconds


def _state(data: Path, what: str) -> State:
    """Return everything in a data folder that a change may change, without random ids."""
    with newer_release() if _version(data) > SCHEMA_VERSION else nullcontext():
        reader = Reader(data)
        sessions = {
            session.name: {
                "session": replace(session, id="", head=""),
                "lines": list(reader.lines(session.id)),
                "tags": reader.tags(session),
                "gaps": reader.gaps(session),
                "intervals": reader.intervals(session),
            }
            for session in reader.sessions()
        }
        tables = {
            table: reader.query(f"SELECT * FROM {table}")
            for table in ("erasures", "erased_lines", "ledger", "attachments", "file_removals")
        }
        schema = reader.query("SELECT type, name, sql FROM sqlite_schema ORDER BY name")
    files = {
        f"file {path.relative_to(data).as_posix()}": path.read_bytes()
        for part in ("sessions", "exports", "attachments")
        for path in sorted((data / part).rglob("*"))
        if path.is_file()
    }
    return {
        **sessions,
        **tables,
        "schema": schema,
        **files,
        "seals": read_seal_lines(data)[0],
    }


def _version(data: Path) -> int:
    with closing(sqlite3.connect(data / DATABASE_NAME)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _examine(data: Path, what: str, old: State, new: State) -> tuple[str, list[str]]:
    """Return whether a folder is old or new after a kill, and what is wrong with it."""
    try:
        if what == "upgrade":
            return _examine_upgrade(data, old, new)
        recover(data)
        state = _state(data, what)
        problems = _faults(data)
        if state == new:
            outcome = "new"
            if what == "erase" and (left := found_in(data)):
                problems.append(f"erased content is left: {left}")
        elif what == "seal" and state == new | {"seals": old["seals"]}:
            outcome = "committed, not signed"  # the heads stay in the ledger for the next seal
        else:
            outcome = "old"
            problems += _differences(state, old)
        if what == "seal":
            problems += _seal_again(data)
    except (RecorderError, OSError, sqlite3.Error) as error:
        return "unreadable", [f"{type(error).__name__}: {error}"]
    return outcome, problems


def _examine_upgrade(data: Path, old: State, new: State) -> tuple[str, list[str]]:
    """Examine it both as the kill left it, and after it was opened again by the newer release."""
    outcome = "old" if _version(data) == SCHEMA_VERSION else "new"
    problems = _differences(_state(data, "upgrade"), old if outcome == "old" else new)
    with newer_release():
        recover(data)
        problems += _faults(data)
    problems += _differences(_state(data, "upgrade"), new)
    return outcome, problems


def _faults(data: Path) -> list[str]:
    """Return what `verify` says of a whole folder; a seal that was cut off is none."""
    reader = Reader(data)
    problems = [*faults(data), *verify_seals(reader).faults]
    if is_unfinished(reader):
        problems.append("an erasure is not finished")
    if drafts := reader.query("SELECT name FROM recording_sessions WHERE is_draft"):
        problems.append(f"drafts are left: {drafts}")
    return [problem for problem in problems if _CUT_OFF not in problem]


def _seal_again(data: Path) -> list[str]:
    """Seal a folder, which heals a seal that was cut off; return the faults after it."""

    async def seal() -> None:
        async with SessionRecorder(data) as recorder:
            await change(recorder, "seal")

    count = len(read_seal_lines(data)[0])
    asyncio.run(seal())
    lines, rest = read_seal_lines(data)
    problems = list(verify_seals(Reader(data)).faults)
    if (len(lines), rest) != (count + 1, ""):
        problems.append(f"{SEALS_NAME} has {len(lines)} lines after another seal, not {count + 1}")
    return problems


def _differences(state: State, expected: State) -> list[str]:
    return [
        f"{key} is neither old nor new"
        for key in sorted(state.keys() | expected.keys())
        if state.get(key) != expected.get(key)
    ]
