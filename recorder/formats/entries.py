"""A conversation as people read it, entry by entry, and texts that cannot forge a part of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from recorder.formats.exported_session import Recording
from recorder.formatting import clock, date_and_clock, duration, gap, reactions
from recorder.models import Message
from recorder.store.attachments import key_of

_REMEMBERED_SPEAKERS = 1_000

# Control characters that are no white space: in a terminal they could write over other lines.
_CONTROLS = r"\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f"
_IN_TEXT = re.compile(f"[{_CONTROLS}]")
# In names also what turns the direction of writing or cannot be seen.
_IN_NAMES = re.compile(f"[{_CONTROLS}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


@dataclass(frozen=True, slots=True)
class Entry:
    """A message as txt and md show it; ``day`` when it is the first of another day."""

    day: date | None
    clock: str
    speaker: str
    reply: str | None
    message: Message
    text: str
    reactions: str
    kept: tuple[str, ...]
    """Where its files lie in the data folder."""
    tags: tuple[str, ...]


def facts(recording: Recording) -> tuple[tuple[str, str], ...]:
    """What stands above the conversation."""
    session, timezone = recording.session, recording.timezone
    moment = recording.as_of
    return (
        ("Date", date_and_clock(session.started_at, timezone)),
        ("Duration", duration(recording.seconds)),
        ("Messages", str(session.message_count)),
        *((("As it stood", date_and_clock(moment, timezone)),) if moment else ()),
        *(("Gap", gap(missed, timezone)) for missed in recording.gaps()),
    )


def entries(recording: Recording) -> Iterator[Entry]:
    """The messages of a recording as people read them."""
    day = recording.local(recording.session.started_at).date()
    speakers: dict[str, str] = {}
    kept = recording.kept_files()
    for recorded in recording.messages():
        message = recorded.message
        previous, day = day, recording.local(message.timestamp).date()
        answered = message.extra.get("reply_to")
        yield Entry(
            day=None if day == previous else day,
            clock=clock(message.timestamp, recording.timezone),
            speaker=message.speaker,
            reply=None if answered is None else speakers.get(str(answered), ""),
            message=message,
            text=message.text + "".join(f" ({m})" for m in recorded.marks if m != "deleted"),
            reactions=reactions(recorded.reactions),
            kept=tuple(kept[key] for key in map(key_of, message.attachments) if key in kept),
            tags=tuple(one_line(tag) for tag in recorded.tags),
        )
        if message.message_id is not None:
            speakers[str(message.message_id)] = message.speaker
            if len(speakers) > _REMEMBERED_SPEAKERS:
                del speakers[next(iter(speakers))]


def one_line(name: str) -> str:
    """A name that can neither end its line nor turn it around."""
    return " ".join(_IN_NAMES.sub("", name).split()) or "(no name)"


def lines(text: str) -> list[str]:
    """The lines of a text, at everything that some program takes for a line's end."""
    return [_IN_TEXT.sub("", line) for line in text.splitlines()]


def reply(name: str) -> str:
    """That a message answers somebody, who may not be known."""
    return f"(reply to {name})" if name else "(reply)"


def urls(message: Message) -> list[str]:
    """Where the files are that came with the message, or with the one that it forwards."""
    forwarded = message.extra.get("forwarded")
    further = forwarded.get("attachments") if isinstance(forwarded, dict) else None
    urls = [*message.attachments, *(further if isinstance(further, list) else [])]
    return [one_line(str(url)) for url in urls]
