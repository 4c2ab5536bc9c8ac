"""What has to hold of a data folder after a run, by the truth and by what was announced."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from support.discord_server import Channel

from recorder.care.verification import verify, verify_database
from recorder.models import Deletion, Gap, RecordedMessage, Session
from recorder.record.jsonl import decode
from recorder.record.snowflake import snowflake_time
from recorder.store.reading import Reader

from .acting import Acting, title
from .coverage import State, is_covered_by_parent
from .orders import scope_id
from .troubles import ZONE
from .truth import Sent, Version

_AT_THE_END = 1 << 63
_REFUSED = "no permission"
_KICKED = "the bot was removed from the server"  # the recorder does not fetch it any more
_TOLERANCE = timedelta(milliseconds=2)
_UNNOTICED = timedelta(milliseconds=50)  # until the bot learns that its connection is lost
Entry = tuple[Session, RecordedMessage]


class Judge:
    """Compares a data folder with the truth; the bot is stopped.

    Parameters
    ----------
    end
        When the bot was stopped.
    erases
        Whether what is deleted in Discord is to be erased.
    """

    def __init__(self, folder: Path, acting: Acting, end: datetime, *, erases: bool) -> None:
        self._folder = folder
        self._reader = Reader(folder)
        self._acting, self._scene = acting, acting.scene
        self._world = acting.world
        self._end = end
        self._erases = erases
        self._sessions = self._reader.sessions()
        self._entries: defaultdict[int, list[Entry]] = defaultdict(list)
        self._gaps: dict[str, list[Gap]] = {}
        self._by_channel: defaultdict[str, list[Session]] = defaultdict(list)
        self._unseen: set[tuple[str, int]] = set()  # deletions, by session and message

    @property
    def recorded(self) -> int:
        return sum(map(len, self._entries.values()))

    def violations(self) -> Iterator[str]:
        """Yield a sentence for each thing that is not as it should be."""
        for session in self._sessions:
            self._gaps[session.id] = self._reader.gaps(session)
            self._by_channel[str(session.channel_id)].append(session)
            for change in map(decode, self._reader.lines(session.id)):
                if isinstance(change, Deletion) and change.unseen:
                    self._unseen.add((session.id, change.message_id))
            ids = []
            for entry in self._reader.messages(session.id):
                id = entry.message.message_id or 0
                self._entries[id].append((session, entry))
                ids.append(id)
            if ids != sorted(ids):
                yield f"order: {session.name} is read out of order"
        for sent in self._world.sent.values():
            yield from (f"{sentence} ({self._describe(sent)})" for sentence in self._of(sent))
        for id in self._entries.keys() - self._world.sent.keys():
            yield f"invented: a message with the id {id} is recorded"
        yield from self._of_sessions()

    # messages

    def _of(self, sent: Sent) -> Iterator[str]:
        entries = self._entries.get(sent.id, [])
        state = self._state(sent, sent.id)
        was_reached = self._acting.coverage.was_reached(sent.message.channel, sent.id)
        if len(entries) > 1 and not was_reached:
            yield f"twice: recorded {len(entries)} times"
        if self._world.is_own(sent):
            shown = [e for _, e in entries if e.message.withheld is None and _shows(sent, e)]
            if sent.text and shown:
                yield "own: a message of the recorder is recorded"
            return
        if state.is_off:
            if entries:
                yield f"unannounced: recorded while recording was {state.value}"
            return
        if entries:
            for session, entry in entries:
                yield from self._of_entry(sent, session, entry)
        elif state is State.ON and not self._is_excused(sent):
            yield from self._of_missing(sent)

    def _is_excused(self, sent: Sent) -> bool:
        """Return whether a message need not be recorded."""
        finished = sent.finished
        if sent.is_command and sent.source:
            return True  # an edit of the command makes the command a message, no further one
        if sent.is_command:
            finished = sent.versions[-1] if sent.versions[-1].is_edit else None
        if finished is None or self._state(sent, finished.position) is not State.ON:
            return True
        if sent.deletion is not None and sent.deletion.position < finished.position:
            return True  # it was deleted before it said anything
        # Such an edit belongs to the session in which it was made, if its message does.
        name, channel = self._acting.coverage.name, sent.message.channel
        return name(channel, sent.id) != name(channel, finished.position)

    def _of_missing(self, sent: Sent) -> Iterator[str]:
        finished = sent.versions[-1] if sent.is_command else sent.finished
        day = sent.message.timestamp.astimezone(ZONE).date().isoformat()
        name = self._acting.coverage.name(sent.message.channel, sent.id)
        if self._acting.faults_used and name.startswith("auto_") and day not in name:
            return  # on the way to a new day its notice may have been refused
        if self._is_in_open_gap(sent, _REFUSED) and self._acting.faults_used:
            return  # Discord answered that the bot may not view the channel
        is_late = name.startswith("auto_") and self._is_in_open_gap(sent, "connection lost")
        if is_late and not self._scene.readable(sent.message.channel):
            return  # a RESUME may bring it when its day has ended, and its gap is not fetched then
        if finished is not None and finished.delivered and sent.creation.delivered:
            yield "lost: received, but not recorded"
        elif sent.message.is_deleted or not self._scene.exists(sent.message.channel):
            return
        elif self._is_in_open_gap(sent):
            if self._can_be_fetched(sent) and not self._is_in_open_gap(sent, problem=_KICKED):
                yield "not fetched: missed, and still not fetched after all was well again"
        elif any(version.is_dropped for version in sent.versions) and not self._is_active(sent):
            return  # Discord said nothing, and a session that does not record is not compared
        elif self._is_running(sent.message.channel):
            yield "silent gap: missed, and no gap says so"
        else:
            yield "silent gap: missed, the session has ended, and no gap says so"

    def _of_entry(self, sent: Sent, session: Session, entry: RecordedMessage) -> Iterator[str]:
        message = entry.message
        if session.is_auto and not sent.was_deferred:
            day = message.timestamp.astimezone(ZONE).date().isoformat()
            # Without the permission to send, no notice could begin the session of the new day.
            was_suspended = any(g.reason.startswith(_REFUSED) for g in self._gaps[session.id])
            # A notice that was sent before midnight may be accepted after it.
            began_on = session.started_at.astimezone(ZONE).date().isoformat()
            days = (session.name[5:15], began_on)
            if day not in days and not was_suspended:
                yield f"wrong day: recorded in {session.name}"
        yield from self._of_deletion(sent, session, entry)
        if message.withheld == "erased":
            return
        yield from self._of_reactions(sent, entry)
        channel, shown = sent.message.channel, sent.shown
        if not _shows(sent, entry):
            if shown.deletion is None:
                yield "source: the first message of a thread does not show its source"
            return
        consents = {self._consent(sent, each.id) for each in (sent, shown)}
        consent = State.MAYBE if len(consents) > 1 else next(iter(consents))
        if State.ON in consents:
            consent = State.ON
        if shown.is_command:  # it counts as sent with the edit that made it something else
            consent = State.MAYBE
        if consent is State.ON and message.withheld != "opted out":
            yield "opted out: recorded in the clear"
        if message.withheld == "opted out":
            was_reached = self._acting.coverage.was_reached(channel, sent.id)
            delivered = sent.creation.delivered and shown.creation.delivered
            is_of_owner = sent.source is not None and sent.deletion is not None
            if consent is State.OFF and delivered and not was_reached and not is_of_owner:
                yield "opted out: withheld, though its author has not opted out"
            return
        if shown.is_plain and not shown.message.poll:
            allowed = self._allowed_texts(sent, session, fetchable=self._is_running(channel))
            if message.content not in allowed:
                texts = ", ".join(sorted(map(repr, allowed)))
                yield f"text: recorded as {message.content!r}, not {texts}"

    def _allowed_texts(self, sent: Sent, session: Session, *, fetchable: bool) -> set[str]:
        """Return the texts that may stand in the record: the newest of which it may know."""
        allowed: set[str] = set()
        fetchable = fetchable and self._is_compared(sent)
        consents = self._consent(sent, _AT_THE_END) is State.OFF
        fetchable = fetchable and consents and not sent.shown.message.is_deleted
        for version in reversed(sent.versions):
            if sent.is_command and not version.is_edit:
                break
            state = self._version_state(sent, version, session)
            # The history does not tell when a text came, and a deferred answer has one only then.
            if state.is_off and sent.creation.delivered and not sent.was_deferred:
                continue
            allowed.add(version.text)
            if state is State.ON and (version.delivered or fetchable):
                break
        return allowed

    def _version_state(self, sent: Sent, version: Version, session: Session) -> State:
        """Return whether a text is to be recorded; one of a user who opted out is not."""
        if version is sent.creation:
            return self._state(sent, version.position)
        consent = self._consent(sent, version.position)
        if consent is not State.OFF:
            return State.OFF if consent is State.ON else State.MAYBE
        channel = sent.message.channel
        return self._acting.coverage.state_of_session(session.name, channel, version.position)

    def _of_deletion(self, sent: Sent, session: Session, entry: RecordedMessage) -> Iterator[str]:
        deletion, erased = sent.deletion, entry.message.withheld == "erased"
        if deletion is None:
            if (entry.deleted_at or erased) and self._scene.exists(sent.message.channel):
                yield "deleted: marked as deleted, though it is there"
            return
        if not _shows(sent, entry):
            return
        if sent.source and entry.message.withheld == "opted out" and not sent.message.is_deleted:
            return  # which message it showed is not stored either
        known = deletion.delivered or (
            self._is_running(sent.message.channel)
            and (self._can_be_fetched(sent) if sent.message.is_deleted else self._is_compared(sent))
        )
        if deletion.delivered and sent.creation.delivered and (session.id, sent.id) in self._unseen:
            yield "unseen: received the deletion, but recorded it as one that was missed"
        if known and not entry.deleted_at and not erased:
            yield "undeleted: deleted in Discord, but not here"
        elif known and self._erases and not erased and entry.message.withheld is None:
            yield "unerased: deleted in Discord, but not erased here"

    def _of_reactions(self, sent: Sent, entry: RecordedMessage) -> Iterator[str]:
        """Compare the reactions if the bot has received every change of them."""
        channel = sent.message.channel
        events = [sent.creation, *(event for event, _ in sent.reactions)]
        states = {self._state(sent, event.position) for event in events}
        scope = scope_id(channel)
        consents = {
            self._acting.consents.state(scope, user, event.position)
            for event, user in sent.reactions
        }
        certain = all(event.delivered for event in events) and not sent.message.is_deleted
        # A command became a message with its edit; of a user who opted out, that one is withheld
        # with the reactions that it had.
        if sent.is_command and entry.message.withheld == "opted out":
            became = sent.versions[-1].position
            certain = certain and all(event.position > became for event, _ in sent.reactions)
        if certain and states == {State.ON} and consents <= {State.OFF}:
            shown = {_emoji(e): len(users) for e, users in sent.message.reactions.items()}
            if dict(entry.reactions) != shown:
                yield f"reactions: {dict(entry.reactions)}, not {shown}"

    # sessions

    def _of_sessions(self) -> Iterator[str]:
        for session in self._sessions:
            for fault in verify(self._reader, session, recording=False).faults:
                yield f"unsound: {fault}"
            channel = self._acting.coverage.channels.get(int(session.channel_id or 0))
            if session.status == "stopped" or channel is None:
                continue
            if not self._scene.is_there(channel):
                yield f"unended: {session.name} runs, but {title(channel)} is gone"
            for gap in self._gaps[session.id]:
                if gap.started_at >= self._end:
                    continue
                if gap.ended_at is None and self._scene.permits(channel):
                    yield f"open gap: {session.name} has an open gap ({gap.reason})"
                elif gap.ended_at and not gap.complete and gap.problem is None:
                    yield f"unread gap: {session.name} has a gap never read ({gap.reason})"
        yield from (f"unsound: {fault}" for fault in verify_database(self._folder))

    # questions

    def _state(self, sent: Sent, position: int) -> State:
        return self._acting.coverage.state(sent.message.channel, position)

    def _consent(self, sent: Sent, position: int) -> State:
        scope, user = scope_id(sent.message.channel), sent.shown.message.author.id
        return self._acting.consents.state(scope, user, position)

    def _sessions_of(self, channel: Channel) -> list[Session]:
        sessions = self._by_channel[str(channel.id)]
        if is_covered_by_parent(channel):
            return sessions + self._by_channel[str(channel.home.id)]
        return sessions

    def _is_running(self, channel: Channel) -> bool:
        return any(session.status != "stopped" for session in self._sessions_of(channel))

    def _can_be_fetched(self, sent: Sent) -> bool:
        """Return whether the bot reads the channel at the end, and compares its history."""
        channel = sent.message.channel
        return self._is_active(sent) and self._scene.readable(channel)

    def _is_compared(self, sent: Sent) -> bool:
        """Return whether a message is compared with the history at the end, or its source is."""
        shown = sent.shown
        return self._can_be_fetched(shown) and (shown is sent or shown.id in self._entries)

    def _is_active(self, sent: Sent) -> bool:
        """Return whether the session of a message is still recording."""
        channel, entries = sent.message.channel, self._entries.get(sent.id)
        name = self._acting.coverage.name(channel, sent.id)
        sessions = [s for s in self._sessions_of(channel) if s.name == name]
        sessions = [s for s, _ in entries] if entries else sessions
        return any(session.status == "active" for session in sessions)

    def _is_in_open_gap(self, sent: Sent, reason: str = "", problem: str = "") -> bool:
        """Return whether a gap that says that it is not complete covers a message.

        It may cover the time at which a deferred answer was finished, or a command became a
        message.
        """
        finished = sent.versions[-1] if sent.is_command else sent.finished or sent.creation
        times = (sent.message.timestamp, snowflake_time(finished.position))
        return any(
            gap.reason.startswith(reason)
            and problem in (gap.problem or "")
            and any(
                gap.started_at - _UNNOTICED <= time
                and (gap.ended_at is None or time <= gap.ended_at + _TOLERANCE)
                for time in times
            )
            and (not gap.complete or gap.problem is not None)
            for session in self._sessions_of(sent.message.channel)
            for gap in self._gaps[session.id]
        )

    def _describe(self, sent: Sent) -> str:
        where = title(sent.message.channel)
        author = "host" if sent.is_by(self._world.bot) else sent.shown.message.author.name
        texts = " → ".join(v.text.partition("\n")[0] or "…" for v in sent.versions)
        return f"{texts} of {author} in {where}"


def without_gap(folder: Path, lost_at: datetime) -> Iterator[str]:
    """Yield a sentence for each session without a gap for a connection that was lost."""
    reader = Reader(folder)
    for session in reader.running_sessions():
        if session.status == "active" and session.started_at < lost_at:
            covering = (
                gap
                for gap in reader.gaps(session)
                if gap.started_at <= lost_at + _UNNOTICED
                and (gap.ended_at is None or gap.ended_at >= lost_at)
            )
            if not any(covering):
                yield f"no gap: {session.name} has none for the lost connection"


def unread_gaps(folder: Path, reads: Callable[[Session], bool]) -> Iterator[str]:
    """Yield a sentence for each gap that was not read when the bot was ready."""
    reader = Reader(folder)
    for session in reader.running_sessions():
        for gap in reader.gaps(session):
            if gap.ended_at and not gap.complete and reads(session):
                yield f"unread gap: {session.name} has one when the bot is ready ({gap.reason})"


def _shows(sent: Sent, entry: RecordedMessage) -> bool:
    """Return whether the first message of a thread shows its source.

    Discord shows none that was deleted before the history was read.
    """
    message = entry.message
    return (
        sent.source is None
        or message.withheld is not None
        or bool(message.content or message.attachments)
        or "starts_thread" in message.extra
    )


def _emoji(name: str) -> str:
    return f":{name.partition(':')[0]}:" if ":" in name else name


def kinds(violations: list[str]) -> Counter[str]:
    """Count violations by their kind, the word before the colon."""
    return Counter(violation.partition(":")[0] for violation in violations)
