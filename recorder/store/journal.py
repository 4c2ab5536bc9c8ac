"""Recording messages and their changes: their lines, and the rows derived from them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from recorder.errors import InvalidInput
from recorder.models import (
    Annotation,
    Change,
    Deletion,
    Edit,
    Json,
    KeptFile,
    Message,
    Reaction,
    UnrecordedEdit,
)
from recorder.record import jsonl
from recorder.record.changes import apply, current
from recorder.record.json_values import is_id
from recorder.store import attachments, copied_messages
from recorder.store.database import Connection, stored_time
from recorder.store.line_journal import LineJournal
from recorder.store.message_rows import (
    UPDATE_MESSAGE,
    message_row,
    withheld,
)
from recorder.store.open_session import OpenSession

_REMEMBERED_MODELS = 1_000
_MOMENT = timedelta(milliseconds=1)  # of the time in Discord's ids


@dataclass(frozen=True, slots=True)
class Recorded:
    """The acknowledgement of a message: its permanent position."""

    session_id: str
    message_index: int


class Journal(LineJournal):
    """The writes of the writer thread; the caller holds the transaction.

    Parameters are those of :class:`.line_journal.LineJournal`.

    Attributes
    ----------
    attachment_limit
        The largest attached file to keep, in bytes; ``None`` keeps none.
    downloads_due
        Whether files were added that are to be downloaded, after the commit.
    """

    def __init__(self, connection: Connection, reserve_file: Callable[[str], bool]) -> None:
        self._opted_out: dict[tuple[str, str], list[tuple[datetime, datetime | None]]] = {}
        self.attachment_limit: int | None = None
        self.downloads_due = False
        self._models: OrderedDict[tuple[str, int], str] = OrderedDict()
        super().__init__(connection, reserve_file)

    def _load(self) -> None:
        super()._load()
        self.load_opted_out()

    def load_opted_out(self) -> None:
        """Read the periods in which users opted out, after they were changed."""
        self._opted_out = {}
        for row in self.db.query("SELECT place_id, user_id, since, until FROM opted_out"):
            until = stored_time(row["until"]) if row["until"] else None
            periods = self._opted_out.setdefault((row["place_id"], row["user_id"]), [])
            periods.append((stored_time(row["since"]), until))

    def is_opted_out(self, scope_id: str, user_id: str, time: datetime) -> bool:
        """Return whether a user had opted out in a guild or DM channel at a time."""
        periods = self._opted_out.get((scope_id, user_id), ())
        return any(since <= time and (until is None or time < until) for since, until in periods)

    def record(self, message: Message) -> Recorded | None:
        """Append a message to the session of its channel, or of its thread's parent.

        Returns ``None`` when no active session covers the channel, or it has the message already.
        """
        session = self._session_of(message)
        return None if session is None else self.append_live(session, message)

    def append_live(self, session: OpenSession, message: Message) -> Recorded | None:
        """Append a message that comes from Discord itself, as :meth:`append` does.

        A model that its bot has named goes into its line. Of users who opted out, neither name
        nor content is recorded, and not that they used a command.
        """
        source_id = copied_messages.source_of(message)
        if source_id is not None and self._is_own(source_id):
            return None
        if self._opted_out:
            message = self._without_opted_out(session, message)
        if not message.extra.keys().isdisjoint(copied_messages.KEYS):
            message = self._without_copies(session, message)
        if self._models and message.message_id is not None and message.channel_id is not None:
            model = self._models.pop((message.channel_id, message.message_id), None)
            message = message if model is None else replace(message, model=model)
        recorded = self.append(session, message)
        if recorded is not None:
            self._expect_attachments(session, message)
        return recorded

    def _without_opted_out(self, session: OpenSession, message: Message) -> Message:
        """Return a message without its author, or the user of its command, who opted out."""
        scope_id, time = session.scope_id, message.timestamp
        times = [time, copied_messages.source_time(message)]
        edited = message.extra.get("edited_timestamp")  # of a message that was fetched later
        times += [datetime.fromisoformat(edited)] if isinstance(edited, str) else []
        if any(self.is_opted_out(scope_id, message.author_id, each) for each in times):
            return withheld(message, {"opted_out": True})
        if not self.is_opted_out(scope_id, str(message.interaction.get("user_id")), time):
            return message
        unnamed: Json = {**message.interaction, "user": "opted out", "user_id": "0"}
        return replace(message, extra={**message.extra, "interaction": unnamed})

    def _without_copies(self, session: OpenSession, message: Message) -> Message:
        """Return a message without the text of others that is not kept of its source either."""
        self.flush()
        if reason := copied_messages.reason_of_source(self.connection, message):
            return withheld(message, reason)
        extra = self._without_forwarded(session, message.extra, message.timestamp)
        return message if extra is message.extra else replace(message, extra=extra)

    def _without_forwarded(
        self, session: OpenSession, extra: Mapping[str, Json], time: datetime
    ) -> Mapping[str, Json]:
        return copied_messages.without_forwarded(
            self.connection, extra, self.is_opted_out, session.scope_id, time
        )

    def append(self, session: OpenSession, message: Message) -> Recorded | None:
        """Append a message to a session; return ``None`` when the session has it already.

        Raises
        ------
        InvalidInput
            The message cannot be recorded; nothing was changed.
        """
        message_id = message.message_id
        is_newest = message_id is not None and message_id > session.newest_message_id
        if message_id is not None and not is_newest and self.has(session.id, message_id):
            return None
        line = jsonl.encode(message)
        try:
            data = line.encode()
        except UnicodeEncodeError:
            message = jsonl.without_surrogates(message)
            line = jsonl.encode(message)
            data = line.encode()
        row = message_row(session.id, session.message_count + 1, current(message))
        # Up to here an invalid message changes nothing; from here on nothing is invalid.
        channel_id = message.channel_id or ""  # of unknown origin: for those who manage the guild
        if channel_id not in session.channels:
            session.channels.add(channel_id)
            self.add_channel(session.id, channel_id)
        if is_newest and message_id is not None:
            session.newest_message_id = message_id
        if message.timestamp < session.newest_time:
            session.in_order = False
        else:
            session.newest_time = message.timestamp
        session.message_count += 1
        self._messages.append((self._append_line(session, line, data), *row))
        return Recorded(session.id, session.message_count)

    def change(self, change: Change) -> None:
        """Append a change of a message to every session that holds the message.

        A model that is named before its message was recorded is kept for the message.

        Raises
        ------
        InvalidInput
            The change cannot be recorded.
        """
        if not is_id(change.message_id):
            raise InvalidInput(f"{change.message_id} is not the id of a message.")
        self.flush()
        holding = self._holding(change)
        for session_id, edited_at in holding:
            self._change_in(session_id, change, edited_at)
        if isinstance(change, Edit | Deletion) and str(change.message_id) in self.channels:
            for session_id, copy_id, edited_at in copied_messages.first_messages(
                self.connection, change.message_id
            ):
                copied = copied_messages.copied(change, copy_id)
                self._change_in(session_id, copied, edited_at)
        if not holding and isinstance(change, Annotation):
            self._models[change.channel_id, change.message_id] = change.model
            if len(self._models) > _REMEMBERED_MODELS:
                self._models.popitem(last=False)

    def _holding(self, change: Change) -> list[tuple[str, str | None]]:
        """Return the sessions that hold the message of a change, and its last edit in each."""
        return self.connection.execute(
            "SELECT m.session_id, m.edited_at FROM session_channels c JOIN messages m "
            "ON m.session_id = c.session_id AND m.message_id = ? WHERE c.channel_id = ?",
            (change.message_id, change.channel_id),
        ).fetchall()

    def _change_in(self, session_id: str, change: Change, edited_at: str | None) -> None:
        session = self.session(session_id)
        if isinstance(change, Edit) and not (
            self._is_active(session) or self._was_missed(session, change.timestamp, edited_at)
        ):
            unrecorded = UnrecordedEdit(change.timestamp, change.channel_id, change.message_id)
            self.append_change(session, unrecorded)
        else:
            self.change_live(session, change)

    def update(self, message: Message, edit: Edit) -> None:
        """Append an edit, or the edited message itself if no session holds the original.

        Parameters
        ----------
        message
            The message after `edit`.

        Raises
        ------
        InvalidInput
            It cannot be recorded.
        """
        self.change(edit)
        session = self._session_of(message)
        if (
            session is not None
            and self._is_active(session)
            and message.message_id is not None
            and not self._holding(edit)
            and not self._is_own(message.message_id)
            and self.was_recording(session.id, message.timestamp)
        ):
            self.append_live(session, message)

    def _is_own(self, message_id: int) -> bool:
        """Return whether a message is one of the recorder itself."""
        return bool(self.db.table("own_messages").count_where("message_id = ?", (message_id,)))

    def was_recording(self, session_id: str, time: datetime) -> bool:
        """Return whether a session was recording its present channel at a time."""
        return bool(
            self.db.table("session_intervals").count_where(
                "session_id = :id AND started_at <= :time "
                "AND (ended_at IS NULL OR ended_at > :time) AND (channel_id IS NULL "
                "OR channel_id = (SELECT channel_id FROM recording_sessions WHERE id = :id))",
                {"id": session_id, "time": time.isoformat()},
            )
        )

    def _was_missed(self, session: OpenSession, time: datetime, edited_at: str | None) -> bool:
        """Return whether an edit was made before the recording ended, and arrived after it."""
        is_newer = edited_at is None or edited_at < time.isoformat()
        return is_newer and self.was_recording(session.id, time)

    def _is_active(self, session: OpenSession) -> bool:
        return session.active and any(session is running for running in self.running.values())

    def _session_of(self, message: Message) -> OpenSession | None:
        """Return the active session of a message's channel, or of its thread's parent.

        A message that was sent before the session of today goes to that of its own day.
        """
        session = self.running.get(message.channel_id or "")
        if session is None and message.parent_id is not None:
            session = self.running.get(message.parent_id)
        if session is None or not session.active:
            return None
        if message.timestamp.tzinfo and message.timestamp + _MOMENT < session.started_at:
            return self._earlier_session(session, message.timestamp) or session
        return session

    def _earlier_session(self, session: OpenSession, time: datetime) -> OpenSession | None:
        """Return the session of the same channel that was recording at a time."""
        rows = self.db.query(
            "SELECT s.id FROM recording_sessions s JOIN session_intervals i ON i.session_id = s.id "
            "WHERE i.channel_id = (SELECT channel_id FROM recording_sessions WHERE id = :id) "
            "AND i.started_at <= :time AND i.ended_at > :time AND NOT s.is_draft LIMIT 1",
            {"id": session.id, "time": time.isoformat()},
        )
        return next((self.session(row["id"]) for row in rows), None)

    def change_live(self, session: OpenSession, change: Change) -> None:
        """Append a change that comes from Discord itself, as :meth:`append_change` does."""
        if isinstance(change, Edit) and "forwarded" in change.extra:
            extra = self._without_forwarded(session, change.extra, change.timestamp)
            change = replace(change, extra=extra)
        message = self.append_change(session, change)
        if message is not None and isinstance(change, Edit):
            self._expect_attachments(session, message)

    def append_change(self, session: OpenSession, change: Change) -> Message | None:
        """Append the line of a change, and update the row of its message.

        Returns the message after the change; ``None``, and nothing is appended, when the change
        has no effect or the session does not hold the message.

        Raises
        ------
        InvalidInput
            The change cannot be recorded; nothing was changed.
        """
        self.flush()
        state = self._states.get(self.connection, session.id, change.message_id)
        if state is None or self._is_withheld(session, state.current.message, change):
            return None
        line = jsonl.encode_change(change)
        try:
            data = line.encode()
        except UnicodeEncodeError:
            change = jsonl.change_without_surrogates(change)
            line = jsonl.encode_change(change)
            data = line.encode()
        after = apply(state.current, change)
        if after == state.current and not isinstance(change, KeptFile):
            return None
        values = message_row(session.id, state.message_index, after)
        self._append_line(session, line, data, about=change.message_id)
        self.flush()
        self.connection.execute(UPDATE_MESSAGE, (*values, state.row_id))
        state.current = after
        return after.message

    def _is_withheld(self, session: OpenSession, message: Message, change: Change) -> bool:
        """Return whether a change is by, or of a message of, a user who opted out."""
        if isinstance(change, Edit):
            return message.withheld is not None or self.is_opted_out(
                session.scope_id, message.author_id, change.timestamp
            )
        return isinstance(change, Reaction) and self.is_opted_out(
            session.scope_id, change.user_id or "", change.timestamp
        )

    def _expect_attachments(self, session: OpenSession, message: Message) -> None:
        if message.attachments and message.message_id and self.attachment_limit is not None:
            for kept in attachments.expect(self.db, message, self.attachment_limit):
                self.append_change(session, kept)
            self.downloads_due = True
