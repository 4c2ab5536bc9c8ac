"""Forgeries by a forger who knows the recorder, and changes all that belongs together."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from recorder.models import Message, SessionEvent
from recorder.record import canonical_json, chain, jsonl, merkle
from recorder.store.database import DATABASE_NAME, open_for_writing
from recorder.store.journal import Journal
from recorder.store.open_session import load_open_session
from scripts.torture_runs.sealed_folder import earlier_state

_Lines = list[str]
_FIRST = "SELECT id FROM recording_sessions WHERE name = 'first, renamed'"
_SECOND = "SELECT id FROM recording_sessions WHERE name = 'second'"


def _sql(*statements: str) -> Callable[[Path], None]:
    """Return a forgery by SQL; the full-text index follows by its triggers."""

    def apply(folder: Path) -> None:
        with closing(sqlite3.connect(folder / DATABASE_NAME)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    return apply


def _rewritten(session: str, change: Callable[[_Lines], _Lines]) -> Callable[[Path], None]:
    """Return a forgery of lines with everything that follows: chain, rows, counts and file."""

    def apply(folder: Path) -> None:
        with closing(open_for_writing(folder)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            id, file_path = connection.execute(
                f"SELECT id, file_path FROM recording_sessions WHERE id = ({session})"
            ).fetchone()
            rows = connection.execute(
                "SELECT line FROM lines WHERE session_id = ? ORDER BY line_number", (id,)
            )
            lines = change([line for (line,) in rows])
            _rebuild(connection, id, lines)
            connection.execute("COMMIT")
        (folder / file_path).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    return apply


def _rebuild(connection: sqlite3.Connection, session_id: str, lines: _Lines) -> None:
    """Record the lines of a session again."""
    connection.execute("PRAGMA defer_foreign_keys = ON")
    tables = "messages lines session_intervals session_gaps session_tags session_channels".split()
    for table in tables:
        connection.execute(f"DELETE FROM {table} WHERE session_id = ?", (session_id,))
    connection.execute(
        "UPDATE recording_sessions SET message_count = 0, line_count = 0, byte_size = 0, "
        "synced_bytes = 0, in_order = 1, stopped_at = NULL, head = ? WHERE id = ?",
        (chain.genesis(session_id), session_id),
    )
    journal = Journal(connection, lambda path: True)
    session = load_open_session(journal.db, session_id)
    for line in lines:
        entry = jsonl.decode(line)
        if isinstance(entry, Message):
            journal.append(session, entry)
        elif isinstance(entry, SessionEvent):
            journal.append_event(session, entry)
        else:
            journal.append_change(session, entry)
    journal.flush()


def _replaced(old: str, new: str) -> Callable[[_Lines], _Lines]:
    def change(lines: _Lines) -> _Lines:
        assert any(old in line for line in lines), old
        return [line.replace(old, new) for line in lines]

    return change


def _without(text: str) -> Callable[[_Lines], _Lines]:
    def change(lines: _Lines) -> _Lines:
        kept = [line for line in lines if text not in line]
        assert len(kept) < len(lines), text
        return kept

    return change


def _session_removed(folder: Path) -> None:
    with closing(sqlite3.connect(folder / DATABASE_NAME)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = ON")
        ((path,),) = connection.execute(
            f"SELECT file_path FROM recording_sessions WHERE id = ({_SECOND})"
        ).fetchall()
        connection.execute(f"DELETE FROM messages WHERE session_id = ({_SECOND})")
        connection.execute(f"DELETE FROM recording_sessions WHERE id = ({_SECOND})")
    (folder / path).unlink()


def _ledger(keep: Callable[[str], str | None]) -> Callable[[Path], None]:
    """Return a forgery of the ledger: other entries, with their positions and hashes."""

    def apply(folder: Path) -> None:
        with closing(sqlite3.connect(folder / DATABASE_NAME)) as connection, connection:
            rows = connection.execute("SELECT entry FROM ledger ORDER BY position").fetchall()
            entries = [entry for (old,) in rows if (entry := keep(old)) is not None]
            assert entries != [old for (old,) in rows]
            connection.execute("DELETE FROM ledger")
            connection.executemany(
                "INSERT INTO ledger VALUES (?, ?, ?)",
                [(n, e, merkle.leaf_hash(e.encode())) for n, e in enumerate(entries)],
            )

    return apply


def _together(*forgeries: Callable[[Path], None]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        for forgery in forgeries:
            forgery(folder)

    return apply


def _other_file(folder: Path) -> None:
    """Replace a kept file, its path and its row."""
    content = b"another plan\n" * 100
    digest = hashlib.sha256(content).hexdigest()
    path = f"attachments/{digest[:2]}/{digest}.txt"
    (folder / path).parent.mkdir(exist_ok=True)
    (folder / path).write_bytes(content)
    with closing(sqlite3.connect(folder / DATABASE_NAME)) as connection, connection:
        ((old,),) = connection.execute("SELECT file_path FROM attachments").fetchall()
        connection.execute(
            "UPDATE attachments SET file_path = ?, byte_size = ?", (path, len(content))
        )
    (folder / old).unlink()


def _rolled_back(folder: Path) -> None:
    """Put an earlier state of the folder back, which was sound; keep the seals."""
    earlier = earlier_state(folder.with_name("original"))
    (folder / DATABASE_NAME).write_bytes((earlier / DATABASE_NAME).read_bytes())
    shutil.rmtree(folder / "sessions")
    shutil.copytree(earlier / "sessions", folder / "sessions")


def _another_id(entry: str) -> str:
    data = canonical_json.decode(entry)
    if data["entry"] != "own_messages":
        return entry
    return canonical_json.encode({**data, "ids": [(1 << 60) + 53]})


def _edit_of(message: int, text: str) -> str:
    id = (1 << 60) + message
    return f"about = {id} AND json_extract(line, '$.type') = '{text}'"


_TO_FIRST = f"session_id = ({_FIRST})"
CONSISTENT: dict[str, Callable[[Path], None]] = {
    "edit undone": _sql(
        f"UPDATE lines SET about = NULL WHERE {_edit_of(2, 'edit')}",
        "UPDATE messages SET content = 'message 2', edited_at = NULL WHERE content = 'edited once'",
    ),
    "edit put into another's mouth": _sql(
        f"UPDATE lines SET about = {(1 << 60) + 5} WHERE {_edit_of(3, 'edit')}",
        f"UPDATE messages SET content = 'message 3' WHERE {_TO_FIRST} AND message_index = 3",
        f"UPDATE messages SET content = 'edited as well' WHERE {_TO_FIRST} AND message_index = 5",
    ),
    "deletion undone": _sql(
        f"UPDATE lines SET about = NULL WHERE {_edit_of(4, 'deletion')}",
        "UPDATE messages SET deleted_at = NULL",
    ),
    "time of an erased line": _sql(
        "UPDATE lines SET line = replace(line, '2026-01-01T12:07', '2026-01-01T11:07') "
        "WHERE id IN (SELECT line_id FROM erased_lines)",
        "UPDATE messages SET timestamp = replace(timestamp, '2026-01-01T12:07', "
        "'2026-01-01T11:07') WHERE id IN (SELECT line_id FROM erased_lines)",
    ),
    "id of an erased line": _sql(
        f"UPDATE lines SET line = replace(line, '{(1 << 60) + 7}', '{(1 << 60) + 6}9') "
        "WHERE id IN (SELECT line_id FROM erased_lines)",
        f"UPDATE messages SET message_id = {(1 << 60) + 6}9 "
        f"WHERE message_id = {(1 << 60) + 7} AND {_TO_FIRST}",
    ),
    "a line blanked as if erased": _sql(
        "INSERT INTO erased_lines SELECT l.id, 1, zeroblob(32) FROM lines l JOIN messages m "
        f"ON m.id = l.id WHERE m.{_TO_FIRST} AND m.message_index = 1",
        "UPDATE lines SET key = x'', line = json_set(line, '$.content', '') "
        "WHERE id = (SELECT max(line_id) FROM erased_lines)",
    ),
    "erasures removed": _sql("DELETE FROM erased_lines", "DELETE FROM erasures"),
    "erasure and its entry removed": _together(
        _ledger(lambda entry: None if '"erasure"' in entry else entry),
        _sql("DELETE FROM erasures"),
    ),
    "session removed": _session_removed,
    "session removed, with its entries": _together(
        _ledger(lambda entry: entry if '"session"' not in entry else None), _session_removed
    ),
    "session hidden as a draft": _sql(
        f"UPDATE recording_sessions SET is_draft = 1 WHERE id = ({_SECOND})"
    ),
    "names exchanged": _sql(
        "UPDATE recording_sessions SET name = 'x', name_key = 'x' WHERE name = 'second'",
        "UPDATE recording_sessions SET name = 'second', name_key = 'second' "
        "WHERE name = 'first, renamed'",
        "UPDATE recording_sessions SET name = 'first, renamed', name_key = 'first, renamed' "
        "WHERE name = 'x'",
    ),
    "tag moved": _sql(
        "UPDATE session_tags SET message_index = 4, timestamp = "
        "(SELECT timestamp FROM messages m WHERE m.session_id = "
        "session_tags.session_id AND m.message_index = 4)"
    ),
    "gap and its lines removed": _rewritten(_SECOND, _without('"event": "gap"')),
    "pause and its lines removed": _rewritten(
        _SECOND, lambda lines: _without('"event": "pause"')(_without('"event": "resume"')(lines))
    ),
    "starter changed in all places": _rewritten(
        _SECOND, _replaced('"user_id": "30"', '"user_id": "31"')
    ),
    "message rewritten in all places": _rewritten(_SECOND, _replaced("before", "after")),
    "message removed in all places": _rewritten(_SECOND, _without("before the pause")),
    "last line dropped in all places": _rewritten(_SECOND, lambda lines: lines[:-1]),
    "kept file replaced with its row": _other_file,
    "opt-out and its entry removed": _together(
        _ledger(lambda entry: None if '"opted_out"' in entry else entry),
        _sql("DELETE FROM opted_out"),
    ),
    "own message and its entry changed": _together(
        _ledger(_another_id), _sql(f"DELETE FROM own_messages WHERE message_id = {(1 << 60) + 54}")
    ),
    "database rolled back": _rolled_back,
}
