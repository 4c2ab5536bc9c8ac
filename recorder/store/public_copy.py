"""A database to publish: selected sessions, without private data.

It is written row by row to a new file, so that it cannot contain any other byte.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from recorder.errors import Conflict, NotFound, StorageError
from recorder.models import MENTION
from recorder.store.database import sqlite_errors
from recorder.store.reading import Reader
from recorder.store.schema import describe_schema, schema, statements

TABLES = (
    *("recording_sessions", "session_tags", "session_intervals", "session_gaps"),
    *("messages", "messages_fts"),
)
"""The tables of the copy; it also has all views."""

_ROWS = {
    "recording_sessions": """
        SELECT id, name, started_at, stopped_at, status, name_key, is_auto, 0 AS message_count,
            x'' AS head
        FROM recording_sessions WHERE id = :session""",
    "session_intervals": """
        SELECT session_id, started_at, ended_at FROM session_intervals
        WHERE session_id = :session ORDER BY started_at, id""",
    "session_gaps": """
        SELECT session_id, number, started_at, ended_at, reason, fetched, complete
        FROM session_gaps WHERE session_id = :session ORDER BY number""",
    "session_tags": """
        SELECT session_id, tag, timestamp, message_index FROM session_tags
        WHERE session_id = :session ORDER BY message_index""",
    # Without users who opted out, even after the message; 0 is an author withheld or erased.
    "messages": """
        SELECT session_id, message_index, message_id, timestamp, author, author_id, type,
            text AS content, model, reply_to, edited_at, pinned, spaced_text, reactions
        FROM messages m WHERE session_id = :session AND deleted_at IS NULL AND author_id <> '0'
            AND NOT EXISTS (
                SELECT 1 FROM opted_out o JOIN recording_sessions s ON s.id = m.session_id
                WHERE o.user_id = m.author_id AND o.place_id = coalesce(s.guild_id, s.channel_id)
                    AND o.until IS NULL
            )
        ORDER BY message_index""",
}
# References to messages that were not copied.
_CLEAN = (
    "DELETE FROM session_tags WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE "
    "m.session_id = session_tags.session_id AND m.message_index = session_tags.message_index)",
    "UPDATE messages SET reply_to = NULL WHERE reply_to IS NOT NULL AND NOT EXISTS (SELECT 1 FROM "
    "messages m WHERE m.session_id = messages.session_id AND m.message_id = messages.reply_to)",
    "UPDATE recording_sessions SET message_count = "
    "(SELECT count(*) FROM messages WHERE session_id = recording_sessions.id)",
)


def make_public_copy(reader: Reader, session_ids: Sequence[str], path: Path) -> int:
    """Copy sessions to a new database, and return its number of messages.

    The copy has the current texts. It has no deleted messages or earlier versions, no messages of
    users who opted out, and no keys, hashes, raw lines or Discord ids of users, channels and
    servers.

    Raises
    ------
    Conflict
        The file exists.
    NotFound
        A session does not exist.
    StorageError
        The database cannot be read, or the copy cannot be written; then the copy is removed.
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError as error:
        raise Conflict(f"{path} already exists. Choose another file.") from error
    except OSError as error:
        raise StorageError(f"{path} cannot be written ({error.strerror}).") from error
    try:
        with reader.database() as source, sqlite_errors(path):
            source.conn.execute("BEGIN")
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                target = Database(connection, execute_plugins=False)
                with target.atomic():
                    _copy(source, target, session_ids)
                return target.table("messages").count
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _copy(source: Database, target: Database, session_ids: Sequence[str]) -> None:
    for statement in _schema():
        target.execute(statement)
    authors: dict[str, str] = {}
    for session_id in session_ids:
        for table, sql in _ROWS.items():
            rows = source.query(sql, {"session": session_id})
            if table == "messages":
                rows = (_published(row, authors) for row in rows)
            target.table(table).insert_all(rows)
        if not target.table("recording_sessions").count_where("id = ?", (session_id,)):
            raise NotFound("A session was deleted in the meantime. Leave it out.")
    for statement in _CLEAN:
        target.execute(statement)
    target.execute("INSERT INTO messages_fts (messages_fts) VALUES ('optimize')")


def _published(row: dict[str, Any], authors: dict[str, str]) -> dict[str, Any]:
    """Replace the id of the author by a number, and remove the ids from mentions."""
    return row | {
        "author_id": authors.setdefault(row["author_id"], str(len(authors) + 1)),
        "content": MENTION.sub(lambda token: f"{token[1][0]}unknown", row["content"]),
    }


def _schema() -> Iterator[str]:
    """Yield the statements of ``schema.sql`` that the tables and views of the copy need."""
    views = [item.name for item in describe_schema() if item.sql.startswith("CREATE VIEW")]
    names = "|".join((*TABLES, *views))
    # Without session_name: sessions of several servers may have the same name.
    pattern = re.compile(
        rf"^CREATE (?:(?:VIRTUAL )?TABLE|VIEW) (?:{names})\b"
        rf"|^CREATE (?:UNIQUE )?INDEX (?!session_name\b)\w+ ON (?:{names})\b"
        rf"|^CREATE TRIGGER \w+ AFTER [\w ,]+ ON messages\b",
        re.MULTILINE,
    )
    for statement in statements(schema()):
        if match := pattern.search(statement):
            yield statement[match.start() :].replace(
                "INTEGER PRIMARY KEY REFERENCES lines (id) ON DELETE CASCADE", "INTEGER PRIMARY KEY"
            )
