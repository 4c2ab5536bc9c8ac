"""The commands ``list``, ``show`` and ``replay``."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime
from heapq import merge

import click
from rich.table import Table

from recorder.cli.environment import now
from recorder.cli.output import print_json, print_table, say, session_json, write
from recorder.cli.parameters import (
    POSITIVE,
    Finite,
    SessionName,
    as_of_option,
    json_option,
    pass_settings,
)
from recorder.formatting import (
    clock,
    collapse_whitespace,
    date_and_clock,
    duration,
    gap,
    plural,
    reactions,
    size,
)
from recorder.models import RecordedMessage, SessionEvent
from recorder.record import jsonl
from recorder.settings import Settings
from recorder.store.reading import Reader

_LONGEST_SLEEP = threading.TIMEOUT_MAX  # seconds
_COLOURS = {"user_message": "cyan", "bot_response": "green", "system_message": "dim"}


@click.command("list")
@json_option
@pass_settings
def list_(settings: Settings, as_json: bool) -> None:
    """List the sessions, newest first."""
    sessions, at = Reader(settings.data).sessions(), now()
    if as_json:
        print_json([session_json(session, at) for session in sessions])
        return
    if not sessions:
        say("Nothing has been recorded yet.")
        return
    table = Table(box=None, header_style="bold")
    table.add_column("Name", overflow="fold", min_width=12)
    table.add_column("Started", no_wrap=True)
    for column in ("Duration", "Messages", "Size"):
        table.add_column(column, justify="right", no_wrap=True)
    for column in ("Status", "Id"):
        table.add_column(column, no_wrap=True)
    rows = [
        (
            session.name,
            date_and_clock(session.started_at, settings.timezone),
            duration(session.duration(at)),
            f"{session.message_count:,}",
            size(session.byte_size),
            session.status,
            session.id,
        )
        for session in sessions
    ]
    print_table(table, rows)
    messages = sum(session.message_count for session in sessions)
    say(f"\n{plural(len(sessions), 'session')}, {plural(messages, 'message')}")


@click.command()
@click.argument("name", type=SessionName())
@click.option("--first", default=1, type=POSITIVE, help="The index of the first message to show.")
@click.option("--count", type=POSITIVE, help="How many messages to show at most.")
@click.option(
    "--events",
    "with_events",
    is_flag=True,
    help="Show the events of the recording itself, too: its start, pauses, gaps, tags, …",
)
@as_of_option
@json_option
@pass_settings
def show(
    settings: Settings,
    name: str,
    first: int,
    count: int | None,
    with_events: bool,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """Show the details and messages of a session."""
    reader, at = Reader(settings.data), now()
    session = reader.find(name)
    last = None if count is None else first + count - 1
    messages = reader.messages(session.id, first, last, as_of)
    events = reader.events(session) if with_events else []
    if as_json:
        details = session_json(session, at)
        if with_events:
            details["events"] = [jsonl.event_as_json(event) for event in events]
        lines = [jsonl.as_json(recorded.message) for recorded in messages]
        print_json({**details, "messages": lines})
        return
    say((session.name, "bold"), f" ({session.id}), {session.status}")
    say(
        f"{date_and_clock(session.started_at, settings.timezone)}, "
        f"{duration(session.duration(at))}, {plural(session.message_count, 'message')}, "
        f"{size(session.byte_size)}\n{settings.data / session.file_path}\n"
    )
    for interval in reader.gaps(session):
        say((f"Gap: {gap(interval, settings.timezone)}", "yellow"))
    events.sort(key=_time)
    entries: Iterator[SessionEvent | RecordedMessage] = merge(events, messages, key=_time)
    for entry in entries:
        if isinstance(entry, SessionEvent):
            time_of_day = clock(entry.timestamp, settings.timezone)
            say((f"[{time_of_day}] {entry.event}: {entry.content}", "dim"))
        else:
            print_message(entry, settings)


def _time(entry: SessionEvent | RecordedMessage) -> datetime:
    return entry.timestamp if isinstance(entry, SessionEvent) else entry.message.timestamp


@click.command()
@click.argument("name", type=SessionName())
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=Finite(0, min_open=True),
    help="A factor; 2 is twice as fast.",
)
@click.option(
    "--longest-wait", type=Finite(0), help="Wait at most this many seconds between messages."
)
@json_option
@pass_settings
def replay(
    settings: Settings, name: str, speed: float, longest_wait: float | None, as_json: bool
) -> None:
    """Replay a session in the terminal, at the pace of the conversation."""
    reader = Reader(settings.data)
    session = reader.find(name)
    longest = _LONGEST_SLEEP if longest_wait is None else min(longest_wait, _LONGEST_SLEEP)
    before = session.started_at
    for recorded in reader.messages(session.id):
        wait = max((recorded.message.timestamp - before).total_seconds() / speed, 0)
        before = max(before, recorded.message.timestamp)
        time.sleep(min(wait, longest))
        if as_json:
            write(jsonl.encode(recorded.message) + "\n")
        else:
            print_message(recorded, settings)


def print_message(recorded: RecordedMessage, settings: Settings, mark: str = "") -> None:
    """Print a message with its edits, tags and reactions."""
    message = recorded.message
    marks = [*recorded.marks, *(f"🏷️ {tag}" for tag in recorded.tags)]
    marks += [collapse_whitespace(message.used_command)] if message.used_command else []
    marks += [reactions(recorded.reactions)] if recorded.reactions else []
    say(
        mark,
        (f"[{clock(message.timestamp, settings.timezone)}]", "dim"),
        " ",
        (collapse_whitespace(message.speaker), f"bold {_COLOURS[message.type]}"),
        ": " + message.text.replace("\r\n", "\n").replace("\n", "\n    "),
        (f" ({', '.join(marks)})" if marks else "", "dim"),
    )
