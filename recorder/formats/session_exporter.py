"""Exports of a session: for people to read, for other programs, and its JSONL lines.

Nothing that was said in a recording can forge a part of its export: a message never looks
like another message, a heading or a date.
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
from recorder.formats.entries import one_line
from recorder.formats.exported_session import Recording
from recorder.formats.html import html_export
from recorder.models import Session
from recorder.store import export_index
from recorder.store.folder import refuse_links
from recorder.store.reading import Reader

_NO_HARD_LINKS = (errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
_COPIED = 1 << 20  # characters at a time


@dataclass(frozen=True, slots=True)
class Format:
    """A format of an export.

    Parameters
    ----------
    title
        Its name as people write it.
    suffix
        Of its files, without the first dot.
    render
        Gives the export piece by piece.
    """

    title: str
    suffix: str
    render: Callable[[Recording], Iterator[str]]


FORMATS: Mapping[str, Format] = {
    "txt": Format("TXT", "txt", text.render),
    "md": Format("Markdown", "md", markdown.render),
    "html": Format("HTML", "html", html_export.render),
    "json": Format("JSON", "json", json.render_json),
    "jsonl": Format("JSONL", "jsonl", json.render_jsonl),
    "csv": Format("CSV", "csv", csv.render),
    "dce": Format("DiscordChatExporter's JSON", "dce.json", dce_export.render),
}
"""By the name that commands take."""


class SessionExporter:
    """Writes a session out for people and for other programs.

    Parameters
    ----------
    reader
        Where the sessions are read.
    timezone
        For all times in the exports, and for where a day ends.
    """

    def __init__(self, reader: Reader, timezone: ZoneInfo) -> None:
        self._reader = reader
        self._timezone = timezone

    @staticmethod
    def check_format(format: str) -> str:
        """The name of a format as :data:`FORMATS` has it.

        Raises
        ------
        InvalidInput
            There is no such format.
        """
        if format.lower() in FORMATS:
            return format.lower()
        raise InvalidInput(
            f'There is no export format "{one_line(format)[:40]}". '
            f"Choose one of {', '.join(FORMATS)}."
        )

    def render(
        self, session: Session, format: str, now: datetime, as_of: datetime | None = None
    ) -> Iterator[str]:
        """The export piece by piece; memory does not grow with the session.

        Parameters
        ----------
        format
            One of :data:`FORMATS`.
        now
            Up to when the duration of a session that still runs is counted.
        as_of
            Show messages as they stood then, and no later ones.

        Raises
        ------
        InvalidInput
            There is no such format, or it cannot show what was.
        """
        if as_of is not None and self.check_format(format) == "jsonl":
            raise InvalidInput(
                "The JSONL has every change with its time; as it stood then it cannot be given. "
                "Choose another format."
            )
        recording = Recording(session, self._reader, self._timezone, now, as_of)
        return FORMATS[self.check_format(format)].render(recording)

    def export(
        self,
        session: Session,
        format: str,
        path: Path,
        now: datetime,
        overwrite: bool = False,
        as_of: datetime | None = None,
    ) -> int:
        """Write the export to `path`, readable by its owner alone, whole or not at all.

        Returns
        -------
        int
            Its size in bytes.

        Raises
        ------
        InvalidInput
            There is no such format.
        Conflict
            There is a file already, and `overwrite` is not set.
        StorageError
            The file cannot be written.
        """
        return self._write(session, self.render(session, format, now, as_of), path, overwrite)

    def copy(self, session: Session, exported: Path, path: Path) -> int:
        """Write a copy of an export to `path`, as :meth:`export` writes it.

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
            return self._write(session, iter(lambda: file.read(_COPIED), ""), path, False)

    def _write(self, session: Session, pieces: Iterable[str], path: Path, overwrite: bool) -> int:
        refuse_links(self._reader.folder)
        if not overwrite and os.path.lexists(path):
            raise _exists(path)
        temporary: Path | None = None
        try:
            descriptor, name = tempfile.mkstemp(prefix=".export-", dir=path.parent)
            temporary = Path(name)
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
                file.writelines(pieces)
                file.flush()
                os.fsync(descriptor)
                written = os.fstat(descriptor).st_size
            if path.parent == self._reader.folder / "exports":
                export_index.note(path.parent, path.name, session.id)
            _put_in_place(temporary, path, overwrite)
        except FileExistsError:
            raise _exists(path) from None
        except OSError as error:
            raise StorageError(
                f"The export {path} cannot be written ({error.strerror}). "
                "Choose a folder that exists, has space, and that this user may write to."
            ) from error
        finally:
            if temporary is not None:
                temporary.unlink(missing_ok=True)
        return written


def _exists(path: Path) -> Conflict:
    return Conflict(f"{path} exists already. Choose another name, or remove it first.")


def _put_in_place(temporary: Path, path: Path, overwrite: bool) -> None:
    """Give the finished file its name; another file of that name stays as it is."""
    if not overwrite:
        try:
            os.link(temporary, path)
            return
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    temporary.replace(path)
