"""The input of every export: a session, its messages, and the time zone to show them in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from recorder.formatting import local_time
from recorder.models import Gap, RecordedMessage, Session
from recorder.record.json_values import is_id
from recorder.store.reading import Reader


@dataclass(frozen=True, slots=True)
class ExportedSession:
    """A session to export.

    Parameters
    ----------
    reader
        Reads its messages.
    timezone
        For all times in the export and for the boundaries of days.
    now
        The end of the duration of a session that still runs.
    as_of
        Show messages in their state at this time, and no later ones.
    """

    session: Session
    reader: Reader
    timezone: ZoneInfo
    now: datetime
    as_of: datetime | None = None

    @property
    def seconds(self) -> int:
        """The recorded time in seconds."""
        return round(self.session.duration(self.now))

    def local(self, time: datetime) -> datetime:
        """Return `time` in the export's time zone."""
        return local_time(time, self.timezone)

    def messages(self) -> Iterator[RecordedMessage]:
        """Yield as many messages as the session counts, even if more arrive meanwhile.

        Messages deleted in Discord come without their content.
        """
        for recorded in self.reader.messages(
            self.session.id, last=self.session.message_count, as_of=self.as_of
        ):
            yield recorded if recorded.deleted_at is None else _without_content(recorded)

    def message(self, message_id: str) -> RecordedMessage | None:
        """Return the message of :meth:`messages` with a Discord id, if there is one."""
        if not message_id.isdecimal() or len(message_id) > 19 or not is_id(int(message_id)):
            return None
        recorded = self.reader.message(self.session.id, int(message_id), as_of=self.as_of)
        if recorded is None or recorded.message_index > self.session.message_count:
            return None
        return recorded if recorded.deleted_at is None else _without_content(recorded)

    def gaps(self) -> list[Gap]:
        """Return the gaps of the session."""
        return self.reader.gaps(self.session)

    def kept_files(self) -> dict[str, str]:
        """Return the paths of kept attachments in the data folder, by URL without query."""
        return self.reader.kept_files(self.session)

    def lines(self) -> Iterator[str]:
        """Yield the lines of the session's file without newlines, deleted content included."""
        return self.reader.lines(self.session.id)


def _without_content(recorded: RecordedMessage) -> RecordedMessage:
    """Return a deleted message with nothing but its time and author."""
    message = recorded.message
    extra = {key: value for key, value in message.extra.items() if key == "display_name"}
    shown = replace(message, content="(deleted)", attachments=(), extra=extra)
    return replace(recorded, message=shown, edited_at=None)
