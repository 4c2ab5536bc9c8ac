"""Files attached to messages: what is to be downloaded, what is kept, what could not be.

Discord's links die within a day, so the file is known by the URL without its query.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from recorder.models import Message
from recorder.store.journal import Journal
from recorder.store.reading import Reader

# How long to wait after each failed attempt; then it is given up.
_WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 2 * 60, 12 * 60, 24 * 60))

TOO_LARGE = "larger than the limit"


@dataclass(frozen=True, slots=True)
class Due:
    """A file to be downloaded; `url` is as it was recorded, with its query."""

    key: str
    url: str
    channel_id: int
    message_id: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How many files are kept, wait, and could not be kept.

    ``bytes`` is what the kept ones take; one that was sent several times counts once.
    """

    kept: int
    waiting: int
    failed: int
    bytes: int


def key_of(url: str) -> str:
    """What a file is known by: its URL without the query, which expires."""
    return url.partition("?")[0]


def keep(journal: Journal, limit: int) -> None:
    """From now on, have the files of recorded messages downloaded."""
    journal.on_attachments = lambda message: expect(journal, message, limit)


def expect(journal: Journal, message: Message, limit: int) -> None:
    """Note that the files of a message are to be downloaded, in the message's own commit.

    Parameters
    ----------
    limit
        Larger files are not kept; in bytes.
    """
    files = message.extra.get("files")
    described = files if isinstance(files, list) else []
    sizes = [file.get("size") if isinstance(file, dict) else None for file in described]
    for number, url in enumerate(message.attachments):
        size = sizes[number] if number < len(sizes) else None
        too_large = isinstance(size, int) and size > limit
        journal.connection.execute(
            "INSERT OR IGNORE INTO attachments "
            "(url, channel_id, message_id, byte_size, next_attempt_at, problem) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (
                key_of(url),
                message.channel_id,
                message.message_id,
                size,
                None if too_large else message.timestamp.isoformat(),
                TOO_LARGE if too_large else None,
            ),
        )


def due(reader: Reader, now: datetime, limit: int) -> list[Due]:
    """What is to be downloaded now, the oldest first."""
    with reader.connect() as connection:
        rows = connection.execute(
            "SELECT url, channel_id, message_id, attempts FROM attachments "
            "WHERE next_attempt_at <= ? ORDER BY next_attempt_at LIMIT ?",
            (now.isoformat(), limit),
        ).fetchall()
        return [
            Due(key, _recorded_url(connection, key, message_id), int(channel_id), message_id, tries)
            for key, channel_id, message_id, tries in rows
        ]


def kept(journal: Journal, key: str, file_path: str, byte_size: int) -> None:
    """Note where a downloaded file lies, relative to the data folder."""
    journal.connection.execute(
        "UPDATE attachments SET file_path = ?, byte_size = ?, attempts = attempts + 1, "
        "next_attempt_at = NULL, problem = NULL WHERE url = ?",
        (file_path, byte_size, key),
    )


def is_kept(connection: sqlite3.Connection, key: str, file_path: str) -> bool:
    """Whether the file of a message is kept under this path."""
    row = connection.execute("SELECT file_path FROM attachments WHERE url = ?", (key,)).fetchone()
    return row is not None and row[0] == file_path


def is_known(connection: sqlite3.Connection, file_path: str) -> bool:
    """Whether the file of any message is kept under this path."""
    query = "SELECT 1 FROM attachments WHERE file_path = ?"
    return connection.execute(query, (file_path,)).fetchone() is not None


def failed(journal: Journal, key: str, problem: str, now: datetime, *, for_good: bool) -> None:
    """Note that a download failed, and when it is tried again, if at all."""
    (attempts,) = journal.connection.execute(
        "SELECT attempts FROM attachments WHERE url = ?", (key,)
    ).fetchone() or (0,)
    again = None if for_good or attempts >= len(_WAITS) else now + _WAITS[attempts]
    journal.connection.execute(
        "UPDATE attachments SET attempts = attempts + 1, next_attempt_at = ?, problem = ? "
        "WHERE url = ?",
        (again.isoformat() if again else None, problem, key),
    )


def forget(connection: sqlite3.Connection, urls: Collection[str]) -> list[str]:
    """Forget files that no message has any more, and give the paths that nothing else needs."""
    paths = []
    for key in dict.fromkeys(map(key_of, urls)):
        row = connection.execute(
            "DELETE FROM attachments WHERE url = ? RETURNING file_path", (key,)
        ).fetchone()
        if row and row[0]:
            paths.append(row[0])
    return [path for path in dict.fromkeys(paths) if not is_known(connection, path)]


def urls_of(connection: sqlite3.Connection, session_id: str) -> list[str]:
    """The files of a session's messages that no other session holds.

    From its lines, since a message may have lost a file when it was edited.
    """
    rows = connection.execute(
        "SELECT json_extract(l.line, '$.attachments') AS attached FROM lines l "
        "WHERE l.session_id = ? AND l.line LIKE '%\"attachments\"%' AND attached IS NOT NULL "
        "AND NOT EXISTS (SELECT 1 FROM recording_sessions s CROSS JOIN messages other "
        "ON other.session_id = s.id "
        "AND other.message_id = coalesce(l.about, json_extract(l.line, '$.message_id')) "
        "WHERE s.id <> l.session_id)",
        (session_id,),
    )
    return [str(url) for (attached,) in rows for url in json.loads(attached)]


def counts(reader: Reader) -> Counts:
    """How the files of all recordings stand."""
    with reader.connect() as connection:
        row = connection.execute(
            "SELECT count(file_path), count(next_attempt_at), "
            "coalesce(sum(file_path IS NULL AND next_attempt_at IS NULL), 0), "
            "(SELECT coalesce(sum(byte_size), 0) FROM "
            "(SELECT DISTINCT file_path, byte_size FROM attachments WHERE file_path IS NOT NULL)) "
            "FROM attachments"
        ).fetchone()
    return Counts(*row)


def _recorded_url(connection: sqlite3.Connection, key: str, message_id: int) -> str:
    rows = connection.execute(
        "SELECT m.attachments FROM recording_sessions s CROSS JOIN messages m "
        "ON m.session_id = s.id AND m.message_id = ? WHERE m.attachments IS NOT NULL",
        (message_id,),
    )
    urls = (str(url) for (attached,) in rows for url in json.loads(attached))
    return next((url for url in urls if key_of(url) == key), key)
