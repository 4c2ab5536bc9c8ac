"""The single writer thread: it commits queued items in batches, then writes the JSONL files.

The commit (``synchronous=FULL``) is the acknowledgement. After a failed write nothing more is
acknowledged: the thread stops and reports the failure, and the next start recovers.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from recorder.errors import (
    DamagedRow,
    NotFound,
    RecorderClosed,
    RecorderError,
    RecordingFailed,
    StorageError,
)
from recorder.models import Change, Message
from recorder.recording.projection import Projection
from recorder.recording.queue_items import Barrier, Call, Item, Rewrite, Stop, Update, Waiter
from recorder.store import attachment_files, attachments, drafts, export_index, scrubbing
from recorder.store.checks import COPY_PREFIX
from recorder.store.damage import damage_in
from recorder.store.database import (
    DATABASE_NAME,
    advice,
    checkpoint,
    fold_log,
    open_for_writing,
    prepare_folder,
    sqlite_errors,
)
from recorder.store.journal import Journal
from recorder.store.lines import FileState, file_state, file_states, line_at, lines_from
from recorder.store.lock import WriterLock

log = logging.getLogger(__name__)

# In a burst, wait for further items so often and so long.
_BURST_WAITS = 50
_BURST_WAIT_SECONDS = 0.005


class Writer(threading.Thread):
    """The writer thread of a data folder, fed from one event loop.

    Parameters
    ----------
    folder
        The data folder; created when missing.
    queue_limit
        The number of items in the queue; further ones overflow, in order.
    sync_seconds
        The time until a written line is synced to its file.
    on_failure
        Called in the event loop when a write failed and recording has stopped.
    on_downloads_due
        Called in the event loop when a commit added files to download.
    """

    def __init__(
        self,
        folder: Path,
        *,
        queue_limit: int,
        sync_seconds: float,
        on_failure: Callable[[StorageError], None],
        on_downloads_due: Callable[[], None],
    ) -> None:
        super().__init__(name="recorder-writer", daemon=True)
        self._folder = folder
        self.failure: StorageError | None = None
        self.channels: frozenset[str] = frozenset()
        self.recorded_channels: Collection[str] = ()
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()  # for callbacks that the thread schedules
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._limit = queue_limit
        self._queue: deque[tuple[Item, Waiter]] = deque()
        self._overflow: deque[tuple[Item, Waiter, asyncio.Future[None]]] = deque()
        self._unacknowledged: list[tuple[Item, Waiter]] = []
        self._wake = threading.Event()
        self._urgent = threading.Event()
        self._sync_seconds = sync_seconds
        self._sync_due: float | None = None
        self._is_recovered = False
        self._on_failure = on_failure
        self._on_downloads_due = on_downloads_due

    async def open(self, attachment_limit: int | None) -> None:
        """Lock the folder, open the database, recover the files, and begin to write.

        Parameters
        ----------
        attachment_limit
            The largest attached file to download, in bytes; ``None`` downloads none.

        Raises
        ------
        StorageError
            It cannot be used; the text says why and what to do.
        """
        self._attachment_limit = attachment_limit
        self.start()
        await self._opened

    async def close(self) -> None:
        """Write the queued items, sync the files, and end the thread."""
        if self.is_alive() and self.failure is None:
            waiter: asyncio.Future[None] = self._loop.create_future()
            self.put(Stop(), waiter)
            self.failure = RecorderClosed("The recorder is closed.")
            with suppress(StorageError):
                await waiter
        await asyncio.to_thread(self.join)

    def put(self, item: Item, waiter: Waiter = None) -> asyncio.Future[None] | None:
        """Queue an item at once; call it in the event loop only.

        Returns a future to wait for when the queue is full; the item keeps its order.
        `waiter` receives the result after the commit.

        Raises
        ------
        StorageError
            Recording has failed before.
        """
        if self.failure is not None:
            raise self.failure
        if not self._overflow and len(self._queue) < self._limit:
            self._queue.append((item, waiter))
            if not self._wake.is_set():
                self._wake.set()
            if waiter is not None or len(self._queue) >= self._limit:
                self._urgent.set()
            return None
        slot: asyncio.Future[None] = self._loop.create_future()
        self._overflow.append((item, waiter, slot))
        self._admit_overflow()  # the thread may have emptied the queue in the meantime
        return slot

    def _admit_overflow(self) -> None:
        while self._overflow and len(self._queue) < self._limit:
            item, waiter, slot = self._overflow.popleft()
            self._queue.append((item, waiter))
            if not slot.done():
                slot.set_result(None)
        self._wake.set()
        self._urgent.set()

    def run(self) -> None:
        """Lock the folder, open the database, write until the end of the queue, close."""
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
            log.exception("Unexpected error in the writer thread.")
            failure = damage_in(self._folder) or RecordingFailed(
                f"Recording stopped: {error!r}. Start the recorder again."
            )
            failure.__cause__ = error
            self._fail(failure)

    def _write_until_stopped(self) -> None:
        self._projection = Projection(self._folder)
        with storage_errors(self._folder), closing(open_for_writing(self._folder)) as connection:
            self._journal = Journal(connection, self._projection.reserve)
            self._journal.attachment_limit = self._attachment_limit
            try:
                self._recover()
                self.channels = frozenset(self._journal.running)
                self.recorded_channels = self._journal.channels
                self._is_recovered = True
                self._resolve([(self._opened, None)])
                while self._take_and_write():
                    pass
                fold_log(connection)
            finally:
                self._projection.close()

    def _recover(self) -> None:
        """Recover every file from the database, from its last synced offset on."""
        connection = self._journal.connection
        db = self._journal.db
        drafts.discard_drafts(self._journal)
        self._finish_erasures()
        attachment_files.recover(self._folder, lambda path: attachments.is_known(db, path))
        states = file_states(connection)
        self._projection.remove_unused({state.file_path for state in states})
        for state in states:
            size = self._projection.size(state.file_path)
            if not size == state.byte_size == state.synced_bytes:
                self._rewrite(state, min(max(size, 0), state.synced_bytes))

    def _take_and_write(self) -> bool:
        """Write the queued items, or wait for one; return ``False`` at the end of the queue."""
        if not self._queue:
            self._wake.clear()
            if not self._queue:
                due = self._sync_due
                self._wake.wait(None if due is None else max(due - time.monotonic(), 0))
        self._coalesce_burst()
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
        return not (batch and isinstance(batch[-1][0], Stop))

    def _coalesce_burst(self) -> None:
        """Let the items of a burst share a commit, unless a waiter needs one at once.

        One large commit holds up the event loop less than many small ones.
        """
        queued, waits = 0, _BURST_WAITS
        while not self._urgent.is_set() and queued < len(self._queue) and waits:
            queued = len(self._queue)
            waits -= 1
            self._urgent.wait(_BURST_WAIT_SECONDS)
        self._urgent.clear()

    def _write(self, batch: list[tuple[Item, Waiter]]) -> None:
        """Commit a batch, write its lines to the files, acknowledge it."""
        journal = self._journal
        if all(isinstance(item, Barrier) for item, _ in batch):
            self._unacknowledged = []
            self._resolve([(waiter, None) for _, waiter in batch])
            return
        journal.connection.execute("BEGIN IMMEDIATE")
        results = [(waiter, self._apply(item)) for item, waiter in batch]
        journal.flush()
        if self._overflow:  # only now: the event loop fills the queue while the disk works
            self._loop.call_soon_threadsafe(self._admit_overflow)
        journal.connection.execute("COMMIT")
        self._unacknowledged = []
        try:
            for file_path, written in journal.take_written().items():
                self._projection.write(file_path, written)
            if any(isinstance(item, Call | Rewrite | Stop) for item, _ in batch):
                self._after_calls(item.session_id for item, _ in batch if isinstance(item, Rewrite))
        finally:
            self._resolve(results)
        if journal.downloads_due:
            journal.downloads_due = False
            self._in_loop(lambda _: self._on_downloads_due(), None)
        if self._sync_due is None and self._projection.unsynced:
            self._sync_due = time.monotonic() + self._sync_seconds

    def _apply(self, item: Item) -> Any:
        """Apply an item; its own error is returned, a storage error raised."""
        journal = self._journal
        try:
            if isinstance(item, Message):
                return journal.record(item)
            if isinstance(item, Change):
                return journal.change(item)
            if isinstance(item, Update):
                return journal.update(item.message, item.edit)
            if isinstance(item, Call):
                with journal.all_or_nothing():
                    return item.work(journal)
            if isinstance(item, Rewrite):
                # In a commit of its own: after a crash the file is rewritten as a whole.
                state = file_state(journal.connection, item.session_id)
                journal.set_synced({state.file_path: 0})
        except Exception as error:
            self._raise_of_storage(error)
            if not isinstance(error, RecorderError):
                log.exception("Unexpected error: nothing was changed, and recording goes on.")
            elif isinstance(item, Message | Change | Update):
                log.error("In channel %s: %s", item.channel_id, error)
            # A future does not take a StopIteration.
            return RuntimeError(repr(error)) if isinstance(error, StopIteration) else error
        return None

    def _raise_of_storage(self, error: Exception) -> None:
        """Raise an error of the disk or the database, which stops recording."""
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
        """Clear erased content from the files and the database.

        Scrubbing a large database takes long, and while a reader is active it is in vain: it
        waits until `scrub_due` is set.
        """
        connection = self._journal.connection
        self._remove_files()
        if scrubbing.has_unfinished(self._journal.db):
            for state in file_states(connection):
                if state.synced_bytes == 0:
                    self._projection.replace(state, lines_from(connection, state.session_id))
                    self._journal.set_synced({state.file_path: state.byte_size})
            export_index.forget_removed(self._folder / "exports")
            if self._journal.scrub_due:
                self._remove_temporary_files()
                scrubbing.scrub(connection)
        self._journal.scrub_due = False

    def _remove_temporary_files(self) -> None:
        """Remove what a killed verification or rewrite left, and at the start a killed export."""
        for copy in self._folder.glob(f"{COPY_PREFIX}*"):
            shutil.rmtree(copy, ignore_errors=True)
        self._projection.remove_temporary()
        if not self._is_recovered:
            export_index.remove_temporary(self._folder / "exports")

    def _remove_files(self) -> None:
        """Remove the files with a committed removal."""
        db = self._journal.db
        for row in list(db.query("SELECT file_path FROM file_removals")):
            self._projection.remove(row["file_path"])
            db.table("file_removals").delete(row["file_path"])

    def _rewrite(self, state: FileState, byte_offset: int) -> None:
        """Rewrite a session's file from the database, from the line at `byte_offset` on."""
        connection = self._journal.connection
        line = line_at(connection, state.session_id, byte_offset)
        start = line.byte_offset if line else state.byte_size
        self._journal.set_synced({state.file_path: start})
        self._projection.recover(
            state,
            lambda: (
                lines_from(connection, state.session_id, line.line_number) if line else iter(())
            ),
            start,
        )
        self._journal.set_synced({state.file_path: state.byte_size})

    def _sync(self) -> None:
        """Sync the files, and store their synced offsets."""
        self._sync_due = None
        synced = self._projection.sync()
        if synced:
            self._journal.set_synced(synced)

    def _after_calls(self, rewritten: Iterable[str]) -> None:
        """Finish calls before their waiters: rewrite and sync files, remove deleted ones."""
        self.channels = frozenset(self._journal.running)
        for session_id in rewritten:
            with suppress(NotFound):  # its waiter has the error
                self._rewrite(file_state(self._journal.connection, session_id), 0)
        self._finish_erasures()
        self._sync()

    def _resolve(self, results: list[tuple[Waiter, Any]]) -> None:
        """Set the results of waiters, in the event loop."""
        waiting = [(waiter, result) for waiter, result in results if waiter is not None]
        if waiting:
            self._in_loop(_resolve, waiting)

    def _fail(self, error: StorageError) -> None:
        """Stop for good, and report it; no waiter is acknowledged."""
        self._in_loop(self._reject, error)

    def _reject(self, error: StorageError) -> None:
        self.failure = error
        waiting = [waiter for _, waiter in self._unacknowledged if waiter is not None]
        waiting += [waiter for _, waiter in self._queue if waiter is not None]
        waiting += [waiter for _, waiter, _ in self._overflow if waiter is not None]
        for _, _, slot in self._overflow:
            if not slot.done():
                slot.set_exception(error)
                slot.exception()  # retrieved: not every caller waits for a slot
        self._queue.clear()
        self._overflow.clear()
        _resolve([(waiter, error) for waiter in waiting])
        if self._opened.done():
            log.critical("%s", error)
            self._on_failure(error)
        else:
            self._opened.set_exception(error)

    def _in_loop(self, work: Callable[[Any], None], argument: Any) -> None:
        # The loop may be closed already when the recorder was not closed in order.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(work, argument, context=self._context)


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
    """Raise a failed write of the database or of a file as :class:`StorageError`."""
    try:
        with sqlite_errors(folder / DATABASE_NAME):
            yield
    except OSError as error:
        raise RecordingFailed(
            f"Writing to {error.filename or folder} failed ({error.strerror}). Nothing more is "
            f"recorded. {advice(error)}, then start the recorder again."
        ) from error
