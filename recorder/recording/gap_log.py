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

    async def begin(
        self,
        reason: str,
        since: datetime | None,
        sessions: Sequence[Session] | None = None,
        *,
        now: datetime,
    ) -> None:
        """Begin a gap in every active session that has no open one, or in some of them.

        Parameters
        ----------
        since
            ``None`` after a crash: the gap begins after the last known event of each session.
        """
        ids = None if sessions is None else {session.id for session in sessions}
        await self._recorder.call(lambda journal: gaps.begin(journal, reason, since, now, ids))

    async def end(self, now: datetime, *, but: Sequence[Session] = ()) -> None:
        """End the open gaps, except those of suspended sessions and of `but`."""
        ids = {session.id for session in but}
        await self._recorder.call(lambda journal: gaps.end(journal, now, ids))

    async def fill(self, session: Session, page: HistoryPage, *, now: datetime) -> FilledPage:
        """Record the new messages and edits of a page of history, and move the watermark."""
        return await self._recorder.call(lambda journal: gaps.fill(journal, session.id, page, now))

    async def threads_compared(
        self, session: Session, channel_id: str, watermark: int, *, now: datetime
    ) -> None:
        """Store the id up to which all archived threads of a channel are compared."""
        await self._recorder.call(
            lambda journal: gaps.compared(
                journal, journal.session(session.id), channel_id, watermark, now, threads=True
            )
        )

    async def close(
        self,
        session: Session,
        unexpected: Sequence[datetime],
        problem: str | None,
        *,
        now: datetime,
        final: bool = False,
        until: datetime | None = None,
    ) -> None:
        """Store the outcome of reading the history: see :func:`recorder.store.gaps.close`."""
        await self._recorder.call(
            lambda journal: gaps.close(
                journal, session.id, unexpected, problem, now=now, final=final, until=until
            )
        )
