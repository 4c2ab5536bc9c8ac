"""``SessionManager``: the sessions of a data folder, started, stopped, found and removed."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from recorder.errors import Conflict, InvalidInput
from recorder.formats.session_exporter import FORMATS, SessionExporter
from recorder.models import AutoRecording, Channel, Deletion, RecordedMessage, Session, Tag
from recorder.record.names import check_file_name, check_name, export_name, file_stem
from recorder.recording.projection import Projection, damaged_copies
from recorder.recording.session_recorder import SessionRecorder
from recorder.store import attachments, auto_recording, erasure, export_index, sessions, tags
from recorder.store.erasure import Plan, Selection
from recorder.store.journal import Journal
from recorder.store.reading import Reader


@dataclass(frozen=True, slots=True)
class ErasurePlan:
    """What an erasure destroys, and the further files that go with it."""

    found: Plan
    files: tuple[str, ...]


class SessionManager:
    """Tracks the sessions that a recorder records; one runs in a channel at a time.

    What changes something is a coroutine and takes its place among the messages before its
    first ``await``. What only reads is an ordinary method that blocks for a short query.

    Parameters
    ----------
    recorder
        An open recorder.
    timezone
        For the dates in file names and exports.
    """

    def __init__(self, recorder: SessionRecorder, timezone: ZoneInfo) -> None:
        self.reader = Reader(recorder.folder)
        self.exporter = SessionExporter(self.reader, timezone)
        self._timezone = timezone
        self._exports = recorder.folder / "exports"
        self._recorder = recorder

    async def start(self, name: str, channel: Channel, *, user_id: str, now: datetime) -> Session:
        """Start recording a channel under a name.

        Raises
        ------
        InvalidName
            The name cannot be used.
        Conflict
            The channel is being recorded already, or the name is taken.
        """
        return await self.begin(name, channel, user_id=user_id, now=now)

    def begin(
        self, name: str, channel: Channel, *, user_id: str, now: datetime
    ) -> Awaitable[Session]:
        """As :meth:`start`, with its place among the messages before it is awaited."""
        name = check_name(name)
        stem = file_stem(name, now.astimezone(self._timezone).date())
        return self._recorder.submit(
            lambda journal, projection: sessions.create(
                journal,
                name,
                channel,
                user_id,
                lambda: free_file_path(journal, projection, stem),
                now,
            ),
            starts=channel.id,
        )

    async def stop(self, channel_id: str, *, now: datetime) -> Session:
        """Stop the session of a channel.

        Raises
        ------
        Conflict
            None is running there.
        """
        return await self._recorder.call(lambda journal, _: sessions.stop(journal, channel_id, now))

    async def pause(self, channel_id: str, *, now: datetime) -> Session:
        """Pause the session of a channel: what is said from now on is not recorded.

        Raises
        ------
        Conflict
            None is running there, or it is paused already.
        """
        return await self._recorder.call(
            lambda journal, _: sessions.pause(journal, channel_id, now)
        )

    async def resume(self, channel_id: str, *, now: datetime) -> Session:
        """Go on with the paused session of a channel.

        Raises
        ------
        Conflict
            None is running there, or it is not paused.
        """
        return await self._recorder.call(
            lambda journal, _: sessions.resume(journal, channel_id, now)
        )

    async def reopen(self, session: Session, channel: Channel, *, now: datetime) -> Session:
        """Go on with a stopped session in a channel.

        Raises
        ------
        Conflict
            It is running, or another one runs in the channel.
        NotFound
            It is gone.
        """
        return await self._recorder.submit(
            lambda journal, _: sessions.reopen(journal, session.id, channel, now),
            starts=channel.id,
        )

    async def merge(
        self,
        sources: Sequence[Session],
        name: str,
        channel: Channel,
        *,
        user_id: str,
        now: datetime,
    ) -> Session:
        """Put several sessions together into a new one, by time, each message once.

        Raises
        ------
        InvalidInput
            Fewer than two different sources.
        InvalidName, Conflict, NotFound
            The name cannot be used or is taken, or a source is gone.
        """
        name = check_name(name)
        sources = list({source.id: source for source in sources}.values())
        if len(sources) < 2:
            raise InvalidInput("Name at least two different sessions to merge.")
        stem = file_stem(name, sources[0].started_at.astimezone(self._timezone).date())
        merged = await self._recorder.call(
            lambda journal, projection: sessions.merge(
                journal,
                name,
                sources,
                channel,
                user_id,
                lambda: free_file_path(journal, projection, stem),
                now,
            )
        )
        await self._recorder.rewrite(merged.id)
        return merged

    async def tag(
        self,
        session: Session,
        name: str,
        *,
        message_id: int | None = None,
        message_index: int | None = None,
    ) -> Tag:
        """Mark a message of a session, by its Discord id or its index, or the newest one.

        Raises
        ------
        InvalidName
            The tag cannot be used.
        NotFound
            The session does not hold the message, or none yet.
        """
        name = check_name(name, "tag")

        def add(journal: Journal, _: Projection) -> Tag:
            index = message_index
            if message_id is not None:
                index = tags.message_index_of(journal, session.id, message_id)
            return tags.add(journal, session.id, name, index)

        return await self._recorder.call(add)

    async def untag(self, session: Session, name: str) -> None:
        """Remove a tag.

        Raises
        ------
        NotFound
            There is no such tag.
        """
        await self._recorder.call(lambda journal, _: tags.remove(journal, session.id, name))

    async def switch_auto(self, place: AutoRecording, on: bool, *, now: datetime) -> None:
        """Switch auto-recording of a channel or a guild on or off."""
        await self._recorder.call(
            lambda journal, _: (
                auto_recording.switch_on(journal, place)
                if on
                else auto_recording.switch_off(journal, place.place_id, now)
            )
        )

    def begin_auto(
        self, channel: Channel, user_id: str, *, now: datetime
    ) -> Awaitable[Session | None]:
        """Begin the session of the day in a channel, or go on with it.

        It has its place among the messages at once, before it is awaited. Gives ``None``
        when a session runs there already.
        """
        day = now.astimezone(self._timezone).date()
        return self._recorder.submit(
            lambda journal, projection: auto_recording.begin(
                journal,
                channel,
                user_id,
                day,
                lambda name: free_file_path(journal, projection, name),
                now,
            ),
            starts=channel.id,
        )

    async def rename(self, session: Session, name: str) -> Session:
        """Give a session another name; its files keep theirs.

        Raises
        ------
        InvalidName, Conflict, NotFound
            The name cannot be used or is taken, or the session is gone.
        """
        name = check_name(name)
        return await self._recorder.call(
            lambda journal, _: sessions.rename(journal, session.id, name)
        )

    async def delete(self, session: Session) -> Session:
        """Delete a stopped session, its messages and its JSONL file; its exports stay.

        Raises
        ------
        Conflict
            It is still running.
        NotFound
            It is gone already.
        """

        def work(journal: Journal, _: Projection) -> Session:
            journal.flush()
            files = attachments.forget(
                journal.connection, attachments.urls_of(journal.connection, session.id)
            )
            return sessions.delete(journal, session.id, files)

        return await self._recorder.call(work)

    async def erase(self, selection: Selection, *, now: datetime) -> ErasurePlan:
        """Destroy what is selected: in the database, the JSONL files, exports and attachments.

        Copies elsewhere, such as backups, are not reached.

        Raises
        ------
        Conflict
            A session that is to go as a whole is still running.
        """
        return await self._recorder.call(
            lambda journal, _: _erase(journal, self.reader, selection, now)
        )

    def erase_deleted(self, deletions: Sequence[Deletion], *, now: datetime) -> Awaitable[object]:
        """Record that messages were deleted in Discord, and erase them in the same commit.

        It has its place among the messages before it is awaited.
        """

        def work(journal: Journal, _: Projection) -> None:
            for deletion in deletions:
                journal.change(deletion)
            ids = tuple(deletion.message_id for deletion in deletions)
            _erase(journal, self.reader, Selection("deletion", message_ids=ids), now)

        return self._recorder.submit(work)

    def save(self, session: Session, filename: str, *, now: datetime) -> Path:
        """Save a session under a file name of one's own, in the folder ``exports``.

        Parameters
        ----------
        filename
            Its suffix gives the format, such as ``.txt`` or ``.md``; any other JSONL.

        Raises
        ------
        InvalidName
            The file name cannot be used, or names another folder.
        Conflict
            There is such a file already.
        StorageError
            The disk does not take it.
        """
        stem, format = check_file_name(
            filename, {format.suffix: name for name, format in FORMATS.items()}
        )
        path = self._exports / f"{stem}.{FORMATS[format].suffix}"
        self.exporter.export(session, format, path, now)
        return path

    def keep_export(self, session: Session, format: str, exported: Path) -> Path:
        """Copy an export of a session to the folder ``exports``, under the first free name.

        Parameters
        ----------
        exported
            A file that :attr:`exporter` wrote in this format.

        Raises
        ------
        StorageError
            The copy cannot be written.
        """
        for number in itertools.count(1):
            path = self._exports / export_name(session.name, FORMATS[format].suffix, number)
            with suppress(Conflict):
                self.exporter.copy(session, exported, path)
                return path
        raise AssertionError("itertools.count ended")

    def list(self, guild_id: str | None, channel_id: str | None = None) -> list[Session]:
        """The sessions of a guild, or without one of a DM channel; the newest first."""
        if guild_id is None and channel_id is None:
            raise InvalidInput("Name the guild, or the DM channel.")
        return self.reader.sessions(guild_id, channel_id)

    def load(
        self, session: Session, first: int = 1, count: int | None = None
    ) -> Iterator[RecordedMessage]:
        """`count` messages of a session, or all, from the one with index `first` on."""
        return self.reader.messages(session.id, first, None if count is None else first + count - 1)


def plan_erasure(reader: Reader, selection: Selection) -> ErasurePlan:
    """What an erasure would destroy; nothing is changed."""
    with reader.connect() as connection:
        found = erasure.plan(connection, selection)
    return ErasurePlan(found, _files_with(reader, found))


def _erase(journal: Journal, reader: Reader, selection: Selection, now: datetime) -> ErasurePlan:
    journal.flush()
    found = erasure.plan(journal.connection, selection)
    planned = ErasurePlan(found, _files_with(reader, found))
    erasure.erase(journal, found, now, planned.files)
    return planned


def _files_with(reader: Reader, found: Plan) -> tuple[str, ...]:
    """The files beside the JSONL files that may hold what is to be erased."""
    session_ids = (*found.session_ids, *found.whole_session_ids)
    if not session_ids:
        return ()
    names = export_index.files_of(reader.folder / "exports", session_ids)
    paths = [f"exports/{name}" for name in names]
    for session_id in session_ids:
        paths += damaged_copies(reader.folder, reader.session(session_id).file_path)
    return tuple(paths)


def free_file_path(journal: Journal, projection: Projection, stem: str) -> str:
    """Reserve ``sessions/<stem>.jsonl``; when it is taken, with ``-2``, ``-3``… behind."""
    for number in itertools.count(1):
        path = f"sessions/{stem}{f'-{number}' if number > 1 else ''}.jsonl"
        if not sessions.file_is_known(journal, path) and projection.reserve(path):
            return path
    raise AssertionError("itertools.count ended")
