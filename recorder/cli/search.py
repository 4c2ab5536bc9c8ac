"""The command ``search``."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import click

from recorder.cli.environment import now
from recorder.cli.exit_codes import NO_HITS
from recorder.cli.output import print_json, say
from recorder.cli.parameters import (
    POSITIVE,
    SessionName,
    json_option,
    pass_settings,
)
from recorder.formatting import collapse_whitespace, date_and_clock, plural
from recorder.models import Json
from recorder.search.search_sql import Sort
from recorder.search.searcher import Hit, Searcher, SearchResult
from recorder.settings import Settings
from recorder.store.reading import Reader

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("query", nargs=-1, required=True)
@click.option("--session", "name", type=SessionName(), help="Search only this session.")
@click.option(
    "--sort",
    type=click.Choice(get_args(Sort)),
    help="The order.  [default: newest; with --session: best]",
)
@click.option(
    "--limit", default=20, show_default=True, type=POSITIVE, help="How many hits to show at most."
)
@click.option(
    "--offset", default=0, type=click.IntRange(0, 2**31 - 1), help="How many hits to skip."
)
@click.option("--fts", is_flag=True, help="Read QUERY as an FTS5 query of SQLite.")
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
    """Search messages, in all sessions or in one.

    All words of QUERY must match. It may also contain: "a phrase" (quoted so that the shell keeps
    the quotes), prefix*, -excluded, this OR that, and the filters from:name, in:session,
    mentions:name, before:, after: and during: (a date, yesterday, "last week", 2h or the id of a
    message), has: (link, file, image, embed, code), is: (user, bot, pinned, edited, deleted),
    type: and tag:. A - before a filter inverts it. Everything else is text.

    The exit code is 1 if there are no hits.
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
        context.exit(NO_HITS)


def _quoted(word: str) -> str:
    """Restore the quotes around a word with spaces, which the shell has removed."""
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
            (collapse_whitespace(message.speaker), "bold"),
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
