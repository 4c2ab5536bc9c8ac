"""``GapLog``: records gaps in running sessions, and their backfill from history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from recorder.models import Session
from recorder.recording.session_recorder import SessionRecorder
from recorder.store import gaps
from recorder.store.gaps import FilledPage, HistoryPage


class GapLog:
    """Writes the gaps of running sessions.

    Parameters
    ----------
    recorder
        An open recorder.
    """

    def __init__(self, recorder: SessionRecorder) -> None:
        self._recorder = recorder

    async def begin(self, reason: str, since: datetime | None) -> None:
        """Begin a gap in every active session that has no open one.

        Parameters
        ----------
        since
            ``None`` after a crash: the gap begins after the last known event of each session.
        """
        await self._recorder.call(lambda journal: gaps.begin(journal, reason, since))

    async def end(self, now: datetime) -> None:
        """End the open gaps."""
        await self._recorder.call(lambda journal: gaps.end(journal, now))

    async def fill(self, session: Session, page: HistoryPage) -> FilledPage:
        """Record the new messages and edits of a page of history, and move the watermark."""
        return await self._recorder.call(lambda journal: gaps.fill(journal, session.id, page))

    async def threads_compared(self, session: Session, channel_id: str, watermark: int) -> None:
        """Store the id up to which all archived threads of a channel are compared."""
        await self._recorder.call(
            lambda journal: gaps.raise_threads_watermark(journal, session.id, channel_id, watermark)
        )

    async def close(
        self,
        session: Session,
        unexpected: Sequence[datetime],
        problem: str | None,
        *,
        final: bool = False,
    ) -> None:
        """Store the outcome of reading the history for the ended gaps of a session.

        Parameters
        ----------
        unexpected
            The times of new messages that lie in no known gap: they become a gap of their own.
        problem
            Why the history could not be read as a whole; the gaps are filled again later.
        final
            The history can never be read: no further attempt is made.
        """
        await self._recorder.call(
            lambda journal: gaps.close(journal, session.id, unexpected, problem, final=final)
        )
