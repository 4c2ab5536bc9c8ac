"""Verification of the ledger: its entries, and the tables that derive from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from recorder.models import Json
from recorder.record import canonical_json, chain, merkle
from recorder.store.database import Connection

_Row: TypeAlias = tuple[Json, ...]

_TABLES = {
    "opted_out": "SELECT place_id, user_id, since, until FROM opted_out",
    "auto_recording": "SELECT place_id, guild_id FROM auto_recording",
    "own_messages": "SELECT message_id FROM own_messages",
    "erasures": "SELECT id, erased_at, reason, line_count FROM erasures",
}
_SHOWN = 3  # rows of one kind


@dataclass(slots=True)
class _Derived:
    """The state that the entries lead to; the keys of its rows are primary keys."""

    tables: dict[str, dict[_Row, _Row]] = field(
        default_factory=lambda: {table: {} for table in _TABLES}
    )
    heads: dict[str, list[chain.Head]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)

    def apply(self, entry: dict[str, Json]) -> str | None:
        """Apply an entry, and return what is wrong with it.

        Raises
        ------
        KeyError, TypeError, ValueError
            It is not an entry that the recorder writes.
        """
        match entry.pop("entry"):
            case "session" | "deleted" as kind:
                return self._apply_head(**entry, is_deletion=kind == "deleted")  # type: ignore[arg-type]
            case "opted_out":
                key = (entry["place"], entry["user"], entry["since"])
                self.tables["opted_out"][key] = (*key, entry["until"])
            case "auto_recording" if entry["on"]:
                place = (entry["place"],)
                self.tables["auto_recording"][place] = (*place, entry["guild"])
            case "auto_recording":
                self.tables["auto_recording"].pop((entry["place"],), None)
            case "own_messages":
                ids = entry["ids"]
                assert isinstance(ids, list)
                self.tables["own_messages"].update({(each,): (each,) for each in ids})
            case "erasure":
                erased = (entry["erasure"], entry["erased_at"], entry["reason"], entry["lines"])
                if erased[:1] in self.tables["erasures"]:
                    return f"is the second one of the erasure {erased[0]}"
                self.tables["erasures"][erased[:1]] = erased
            case kind:
                return f"is of an unknown kind, {kind!r:.40}"
        return None

    def _apply_head(self, session: str, lines: int, head: str, *, is_deletion: bool) -> str | None:
        noted = chain.Head(lines, bytes.fromhex(head))
        earlier = self.heads.setdefault(session, [])
        if session in self.deleted:
            return f"is of the session {session}, which was deleted before"
        if earlier and lines < earlier[-1].lines:
            return f"has fewer lines of the session {session} than an earlier one"
        earlier.append(noted)
        if is_deletion:
            self.deleted.add(session)
        return None


def faults(connection: Connection) -> Iterator[str]:
    """Yield the faults of the ledger, of the tables derived from it, and of sealed sessions."""
    derived = _Derived()
    for position, (stored, entry, leaf) in enumerate(
        connection.execute("SELECT position, entry, leaf FROM ledger ORDER BY position")
    ):
        if stored != position:
            yield f"ledger: has no entry {position} (the next one is {stored})"
            return
        if fault := _entry_fault(derived, entry, leaf):
            yield f"ledger, entry {position}: {fault}"
    for table, rows in derived.tables.items():
        stored_rows = set(connection.execute(_TABLES[table]))
        expected = set(rows.values())
        yield from _shown(f"{table}: lacks a row of the ledger", expected - stored_rows)
        yield from _shown(f"{table}: has a row that is not in the ledger", stored_rows - expected)
    yield from _session_faults(connection, derived)


def _entry_fault(derived: _Derived, entry: str, leaf: bytes) -> str | None:
    try:
        if merkle.leaf_hash(entry.encode()) != leaf:
            return "does not match its hash"
        return derived.apply(canonical_json.decode(entry))
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError):
        return "is not one that the recorder writes"


def _shown(what: str, rows: Iterable[_Row]) -> Iterator[str]:
    rows = sorted(rows, key=str)
    for row in rows[:_SHOWN]:
        yield f"{what}: {', '.join('NULL' if value is None else str(value) for value in row)}"
    if len(rows) > _SHOWN:
        yield f"{what}: {len(rows) - _SHOWN} more"


def _session_faults(connection: Connection, derived: _Derived) -> Iterator[str]:
    counts = dict(
        connection.execute("SELECT id, line_count FROM recording_sessions WHERE NOT is_draft")
    )
    for session_id, heads in derived.heads.items():
        if session_id in derived.deleted:
            if session_id in counts:
                yield f"session {session_id}: exists, but the ledger says that it was deleted"
            continue
        if session_id not in counts:
            yield (
                f"session {session_id}: was deleted without an entry in the ledger, which has "
                f"{heads[-1].lines} lines of it"
            )
            continue
        for head in heads:
            if head.lines > counts[session_id]:
                yield (
                    f"session {session_id}: has {counts[session_id]} lines, but had {head.lines} "
                    "when it was sealed: lines were removed"
                )
                break
            if _hash_at(connection, session_id, head.lines) != head.hash:
                yield (
                    f"session {session_id}: its first {head.lines} lines are not those that were "
                    "sealed"
                )
                break


def _hash_at(connection: Connection, session_id: str, lines: int) -> bytes | None:
    """Return the hash of the last of so many lines of a session."""
    if lines == 0:
        return chain.genesis(session_id)
    row = connection.execute(
        "SELECT hash FROM lines WHERE session_id = ? AND line_number = ?", (session_id, lines)
    ).fetchone()
    return None if row is None else row[0]
