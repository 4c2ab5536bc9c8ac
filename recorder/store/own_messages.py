"""Messages of the recorder itself, which are never recorded."""

from __future__ import annotations

from collections.abc import Sequence

from recorder.store import ledger
from recorder.store.journal import Journal


def add(journal: Journal, message_ids: Sequence[int]) -> None:
    """Store messages by their Discord ids."""
    if not message_ids:
        return
    journal.db.table("own_messages").upsert_all(
        ({"message_id": message_id} for message_id in message_ids), pk="message_id"
    )
    ledger.append(journal, {"entry": "own_messages", "ids": list(message_ids)})
