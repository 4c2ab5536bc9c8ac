"""``SessionRecorder``: records messages and their changes while sessions are running."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from recorder.errors import RecorderClosed, StorageError
from recorder.models import Annotation, Change, Edit, Message
from recorder.record.json_values import clean_text
from recorder.recording.queue_items import Barrier, Call, Rewrite, Update
from recorder.recording.writer import Writer
from recorder.store.journal import Journal, Recorded

T = TypeVar("T")


class SessionRecorder:
    """Records the messages of running sessions into ``recorder.db`` and JSONL files.

    It is used from one event loop; a thread of its own writes. Sessions are started and stopped
    by :class:`recorder.SessionManager`.

    Parameters
    ----------
    folder
        The data folder; created when missing. No other process may record to it.
    queue_limit
        The number of messages that may wait to be written before :meth:`enqueue` blocks.
    sync_seconds
        The time in seconds until a line is synced to its JSONL file; the database is synced
        with every commit.
    attachment_limit
        The largest attached file to download, in bytes; ``None`` downloads none.

    Attributes
    ----------
    on_failure
        Called in the event loop when a write failed and recording has stopped.
    on_downloads_due
        Called in the event loop when there are files to download.

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
        self.on_downloads_due: Callable[[], None] = lambda: None
        self._queue_limit = queue_limit
        self._sync_seconds = sync_seconds
        self._attachment_limit = attachment_limit
        self._writer: Writer | None = None
        self._starting: list[str] = []
        self._queued_channels: set[str] = set()  # of messages that the writer may not have yet

    async def open(self) -> None:
        """Lock the data folder, recover from a crash if need be, and continue recording.

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
            on_downloads_due=self.on_downloads_due,
        )
        await writer.open(self._attachment_limit)
        self._writer = writer

    async def close(self) -> None:
        """Write the queue, sync the files, and release the lock; sessions stay as they are."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            await writer.close()

    async def reopen(self) -> None:
        """Open again after a failed write; until then every call raises its error.

        Raises
        ------
        StorageError
            The folder or the database still cannot be used.
        """
        failed = self._writer
        if failed is not None:
            await failed.close()
        try:
            await self.open()
        except StorageError:
            self._writer = failed
            raise

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
        """The channels with a running session, active or paused; none while it is closed."""
        return frozenset() if self._writer is None else self._writer.channels

    def listens_to(self, channel_id: str, parent_id: str | None = None) -> bool:
        """Return whether a session is running or being started in a channel or its parent."""
        channels = self.channels
        if channel_id in channels or channel_id in self._starting:
            return True
        return parent_id is not None and (parent_id in channels or parent_id in self._starting)

    def holds(self, channel_id: str) -> bool:
        """Return whether any session holds messages of a channel, or is about to."""
        return self._writer is not None and (
            channel_id in self._queued_channels or channel_id in self._writer.recorded_channels
        )

    async def record(self, message: Message) -> Recorded | None:
        """Record a message and wait until it is on disk.

        Returns
        -------
        Recorded or None
            Its position; ``None`` when no active session covers its channel, or the session
            has it already.

        Raises
        ------
        InvalidInput
            It cannot be recorded, for example because of an invalid id.
        StorageError
            It could not be written; recording has stopped.
        """
        waiter: asyncio.Future[Recorded | None] = asyncio.get_running_loop().create_future()
        self._open_writer().put(message, waiter)
        return await waiter

    async def enqueue(self, message: Message) -> None:
        """Record a message without waiting for the commit; wait only while the queue is full.

        Its order among the messages is fixed before the first ``await``.

        Raises
        ------
        StorageError
            Recording has stopped before.
        """
        slot = self.post(message)
        if slot is not None:
            await slot

    def post(self, message: Message) -> asyncio.Future[None] | None:
        """Record a message, and return what to wait for while the queue is full.

        Who does not wait records a few at a time.

        Raises
        ------
        StorageError
            Recording has stopped before.
        """
        if isinstance(message.channel_id, str):
            self._queued_channels.add(message.channel_id)
        return self._open_writer().put(message)

    async def flush(self) -> None:
        """Wait until every earlier message and change is committed and can be read.

        Raises
        ------
        StorageError
            It could not be written.
        """
        await self._wait_for(Barrier())

    def change(self, change: Change) -> None:
        """Record a change of a message in every session that holds the message."""
        self._open_writer().put(change)

    def update(self, message: Message, edit: Edit) -> None:
        """Record an edit, or the edited message itself where a session missed the original.

        Parameters
        ----------
        message
            The message after `edit`.
        """
        self._open_writer().put(Update(message, edit))

    def annotate(self, annotation: Annotation) -> None:
        """Name the AI model of a message, before or after it was recorded."""
        self._open_writer().put(replace(annotation, model=clean_text(annotation.model)))

    def submit(
        self, work: Callable[[Journal], T], *, starts: str | None = None
    ) -> asyncio.Future[T]:
        """Run `work` in the writer thread, in its order among the messages, and commit it.

        Parameters
        ----------
        work
            When it raises, its changes are undone, and the future receives the error.
        starts
            The channel in which `work` starts a session: messages there are recorded from
            now on.
        """
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._open_writer().put(Call(work), waiter)
        if starts is not None:
            self._starting.append(starts)
            waiter.add_done_callback(lambda _: self._starting.remove(starts))
        return waiter

    async def call(self, work: Callable[[Journal], T]) -> T:
        """Run `work` as :meth:`submit` does, and wait for its result."""
        return await self.submit(work)

    async def rewrite(self, session_id: str) -> None:
        """Rewrite a session's file from the database, and keep a differing one beside it.

        Raises
        ------
        NotFound
            The session was deleted.
        StorageError
            The disk does not take it.
        """
        await self._wait_for(Rewrite(session_id))

    async def scrub(self) -> None:
        """Clear erased content from the free space of the database."""

        def mark(journal: Journal) -> None:
            journal.scrub_due = True

        await self.call(mark)

    async def _wait_for(self, item: Barrier | Rewrite) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._open_writer().put(item, waiter)
        await waiter

    def _open_writer(self) -> Writer:
        if self._writer is None:
            raise RecorderClosed("The recorder is not open. Open it with `async with` or `open()`.")
        return self._writer
