"""The page of a transcript: groups of messages, and the dividers between them."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Literal
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from recorder.formats.exported_session import ExportedSession
from recorder.formats.html.kept_files import KeptFiles
from recorder.formats.html.markdown_html import day, excerpt
from recorder.formats.html.message_content import Content, ContentBuilder
from recorder.formats.transcript_entries import facts
from recorder.formatting import clock, date_and_clock, duration, local_time, plural
from recorder.models import Message, RecordedMessage

_GROUP_INTERVAL = timedelta(minutes=7)
_LARGEST_GROUP = 50
_SECTION_MESSAGES = 100  # a browser lays out a section at once, or skips it
_REMEMBERED = 1_000  # messages whose replies need no look at the database
_COLOURS = 12
_LONGEST_EXCERPT = 240  # characters of the message replied to; the page cuts them at its width

# Control characters that are no white space, and halves of surrogate pairs.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_SPOILER = re.compile(r"\|\|.*?(?:\|\||\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Divider:
    """A line across the page: another day, a pause, a gap."""

    kind: Literal["day", "pause", "gap"]
    text: str


@dataclass(frozen=True, slots=True)
class RepliedTo:
    """The message that a reply refers to; `index` is ``None`` if the page does not have it."""

    speaker: str
    excerpt: str
    index: int | None


@dataclass(frozen=True, slots=True)
class PageMessage:
    """A message as the page shows it; times are formatted."""

    index: int
    clock: str
    time: str
    content: Content
    withheld: str | None
    replied_to: RepliedTo | None
    used_command: str | None
    edited: str | None
    deleted: str | None
    is_pinned: bool
    reactions: Sequence[tuple[str, int]]
    tags: Sequence[str]


@dataclass(frozen=True, slots=True)
class Group:
    """Messages of one author within a short time, below one name."""

    speaker: str
    user_name: str
    initials: str
    colour: int
    is_bot: bool
    is_system: bool
    model: str | None
    messages: list[PageMessage]


@dataclass(frozen=True, slots=True)
class TagLink:
    """A tag in the margin."""

    name: str
    time: str
    index: int


def render(exported: ExportedSession) -> Iterator[str]:
    """Yield the page in pieces; memory use does not grow with the session."""
    template = _templates().get_template("page.html.j2")
    style, script = _asset("page.css"), _asset("page.js")
    pieces = template.generate(
        title=exported.session.name,
        facts=facts(exported),
        tags=[
            TagLink(tag.name, date_and_clock(tag.timestamp, exported.timezone), tag.message_index)
            for tag in exported.reader.tags(exported.session)
        ],
        sections=_sections(exported),
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
    """Return the text of a style sheet or script, which goes into the page unescaped."""
    return Markup((files("recorder.formats.html") / "templates" / name).read_text("utf-8"))


def _hash(source: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()


def _sections(exported: ExportedSession) -> Iterator[Markup]:
    """Yield the messages as HTML, about a hundred at a time."""
    # The macros return Markup, so that joining them escapes nothing twice.
    macros = _templates().get_template("messages.html.j2").module
    parts: list[Markup] = []
    count = 0
    for item in _Timeline(exported).items():
        if isinstance(item, Divider):
            parts.append(macros.divider(item))  # type: ignore[attr-defined]
            continue
        parts.append(macros.group(item))  # type: ignore[attr-defined]
        count += len(item.messages)
        if count >= _SECTION_MESSAGES:
            yield Markup("").join(parts)
            parts, count = [], 0
    if parts:
        yield Markup("").join(parts)


class _Timeline:
    """The groups and dividers in the order of the page."""

    def __init__(self, exported: ExportedSession) -> None:
        self._exported = exported
        self._timezone = exported.timezone
        kept_files = KeptFiles(exported.kept_files(), exported.reader.folder)
        self._contents = ContentBuilder(exported.timezone, kept_files)
        marks = [*_pauses(exported), *_gaps(exported)]
        self._marks = deque(sorted(marks, key=lambda mark: mark[0]))
        self._remembered: dict[str, RepliedTo] = {}  # their excerpts are still Markdown

    def items(self) -> Iterator[Divider | Group]:
        """Yield the groups, once complete, and dividers in their order."""
        group: Group | None = None
        today: date | None = None
        before: RecordedMessage | None = None
        for recorded in self._exported.messages():
            message = recorded.message
            local = local_time(message.timestamp, self._timezone)
            dividers = self._dividers(message.timestamp)
            if local.date() != today:
                dividers.append(Divider("day", day(local)))
                today = local.date()
            if group and (dividers or not before or not _continues(group, before, message)):
                yield group
                group = None
            yield from dividers
            if group is None:
                group = _group(message)
            group.messages.append(self._page_message(recorded, local))
            self._remember(recorded)
            before = recorded
        if group:
            yield group
        yield from (divider for _, divider in self._marks)

    def _dividers(self, until: datetime) -> list[Divider]:
        dividers = []
        while self._marks and self._marks[0][0] < until:
            dividers.append(self._marks.popleft()[1])
        return dividers

    def _page_message(self, recorded: RecordedMessage, local: datetime) -> PageMessage:
        message = recorded.message
        hour = clock(local, self._timezone)
        edited, deleted = recorded.edited_at, recorded.deleted_at
        reply_to = message.extra.get("reply_to")
        return PageMessage(
            index=recorded.message_index,
            clock=hour,
            time=f"{local.date()} {hour[:-3]}:{local.second:02}{hour[-3:]}",
            content=self._contents.build(message),
            withheld=message.withheld,
            replied_to=None if reply_to is None else self._replied_to(str(reply_to)),
            used_command=message.used_command,
            edited=date_and_clock(edited, self._timezone) if edited else None,
            deleted=date_and_clock(deleted, self._timezone) if deleted else None,
            is_pinned=message.extra.get("pinned") is True,
            reactions=list(recorded.reactions.items()) if recorded.reactions else (),
            tags=recorded.tags,
        )

    def _replied_to(self, message_id: str) -> RepliedTo:
        replied_to = self._remembered.get(message_id)
        if replied_to is None:
            recorded = self._exported.message(message_id)
            if recorded is None:
                return RepliedTo("", "a message that is not in this recording", None)
            replied_to = _excerpt(recorded)
        # The cut may have removed the end of a spoiler.
        shown = excerpt(_SPOILER.sub("▇▇▇", replied_to.excerpt), self._timezone)
        return replace(replied_to, excerpt=shown)

    def _remember(self, recorded: RecordedMessage) -> None:
        if recorded.message.message_id is not None:
            self._remembered[str(recorded.message.message_id)] = _excerpt(recorded)
            if len(self._remembered) > _REMEMBERED:
                del self._remembered[next(iter(self._remembered))]


def _excerpt(recorded: RecordedMessage) -> RepliedTo:
    message = recorded.message
    return RepliedTo(message.speaker, message.text[:_LONGEST_EXCERPT], recorded.message_index)


def _continues(group: Group, before: RecordedMessage, message: Message) -> bool:
    """Return whether `message` belongs to the group of the message before it."""
    previous = before.message
    return (
        message.author_id == previous.author_id
        and message.speaker == previous.speaker
        and message.type == previous.type != "system_message"
        and message.channel_id == previous.channel_id
        and message.model == previous.model
        and "reply_to" not in message.extra
        and message.used_command is None
        and len(group.messages) < _LARGEST_GROUP
        and abs(message.timestamp - previous.timestamp) < _GROUP_INTERVAL
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
    """Return the first letters of the first two words that have any."""
    words = ("".join(filter(str.isalnum, word[:20])) for word in name[:100].split())
    return "".join(word[0] for word in words if word)[:2].upper() or "?"


_Mark = tuple[datetime, Divider]


def _pauses(exported: ExportedSession) -> Iterator[_Mark]:
    """Yield the pauses between the intervals, which overlap in merged sessions."""
    until: datetime | None = None
    intervals = exported.reader.intervals(exported.session)
    for interval in sorted(intervals, key=lambda interval: interval.started_at):
        start = interval.started_at
        if until and start - until >= timedelta(seconds=1):
            length = duration((start - until).total_seconds())
            span = _span(until, start, exported.timezone)
            yield until, Divider("pause", f"Paused for {length} ({span})")
        if interval.ended_at is None:
            return
        until = max(until or interval.ended_at, interval.ended_at)


def _gaps(exported: ExportedSession) -> Iterator[_Mark]:
    for gap in exported.gaps():
        text = f"Not heard {_span(gap.started_at, gap.ended_at, exported.timezone)}: {gap.reason}"
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
