"""The answer to `record stats`."""

from __future__ import annotations

import io

import discord

from recorder.bot.replies.escaping import one_line, plain
from recorder.bot.replies.replies import clock
from recorder.formatting import duration, plural
from recorder.stats.session_analyzer import Count, Span, Statistics

_MOST_COMMANDS = 6
_LONGEST_NAME = 40
_SECONDS_A_MINUTE = 60


def stats(title: str, found: Statistics) -> str:
    """The statistics of a session, or of several, within the length of a message."""
    parts = [
        f"📊 **Session Stats: {plain(title)}**",
        "**Overview:**\n" + "\n".join(_overview(found)),
        *_section("Activity", _activity(found)),
        *_section("Timeline", _timeline(found)),
        *_section("Topics discussed", [f"- {_name(t.phrase)}" for t in found.topics]),
        *_section("Who", [f"- {_name(c.name)}: {c.count}" for c in found.authors]),
        *_section("Models", [f"- {_name(c.name)}: {c.count}" for c in found.models]),
    ]
    return "\n\n".join(parts)


def file(picture: bytes | None) -> discord.File | None:
    """The picture of the activity as an attachment."""
    if picture is None:
        return None
    return discord.File(
        io.BytesIO(picture), "activity.png", description="Messages by time and author"
    )


def _overview(found: Statistics) -> list[str]:
    lines = []
    if found.sessions != 1:
        lines.append(f"Sessions: {found.sessions}")
    lines += [
        f"Duration: {duration(found.duration)}",
        f"Messages: {found.messages}",
        f"User: {plural(found.user_messages, 'message')}",
        f"Bot: {plural(found.bot_responses, 'response')}",
    ]
    if found.system_messages:
        lines.append(f"System: {plural(found.system_messages, 'message')}")
    if found.gaps:
        fetched = plural(found.fetched_later, "message")
        lines.append(f"Gaps: {found.gaps} ({fetched} fetched later)")
    if found.messages:
        lines.append(f"Words: {found.words}")
    if found.attachments:
        lines.append(f"Attachments: {found.attachments}")
    return lines


def _activity(found: Statistics) -> list[str]:
    lines = []
    if found.commands:
        lines.append(f"Commands used: {sum(command.count for command in found.commands)}")
        lines += [f"- {_name(c.name)}: {c.count}" for c in found.commands[:_MOST_COMMANDS]]
        lines += _more(found.commands)
    if found.answers:
        lines.append(
            f"Bots answered after {_wait(found.answers.median)} "
            f"(the slowest after {_wait(found.answers.slowest)})"
        )
    if found.activity:
        lines.append(f"`{found.activity}`")
    return lines


def _more(commands: tuple[Count, ...]) -> list[str]:
    left = len(commands) - _MOST_COMMANDS
    return [f"- and {left} more"] if left > 0 else []


def _timeline(found: Statistics) -> list[str]:
    lines = []
    if found.most_active:
        count = plural(found.most_active.messages, "message")
        lines.append(f"Most active: {_span(found.most_active)} ({count})")
    if found.longest_gap:
        seconds = (found.longest_gap.end - found.longest_gap.begin).total_seconds()
        lines.append(f"Longest gap: {_gap(seconds)} ({_span(found.longest_gap)})")
    return lines


def _section(title: str, lines: list[str]) -> list[str]:
    return [f"**{title}:**\n" + "\n".join(lines)] if lines else []


def _span(span: Span) -> str:
    return f"{clock(span.begin)}-{clock(span.end)}"


def _gap(seconds: float) -> str:
    """Minutes in words as long as they are few, as ``12 minutes``."""
    minutes = round(seconds / _SECONDS_A_MINUTE)
    return plural(minutes, "minute") if 0 < minutes < _SECONDS_A_MINUTE else duration(seconds)


def _wait(seconds: float) -> str:
    return duration(seconds) if seconds >= 1 else f"{seconds:.1f}s"


def _name(text: str) -> str:
    return one_line(text, _LONGEST_NAME)
