"""The integrity of a data folder and of all acknowledged messages after an accident."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from recorder import SessionRecorder
from recorder.care.verification import verify, verify_database
from recorder.errors import RecorderError
from recorder.store.database import open_for_reading
from recorder.store.reading import Reader

FIRST_ID = 1_000_000
_FAULTS_SHOWN = 5


def faults(folder: Path, *, recording: bool = False) -> list[str]:
    """Return the faults of a data folder.

    There are none when each file is the projection of the database, to the byte, and the
    database, its hash chains and its full-text index are sound.
    """
    reader = Reader(folder)
    problems: list[str] = []
    for session in reader.sessions():
        problems += verify(reader, session, recording=recording).faults
        lines = "".join(f"{line}\n" for line in reader.lines(session.id)).encode()
        if (folder / session.file_path).read_bytes() != lines:
            problems.append(f"{session.file_path}: differs from the database")
        if session.byte_size != len(lines):
            problems.append(f"{session.file_path}: its size in the database is wrong")
    problems += verify_database(folder)
    with closing(open_for_reading(folder)) as connection:
        check = connection.execute("PRAGMA integrity_check").fetchall()
    return problems + [f"database: {message}" for (message,) in check if message != "ok"]


def recover(folder: Path) -> None:
    """Open a recorder on a data folder, which recovers the folder, and close it."""

    async def open_and_close() -> None:
        async with SessionRecorder(folder):
            pass

    asyncio.run(open_and_close())


def kept(folder: Path) -> dict[int, int]:
    """Return the index of each message in the database, by its number."""
    reader = Reader(folder)
    indexes = {}
    for session in reader.sessions():
        for recorded in reader.messages(session.id):
            number = (recorded.message.message_id or 0) - FIRST_ID
            if recorded.message.content.startswith(f"message {number} "):
                indexes[number] = recorded.message_index
    return indexes


@dataclass
class Result:
    """The result of a number of runs.

    Attributes
    ----------
    acknowledged
        The number of acknowledged messages; where several runs use the same recording, of
        those before each accident.
    lost
        The number of acknowledged messages that were missing, or had another index, after
        the recovery.
    damaged
        The number of runs that left faults, or did not end as they should.
    must_lose
        Whether this is a control, which shows that losses would be detected.
    """

    subject: str
    runs: int = 0
    acknowledged: int = 0
    lost: int = 0
    damaged: int = 0
    must_lose: bool = False
    skipped: bool = False
    note: str = ""
    faults: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing was lost or damaged, or the control lost messages."""
        if self.must_lose:
            return self.lost > 0
        return self.skipped or (self.runs > 0 and not self.lost and not self.damaged)

    @property
    def verdict(self) -> str:
        """The verdict in a few words."""
        if self.skipped:
            return "skipped"
        if self.must_lose:
            return "loses, as it must" if self.passed else "FAILED: lost nothing"
        return "passed" if self.passed else "FAILED"

    def damage(self, *sentences: str) -> None:
        """Count a run as damaged, and keep its first faults."""
        self.damaged += 1
        self.faults += sentences[: _FAULTS_SHOWN - len(self.faults)]

    def check(
        self, folder: Path, acknowledged: Mapping[int, int], *, torn_files: bool = False
    ) -> None:
        """Recover a data folder after an accident, and count what is lost or damaged.

        Parameters
        ----------
        acknowledged
            The index of each acknowledged message, by its number.
        torn_files
            Whether the accident may leave bytes in a file that the recorder never wrote. They
            are kept beside it; otherwise such a copy means that a file was ahead of the
            database.
        """
        try:
            recover(folder)
            index = kept(folder)
            problems = faults(folder)
        except (RecorderError, OSError) as error:
            index, problems = {}, [f"{type(error).__name__}: {error}"]
        if not torn_files:
            problems += [f"{path.name} was kept" for path in folder.glob("sessions/*.damaged*")]
        if sorted(index.values()) != list(range(1, len(index) + 1)):
            problems.append("the messages are not numbered from 1 without holes")
        self.lost += len(acknowledged.items() - index.items())
        if problems:
            self.damage(*problems)
