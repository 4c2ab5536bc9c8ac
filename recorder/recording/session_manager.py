"""``SessionManager``: starts, stops, finds, changes and removes the sessions of a data folder."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from recorder.errors import Conflict, InvalidInput
from recorder.formats.session_exporter import FORMATS, SessionExporter
from recorder.models import AutoRecording, Channel, Deletion, RecordedMessage, Session, Tag
from recorder.record.names import check_file_name, check_name, export_name, file_stem
from recorder.recording import erasing
from recorder.recording.erasing import ErasurePlan
from recorder.recording.session_recorder import SessionRecorder
from recorder.store import (
    auto_recording,
    consent,
    drafts,
    export_index,
    merging,
    own_messages,
    sessions,
    tags,
)
from recorder.store.erasure import Selection
from recorder.store.journal import Journal
from recorder.store.reading import Reader

_MERGE_SLICE = 500  # messages that are copied in one transaction


class SessionManager:
    """The sessions that a recorder records; one is running in a channel at a time.

    A method that changes a session is a coroutine: its order among the messages is fixed before
    its first ``await``. A method that only reads is an ordinary one that blocks for a short query.

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
            A session is running in the channel, or the name is taken.
        """
        return await self.begin(name, channel, user_id=user_id, now=now)

    def begin(
        self, name: str, channel: Channel, *, user_id: str, now: datetime
    ) -> Awaitable[Session]:
        """Start recording as :meth:`start` does, in order even before the result is awaited."""
        name = check_name(name)
        stem = file_stem(name, now.astimezone(self._timezone).date())
        return self._recorder.submit(
            lambda journal: sessions.create(journal, name, channel, user_id, stem=stem, now=now),
            starts=channel.id,
        )

    async def prepare(
        self,
        name: str,
        channel: Channel,
        *,
        user_id: str,
        now: datetime,
        since: datetime | None = None,
    ) -> Session:
        """Create a draft of a session, to be activated once its notice is sent.

        Parameters
        ----------
        since
            The time of an earlier message with which it is to begin.

        Raises
        ------
        InvalidName
            The name cannot be used.
        Conflict
            A session is running in the channel, or the name is taken.
        """
        name = check_name(name)
        stem = file_stem(name, (since or now).astimezone(self._timezone).date())
        return await self._recorder.call(
            lambda journal: drafts.prepare(
                journal, name, channel, user_id, stem=stem, now=now, since=since
            )
        )

    def activate(self, draft: Session, *, now: datetime) -> Awaitable[Session]:
        """Start recording a draft; its order among the messages is fixed at once.

        Parameters
        ----------
        now
            The time of its notice, or of the first earlier message.

        Raises
        ------
        NotFound
            The draft was discarded.
        """
        return self._recorder.submit(
            lambda journal: drafts.activate(journal, draft.id, now),
            starts=draft.channel_id,
        )

    async def discard(self, draft: Session) -> None:
        """Delete a draft whose notice could not be sent."""
        await self._recorder.call(lambda journal: drafts.discard(journal, draft.id))

    def suspend(self, channel_id: str, reason: str, *, now: datetime) -> Awaitable[Session | None]:
        """Pause the active session of a channel with a gap, since the bot lacks a permission.

        Its order among the messages is fixed before it is awaited. The result is ``None`` when
        no session is active there. :meth:`resume` ends the gap, without a backfill.
        """
        return self._recorder.submit(
            lambda journal: sessions.suspend(journal, channel_id, reason, now)
        )

    def remember_own(self, message_ids: Sequence[int]) -> Awaitable[None]:
        """Store messages of the recorder itself, which are never recorded."""
        return self._recorder.submit(lambda journal: own_messages.add(journal, message_ids))

    async def stop(self, channel_id: str, *, now: datetime) -> Session:
        """Stop the session of a channel.

        Raises
        ------
        Conflict
            No session is running there.
        """
        return await self._recorder.call(lambda journal: sessions.stop(journal, channel_id, now))

    async def pause(self, channel_id: str, *, now: datetime) -> Session:
        """Pause the session of a channel: no message is recorded until it is resumed.

        Raises
        ------
        Conflict
            No session is running there, or it is paused already.
        """
        return await self._recorder.call(lambda journal: sessions.pause(journal, channel_id, now))

    async def resume(self, channel_id: str, *, now: datetime) -> Session:
        """Continue the paused session of a channel.

        Raises
        ------
        Conflict
            No session is running there, or it is not paused.
        """
        return await self._recorder.call(lambda journal: sessions.resume(journal, channel_id, now))

    async def paused(self, channel_id: str) -> Session:
        """Return the paused session of a channel.

        Raises
        ------
        Conflict
            As in :meth:`resume`.
        """
        return await self._recorder.call(lambda journal: sessions.paused(journal, channel_id))

    async def reopenable(self, session: Session, channel: Channel) -> Session:
        """Return a stopped session as it is now.

        Raises
        ------
        Conflict, NotFound
            As in :meth:`reopen`.
        """
        return await self._recorder.call(
            lambda journal: sessions.reopenable(journal, session.id, channel)
        )

    async def reopen(self, session: Session, channel: Channel, *, now: datetime) -> Session:
        """Continue a stopped session in a channel.

        Raises
        ------
        Conflict
            It is running, or another session is running in the channel.
        NotFound
            It was deleted.
        """
        return await self._recorder.submit(
            lambda journal: sessions.reopen(journal, session.id, channel, now),
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
        """Merge several sessions into a new one, by time, each message once.

        Raises
        ------
        InvalidInput
            Fewer than two different sources.
        InvalidName, Conflict, NotFound
            The name cannot be used or is taken, or a source was deleted.
        """
        name = check_name(name)
        sources = list({source.id: source for source in sources}.values())
        if len(sources) < 2:
            raise InvalidInput("Name at least two different sessions to merge.")
        stem = file_stem(name, sources[0].started_at.astimezone(self._timezone).date())
        row_ids = await asyncio.to_thread(merging.message_ids, self.reader, sources)
        beginning = self._recorder.submit(
            lambda journal: drafts.begin_merge(journal, name, sources, channel, user_id, stem=stem)
        )
        try:
            merge = await asyncio.shield(beginning)
            for start in range(0, len(row_ids), _MERGE_SLICE):
                part = row_ids[start : start + _MERGE_SLICE]
                await self._recorder.call(lambda journal, part=part: merge.copy(journal, part))  # type: ignore[misc]
            merged = await self._recorder.call(
                lambda journal: drafts.finish_merge(journal, merge, now)
            )
        except BaseException:
            merge = await beginning  # also where it was cancelled before the draft was there
            await self._recorder.call(lambda journal: drafts.discard(journal, merge.session_id))
            raise
        await self._recorder.rewrite(merged.id)
        return merged

    async def tag(
        self,
        session: Session,
        name: str,
        *,
        now: datetime,
        message_id: int | None = None,
        message_index: int | None = None,
    ) -> Tag:
        """Tag a message of a session, by its Discord id or its index, or the newest one.

        Raises
        ------
        InvalidName
            The tag cannot be used.
        NotFound
            The session does not hold the message, or holds none yet.
        """
        name = check_name(name, "tag")

        def add(journal: Journal) -> Tag:
            index = message_index
            if message_id is not None:
                index = tags.message_index_of(journal, session.id, message_id)
            return tags.add(journal, session.id, name, index, now)

        return await self._recorder.call(add)

    async def untag(self, session: Session, name: str, *, now: datetime) -> None:
        """Remove a tag.

        Raises
        ------
        NotFound
            There is no such tag.
        """
        await self._recorder.call(lambda journal: tags.remove(journal, session.id, name, now))

    async def switch_auto(self, recording: AutoRecording, on: bool, *, now: datetime) -> None:
        """Switch auto-recording of a channel or a guild on or off."""
        await self._recorder.call(
            lambda journal: (
                auto_recording.switch_on(journal, recording)
                if on
                else auto_recording.switch_off(journal, recording.place_id, now)
            )
        )

    async def prepare_auto(
        self, channel: Channel, user_id: str, *, now: datetime
    ) -> Session | None:
        """Return the session of the day in a channel, to be started once its notice is sent.

        It is a draft for :meth:`activate`, or a stopped one for :meth:`reopen`. The result is
        ``None`` when a session is running there already.
        """
        day = now.astimezone(self._timezone).date()
        return await self._recorder.call(
            lambda journal: auto_recording.prepare(journal, channel, user_id, day, now)
        )

    async def rename(self, session: Session, name: str, *, now: datetime) -> Session:
        """Rename a session; its files keep their names.

        Raises
        ------
        InvalidName, Conflict, NotFound
            The name cannot be used or is taken, or the session was deleted.
        """
        name = check_name(name)
        return await self._recorder.call(
            lambda journal: sessions.rename(journal, session.id, name, now)
        )

    async def delete(self, session: Session) -> Session:
        """Delete a stopped session, its messages and its JSONL file; its exports stay.

        Raises
        ------
        Conflict
            It is still running.
        NotFound
            It was deleted already.
        """
        return await self._recorder.call(lambda journal: sessions.delete(journal, session.id))

    async def opt_out(self, scope_id: str, user_id: str, *, now: datetime) -> bool:
        """Stop recording a user in a guild or DM channel; return ``False`` if that was so before.

        Of later messages only the time and place are recorded.
        """
        return await self._recorder.call(
            lambda journal: consent.opt_out(journal, scope_id, user_id, now)
        )

    async def opt_in(self, scope_id: str, user_id: str, *, now: datetime) -> bool:
        """Record a user again; return ``False`` if they are recorded already."""
        return await self._recorder.call(
            lambda journal: consent.opt_in(journal, scope_id, user_id, now)
        )

    async def erase(self, selection: Selection, *, now: datetime) -> ErasurePlan:
        """Destroy selected content: in the database, JSONL files, exports and attachments.

        Copies elsewhere, such as backups, are not reached.

        Raises
        ------
        Conflict
            A session that is to be deleted as a whole is running.
        """
        return await self._recorder.call(
            lambda journal: erasing.erase(journal, self._recorder.folder, selection, now)
        )

    def erase_deleted(self, deletions: Sequence[Deletion], *, now: datetime) -> Awaitable[object]:
        """Record deletions in Discord, and erase the messages in the same commit.

        Its order among the messages is fixed before it is awaited.
        """
        return self._recorder.submit(
            lambda journal: erasing.erase_deleted(journal, self._recorder.folder, deletions, now)
        )

    def save(self, session: Session, filename: str, *, now: datetime) -> Path:
        """Save a session under a file name in the folder ``exports``.

        Parameters
        ----------
        filename
            Its suffix determines the format, such as ``.txt`` or ``.md``; any other is JSONL.

        Raises
        ------
        InvalidName
            The file name cannot be used, or leads to another folder.
        Conflict
            The guild, or DM channel, of the session has this file already.
        StorageError
            It cannot be written.
        """
        stem, format = _stem_and_format(filename)
        suffix = FORMATS[format].suffix
        path = self._exports / f"{stem}.{suffix}"
        with suppress(Conflict):
            self.exporter.export(session, format, path, now)
            return path
        scope = session.guild_id or session.channel_id
        taken = Conflict(f"{path.name} exists already. Choose another name, or remove it first.")
        exported = export_index.sessions_of(self._exports, path.name)
        if not exported or scope in self.reader.scopes(exported):
            raise taken
        # Nobody learns that another guild has a file of this name.
        path = self._exports / export_name(f"{stem}_{scope}", suffix)
        try:
            self.exporter.export(session, format, path, now)
        except Conflict:
            raise taken from None
        return path

    @staticmethod
    def export_file_name(filename: str) -> str:
        """Return the name of the file that :meth:`save` writes, as members see it."""
        stem, format = _stem_and_format(filename)
        return f"{stem}.{FORMATS[format].suffix}"

    def expire_exports(self, before: float) -> None:
        """Remove the kept exports of before this POSIX time."""
        for path in export_index.expired(self._exports, before):
            path.unlink(missing_ok=True)

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
        """Return the sessions of a guild, or of a DM channel without one; the newest first."""
        if guild_id is None and channel_id is None:
            raise InvalidInput("Name the guild, or the DM channel.")
        return self.reader.sessions(guild_id, channel_id)

    def load(
        self, session: Session, first: int = 1, count: int | None = None
    ) -> Iterator[RecordedMessage]:
        """Yield `count` messages of a session, or all, from index `first` on."""
        return self.reader.messages(session.id, first, None if count is None else first + count - 1)


def _stem_and_format(filename: str) -> tuple[str, str]:
    return check_file_name(filename, {format.suffix: name for name, format in FORMATS.items()})
