"""The command ``stats``."""

from __future__ import annotations

from dataclasses import asdict

import click
from rich.table import Table

from recorder.cli.output import (
    SessionName,
    json_option,
    now,
    pass_settings,
    print_json,
    print_table,
    say,
)
from recorder.formatting import clock, duration, plural
from recorder.models import Session
from recorder.session_analyzer import Count, SessionAnalyzer, Statistics
from recorder.settings import Settings
from recorder.store.reading import Reader


@click.command()
@click.argument("name", type=SessionName(), required=False)
@json_option
@pass_settings
def stats(settings: Settings, name: str | None, as_json: bool) -> None:
    """Show who said how much and when, and what about; without a name over all sessions."""
    reader, at = Reader(settings.data), now()
    sessions: list[Session] = [reader.find(name)] if name else reader.sessions()
    found = SessionAnalyzer(reader).analyze(sessions, at, limit=10)
    if as_json:
        print_json(asdict(found))
        return
    say((sessions[0].name if name else "All sessions", "bold"))
    for line in _lines(found, settings):
        say(line)
    for title, counts in (
        ("Commands", found.commands),
        ("Authors", found.authors),
        ("Models", found.models),
        ("Topics", tuple(Count(topic.phrase, topic.messages) for topic in found.topics)),
    ):
        _table(title, counts)


def _lines(found: Statistics, settings: Settings) -> list[str]:
    zone = settings.timezone
    lines = [
        f"{plural(found.sessions, 'session')}, {duration(found.duration)}, "
        f"{plural(found.messages, 'message')}: {found.user_messages} of people, "
        f"{found.bot_responses} of bots, {found.system_messages} of Discord",
        f"{plural(found.words, 'word')}, {plural(found.attachments, 'attachment')}",
    ]
    if found.most_active:
        span = f"{clock(found.most_active.begin, zone)}-{clock(found.most_active.end, zone)}"
        lines.append(f"Most active: {span} ({plural(found.most_active.messages, 'message')})")
    if found.longest_gap:
        gap = found.longest_gap
        seconds = (gap.end - gap.begin).total_seconds()
        lines.append(
            f"Longest gap: {duration(seconds)} ({clock(gap.begin, zone)}-{clock(gap.end, zone)})"
        )
    if found.answers:
        lines.append(
            f"Bots answered after {found.answers.median:.1f}s, "
            f"the slowest after {found.answers.slowest:.1f}s"
        )
    return [*lines, found.activity]


def _table(title: str, counts: tuple[Count, ...]) -> None:
    if counts:
        table = Table(box=None, header_style="bold")
        table.add_column(title, overflow="fold", min_width=12)
        table.add_column("", justify="right")
        print_table(table, [(count.name, f"{count.count:,}") for count in counts])


COMMANDS = (stats,)
