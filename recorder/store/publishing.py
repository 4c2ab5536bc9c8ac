"""Copying chosen sessions into a database of their own."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from recorder.database import schema, sqlite_errors, statements
from recorder.store.reading import Reader

# What of a session may be seen by everybody. Whom it concerns beyond that stays at home.
_SESSIONS = (
    "id, name, NULL, channel_id, started_at, stopped_at, message_count, '', status, name_key, "
    "guild_id, is_auto, 0, 0, 0, x''"
)
_MESSAGES = (
    "id, session_id, message_index, message_id, channel_id, timestamp, author, author_id, type, "
    "CASE WHEN deleted_at IS NULL THEN content ELSE '' END, "
    "CASE WHEN deleted_at IS NULL THEN shown_text ELSE '(deleted)' END, model, "
    "CASE WHEN deleted_at IS NULL THEN attachments END, reply_to, edited_at, deleted_at, pinned, "
    "CASE WHEN deleted_at IS NULL THEN spaced_text END, reactions"
)
_MESSAGE_COLUMNS = (
    "id, session_id, message_index, message_id, channel_id, timestamp, author, author_id, type, "
    "content, shown_text, model, attachments, reply_to, edited_at, deleted_at, pinned, "
    "spaced_text, reactions"
)
_SELDOM_SEEN = ("lines", "erased_lines", "erasures", "opted_out", "file_removals", "auto_recording")


def copy_sessions(reader: Reader, session_ids: Sequence[str], path: Path) -> None:
    """Make a new database at `path` with these sessions: messages, tags, intervals, gaps.

    Raises
    ------
    OSError, StorageError
        It cannot be written.
    """
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    marks = ", ".join("?" * len(session_ids))
    with sqlite_errors(path), closing(sqlite3.connect(path, isolation_level=None)) as target:
        for statement in statements(schema()):
            target.execute(statement)
        target.execute("BEGIN")
        with reader.connect() as source:
            source.execute("BEGIN")  # all of the same moment
            for table, columns, wanted in (
                ("recording_sessions", "", f"SELECT {_SESSIONS} FROM recording_sessions WHERE id"),
                (
                    "messages",
                    f"({_MESSAGE_COLUMNS})",
                    f"SELECT {_MESSAGES} FROM messages WHERE session_id",
                ),
                ("session_tags", "", "SELECT * FROM session_tags WHERE session_id"),
                ("session_intervals", "", "SELECT * FROM session_intervals WHERE session_id"),
                ("session_gaps", "", "SELECT * FROM session_gaps WHERE session_id"),
            ):
                rows = source.execute(f"{wanted} IN ({marks})", tuple(session_ids))
                count = len(rows.description)
                values = ", ".join("?" * count)
                target.executemany(f"INSERT INTO {table} {columns} VALUES ({values})", rows)
        target.execute("COMMIT")
        for table in _SELDOM_SEEN:
            target.execute(f"DROP TABLE {table}")
        target.execute("VACUUM")
