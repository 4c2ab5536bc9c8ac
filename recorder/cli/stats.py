"""The command ``stats``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from recorder.cli.environment import now
from recorder.cli.output import (
    console,
    print_json,
    print_side_by_side,
    print_table,
    printable,
    say,
)
from recorder.cli.parameters import SessionName, json_option, pass_settings
from recorder.errors import Conflict, InvalidInput
from recorder.formatting import (
    clock,
    collapse_whitespace,
    date_and_clock,
    duration,
    plural,
    size,
    sparkline,
)
from recorder.models import Session
from recorder.settings import Settings
from recorder.stats.activity import activity
from recorder.stats.pictures import activity_picture
from recorder.stats.session_analyzer import Count, SessionAnalyzer, Span, Statistics
from recorder.store.reading import Reader

_STDOUT = Path("-")
_LONGEST_BAR = 10
_WIDEST_NAME = 24
_PEOPLE, _BOTS, _DISCORD = "cyan", "green", "magenta"


@click.command()
@click.argument("name", type=SessionName(), required=False)
@click.option(
    "--png",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Also write a chart of the activity; - writes only the chart, to standard output.",
)
@click.option("--force", is_flag=True, help="Overwrite an existing chart.")
@json_option
@pass_settings
def stats(
    settings: Settings, name: str | None, png: Path | None, force: bool, as_json: bool
) -> None:
    """Show statistics of a session, or of all sessions: messages, authors, times and topics."""
    reader, at = Reader(settings.data), now()
    sessions: list[Session] = [reader.find(name)] if name else reader.sessions()
    title = sessions[0].name if name else "All sessions"
    picture = _picture(reader, sessions, title, at, settings) if png else b""
    if png == _STDOUT:
        if as_json:
            raise click.UsageError("--png - writes only the chart; leave out --json.")
        if sys.stdout.isatty():
            raise click.UsageError("A terminal shows no picture. Choose a file for --png.")
        click.echo(picture, nl=False)
        return
    if png:
        _write(png, picture, force)
    statistics = SessionAnalyzer(reader).analyze(sessions, at, limit=10)
    if as_json:
        print_json(asdict(statistics))
        return
    say((title, "bold"))
    if console.is_terminal:
        _show(statistics, reader, sessions, at, settings)
    else:
        _print(statistics, settings)
    if png:
        say(f"\n{png}: {size(len(picture))}")


def _picture(
    reader: Reader, sessions: Sequence[Session], title: str, at: datetime, settings: Settings
) -> bytes:
    picture = activity_picture(reader, sessions, title, at, settings.timezone)
    if picture is None:
        raise InvalidInput("Nothing has been recorded yet, so there is nothing to draw.")
    return picture


def _write(path: Path, picture: bytes, force: bool) -> None:
    def private(name: str, flags: int) -> int:
        return os.open(name, flags, 0o600)

    try:
        with open(path, "wb" if force else "xb", opener=private) as file:
            file.write(picture)
    except FileExistsError as error:
        raise Conflict(
            f"{path} already exists. Overwrite it with --force, or choose another file."
        ) from error


def _print(statistics: Statistics, settings: Settings) -> None:
    """Print one fact a line, for a pipe."""
    say(
        f"{plural(statistics.sessions, 'session')}, {duration(statistics.duration)}, "
        f"{plural(statistics.messages, 'message')}: {statistics.user_messages} of people, "
        f"{statistics.bot_responses} of bots, {statistics.system_messages} of Discord"
    )
    say(f"{plural(statistics.words, 'word')}, {plural(statistics.attachments, 'attachment')}")
    for fact, value in _times(statistics, settings):
        say(f"{fact}: {value}")
    say(statistics.activity)
    for title, counts in _lists(statistics):
        if counts:
            table = Table(box=None, header_style="bold")
            table.add_column(title, overflow="fold", min_width=12)
            table.add_column("", justify="right")
            print_table(
                table, [(collapse_whitespace(count.name), f"{count.count:,}") for count in counts]
            )


def _show(
    statistics: Statistics,
    reader: Reader,
    sessions: Sequence[Session],
    at: datetime,
    settings: Settings,
) -> None:
    """Print with colours and bars, within the width of the terminal."""
    several = [f"{plural(statistics.sessions, 'session')}, "] if statistics.sessions != 1 else []
    say(
        *several,
        f"{duration(statistics.duration)}, {statistics.messages:,} messages: ",
        (f"{statistics.user_messages:,} of people", _PEOPLE),
        ", ",
        (f"{statistics.bot_responses:,} of bots", _BOTS),
        ", ",
        (f"{statistics.system_messages:,} of Discord", _DISCORD),
    )
    say(f"{statistics.words:,} words, {statistics.attachments:,} attachments")
    _activity(reader, sessions, at, settings)
    for fact, value in _times(statistics, settings):
        say((f"{fact}: ", "dim"), value)
    say("")
    print_side_by_side([_bars(title, counts) for title, counts in _lists(statistics) if counts])


def _activity(
    reader: Reader, sessions: Sequence[Session], at: datetime, settings: Settings
) -> None:
    """Print a line of bars, one an interval, between the first and the last time."""
    room = min(console.width - 2 * len("2025-11-08 12:00 PM "), 100)
    timeline = activity(reader, sessions, at, settings.timezone, most_bars=max(room, 8))
    if timeline is None or not any(timeline.totals):
        return
    zone = settings.timezone
    begin, end = date_and_clock(timeline.begin, zone), date_and_clock(timeline.end, zone)
    if begin[:10] == end[:10]:
        begin, end = clock(timeline.begin, zone), clock(timeline.end, zone)
    say("")
    say((f"{begin} ", "dim"), (sparkline(timeline.totals), "bold cyan"), (f" {end}", "dim"))
    highest = plural(max(timeline.totals), "message")
    say((f"a bar is {_with_article(timeline.scale.unit)}, the highest {highest}", "dim"))
    say("")


def _with_article(unit: str) -> str:
    """Return a unit as in ``5 minutes``, ``a minute``, ``an hour``."""
    if unit[0].isdigit():
        return unit
    return f"{'an' if unit == 'hour' else 'a'} {unit}"


def _bars(title: str, counts: Sequence[Count]) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column(title, overflow="fold", max_width=_WIDEST_NAME)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("", style=_PEOPLE, no_wrap=True, min_width=_LONGEST_BAR)
    highest = max(count.count for count in counts)
    for count in counts:
        bar = "█" * max(round(count.count / highest * _LONGEST_BAR), 1)
        table.add_row(Text(printable(collapse_whitespace(count.name))), f"{count.count:,}", bar)
    return table


def _lists(statistics: Statistics) -> tuple[tuple[str, Sequence[Count]], ...]:
    topics = tuple(Count(topic.phrase, topic.messages) for topic in statistics.topics)
    return (
        ("Commands", statistics.commands),
        ("Authors", statistics.authors),
        ("Models", statistics.models),
        ("Topics", topics),
    )


def _times(statistics: Statistics, settings: Settings) -> list[tuple[str, str]]:
    def span(span: Span) -> str:
        return f"{clock(span.begin, settings.timezone)}-{clock(span.end, settings.timezone)}"

    times = []
    if active := statistics.most_active:
        times.append(("Most active", f"{span(active)} ({plural(active.messages, 'message')})"))
    if gap := statistics.longest_gap:
        seconds = (gap.end - gap.begin).total_seconds()
        times.append(("Longest gap", f"{duration(seconds)} ({span(gap)})"))
    if answers := statistics.answers:
        waits = f"{answers.median:.1f}s, the slowest after {answers.slowest:.1f}s"
        times.append(("Bots answered after", waits))
    if statistics.gaps:
        fetched = plural(statistics.fetched_later, "message")
        times.append(("Gaps", f"{statistics.gaps} ({fetched} fetched later)"))
    return times
