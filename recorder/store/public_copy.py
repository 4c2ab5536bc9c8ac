"""A database to publish: selected sessions, without private data.

It is written row by row to a new file, so that it cannot contain any other byte.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from recorder.errors import Conflict, NotFound, StorageError
from recorder.formatting import plural
from recorder.models import MENTION
from recorder.record import jsonl
from recorder.record.changes import current
from recorder.record.redaction import without_user
from recorder.record.unspaced_scripts import split_characters
from recorder.store.database import sqlite_errors
from recorder.store.message_rows import changes_of, message_in
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
    "messages": """
        SELECT m.session_id, m.message_index, m.message_id, m.timestamp, m.author, m.author_id,
            m.type, m.text AS content, m.model, m.reply_to, m.edited_at, m.pinned, m.reactions,
            m.text <> m.content OR m.type = 'system_message' AS has_names, l.line,
            coalesce(json_array_length(m.attachments), 0) AS files,
            (SELECT count(*) FROM lines e WHERE e.session_id = m.session_id
                AND e.about = m.message_id AND json_extract(e.line, '$.type') = 'edit') AS versions,
            CASE
                WHEN m.deleted_at IS NOT NULL THEN 'deleted'
                WHEN json_extract(l.line, '$.erased_at') IS NOT NULL THEN 'erased'
                WHEN json_extract(l.line, '$.opted_out') THEN 'opted out'
                WHEN m.author_id IN (SELECT value FROM json_each(:opted_out)) THEN 'opted out'
            END AS left_out
        FROM messages m JOIN lines l ON l.id = m.id
        WHERE m.session_id = :session ORDER BY m.message_index""",
}
# Users who opt out today are left out of earlier messages too; where the guild is unknown, or in
# direct messages, wherever they did.
_OPTED_OUT = """
SELECT DISTINCT o.user_id FROM opted_out o JOIN recording_sessions s ON s.id = :session
WHERE o.until IS NULL AND (s.guild_id IS NULL OR o.place_id = s.guild_id)
"""
_IDS = """
SELECT guild_id FROM recording_sessions UNION SELECT channel_id FROM recording_sessions
UNION SELECT channel_id FROM session_channels UNION SELECT user_id FROM recording_sessions
UNION SELECT author_id FROM messages UNION SELECT user_id FROM opted_out
"""
# A link to anything in Discord, and the ids in it; a Discord id anywhere else.
_LINK = re.compile(
    r"(?:[\w-]+\.)*discord(?:app)?\.(?:com|net)/[^\s<>()\[\]\"']*|discord://[^\s<>()\[\]\"']*",
    re.IGNORECASE,
)
_ID_IN_LINK = re.compile(r"(?<=[/=])\d+")
_ID = re.compile(r"(?<!\d)\d{15,20}(?!\d)")
# References to messages that were not copied.
_CLEAN = (
    "DELETE FROM session_tags WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE "
    "m.session_id = session_tags.session_id AND m.message_index = session_tags.message_index)",
    "UPDATE messages SET reply_to = NULL WHERE reply_to IS NOT NULL AND NOT EXISTS (SELECT 1 FROM "
    "messages m WHERE m.session_id = messages.session_id AND m.message_id = messages.reply_to)",
    "UPDATE recording_sessions SET message_count = "
    "(SELECT count(*) FROM messages WHERE session_id = recording_sessions.id)",
)


@dataclass(slots=True)
class LeftOut:
    """The numbers of what a public copy does not contain of its sessions.

    ``names`` counts the messages in which a name was replaced.
    """

    deleted: int = 0
    erased: int = 0
    opted_out: int = 0
    versions: int = 0
    files: int = 0
    names: int = 0

    def __str__(self) -> str:
        """Return the numbers that are not 0, as a phrase."""
        of_opted_out = "of users who opted out"
        parts = (
            (self.deleted, "deleted message", "deleted messages"),
            (self.erased, "erased message", "erased messages"),
            (self.opted_out, f"message {of_opted_out}", f"messages {of_opted_out}"),
            (self.names, f"mention {of_opted_out}", f"mentions {of_opted_out}"),
            (self.versions, "earlier version", "earlier versions"),
            (self.files, "attached file", "attached files"),
        )
        return ", ".join(plural(count, one, many) for count, one, many in parts if count)


@dataclass(frozen=True, slots=True)
class PublicCopy:
    """The number of messages of a public copy, and what it does not contain."""

    messages: int
    left_out: LeftOut


def make_public_copy(reader: Reader, session_ids: Sequence[str], path: Path) -> PublicCopy:
    """Copy sessions to a new database.

    The copy has the current texts. It has no deleted messages or earlier versions, no messages of
    users who opted out or mentions of their names, and no keys, hashes, raw lines or Discord ids
    of users, channels and servers, also not in links.

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
                copying = _Copying(source)
                with target.atomic():
                    _copy(copying, target, session_ids)
                return PublicCopy(target.table("messages").count, copying.left_out)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _copy(copying: _Copying, target: Database, session_ids: Sequence[str]) -> None:
    for statement in _schema():
        target.execute(statement)
    for session_id in session_ids:
        for table in _ROWS:
            target.table(table).insert_all(copying.rows(table, session_id))
        if not target.table("recording_sessions").count_where("id = ?", (session_id,)):
            raise NotFound("A session was deleted in the meantime. Leave it out.")
    for statement in _CLEAN:
        target.execute(statement)
    target.execute("INSERT INTO messages_fts (messages_fts) VALUES ('optimize')")


