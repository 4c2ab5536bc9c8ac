"""Erasures: their scope including further files, and their execution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from recorder.models import Deletion
from recorder.recording.projection import damaged_copies
from recorder.store import erasure, export_index
from recorder.store.erasure import ErasureScope, Selection
from recorder.store.journal import Journal
from recorder.store.reading import Reader


@dataclass(frozen=True, slots=True)
class ErasurePlan:
    """Everything that an erasure destroys, and the further files that it removes."""

    scope: ErasureScope
    files: tuple[str, ...]


def plan_erasure(reader: Reader, selection: Selection) -> ErasurePlan:
    """Determine what an erasure would destroy; nothing is changed."""
    with reader.database() as db:
        scope = erasure.find_scope(db, selection)
    return ErasurePlan(scope, _further_files(reader, scope))


def erase(journal: Journal, reader: Reader, selection: Selection, now: datetime) -> ErasurePlan:
    """Destroy the selected content, within the transaction of `journal`.

    Raises
    ------
    Conflict
        A session that is to be deleted as a whole is running.
    """
    journal.flush()
    scope = erasure.find_scope(journal.db, selection)
    plan = ErasurePlan(scope, _further_files(reader, scope))
    erasure.erase(journal, scope, now, plan.files)
    return plan


def erase_deleted(
    journal: Journal, reader: Reader, deletions: Sequence[Deletion], now: datetime
) -> None:
    """Record deletions, and erase the deleted messages, in one transaction."""
    for deletion in deletions:
        journal.change(deletion)
    message_ids = tuple(deletion.message_id for deletion in deletions)
    erase(journal, reader, Selection("deletion", message_ids=message_ids), now)


def _further_files(reader: Reader, scope: ErasureScope) -> tuple[str, ...]:
    """Return files other than the JSONL files that may hold erased content."""
    session_ids = (*scope.session_ids, *scope.whole_session_ids)
    if not session_ids:
        return ()
    names = export_index.files_of(reader.folder / "exports", session_ids)
    paths = [f"exports/{name}" for name in names]
    for session_id in session_ids:
        paths += damaged_copies(reader.folder, reader.session(session_id).file_path)
    return tuple(paths)
