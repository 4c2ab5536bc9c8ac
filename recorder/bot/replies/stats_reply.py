"""The reply to `record stats`."""

from __future__ import annotations

import io

import discord

from recorder.bot.replies.discord_time import clock
from recorder.bot.replies.escaping import one_line, plain
from recorder.formatting import duration, plural
from recorder.stats.session_analyzer import Count, Span, Statistics

_MOST_COMMANDS = 6
_LONGEST_NAME = 40
_SECONDS_PER_MINUTE = 60


def stats(title: str, statistics: Statistics) -> str:
    """Return the statistics of one or several sessions, short enough for a message."""
    parts = [
        f"📊 **Session Stats: {plain(title)}**",
        "**Overview:**\n" + "\n".join(_overview(statistics)),
        *_section("Activity", _activity(statistics)),
        *_section("Timeline", _timeline(statistics)),
        *_section("Topics discussed", [f"- {_name(t.phrase)}" for t in statistics.topics]),
        *_section("Who", [f"- {_name(c.name)}: {c.count}" for c in statistics.authors]),
        *_section("Models", [f"- {_name(c.name)}: {c.count}" for c in statistics.models]),
    ]
    return "\n\n".join(parts)


def file(picture: bytes | None) -> discord.File | None:
    """Return the activity diagram as an attachment."""
    if picture is None:
        return None
    return discord.File(
        io.BytesIO(picture), "activity.png", description="Messages by time and author"
    )


def _overview(statistics: Statistics) -> list[str]:
    lines = []
    if statistics.sessions != 1:
        lines.append(f"Sessions: {statistics.sessions}")
    lines += [
        f"Duration: {duration(statistics.duration)}",
        f"Messages: {statistics.messages}",
        f"User: {plural(statistics.user_messages, 'message')}",
        f"Bot: {plural(statistics.bot_responses, 'response')}",
    ]
    if statistics.system_messages:
        lines.append(f"System: {plural(statistics.system_messages, 'message')}")
    if statistics.gaps:
        fetched = plural(statistics.fetched_later, "message")
        lines.append(f"Gaps: {statistics.gaps} ({fetched} fetched later)")
    if statistics.messages:
        lines.append(f"Words: {statistics.words}")
    if statistics.attachments:
        lines.append(f"Attachments: {statistics.attachments}")
    return lines


def _activity(statistics: Statistics) -> list[str]:
    lines = []
    if statistics.commands:
        lines.append(f"Commands used: {sum(command.count for command in statistics.commands)}")
        lines += [f"- {_name(c.name)}: {c.count}" for c in statistics.commands[:_MOST_COMMANDS]]
        lines += _more(statistics.commands)
    if statistics.answers:
        lines.append(
            f"Bots answered after {_wait(statistics.answers.median)} "
            f"(the slowest after {_wait(statistics.answers.slowest)})"
        )
    if statistics.activity:
        lines.append(f"`{statistics.activity}`")
    return lines


def _more(commands: tuple[Count, ...]) -> list[str]:
    rest = len(commands) - _MOST_COMMANDS
    return [f"- and {rest} more"] if rest > 0 else []


def _timeline(statistics: Statistics) -> list[str]:
    lines = []
    if statistics.most_active:
        count = plural(statistics.most_active.messages, "message")
        lines.append(f"Most active: {_span(statistics.most_active)} ({count})")
    if statistics.longest_gap:
        seconds = (statistics.longest_gap.end - statistics.longest_gap.begin).total_seconds()
        lines.append(f"Longest gap: {_gap(seconds)} ({_span(statistics.longest_gap)})")
    return lines


def _section(title: str, lines: list[str]) -> list[str]:
    return [f"**{title}:**\n" + "\n".join(lines)] if lines else []


def _span(span: Span) -> str:
    return f"{clock(span.begin)}-{clock(span.end)}"


def _gap(seconds: float) -> str:
    """Return a duration below an hour as ``12 minutes``, others in short."""
    minutes = round(seconds / _SECONDS_PER_MINUTE)
    return plural(minutes, "minute") if 0 < minutes < _SECONDS_PER_MINUTE else duration(seconds)


def _wait(seconds: float) -> str:
    return duration(seconds) if seconds >= 1 else f"{seconds:.1f}s"


def _name(text: str) -> str:
    return one_line(text, _LONGEST_NAME)
