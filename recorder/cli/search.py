"""The command that finds messages: ``search``."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, get_args

import click

from recorder.cli.exit_codes import NOTHING_FOUND
from recorder.cli.output import (
    POSITIVE,
    SessionName,
    as_of_option,
    json_option,
    now,
    pass_settings,
    print_json,
    say,
)
from recorder.cli.show import print_message
from recorder.formatting import collapse_whitespace, date_and_clock, plural
from recorder.models import Json, RecordedMessage
from recorder.search.search_sql import Sort
from recorder.search.searcher import Found, Hit, Searcher
from recorder.settings import Settings
from recorder.store.reading import Reader

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("query", nargs=-1, required=True)
@click.option("--session", "name", type=SessionName(), help="Search in this session alone.")
@click.option(
    "--sort",
    type=click.Choice(get_args(Sort)),
    help="newest first by default, within one session best.",
)
@click.option("--limit", default=20, show_default=True, type=POSITIVE)
@click.option(
    "--offset", default=0, type=click.IntRange(0, 2**31 - 1), help="Leave out so many hits."
)
@click.option("--fts", is_flag=True, help="QUERY is in SQLite FTS5's own syntax.")
@as_of_option
@json_option
@pass_settings
@click.pass_context
def search(
    context: click.Context,
    settings: Settings,
    query: tuple[str, ...],
    name: str | None,
    sort: Sort | None,
    limit: int,
    offset: int,
    fts: bool,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """Find messages, in all sessions or in one.

    All words must occur. Further: "a phrase" (in quotes that the shell leaves alone), pre*,
    -without, this OR that, from:name, in:session, mentions:name, before: after: during: with
    a date, yesterday, "last week", 2h or a message's id, has:link, file, image, embed or code,
    is:user, bot, pinned, edited or deleted, type:, tag:. A filter with - before it leaves out
    what it names. Everything else is text.

    Ends with exit code 1 when nothing is found.
    """
    reader = Reader(settings.data)
    sessions = [reader.find(name)] if name else None
    text = query[0] if len(query) == 1 else " ".join(map(_quoted, query))
    searcher = Searcher(reader, settings.timezone)
    try:
        found = searcher.search(
            text, sessions, now=now(), sort=sort, limit=limit, offset=offset, fts=fts
        )
    finally:
        searcher.close()
    then = None if as_of is None else _as_they_stood(reader, found, as_of)
    if as_json:
        _print_json(found, then)
    elif then is not None:
        for hit, recorded in then:
            print_message(recorded, settings, f"{hit.session.name} #{recorded.message_index} ")
    else:
        _print(found, offset, settings.timezone)
    if not found.total:
        context.exit(NOTHING_FOUND)


def _quoted(word: str) -> str:
    """A word as it was typed: the shell has taken the quotes off what has spaces."""
    if " " not in word or '"' in word:
        return word
    minus = "-" if word.startswith("-") else ""
    name, colon, value = word.removeprefix("-").partition(":")
    if colon and name.isalpha():
        return f'{minus}{name}:"{value}"'
    return f'{minus}"{word.removeprefix("-")}"'


def _print(found: Found, offset: int, timezone: ZoneInfo) -> None:
    if not found.total:
        say(f"No hits. {found.hint or ''}".rstrip())
        return
    for number, hit in enumerate(found.hits, offset + 1):
        message = hit.message
        say(
            f"{number}. ",
            (f"[{date_and_clock(message.timestamp, timezone)}]", "dim"),
            (f" {hit.session.name} #{message.message_index} ", "dim"),
            (collapse_whitespace(message.speaker), "bold"),
            ": ",
            *((text, "bold yellow" if is_hit else "") for text, is_hit in hit.snippet.pieces()),
            ("".join(f" ({mark})" for mark in message.marks), "dim"),
        )
    least = "" if found.is_exact else "at least "
    say(f"\n{least}{plural(found.total, 'hit')}")


def _as_they_stood(
    reader: Reader, found: Found, as_of: datetime
) -> list[tuple[Hit, RecordedMessage]]:
    """What was found by its words of today, as it read then; without what was said later."""
    return [
        (hit, recorded)
        for hit in found.hits
        for recorded in reader.messages(
            hit.session.id, hit.message.message_index, hit.message.message_index, as_of
        )
    ]


def _print_json(found: Found, then: list[tuple[Hit, RecordedMessage]] | None) -> None:
    hits: list[Json] = [_hit_json(hit) for hit in found.hits]
    if then is not None:
        hits = [
            {**_hit_json(hit), "text": recorded.message.text, "snippet": None, "ranges": []}
            for hit, recorded in then
        ]
    print_json({"total": found.total, "is_exact": found.is_exact, "hint": found.hint, "hits": hits})


def _hit_json(hit: Hit) -> dict[str, Json]:
    message = hit.message
    return {
        "session": hit.session.name,
        "session_id": hit.session.id,
        "message_index": message.message_index,
        "message_id": None if message.message_id is None else str(message.message_id),
        "channel_id": message.channel_id,
        "timestamp": message.timestamp.isoformat(),
        "author": message.author,
        "author_id": message.author_id,
        "display_name": message.speaker,
        "type": message.type,
        "edited": message.is_edited,
        "deleted": message.is_deleted,
        "text": message.text,
        "snippet": hit.snippet.text,
        "ranges": [list(span) for span in hit.snippet.ranges],
    }


COMMANDS = (search,)
