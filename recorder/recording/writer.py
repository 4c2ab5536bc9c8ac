"""The one thread that writes: it takes what waits, commits it, then writes the files.

The commit (``synchronous=FULL``) is the acknowledgement. Nothing is acknowledged after a
write has failed: the thread stops, says so, and the next start recovers.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from recorder.errors import DamagedRow, RecorderError, RecordingFailed, StorageError
from recorder.models import Change, Message
from recorder.recording.projection import Projection
from recorder.store import attachment_files, attachments, erasure, sessions
from recorder.store.checks import COPY_PREFIX
from recorder.store.damage import damage_in
from recorder.store.database import (
    DATABASE_NAME,
    checkpoint,
    open_for_writing,
    prepare_folder,
    sqlite_errors,
)
from recorder.store.journal import Journal
from recorder.store.lines import FileState, file_states, line_at, lines_from
from recorder.store.lock import WriterLock

T = TypeVar("T")

log = logging.getLogger(__name__)

_MOMENT_SECONDS = 0.005
_MOMENTS_IN_A_BURST = 50


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """Work for the writer thread in its place among the messages, within the transaction.

    When it raises, what it did to the `Journal` is undone, and who waits for it is told.
    """

    work: Callable[[Journal, Projection], T]


@dataclass(frozen=True, slots=True)
class _Stop:
    """The end of the queue."""


Item = Message | Change | Call[Any] | _Stop
Waiter = asyncio.Future[Any] | None


class Writer(threading.Thread):
    """The writer thread of a data folder, fed from one event loop.

    Parameters
    ----------
    folder
        The data folder; it is made when missing.
    queue_limit
        How many items may wait; further ones wait outside, in order.
    sync_seconds
        How long a written line may wait for its file to be synced.
    on_failure
        Called in the event loop when a write failed and recording has stopped.
    """

    def __init__(
        self,
        folder: Path,
        *,
        queue_limit: int,
        sync_seconds: float,
        on_failure: Callable[[StorageError], None],
    ) -> None:
        super().__init__(name="recorder-writer", daemon=True)
        self._folder = folder
        self.failure: StorageError | None = None
        self.channels: frozenset[str] = frozenset()
        self.recorded_channels: Collection[str] = ()
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._limit = queue_limit
        self._queue: deque[tuple[Item, Waiter]] = deque()
        self._outside: deque[tuple[Item, Waiter, asyncio.Future[None]]] = deque()
        self._unacknowledged: list[tuple[Item, Waiter]] = []
        self._wake = threading.Event()
        self._urgent = threading.Event()
        self._sync_seconds = sync_seconds
        self._sync_due: float | None = None
        self._on_failure = on_failure

    async def open(self) -> None:
        """Lock the folder, open the database, recover the files, and begin to write.

        Raises
        ------
        StorageError
            It cannot be used; the text says why and what to do.
        """
        self.start()
        await self._opened

    async def close(self) -> None:
        """Write all that waits, sync the files, and end the thread."""
        if self.is_alive() and self.failure is None:
            waiter: asyncio.Future[None] = self._loop.create_future()
            self.put(_Stop(), waiter)
            self.failure = StorageError("The recorder is closed.")
            with suppress(StorageError):
                await waiter
        await asyncio.to_thread(self.join)

    def put(self, item: Item, waiter: Waiter = None) -> asyncio.Future[None] | None:
        """Queue an item at once; in the event loop only.

        Returns a future to wait for when the queue is full; the item keeps its place.
        `waiter` is given the result once it is committed.

        Raises
        ------
        StorageError
            Recording has failed before.
        """
        if self.failure is not None:
            raise self.failure
        if not self._outside and len(self._queue) < self._limit:
            self._queue.append((item, waiter))
            if not self._wake.is_set():
                self._wake.set()
            if waiter is not None or len(self._queue) >= self._limit:
                self._urgent.set()
            return None
        room: asyncio.Future[None] = self._loop.create_future()
        self._outside.append((item, waiter, room))
        self._refill()  # the thread may have made room since the queue was looked at
        return room

    def _refill(self) -> None:
        while self._outside and len(self._queue) < self._limit:
            item, waiter, room = self._outside.popleft()
            self._queue.append((item, waiter))
            if not room.done():
                room.set_result(None)
        self._wake.set()
        self._urgent.set()

    def run(self) -> None:
        """The thread: lock and open, write until told to stop, close."""
        try:
            prepare_folder(self._folder)
            lock = WriterLock(self._folder)
            try:
                self._write_until_stopped()
            finally:
                lock.release()
        except StorageError as error:
            self._fail(error)
        except Exception as error:
            log.exception("The writer thread met an error that it does not know.")
            failure = damage_in(self._folder) or RecordingFailed(
                f"Recording stopped: {error!r}. Start the recorder again."
            )
            failure.__cause__ = error
            self._fail(failure)

    def _write_until_stopped(self) -> None:
        self._projection = Projection(self._folder)
        with storage_errors(self._folder), closing(open_for_writing(self._folder)) as connection:
            self._journal = Journal(connection)
            try:
                self._recover()
                self.channels = frozenset(self._journal.running)
                self.recorded_channels = self._journal.channels
                self._resolve([(self._opened, None)])
                while self._take_and_write():
                    pass
            finally:
                self._projection.close()

    def _recover(self) -> None:
        """Bring every file to what the database says, from its last synced offset on."""
        self._finish_erasures()
        connection = self._journal.connection
        attachment_files.recover(self._folder, lambda path: attachments.is_known(connection, path))
        for state in file_states(connection):
            size = self._projection.size(state.file_path)
            if not size == state.byte_size == state.synced_bytes:
                sound = min(max(size, 0), state.synced_bytes)
                rewrite_file(self._journal, self._projection, state, sound)

    def _take_and_write(self) -> bool:
        """Write what waits, or wait for it; false when it was told to stop."""
        if not self._queue:
            self._wake.clear()
            if not self._queue:
                due = self._sync_due
                self._wake.wait(None if due is None else max(due - time.monotonic(), 0))
        self._gather()
        batch: list[tuple[Item, Waiter]] = []
        queue = self._queue
        while queue:
            batch.append(queue.popleft())
        if batch:
            self._unacknowledged = batch
            self._write(batch)
        if self._sync_due is not None and time.monotonic() >= self._sync_due:
            self._sync()
            checkpoint(self._journal.connection)
        return not (batch and isinstance(batch[-1][0], _Stop))

    def _gather(self) -> None:
        """In a burst, let what keeps coming share a commit, unless somebody waits for it.

        It costs the event loop less than many small commits beside it would.
        """
        waiting, moments = 0, _MOMENTS_IN_A_BURST
        while not self._urgent.is_set() and waiting < len(self._queue) and moments:
            waiting = len(self._queue)
            moments -= 1
            self._urgent.wait(_MOMENT_SECONDS)
        self._urgent.clear()

    def _write(self, batch: list[tuple[Item, Waiter]]) -> None:
        """Commit a batch, write its lines to the files, acknowledge it."""
        journal = self._journal
        journal.connection.execute("BEGIN IMMEDIATE")
        results = [(waiter, self._apply(item)) for item, waiter in batch]
        journal.flush()
        if self._outside:  # only now: the event loop refills the queue while the disk works
            self._loop.call_soon_threadsafe(self._refill)
        journal.connection.execute("COMMIT")
        self._unacknowledged = []
        try:
            for file_path, written in journal.take_written().items():
                self._projection.write(file_path, written)
            if any(isinstance(item, Call | _Stop) for item, _ in batch):
                self._after_calls()
        finally:
            self._resolve(results)
        if self._sync_due is None and self._projection.unsynced:
            self._sync_due = time.monotonic() + self._sync_seconds

    def _apply(self, item: Item) -> Any:
        """What an item results in; an error that is its own is a result too."""
        journal = self._journal
        try:
            if isinstance(item, Message):
                return journal.record(item)
            if isinstance(item, Change):
                return journal.change(item)
            if isinstance(item, Call):
                with journal.all_or_nothing():
                    return item.work(journal, self._projection)
        except Exception as error:
            self._raise_of_storage(error)
            if not isinstance(error, RecorderError):
                log.exception("A program error: nothing was changed, and recording goes on.")
            elif isinstance(item, Message | Change):
                log.error("In channel %s: %s", item.channel_id, error)
            # A future does not take a StopIteration.
            return RuntimeError(repr(error)) if isinstance(error, StopIteration) else error
        return None

    def _raise_of_storage(self, error: Exception) -> None:
        """Raise an error of the disk or the database, which ends the recording."""
        if isinstance(error, DamagedRow):
            return
        try:
            with storage_errors(self._folder):
                raise error
        except StorageError:
            raise
        except Exception as unchanged:
            if unchanged is not error:
                raise

    def _finish_erasures(self) -> None:
        """Bring files and database to where nothing of what was erased is left in them.

        To scrub the database takes long for a large one: for a message that was deleted in
        Discord it waits until it is asked for.
        """
        connection = self._journal.connection
        self._remove_files()
        reasons = erasure.unfinished(connection)
        if reasons:
            for state in file_states(connection):
                if state.synced_bytes == 0:
                    self._projection.replace(state, lines_from(connection, state.session_id))
                    self._journal.set_synced({state.file_path: state.byte_size})
            if self._journal.scrub_due or reasons != {"deletion"}:
                for copy in self._folder.glob(f"{COPY_PREFIX}*"):  # of a verification that ended
                    shutil.rmtree(copy, ignore_errors=True)
                erasure.scrub(connection)
        self._journal.scrub_due = False

    def _remove_files(self) -> None:
        """Remove the files of sessions whose deletion is committed."""
        paths = sessions.files_to_remove(self._journal)
        for file_path in paths:
            self._projection.remove(file_path)
        if paths:
            sessions.files_removed(self._journal, paths)

    def _sync(self) -> None:
        """Sync the files and store up to where they are."""
        self._sync_due = None
        synced = self._projection.sync()
        if synced:
            self._journal.set_synced(synced)

    def _after_calls(self) -> None:
        """What the end of a call promises: deleted files gone, written ones synced."""
        self.channels = frozenset(self._journal.running)
        self._finish_erasures()
        self._sync()

    def _resolve(self, results: list[tuple[Waiter, Any]]) -> None:
        """Give results to those who wait for them, in their event loop."""
        waiting = [(waiter, result) for waiter, result in results if waiter is not None]
        if waiting:
            self._in_loop(_resolve, waiting)

    def _fail(self, error: StorageError) -> None:
        """Stop for good, loudly: nobody who waits is acknowledged."""
        self._in_loop(self._reject, error)

    def _reject(self, error: StorageError) -> None:
        self.failure = error
        waiting = [waiter for _, waiter in self._unacknowledged if waiter is not None]
        waiting += [waiter for _, waiter in self._queue if waiter is not None]
        waiting += [waiter for _, waiter, _ in self._outside if waiter is not None]
        rooms = [room for _, _, room in self._outside if not room.done()]
        for room in rooms:
            room.set_exception(error)
            room.exception()  # seen: not everybody waits for room
        self._queue.clear()
        self._outside.clear()
        _resolve([(waiter, error) for waiter in waiting])
        if self._opened.done():
            log.critical("%s", error)
            self._on_failure(error)
        else:
            self._opened.set_exception(error)

    def _in_loop(self, work: Callable[[Any], None], argument: Any) -> None:
        # The loop is closed when nobody waited for the recorder to close.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(work, argument)


def _resolve(results: list[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, result in results:
        if future.done():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn a failed write of the database or of a file into :class:`StorageError`."""
    try:
        with sqlite_errors(folder / DATABASE_NAME):
            yield
    except OSError as error:
        raise RecordingFailed(
            f"Writing to {error.filename or folder} failed ({error.strerror}). Nothing more is "
            "recorded. Free space or mend the disk, then start the recorder again."
        ) from error


def rewrite_file(
    journal: Journal, projection: Projection, state: FileState, byte_offset: int
) -> None:
    """Write a session's file from the database, from the line at `byte_offset` on."""
    connection = journal.connection
    line = line_at(connection, state.session_id, byte_offset)
    start = line.byte_offset if line else state.byte_size
    journal.set_synced({state.file_path: start})
    projection.recover(
        state,
        lambda: lines_from(connection, state.session_id, line.line_number) if line else iter(()),
        start,
    )
    journal.set_synced({state.file_path: state.byte_size})
