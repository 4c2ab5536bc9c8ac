"""Files attached to messages: pending, kept and failed downloads.

Discord's URLs expire within a day, so a file is identified by its URL without the query.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

from sqlite_utils import Database

from recorder.models import KeptFile, Message
from recorder.store.database import Connection
from recorder.store.reading import Reader

# The delay after each failed attempt; after the last one there is no further attempt.
_DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 2 * 60, 12 * 60, 24 * 60))

TOO_LARGE = "larger than the limit"


@dataclass(frozen=True, slots=True)
class Download:
    """A file to download; `url` is as it was recorded, with its query."""

    key: str
    url: str
    channel_id: int
    message_id: int


@dataclass(frozen=True, slots=True)
class AttachmentCounts:
    """The number of files that are kept, pending and failed, and the bytes of the kept ones.

    A file that was sent several times counts once in ``bytes``.
    """

    kept: int
    pending: int
    failed: int
    bytes: int


def key_of(url: str) -> str:
    """Return the URL of a file without its query, which expires."""
    return url.partition("?")[0]


def expect(db: Database, message: Message, limit: int) -> list[KeptFile]:
    """Store that the files of a message are to be downloaded; return those that are kept already.

    Parameters
    ----------
    limit
        The largest file to keep, in bytes.
    """
    files = message.extra.get("files")
    described = files if isinstance(files, list) else []
    sizes = [file.get("size") if isinstance(file, dict) else None for file in described]
    attachments = db.table("attachments")
    kept = []
    for number, url in enumerate(message.attachments):
        size = sizes[number] if number < len(sizes) else None
        too_large = isinstance(size, int) and size > limit
        if known := next(attachments.rows_where("url = ?", (key_of(url),)), None):
            if known["file_path"]:
                kept.append(_kept_file(known, message.timestamp))
            continue
        attachments.insert(
            {
                "url": key_of(url),
                "channel_id": message.channel_id,
                "message_id": message.message_id,
                "byte_size": size,
                "next_attempt_at": None if too_large else message.timestamp.isoformat(),
                "problem": TOO_LARGE if too_large else None,
            }
        )
    return kept


def _kept_file(row: dict[str, Any], now: datetime) -> KeptFile:
    """Return the change of its message that a row of a kept file stands for."""
    return KeptFile(
        timestamp=now,
        channel_id=row["channel_id"],
        message_id=row["message_id"],
        url=row["url"],
        file_path=row["file_path"],
        sha256=PurePosixPath(row["file_path"]).stem,
        byte_size=row["byte_size"],
    )


def due(reader: Reader, now: datetime, limit: int) -> list[Download]:
    """Return up to `limit` files to download now, the longest due first."""
    rows = reader.query(
        "SELECT url AS key, channel_id, message_id FROM attachments "
        "WHERE next_attempt_at <= ? ORDER BY next_attempt_at LIMIT ?",
        now.isoformat(),
        limit,
    )
    with reader.connect() as connection:
        return [
            Download(
                key=row["key"],
                url=_recorded_url(connection, row["key"], row["message_id"]),
                channel_id=int(row["channel_id"]),
                message_id=row["message_id"],
            )
            for row in rows
        ]


def keep(db: Database, key: str, file_path: str, byte_size: int, now: datetime) -> KeptFile | None:
    """Store the path of a downloaded file, relative to the data folder.

    Nothing is stored, and ``None`` is returned, when the message was erased in the meantime.
    """
    db.conn.execute(
        "UPDATE attachments SET file_path = ?, byte_size = ?, attempts = attempts + 1, "
        "next_attempt_at = NULL, problem = NULL WHERE url = ?",
        (file_path, byte_size, key),
    )
    rows = db.table("attachments").rows_where("url = ?", (key,))
    return next((_kept_file(row, now) for row in rows), None)


def is_kept(db: Database, key: str, file_path: str) -> bool:
    """Return whether a file is kept under this path."""
    return db.table("attachments").count_where("url = ? AND file_path = ?", (key, file_path)) > 0


def is_known(db: Database, file_path: str) -> bool:
    """Return whether any file is kept under this path."""
    return db.table("attachments").count_where("file_path = ?", (file_path,)) > 0


def fail(db: Database, key: str, problem: str, now: datetime, *, for_good: bool) -> None:
    """Store that a download failed, and the time of the next attempt, if there is one."""
    for row in db.query("SELECT attempts FROM attachments WHERE url = ?", (key,)):
        attempts = row["attempts"]
        final = for_good or attempts >= len(_DELAYS)
        db.table("attachments").update(
            key,
            {
                "attempts": attempts + 1,
                "next_attempt_at": None if final else (now + _DELAYS[attempts]).isoformat(),
                "problem": problem,
            },
        )


def forget(db: Database, urls: Collection[str]) -> list[str]:
    """Delete files that no message has any more; return the paths that are free to be removed."""
    attachments = db.table("attachments")
    paths: dict[str | None, None] = {}
    for key in dict.fromkeys(map(key_of, urls)):
        for row in db.query("SELECT file_path FROM attachments WHERE url = ?", (key,)):
            paths[row["file_path"]] = None
        attachments.delete_where("url = ?", (key,))
    return [path for path in paths if path and not is_known(db, path)]


def urls_of(db: Database, session_id: str) -> list[str]:
    """Return the files of a session's messages that no other session holds.

    They are read from its lines, since an edit may have removed a file from its message.
    """
    rows = db.query(
        "SELECT json_extract(l.line, '$.attachments') AS attached FROM lines l "
        "WHERE l.session_id = ? AND l.line LIKE '%\"attachments\"%' AND attached IS NOT NULL "
        "AND NOT EXISTS (SELECT 1 FROM recording_sessions s CROSS JOIN messages other "
        "ON other.session_id = s.id "
        "AND other.message_id = coalesce(l.about, json_extract(l.line, '$.message_id')) "
        "WHERE s.id <> l.session_id)",
        (session_id,),
    )
    return [str(url) for row in rows for url in json.loads(row["attached"])]


def count_attachments(reader: Reader) -> AttachmentCounts:
    """Count the files of all sessions."""
    (row,) = reader.query(
        "SELECT count(file_path) AS kept, count(next_attempt_at) AS pending, "
        "coalesce(sum(file_path IS NULL AND next_attempt_at IS NULL), 0) AS failed, "
        "(SELECT coalesce(sum(byte_size), 0) FROM "
        "(SELECT DISTINCT file_path, byte_size FROM attachments WHERE file_path IS NOT NULL)) "
        "AS bytes FROM attachments"
    )
    return AttachmentCounts(**row)


def _recorded_url(connection: Connection, key: str, message_id: int) -> str:
    rows = connection.execute(
        "SELECT m.attachments FROM recording_sessions s CROSS JOIN messages m "
        "ON m.session_id = s.id AND m.message_id = ? WHERE m.attachments IS NOT NULL",
        (message_id,),
    )
    urls = (str(url) for (attached,) in rows for url in json.loads(attached))
    return next((url for url in urls if key_of(url) == key), key)
