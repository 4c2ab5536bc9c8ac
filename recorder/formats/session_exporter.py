"""Exports of a session: for readers, for other programs, and its JSONL lines.

No message can forge a part of an export: it never looks like another message, a heading or a
date.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from recorder.errors import Conflict, InvalidInput, StorageError
from recorder.formats import csv, json, markdown, text
from recorder.formats.dce import dce_export
from recorder.formats.exported_session import ExportedSession
from recorder.formats.html import html_export
from recorder.formats.transcript_entries import safe_line
from recorder.models import Session
from recorder.store import export_index
from recorder.store.folder import refuse_links
from recorder.store.reading import Reader
from recorder.store.time_limit import check_limit

_NO_HARD_LINKS = (errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
_COPIED = 1 << 20  # characters at a time


@dataclass(frozen=True, slots=True)
class Format:
    """A format of an export.

    Parameters
    ----------
    title
        Its usual name.
    suffix
        The suffix of its files, without the first dot.
    render
        Yields the text of the file in pieces.
    is_record
        It is the session's own file: with deleted content, and with each change as a line of
        its own instead of the state at one time.
    """

    title: str
    suffix: str
    render: Callable[[ExportedSession], Iterator[str]]
    is_record: bool = False


FORMATS: Mapping[str, Format] = {
    "txt": Format("TXT", "txt", text.render),
    "md": Format("Markdown", "md", markdown.render),
    "html": Format("HTML", "html", html_export.render),
    "json": Format("JSON", "json", json.render_json),
    "jsonl": Format("JSONL", "jsonl", json.render_jsonl, is_record=True),
    "csv": Format("CSV", "csv", csv.render),
    "dce": Format("DiscordChatExporter's JSON", "dce.json", dce_export.render),
}
"""The formats by the name that commands take."""


class SessionExporter:
    """An exporter of sessions in the formats of :data:`FORMATS`.

    Parameters
    ----------
    reader
        Reads the sessions.
    timezone
        For all times in the exports and for the boundaries of days.
    """

    def __init__(self, reader: Reader, timezone: ZoneInfo) -> None:
        self._reader = reader
        self._timezone = timezone

    @staticmethod
    def check_format(format: str) -> str:
        """Return the name of a format as in :data:`FORMATS`, whatever its case.

        Raises
        ------
        InvalidInput
            There is no such format.
        """
        if format.lower() in FORMATS:
            return format.lower()
        raise InvalidInput(
            f'There is no export format "{safe_line(format)[:40]}". '
            f"Choose one of {', '.join(FORMATS)}."
        )

    def render(
        self, session: Session, format: str, now: datetime, as_of: datetime | None = None
    ) -> Iterator[str]:
        """Yield the export in pieces; memory use does not grow with the session.

        Parameters
        ----------
        format
            One of :data:`FORMATS`.
        now
            The end of the duration of a session that still runs.
        as_of
            Show messages in their state at this time, and no later ones.

        Raises
        ------
        InvalidInput
            There is no such format, or it has no past states.
        """
        chosen = FORMATS[self.check_format(format)]
        if as_of is not None and chosen.is_record:
            raise InvalidInput(
                f"{chosen.title} lists every change with its time; it cannot show a past state. "
                "Choose another format."
            )
        return chosen.render(ExportedSession(session, self._reader, self._timezone, now, as_of))

    def export(
        self,
        session: Session,
        format: str,
        path: Path,
        now: datetime,
        overwrite: bool = False,
        as_of: datetime | None = None,
    ) -> int:
        """Write the export to `path`, whole or not at all, readable by its owner alone.

        Returns
        -------
        int
            The size of the file in bytes.

        Raises
        ------
        InvalidInput
            There is no such format.
        Conflict
            The file exists, and `overwrite` is not set.
        StorageError
            The file cannot be written.
        """
        return self._write(session, self.render(session, format, now, as_of), path, overwrite)

    def copy(self, session: Session, exported: Path, path: Path) -> int:
        """Write a copy of an export to `path`, as :meth:`export` writes it; it expires.

        Parameters
        ----------
        exported
            A file written by :meth:`export`.

        Returns
        -------
        int
            The size in bytes.

        Raises
        ------
        Conflict
            The file exists already.
        StorageError
            The file cannot be written.
        """
        with exported.open(encoding="utf-8", newline="") as file:
            pieces = iter(lambda: file.read(_COPIED), "")
            return self._write(session, pieces, path, overwrite=False, expires=True)

    def _write(
        self,
        session: Session,
        pieces: Iterable[str],
        path: Path,
        overwrite: bool,
        expires: bool = False,
    ) -> int:
        refuse_links(self._reader.folder)
        if not overwrite and os.path.lexists(path):
            raise _exists(path)
        temporary: Path | None = None
        try:
            descriptor, name = tempfile.mkstemp(prefix=export_index.TEMPORARY, dir=path.parent)
            temporary = Path(name)
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
                for piece in pieces:
                    check_limit()
                    file.write(piece)
                file.flush()
                os.fsync(descriptor)
                written = os.fstat(descriptor).st_size
            exports = self._reader.folder / "exports"
            export_index.note(exports, path, session.id, expires=expires)
            _put_in_place(temporary, path, overwrite)
        except FileExistsError:
            raise _exists(path) from None
        except OSError as error:
            raise StorageError(
                f"The export {path} cannot be written ({error.strerror}). "
                "Choose a folder that exists, has free space, and that this user may write to."
            ) from error
        finally:
            if temporary is not None:
                temporary.unlink(missing_ok=True)
        return written


def _exists(path: Path) -> Conflict:
    return Conflict(f"{path} exists already. Choose another name, or remove it first.")


def _put_in_place(temporary: Path, path: Path, overwrite: bool) -> None:
    """Rename the finished file to `path`; replace a file of that name only with `overwrite`."""
    if not overwrite:
        try:
            os.link(temporary, path)
            return
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    temporary.replace(path)