class _Copying:
    """The rows of a public copy."""

    def __init__(self, source: Database) -> None:
        self.left_out = LeftOut()
        self._source = source
        self._ids = {id for (id,) in source.execute(_IDS)}
        self._authors: dict[str, str] = {}

    def rows(self, table: str, session_id: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of a session in a table."""
        session = {"session": session_id}
        opted_out = {user_id for (user_id,) in self._source.execute(_OPTED_OUT, session)}
        parameters = session | {"opted_out": json.dumps(sorted(opted_out))}
        for row in self._source.query(_ROWS[table], parameters):
            if table == "messages":
                if not self._is_left_out(row):
                    yield self._message(row, opted_out)
            else:
                texts = {key: row[key] for key in ("name", "name_key", "tag") if key in row}
                yield row | {key: self._without_ids(text) for key, text in texts.items()}

    def _is_left_out(self, row: dict[str, Any]) -> bool:
        self.left_out.deleted += row["left_out"] == "deleted"
        self.left_out.erased += row["left_out"] == "erased"
        self.left_out.opted_out += row["left_out"] == "opted out"
        return row["left_out"] is not None

    def _message(self, row: dict[str, Any], opted_out: set[str]) -> dict[str, Any]:
        """Return a message with a number for its author, and without other ids."""
        self.left_out.versions += row.pop("versions")
        self.left_out.files += row.pop("files")
        line, has_names, _ = row.pop("line"), row.pop("has_names"), row.pop("left_out")
        content = self._text(row, line, opted_out) if has_names else row["content"]
        content = MENTION.sub(lambda token: f"{token[1][0]}unknown", content)
        content = self._without_ids(content)
        return row | {
            "author_id": self._authors.setdefault(row["author_id"], str(len(self._authors) + 1)),
            "content": content,
            "spaced_text": split_characters(content),
        }

    def _text(self, row: dict[str, Any], line: str, opted_out: set[str]) -> str:
        """Return what people saw, without the names of users who opted out."""
        text = str(row["content"])
        if not opted_out:
            return text
        message, message_id = message_in(line), row["message_id"]
        if message_id is not None:
            changes = changes_of(self._source.conn, row["session_id"], message_id)
            message = current(message, changes).message
        named = opted_out.intersection(re.findall(r"\d+", jsonl.encode(message)))
        for user_id in named:
            message = without_user(message, user_id, (), "", shown="unknown")
        self.left_out.names += message.text != text
        return message.text

    def _without_ids(self, text: str) -> str:
        """Return a text without the ids in links to Discord, and without any known id."""
        text = _LINK.sub(lambda link: _ID_IN_LINK.sub("0", link[0]), text)
        return _ID.sub(lambda id: "0" if id[0] in self._ids else id[0], text)


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
