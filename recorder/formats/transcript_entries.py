"""The entries of a transcript for readers, in texts that cannot forge another part of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from recorder.formats.exported_session import ExportedSession
from recorder.formatting import (
    clock,
    collapse_whitespace,
    date_and_clock,
    drop_controls,
    drop_invisible,
    duration,
    gap,
    reactions,
)
from recorder.models import Message
from recorder.store.attachments import key_of

_REMEMBERED_SPEAKERS = 1_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A message as txt and md show it.

    Parameters
    ----------
    day
        The date, if the message is the first of another day.
    reply
        The name of the author that it replies to, empty if unknown; ``None`` for no reply.
    used_command
        The command that it answers and its user; ``None`` for no answer to a command.
    kept_files
        The paths of its kept attachments in the data folder.
    """

    day: date | None
    clock: str
    speaker: str
    reply: str | None
    used_command: str | None
    message: Message
    text: str
    reactions: str
    kept_files: tuple[str, ...]
    tags: tuple[str, ...]


def facts(exported: ExportedSession) -> tuple[tuple[str, str], ...]:
    """Return the names and values of the transcript's header."""
    session, timezone = exported.session, exported.timezone
    as_of = exported.as_of
    return (
        ("Date", date_and_clock(session.started_at, timezone)),
        ("Duration", duration(exported.seconds)),
        ("Messages", str(session.message_count)),
        *((("As it stood", date_and_clock(as_of, timezone)),) if as_of else ()),
        *(("Gap", gap(missed, timezone)) for missed in exported.gaps()),
    )


def entries(exported: ExportedSession) -> Iterator[Entry]:
    """Yield an entry for each message of the session."""
    day = exported.local(exported.session.started_at).date()
    speakers: dict[str, str] = {}
    kept = exported.kept_files()
    for recorded in exported.messages():
        message = recorded.message
        previous, day = day, exported.local(message.timestamp).date()
        reply_to = message.extra.get("reply_to")
        yield Entry(
            day=None if day == previous else day,
            clock=clock(message.timestamp, exported.timezone),
            speaker=message.speaker,
            reply=None if reply_to is None else speakers.get(str(reply_to), ""),
            used_command=message.used_command,
            message=message,
            text=message.text + "".join(f" ({m})" for m in recorded.marks if m != "deleted"),
            reactions=reactions(recorded.reactions),
            kept_files=tuple(kept[key] for key in map(key_of, message.attachments) if key in kept),
            tags=tuple(safe_line(tag) for tag in recorded.tags),
        )
        if message.message_id is not None:
            speakers[str(message.message_id)] = message.speaker
            if len(speakers) > _REMEMBERED_SPEAKERS:
                del speakers[next(iter(speakers))]


def safe_line(name: str) -> str:
    """Return a name that can neither end its line nor change the direction of writing."""
    return collapse_whitespace(drop_invisible(name)) or "(no name)"


def safe_lines(text: str) -> list[str]:
    """Return the lines of a text, split at everything that any program takes for a line end."""
    return [drop_controls(line) for line in text.splitlines()]


def reply_note(name: str) -> str:
    """Return ``(reply to NAME)``, or ``(reply)`` for an unknown author."""
    return f"(reply to {name})" if name else "(reply)"


def urls(message: Message) -> list[str]:
    """Return the URLs of a message's attachments and of those of the message it forwards."""
    forwarded = message.extra.get("forwarded")
    further = forwarded.get("attachments") if isinstance(forwarded, dict) else None
    urls = [*message.attachments, *(further if isinstance(further, list) else [])]
    return [safe_line(str(url)) for url in urls]
