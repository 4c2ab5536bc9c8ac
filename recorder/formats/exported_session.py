"""What an export is made of: a session, its messages, and how times are shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from recorder.formatting import local_time
from recorder.models import Gap, RecordedMessage, Session
from recorder.record.jsonl import is_id
from recorder.store.reading import Reader


@dataclass(frozen=True, slots=True)
class Recording:
    """A session to be exported.

    Parameters
    ----------
    reader
        Where its messages are read.
    timezone
        For all times in the export, and for where a day ends.
    now
        Up to when the duration of a session that still runs is counted.
    as_of
        Show messages as they stood then, and no later ones.
    """

    session: Session
    reader: Reader
    timezone: ZoneInfo
    now: datetime
    as_of: datetime | None = None

    @property
    def seconds(self) -> int:
        """How long was recorded."""
        return round(self.session.duration(self.now))

    def local(self, time: datetime) -> datetime:
        """`time` in the export's time zone."""
        return local_time(time, self.timezone)

    def messages(self) -> Iterator[RecordedMessage]:
        """As many messages as the session counts, also when more come in meanwhile.

        Of a message that was deleted in Discord they say that it was there, and no more.
        """
        for recorded in self.reader.messages(
            self.session.id, last=self.session.message_count, as_of=self.as_of
        ):
            yield recorded if recorded.deleted_at is None else _without_text(recorded)

    def message(self, message_id: str) -> RecordedMessage | None:
        """The message of :meth:`messages` that has this Discord id."""
        if not message_id.isdecimal() or len(message_id) > 19 or not is_id(int(message_id)):
            return None
        found = self.reader.message(self.session.id, int(message_id), as_of=self.as_of)
        if found is None or found.message_index > self.session.message_count:
            return None
        return found if found.deleted_at is None else _without_text(found)

    def gaps(self) -> list[Gap]:
        """When the session was not heard though it was recording."""
        return self.reader.gaps(self.session)

    def kept_files(self) -> dict[str, str]:
        """By URL without query, where attached files lie in the data folder."""
        return self.reader.kept_files(self.session)

    def lines(self) -> Iterator[str]:
        """The lines of the session's file, without newlines; with what was deleted."""
        return self.reader.lines(self.session.id)


def _without_text(recorded: RecordedMessage) -> RecordedMessage:
    """A message that was deleted in Discord: that it was there, and no more."""
    message = recorded.message
    kept = {key: value for key, value in message.extra.items() if key == "display_name"}
    shown = replace(message, content="(deleted)", attachments=(), extra=kept)
    return replace(recorded, message=shown, edited_at=None)
