"""Erasures: their scope including further files, and their execution."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from recorder.models import Deletion
from recorder.store import erasure, export_index
from recorder.store.database import Connection
from recorder.store.erasure import ErasureScope, Selection
from recorder.store.folder import open_to_read
from recorder.store.journal import Journal
from recorder.store.lines import file_states
from recorder.store.reading import Reader


@dataclass(frozen=True, slots=True)
class ErasurePlan:
    """Everything that an erasure destroys, and the further files that it removes."""

    scope: ErasureScope
    files: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to erase."""
        return self.scope.is_empty and not self.files


def plan_erasure(reader: Reader, selection: Selection) -> ErasurePlan:
    """Determine what an erasure would destroy; nothing is changed."""
    with reader.database() as db:
        scope = erasure.find_scope(db, selection)
        return ErasurePlan(scope, tuple(_further_files(reader.folder, db.conn, scope)))


def erase(journal: Journal, folder: Path, selection: Selection, now: datetime) -> ErasurePlan:
    """Destroy the selected content, within the transaction of `journal`.

    Raises
    ------
    Conflict
        A session that is to be deleted as a whole is running.
    """
    journal.flush()
    scope = erasure.find_scope(journal.db, selection)
    plan = ErasurePlan(scope, tuple(_further_files(folder, journal.connection, scope)))
    if not plan.is_empty:
        erasure.erase(journal, scope, now, plan.files)
    return plan


def erase_deleted(
    journal: Journal, folder: Path, deletions: Sequence[Deletion], now: datetime
) -> None:
    """Record deletions, and erase the deleted messages, in one transaction."""
    for deletion in deletions:
        journal.change(deletion)
    message_ids = tuple(deletion.message_id for deletion in deletions)
    erase(journal, folder, Selection("deletion", message_ids=message_ids), now)


def _further_files(folder: Path, connection: Connection, scope: ErasureScope) -> Iterator[str]:
    """Yield files other than the JSONL files that may hold erased content.

    That is exports, and damaged copies of JSONL files: those of the affected sessions; those of
    deleted sessions, which may hold messages of anyone; and those of unknown origin.
    """
    reason = scope.selection.reason
    affected = {*scope.session_ids, *scope.whole_session_ids}
    states = file_states(connection)
    known = {state.session_id for state in states}
    of_deleted = reason in ("user", "message") or (bool(affected) and reason != "session")
    if not (affected or of_deleted):
        return

    def concerns(session_ids: set[str]) -> bool:
        return bool(session_ids & affected) or (of_deleted and bool(session_ids - known))

    for name, sessions in export_index.files(folder / "exports").items():
        if export_index.is_temporary(name):  # of an export that was killed, or that is running
            is_concerned = of_deleted and reason != "deletion"
        else:
            is_concerned = concerns(sessions) if sessions else bool(affected)
        if is_concerned:
            yield f"exports/{name}"
    owners = {Path(state.file_path).name: state.session_id for state in states}
    for path in sorted((folder / "sessions").iterdir()):
        if path.name not in owners and not path.is_dir():
            session_id = owners.get(path.name.partition(".damaged")[0], "")
            if concerns({session_id}) or _names(path, scope.selection.user_id):
                yield f"sessions/{path.name}"


def _names(path: Path, user_id: str | None) -> bool:
    """Return whether a damaged copy, which differs from the database, names a user."""
    if user_id is None:
        return False
    with suppress(OSError), open_to_read(path) as file:
        return any(f'"{user_id}"'.encode() in line for line in file)
    return False
