"""The ledger: what happened to the data folder as a whole, to be sealed.

Each entry is canonical JSON and a leaf of a Merkle tree (RFC 6962). Entries are only appended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from recorder.models import Json
from recorder.record import canonical_json, merkle
from recorder.store.database import Connection
from recorder.store.journal import Journal

_HEADS = """
SELECT s.id, s.line_count, lower(hex(s.head)) FROM recording_sessions s LEFT JOIN (
    SELECT json_extract(entry, '$.session') AS session_id, json_extract(entry, '$.head') AS head,
        max(position) FROM ledger WHERE json_extract(entry, '$.entry') = 'session'
    GROUP BY session_id
) sealed ON sealed.session_id = s.id
WHERE NOT s.is_draft AND lower(hex(s.head)) IS NOT sealed.head ORDER BY s.rowid
"""


def append(journal: Journal, entry: Mapping[str, Json]) -> None:
    """Append an entry, within the transaction of `journal`."""
    text = canonical_json.encode(entry)
    journal.connection.execute(
        "INSERT INTO ledger (position, entry, leaf) "
        "SELECT coalesce(max(position) + 1, 0), ?, ? FROM ledger",
        (text, merkle.leaf_hash(text.encode())),
    )


def append_heads(journal: Journal) -> int:
    """Append the head of each session that changed since its last entry; return the new size."""
    journal.flush()
    for session_id, lines, head in journal.connection.execute(_HEADS).fetchall():
        append(journal, {"entry": "session", "session": session_id, "lines": lines, "head": head})
    return size(journal.connection)


def append_deletion(journal: Journal, session_id: str) -> None:
    """Append that a session is deleted, with its last head."""
    journal.flush()
    lines, head = journal.connection.execute(
        "SELECT line_count, lower(hex(head)) FROM recording_sessions WHERE id = ?", (session_id,)
    ).fetchone()
    append(journal, {"entry": "deleted", "session": session_id, "lines": lines, "head": head})


def append_erasure(
    journal: Journal, erasure_id: int, reason: str, lines: int, now: datetime
) -> None:
    """Append that an erasure destroyed a number of lines."""
    entry: dict[str, Json] = {"entry": "erasure", "erasure": erasure_id, "lines": lines}
    append(journal, {**entry, "erased_at": now.isoformat(), "reason": reason})


def append_opted_out(
    journal: Journal, scope_id: str, user_id: str, since: str, until: str | None
) -> None:
    """Append that a user opted out of being recorded, or the end of that."""
    entry: dict[str, Json] = {"entry": "opted_out", "place": scope_id, "user": user_id}
    append(journal, {**entry, "since": since, "until": until})


def size(connection: Connection) -> int:
    """Return the number of entries."""
    (count,) = connection.execute("SELECT count(*) FROM ledger").fetchone()
    return int(count)


def leaves(connection: Connection) -> Iterator[bytes]:
    """Yield the hashes of all entries."""
    for (entry,) in connection.execute("SELECT entry FROM ledger ORDER BY position"):
        yield merkle.leaf_hash(entry.encode())


def last_head(connection: Connection, session_id: str) -> tuple[int, str] | None:
    """Return the position and the text of the last entry with the head of a session."""
    row = connection.execute(
        "SELECT position, entry FROM ledger WHERE json_extract(entry, '$.entry') = 'session' "
        "AND json_extract(entry, '$.session') = ? ORDER BY position DESC LIMIT 1",
        (session_id,),
    ).fetchone()
    return None if row is None else (row[0], row[1])
