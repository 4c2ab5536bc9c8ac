"""What has to hold of a data folder, and of what was acknowledged, after any accident."""

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
    """What is wrong with a data folder.

    Nothing is when each file is what the database says, to the byte, and the database, its
    chains of hashes and its full-text index are sound.
    """
    reader = Reader(folder)
    found: list[str] = []
    for session in reader.sessions():
        found += verify(reader, session, recording=recording).faults
        lines = "".join(f"{line}\n" for line in reader.lines(session.id)).encode()
        if (folder / session.file_path).read_bytes() != lines:
            found.append(f"{session.file_path}: is not what the database says")
        if session.byte_size != len(lines):
            found.append(f"{session.file_path}: its size in the database is wrong")
    found += verify_database(folder)
    with closing(open_for_reading(folder)) as connection:
        check = connection.execute("PRAGMA integrity_check").fetchall()
    return found + [f"database: {message}" for (message,) in check if message != "ok"]


def recover(folder: Path) -> None:
    """Let a recorder open a data folder, which recovers it, and close it."""

    async def open_and_close() -> None:
        async with SessionRecorder(folder):
            pass

    asyncio.run(open_and_close())


def kept(folder: Path) -> dict[int, int]:
    """The index of each message that is in the database, by its number."""
    reader = Reader(folder)
    found = {}
    for session in reader.sessions():
        for recorded in reader.messages(session.id):
            number = (recorded.message.message_id or 0) - FIRST_ID
            if recorded.message.content.startswith(f"message {number} "):
                found[number] = recorded.message_index
    return found


@dataclass
class Result:
    """What became of a number of runs.

    Attributes
    ----------
    acknowledged
        Messages that were acknowledged; where the same recording is used for several runs,
        those that were before each accident.
    lost
        Acknowledged messages that were gone, or stood at another place, after the recovery.
    damaged
        Runs after which something was not sound, or which did not end as they should.
    must_lose
        Whether this is a control, which shows that losses would be seen.
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
        """Whether all was as it should be."""
        if self.must_lose:
            return self.lost > 0
        return self.skipped or (self.runs > 0 and not self.lost and not self.damaged)

    @property
    def verdict(self) -> str:
        """In a word or a few."""
        if self.skipped:
            return "skipped"
        if self.must_lose:
            return "loses, as it must" if self.passed else "FAILED: lost nothing"
        return "passed" if self.passed else "FAILED"

    def damage(self, *sentences: str) -> None:
        """Count a run as damaged."""
        self.damaged += 1
        self.faults += sentences[: _FAULTS_SHOWN - len(self.faults)]

    def check(
        self, folder: Path, acknowledged: Mapping[int, int], *, torn_files: bool = False
    ) -> None:
        """Start a recorder after an accident, and count what is not as it should be.

        Parameters
        ----------
        acknowledged
            The index of each message that was acknowledged, by its number.
        torn_files
            Whether the accident may leave bytes in a file that the recorder never wrote:
            they are kept beside it, which else means that a file led the database.
        """
        try:
            recover(folder)
            index = kept(folder)
            found = faults(folder)
        except (RecorderError, OSError) as error:
            index, found = {}, [f"{type(error).__name__}: {error}"]
        if not torn_files:
            found += [f"{path.name} was kept" for path in folder.glob("sessions/*.damaged*")]
        if sorted(index.values()) != list(range(1, len(index) + 1)):
            found.append("the messages are not numbered from 1 without holes")
        self.lost += len(acknowledged.items() - index.items())
        if found:
            self.damage(*found)
