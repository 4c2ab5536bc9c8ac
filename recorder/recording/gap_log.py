"""``GapLog``: records gaps in running sessions, and their backfill from history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from recorder.models import Message, Session
from recorder.recording.session_recorder import SessionRecorder
from recorder.store import gaps


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

    async def fill(
        self, session: Session, channel_id: str, messages: Sequence[Message], watermark: int
    ) -> list[datetime]:
        """Record a page of a channel's history, and move the channel's watermark.

        Parameters
        ----------
        messages
            The messages of the page that were sent while the session was recording, oldest
            first.
        watermark
            The Discord id up to which the history is compared after this page.

        Returns
        -------
        list of datetime
            The times of new messages that lie in no known gap.
        """
        return await self._recorder.call(
            lambda journal: gaps.fill(journal, session.id, channel_id, messages, watermark)
        )

    async def close(
        self, session: Session, unexpected: Sequence[datetime], problem: str | None
    ) -> None:
        """Store the outcome of reading the history for the ended gaps of a session.

        Parameters
        ----------
        unexpected
            The times of new messages that lie in no known gap: they become a gap of their own.
        problem
            Why the history could not be read as a whole.
        """
        await self._recorder.call(
            lambda journal: gaps.close(journal, session.id, unexpected, problem)
        )
