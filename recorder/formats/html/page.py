"""The page of a transcript, piece by piece: groups of messages, and what divides them."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from recorder.formats.html.content import Content, Contents, KeptFiles
from recorder.formats.html.markup import day, excerpt
from recorder.formatting import clock, date_and_clock, duration, local_time, plural
from recorder.models import Gap, Interval, Message, RecordedMessage, Tag

_SAME_BREATH = timedelta(minutes=7)
_LARGEST_GROUP = 50
_MESSAGES_A_SECTION = 100  # what a browser lays out, or leaves out, at once
_REMEMBERED = 1_000  # messages that need not be looked up when they are answered
_COLOURS = 12
_LONGEST_EXCERPT = 240  # of what a reply answers; the page cuts it where its line ends

# Control characters that are no white space, and halves of surrogate pairs.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_SPOILER = re.compile(r"\|\|.*?(?:\|\||\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a page is made of.

    Parameters
    ----------
    facts
        What stands above the conversation, as pairs of a name and a value.
    messages
        In their order, without the text of deleted ones.
    timezone
        For all times, and for where a day ends.
    find
        Gives the message with a Discord id, if `messages` has it and it was long ago.
    intervals
        When it was recorded; what lies between them is shown as a pause.
    kept_files
        By URL without its query, the path of the kept file below `folder`.
    folder
        The data folder.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    messages: Iterable[RecordedMessage]
    timezone: ZoneInfo
    find: Callable[[str], RecordedMessage | None] = lambda message_id: None
    tags: Sequence[Tag] = ()
    intervals: Sequence[Interval] = ()
    gaps: Sequence[Gap] = ()
    kept_files: Mapping[str, Path] = field(default_factory=dict)
    folder: Path = Path()


@dataclass(frozen=True, slots=True)
class Divider:
    """A line across the page: another day, a pause, a gap."""

    kind: Literal["day", "pause", "gap"]
    text: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The message that a reply answers; without a place when it is not in the page."""

    speaker: str
    excerpt: str
    index: int | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as the page shows it; times are texts."""

    index: int
    clock: str
    time: str
    content: Content
    withheld: str | None
    answered: Answered | None
    edited: str | None
    deleted: str | None
    is_pinned: bool
    reactions: Sequence[tuple[str, int]]
    tags: Sequence[str]


@dataclass(frozen=True, slots=True)
class Group:
    """Messages that somebody wrote in one breath, below one name."""

    speaker: str
    user_name: str
    initials: str
    colour: int
    is_bot: bool
    is_system: bool
    model: str | None
    messages: list[Shown]


@dataclass(frozen=True, slots=True)
class TagLink:
    """A tag in the margin."""

    name: str
    time: str
    index: int


def render(transcript: Transcript) -> Iterator[str]:
    """The page piece by piece; memory does not grow with the conversation."""
    template = _templates().get_template("page.html.j2")
    style, script = _asset("page.css"), _asset("page.js")
    pieces = template.generate(
        title=transcript.title,
        facts=transcript.facts,
        tags=[
            TagLink(tag.name, date_and_clock(tag.timestamp, transcript.timezone), tag.message_index)
            for tag in transcript.tags
        ],
        sections=_sections(transcript),
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )
    return (_CONTROLS.sub("", piece) for piece in pieces)


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("recorder.formats.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _asset(name: str) -> Markup:
    """A style sheet or script of ours; what it says is put into the page as it is."""
    return Markup((files("recorder.formats.html") / "templates" / name).read_text("utf-8"))


def _hash(source: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()


def _sections(transcript: Transcript) -> Iterator[Markup]:
    """The conversation as HTML, some hundred messages at a time."""
    # The macros come with the template's module; Markup joins what is escaped already.
    macros = _templates().get_template("messages.html.j2").module
    parts: list[Markup] = []
    count = 0
    for item in _Timeline(transcript).items():
        if isinstance(item, Divider):
            parts.append(macros.divider(item))  # type: ignore[attr-defined]
            continue
        parts.append(macros.group(item))  # type: ignore[attr-defined]
        count += len(item.messages)
        if count >= _MESSAGES_A_SECTION:
            yield Markup("").join(parts)
            parts, count = [], 0
    if parts:
        yield Markup("").join(parts)


class _Timeline:
    """Groups and dividers in the order of the page."""

    def __init__(self, transcript: Transcript) -> None:
        self._messages = transcript.messages
        self._timezone = transcript.timezone
        self._find = transcript.find
        self._contents = Contents(
            transcript.timezone, KeptFiles(transcript.kept_files, transcript.folder)
        )
        marks = [*_pauses(transcript), *_gaps(transcript)]
        self._marks = deque(sorted(marks, key=lambda mark: mark[0]))
        self._seen: dict[str, Answered] = {}  # the excerpts as they were written

    def items(self) -> Iterator[Divider | Group]:
        """Everything in its order; a group comes once it is complete."""
        group: Group | None = None
        today: date | None = None
        before: RecordedMessage | None = None
        for recorded in self._messages:
            message = recorded.message
            local = local_time(message.timestamp, self._timezone)
            dividers = self._dividers(message.timestamp)
            if local.date() != today:
                dividers.append(Divider("day", day(local)))
                today = local.date()
            if group and (dividers or not before or not _goes_on(group, before, message)):
                yield group
                group = None
            yield from dividers
            if group is None:
                group = _group(message)
            group.messages.append(self._shown(recorded, local))
            self._remember(recorded)
            before = recorded
        if group:
            yield group
        yield from (divider for _, divider in self._marks)

    def _dividers(self, until: datetime) -> list[Divider]:
        found = []
        while self._marks and self._marks[0][0] < until:
            found.append(self._marks.popleft()[1])
        return found

    def _shown(self, recorded: RecordedMessage, local: datetime) -> Shown:
        message = recorded.message
        hour = clock(local, self._timezone)
        edited, deleted = recorded.edited_at, recorded.deleted_at
        answered = message.extra.get("reply_to")
        return Shown(
            index=recorded.message_index,
            clock=hour,
            time=f"{local.date()} {hour[:-3]}:{local.second:02}{hour[-3:]}",
            content=self._contents.of(message),
            withheld=message.withheld,
            answered=None if answered is None else self._answered(str(answered)),
            edited=date_and_clock(edited, self._timezone) if edited else None,
            deleted=date_and_clock(deleted, self._timezone) if deleted else None,
            is_pinned=message.extra.get("pinned") is True,
            reactions=list(recorded.reactions.items()) if recorded.reactions else (),
            tags=recorded.tags,
        )

    def _answered(self, message_id: str) -> Answered:
        answered = self._seen.get(message_id)
        if answered is None:
            recorded = self._find(message_id)
            if recorded is None:
                return Answered("", "a message that is not in this recording", None)
            answered = _as_answered(recorded)
        # What was cut off may be the end of a spoiler.
        shown = excerpt(_SPOILER.sub("▇▇▇", answered.excerpt), self._timezone)
        return replace(answered, excerpt=shown)

    def _remember(self, recorded: RecordedMessage) -> None:
        if recorded.message.message_id is not None:
            self._seen[str(recorded.message.message_id)] = _as_answered(recorded)
            if len(self._seen) > _REMEMBERED:
                del self._seen[next(iter(self._seen))]


def _as_answered(recorded: RecordedMessage) -> Answered:
    message = recorded.message
    return Answered(message.speaker, message.text[:_LONGEST_EXCERPT], recorded.message_index)


def _goes_on(group: Group, before: RecordedMessage, message: Message) -> bool:
    """Whether `message` stands below the same name as the one before it."""
    previous = before.message
    return (
        message.author_id == previous.author_id
        and message.speaker == previous.speaker
        and message.type == previous.type != "system_message"
        and message.channel_id == previous.channel_id
        and message.model == previous.model
        and "reply_to" not in message.extra
        and len(group.messages) < _LARGEST_GROUP
        and abs(message.timestamp - previous.timestamp) < _SAME_BREATH
    )


def _group(message: Message) -> Group:
    speaker = message.speaker
    return Group(
        speaker=speaker if speaker.strip() else "(no name)",
        user_name=message.author,
        initials=_initials(speaker),
        colour=zlib.crc32(message.author_id.encode("utf-8", "replace")) % _COLOURS,
        is_bot=message.type == "bot_response",
        is_system=message.type == "system_message",
        model=message.model,
        messages=[],
    )


def _initials(name: str) -> str:
    """The first letters of the first two words that have any."""
    words = ("".join(filter(str.isalnum, word[:20])) for word in name[:100].split())
    return "".join(word[0] for word in words if word)[:2].upper() or "?"


_Mark = tuple[datetime, Divider]


def _pauses(transcript: Transcript) -> Iterator[_Mark]:
    """What lies between the intervals; merged recordings may overlap."""
    until: datetime | None = None
    for interval in sorted(transcript.intervals, key=lambda interval: interval.started_at):
        start = interval.started_at
        if until and start - until >= timedelta(seconds=1):
            length = duration((start - until).total_seconds())
            span = _span(until, start, transcript.timezone)
            yield until, Divider("pause", f"Paused for {length} ({span})")
        if interval.ended_at is None:
            return
        until = max(until or interval.ended_at, interval.ended_at)


def _gaps(transcript: Transcript) -> Iterator[_Mark]:
    for gap in transcript.gaps:
        text = f"Not heard {_span(gap.started_at, gap.ended_at, transcript.timezone)}: {gap.reason}"
        if gap.fetched:
            text += f"; {plural(gap.fetched, 'message')} fetched from the history"
        if gap.problem:
            text += f"; the history could not be read: {gap.problem}"
        yield gap.started_at, Divider("gap", text)


def _span(start: datetime, end: datetime | None, timezone: ZoneInfo) -> str:
    if end is None:
        return f"since {date_and_clock(start, timezone)}"
    same_day = local_time(start, timezone).date() == local_time(end, timezone).date()
    until = clock(end, timezone) if same_day else date_and_clock(end, timezone)
    return f"from {clock(start, timezone)} to {until}"
