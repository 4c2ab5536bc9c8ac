"""The command that finds messages: ``search``."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import click

from recorder.cli.exit_codes import NOTHING_FOUND
from recorder.cli.output import (
    POSITIVE,
    SessionName,
    json_option,
    now,
    pass_settings,
    print_json,
    say,
)
from recorder.formatting import date_and_clock, plural
from recorder.models import Json
from recorder.search.search_sql import Sort
from recorder.search.searcher import Hit, Searcher, SearchResult
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
        result = searcher.search(
            text, sessions, now=now(), sort=sort, limit=limit, offset=offset, fts=fts
        )
    finally:
        searcher.close()
    if as_json:
        _print_json(result)
    else:
        _print(result, offset, settings.timezone)
    if not result.total:
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


def _print(result: SearchResult, offset: int, timezone: ZoneInfo) -> None:
    if not result.total:
        say(f"No hits. {result.hint or ''}".rstrip())
        return
    for number, hit in enumerate(result.hits, offset + 1):
        message = hit.message
        say(
            f"{number}. ",
            (f"[{date_and_clock(message.timestamp, timezone)}]", "dim"),
            (f" {hit.session.name} #{message.message_index} ", "dim"),
            (" ".join(message.speaker.split()), "bold"),
            ": ",
            *((text, "bold yellow" if is_hit else "") for text, is_hit in hit.snippet.pieces()),
            ("".join(f" ({mark})" for mark in message.marks), "dim"),
        )
    least = "" if result.is_exact else "at least "
    say(f"\n{least}{plural(result.total, 'hit')}")


def _print_json(result: SearchResult) -> None:
    print_json(
        {
            "total": result.total,
            "is_exact": result.is_exact,
            "hint": result.hint,
            "hits": [_hit_json(hit) for hit in result.hits],
        }
    )


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
