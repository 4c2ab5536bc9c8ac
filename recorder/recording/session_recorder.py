"""``SessionRecorder``: what is given to it while a session runs is recorded, and stays so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from recorder.errors import StorageError
from recorder.models import Annotation, Change, Message
from recorder.record.jsonl import clean_text
from recorder.recording.projection import Projection
from recorder.recording.writer import Call, Writer, rewrite_file
from recorder.store import attachments
from recorder.store.journal import Journal, Recorded
from recorder.store.lines import file_state

T = TypeVar("T")


class SessionRecorder:
    """Records the messages of running sessions into ``recorder.db`` and JSONL files.

    One event loop uses it; a thread of its own writes. Sessions are started and stopped by
    :class:`recorder.SessionManager`.

    Parameters
    ----------
    folder
        The data folder; made when missing. No other process may record to it.
    queue_limit
        How many messages may wait to be written before those who bring more have to wait.
    sync_seconds
        How many seconds a line may wait to be synced to its JSONL file; the database is
        synced with every commit.
    attachment_limit
        Up to which size, in bytes, attached files are noted to be downloaded; ``None``: none.

    Examples
    --------
    ::

        async with SessionRecorder(Path("data")) as recorder:
            manager = SessionManager(recorder, ZoneInfo("UTC"))
            await manager.start("review", channel, user_id="1", now=now)
            await recorder.record(message)
    """

    def __init__(
        self,
        folder: Path,
        *,
        queue_limit: int = 10_000,
        sync_seconds: float = 1.0,
        attachment_limit: int | None = None,
    ) -> None:
        self.folder = folder
        self.on_failure: Callable[[StorageError], None] = lambda error: None
        self._queue_limit = queue_limit
        self._sync_seconds = sync_seconds
        self._attachment_limit = attachment_limit
        self._writer: Writer | None = None
        self._starting: list[str] = []

    async def open(self) -> None:
        """Lock the data folder, recover what a crash left behind, and go on recording.

        Raises
        ------
        AlreadyRunning
            Another process records to this folder.
        StorageError
            The folder or the database cannot be used.
        """
        writer = Writer(
            self.folder,
            queue_limit=self._queue_limit,
            sync_seconds=self._sync_seconds,
            on_failure=self.on_failure,
        )
        await writer.open()
        self._writer = writer
        if (limit := self._attachment_limit) is not None:
            await self.call(lambda journal, _: attachments.keep(journal, limit))

    async def close(self) -> None:
        """Write all that waits, sync the files, and let others write; sessions stay as they are."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            await writer.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def channels(self) -> frozenset[str]:
        """The channels with a running session, active or paused."""
        return self._open_writer().channels

    def listens_to(self, channel_id: str, parent_id: str | None = None) -> bool:
        """Whether a session runs, or is just being started, in a channel or its parent."""
        channels = self._open_writer().channels
        if channel_id in channels or channel_id in self._starting:
            return True
        return parent_id is not None and (parent_id in channels or parent_id in self._starting)

    def holds(self, channel_id: str) -> bool:
        """Whether any session, running or not, holds messages of a channel."""
        return channel_id in self._open_writer().recorded_channels

    async def record(self, message: Message) -> Recorded | None:
        """Record a message and wait until it is on disk.

        Returns
        -------
        Recorded or None
            Where it stands; ``None`` when no active session covers its channel, or the
            session has it already.

        Raises
        ------
        InvalidInput
            It holds what cannot be recorded, such as an id that is none; others go on.
        StorageError
            It could not be written; recording has stopped.
        """
        waiter: asyncio.Future[Recorded | None] = asyncio.get_running_loop().create_future()
        self._open_writer().put(message, waiter)
        return await waiter

    async def enqueue(self, message: Message) -> None:
        """Record a message without waiting for the disk; waits only while the queue is full.

        It has its place in the order before the first ``await``.

        Raises
        ------
        StorageError
            Recording has stopped before.
        """
        room = self._open_writer().put(message)
        if room is not None:
            await room

    def post(self, message: Message) -> None:
        """Record a message without waiting for anything; meant for a few at a time."""
        self._open_writer().put(message)

    async def flush(self) -> None:
        """Wait until all that was given before is on disk and can be read.

        Raises
        ------
        StorageError
            It could not be written.
        """
        await self.call(lambda journal, projection: None)

    def change(self, change: Change) -> None:
        """Record what happened to a message, in every session that holds it."""
        self._open_writer().put(change)

    def annotate(self, annotation: Annotation) -> None:
        """Name the AI model of a message that was recorded or is still to come."""
        self._open_writer().put(replace(annotation, model=clean_text(annotation.model)))

    def submit(
        self, work: Callable[[Journal, Projection], T], *, starts: str | None = None
    ) -> asyncio.Future[T]:
        """Run `work` in the writer thread, in its place among the messages, and commit it.

        Parameters
        ----------
        work
            When it raises, nothing of it stays, and the future has the error.
        starts
            The channel in which `work` starts a session: what is said there from now on
            is kept for it.
        """
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._open_writer().put(Call(work), waiter)
        if starts is not None:
            self._starting.append(starts)
            waiter.add_done_callback(lambda _: self._starting.remove(starts))
        return waiter

    async def call(self, work: Callable[[Journal, Projection], T]) -> T:
        """Wait for what :meth:`submit` does."""
        return await self.submit(work)

    async def rewrite(self, session_id: str) -> None:
        """Write a session's file anew from the database; what stood there is kept beside it.

        Raises
        ------
        NotFound
            The session is gone.
        StorageError
            The disk does not take it.
        """
        # In two commits: a crash between them finds a file that is to be written whole.
        await self.call(
            lambda journal, _: journal.set_synced({journal.open_session(session_id).file_path: 0})
        )
        await self.call(
            lambda journal, projection: rewrite_file(
                journal, projection, file_state(journal.connection, session_id), 0
            )
        )

    async def scrub(self) -> None:
        """Let nothing of what was erased stay in the free space of the database."""

        def mark(journal: Journal, _: Projection) -> None:
            journal.scrub_due = True

        await self.call(mark)

    def _open_writer(self) -> Writer:
        if self._writer is None:
            raise StorageError("The recorder is not open. Open it with `async with` or `open()`.")
        return self._writer
