"""The events of a recording itself, which are lines of its record like its messages.

Each carries in `details` all that follows from it, so that the rows of a session derive from its
lines alone: :func:`recorder.store.event_rows.apply_event` does that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from recorder.models import Channel, Gap, Interval, Json, Session, SessionEvent
from recorder.record.redaction import ANONYMOUS_ID

IMPORTED = "imported"
"""The key of an event in an imported file that has no effect, since message indexes differ."""
_ABOUT_MESSAGES = ("tag", "untag", "gap")


def start(session: Session, now: datetime) -> SessionEvent:
    """Return the start of a recording."""
    where = f"<#{session.channel_id}>"
    by = f" by <@{session.user_id}>" if session.user_id else ""
    content = f"Recording of {session.name} started in {where}{by}."
    details: dict[str, Json] = {
        **_identity(session),
        "started_at": now.isoformat(),
        "is_auto": session.is_auto,
    }
    return SessionEvent(now, "start", content, details)


def pause(now: datetime, reason: str | None = None) -> SessionEvent:
    """Return a pause; `reason` is the lack of a permission that forces it."""
    why = f": {reason}" if reason else ""
    return SessionEvent(now, "pause", f"Recording paused{why}.")


def resume(channel: Channel, now: datetime) -> SessionEvent:
    """Return the continuation of a paused or stopped recording in a channel."""
    return SessionEvent(
        now, "resume", f"Recording continued in <#{channel.id}>.", {"channel_id": channel.id}
    )


def stop(now: datetime) -> SessionEvent:
    """Return the end of a recording."""
    return SessionEvent(now, "stop", "Recording stopped.")


def gap(number: int, gap: Gap, now: datetime) -> SessionEvent:
    """Return the new state of a gap.

    Parameters
    ----------
    number
        Its number in its session, from 1.
    """
    ended = "" if gap.ended_at is None else f" to {gap.ended_at.isoformat()}"
    fetched = "" if gap.fetched is None else f", {gap.fetched} messages fetched"
    problem = "" if gap.problem is None else f", {gap.problem}"
    content = f"Gap {number} ({gap.reason}) from {gap.started_at.isoformat()}{ended}"
    return SessionEvent(
        now,
        "gap",
        f"{content}{fetched}{problem}.",
        {
            "number": number,
            "started_at": gap.started_at.isoformat(),
            "ended_at": None if gap.ended_at is None else gap.ended_at.isoformat(),
            "reason": gap.reason,
            "fetched": gap.fetched,
            "problem": gap.problem,
            "complete": gap.complete,
        },
    )


def compared(channel_id: str, watermark: int, now: datetime, *, threads: bool) -> SessionEvent:
    """Return that the history of a channel, or of its archived threads, is known up to an id."""
    what = "archived threads" if threads else "history"
    return SessionEvent(
        now,
        "compared",
        f"The {what} of <#{channel_id}> was compared.",
        {"channel_id": channel_id, "watermark": str(watermark), "threads": threads},
    )


def tag(name: str, message_index: int, timestamp: datetime, now: datetime) -> SessionEvent:
    """Return a new tag of a message; `timestamp` is that of the message."""
    return SessionEvent(
        now,
        "tag",
        f"Message {message_index} was tagged {name}.",
        {"tag": name, "message_index": message_index, "message_timestamp": timestamp.isoformat()},
    )


def untag(name: str, now: datetime) -> SessionEvent:
    """Return the removal of a tag."""
    return SessionEvent(now, "untag", f"The tag {name} was removed.", {"tag": name})


def rename(name: str, now: datetime) -> SessionEvent:
    """Return a new name."""
    return SessionEvent(now, "rename", f"The recording was renamed to {name}.", {"name": name})


def merge(
    session: Session,
    sources: Sequence[Session],
    intervals: Sequence[Interval],
    stopped_at: datetime,
    now: datetime,
) -> SessionEvent:
    """Return the merge of other recordings, with the head of each, after their messages."""
    names = ", ".join(source.name for source in sources)
    by = f" by <@{session.user_id}>" if session.user_id else ""
    spans: list[Json] = [
        [each.started_at.isoformat(), (each.ended_at or stopped_at).isoformat()]
        for each in intervals
    ]
    merged: list[Json] = [
        {"session": source.id, "name": source.name, "head": source.head} for source in sources
    ]
    details: dict[str, Json] = {
        **_identity(session),
        "started_at": session.started_at.isoformat(),
        "stopped_at": stopped_at.isoformat(),
        "sources": merged,
        "intervals": spans,
    }
    return SessionEvent(now, "merge", f"{session.name} was merged from {names}{by}.", details)


def imported(
    session: Session, source: str, started_at: datetime, stopped_at: datetime, now: datetime
) -> SessionEvent:
    """Return an import, after its messages; `source` is the name of the file."""
    details: dict[str, Json] = {
        **_identity(session),
        "started_at": started_at.isoformat(),
        "stopped_at": stopped_at.isoformat(),
        "source": source,
    }
    return SessionEvent(now, "import", f"{session.name} was imported from {source}.", details)


def opt_out(now: datetime) -> SessionEvent:
    """Return that a member is recorded no longer; whoever it is stays unsaid."""
    return SessionEvent(now, "opt_out", "A member opted out of being recorded.")


def opt_in(now: datetime) -> SessionEvent:
    """Return that a member who had opted out is recorded again."""
    return SessionEvent(now, "opt_in", "A member opted in to being recorded again.")


def erasure(
    erasure_id: int, reason: str, line_numbers: Collection[int], remains: str, now: datetime
) -> SessionEvent:
    """Return an erasure of lines.

    Parameters
    ----------
    erasure_id
        Of its row in ``erasures``, which counts the lines of all sessions.
    remains
        A commitment to what remains of them, in hexadecimal: see
        :func:`recorder.record.chain.commitment`.
    """
    lines = ranges(line_numbers)
    return SessionEvent(
        now,
        "erasure",
        f"The content of lines {lines} was erased ({reason}).",
        {"erasure": erasure_id, "reason": reason, "lines": lines, "remains": remains},
    )


def ranges(numbers: Collection[int]) -> str:
    """Return ascending numbers as ranges, such as ``3-7,9``."""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


def numbers_in(text: str) -> list[int]:
    """Return the numbers in ranges as of :func:`ranges`.

    Raises
    ------
    ValueError
        They are not ranges.
    """
    numbers: list[int] = []
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def with_effect(events: Sequence[SessionEvent]) -> Iterator[SessionEvent]:
    """Yield the events of a session that have an effect on its rows.

    Of an imported file these are its tags and gaps: the import itself says the rest.
    """
    imports = [number for number, event in enumerate(events) if event.event == "import"]
    last = imports[-1] if imports else 0
    for number, event in enumerate(events):
        is_own = number >= last or event.event in _ABOUT_MESSAGES
        if is_own and not event.details.get(IMPORTED):
            yield event


def imported_event(event: SessionEvent) -> SessionEvent:
    """Return an event of an imported file, without an effect on its new session."""
    if event.event not in _ABOUT_MESSAGES:
        return event
    return SessionEvent(
        event.timestamp, event.event, event.content, {**event.details, IMPORTED: True}
    )


def is_gap(event: SessionEvent) -> bool:
    """Return whether an event is the complete state of a gap, as :func:`gap` returns it."""
    values = event.details
    try:
        ended_at = values["ended_at"]
        state = Gap(
            started_at=datetime.fromisoformat(str(values["started_at"])),
            ended_at=None if ended_at is None else datetime.fromisoformat(str(ended_at)),
            reason=str(values["reason"]),
            fetched=None if values["fetched"] is None else int(str(values["fetched"])),
            problem=None if values["problem"] is None else str(values["problem"]),
            complete=values["complete"] is True,
        )
        return gap(int(str(values["number"])), state, event.timestamp) == event
    except (KeyError, ValueError):
        return False


def without_user(event: SessionEvent, user_id: str, now: str) -> SessionEvent:
    """Return what an erasure of a user leaves of an event, which is all of it if of others."""
    if event.details.get("user_id") != user_id:
        return event
    details: Mapping[str, Json] = {**event.details, "user_id": ANONYMOUS_ID, "erased_at": now}
    content = event.content.replace(f" by <@{user_id}>", "")
    return SessionEvent(event.timestamp, event.event, content, details)


def _identity(session: Session) -> dict[str, Json]:
    return {
        "name": session.name,
        "guild_id": session.guild_id,
        "channel_id": session.channel_id,
        "user_id": session.user_id,
        "file_path": session.shown_path,  # exports must not tell of other guilds
    }
