"""``AttachmentQueue``: the attached files to download, and their outcome."""

from __future__ import annotations

from datetime import datetime

from recorder.recording.session_recorder import SessionRecorder
from recorder.store import attachment_files, attachments
from recorder.store.attachment_files import IncomingFile
from recorder.store.attachments import Download
from recorder.store.journal import Journal
from recorder.store.reading import Reader


class AttachmentQueue:
    """The pending downloads of a data folder.

    Parameters
    ----------
    recorder
        An open recorder.
    """

    def __init__(self, recorder: SessionRecorder) -> None:
        self._recorder = recorder
        self._reader = Reader(recorder.folder)

    def due(self, now: datetime, limit: int) -> list[Download]:
        """Return up to `limit` files to download now, the longest due first."""
        return attachments.due(self._reader, now, limit)

    async def keep(
        self, download: Download, incoming: IncomingFile, file_path: str, *, now: datetime
    ) -> None:
        """Store a completed download under its path, unless its message was erased.

        Parameters
        ----------
        file_path
            The result of :meth:`IncomingFile.complete`.
        """

        def keep(journal: Journal) -> None:
            kept = attachments.keep(journal.db, download.key, file_path, incoming.size, now)
            if kept is not None:
                journal.change(kept)

        def settle(journal: Journal) -> None:
            is_kept = attachments.is_kept(journal.db, download.key, file_path)
            attachment_files.settle(self._recorder.folder, file_path, is_kept=is_kept)

        # The file takes its place only once its row is committed.
        await self._recorder.call(keep)
        await self._recorder.call(settle)

    async def fail(
        self, download: Download, problem: str, now: datetime, *, for_good: bool = False
    ) -> None:
        """Store that a download failed; it is tried again later unless `for_good`."""
        await self._recorder.call(
            lambda journal: attachments.fail(
                journal.db, download.key, problem, now, for_good=for_good
            )
        )
