"""The options and the reply of `record search`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import cast

from recorder.bot.replies.discord_time import clock, date_and_clock
from recorder.bot.replies.escaping import one_line, plain
from recorder.bot.replies.listings import message_link
from recorder.formatting import plural
from recorder.search.search_sql import Sort
from recorder.search.searcher import Hit, SearchResult

HITS_PER_PAGE = 5
_LONGEST_NAME = 40
_LONGEST_SESSION_NAME = 50
_OPTION = re.compile(r"(?:^|\s)--(?:(fts)|sort[= ](newest|best|oldest))(?=\s|$)", re.IGNORECASE)

_DELETED = re.compile(r"(?<![\w-])is:\"?deleted", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A query, separated from the options that were typed with it."""

    query: str
    sort: Sort | None
    fts: bool

    @property
    def asks_for_deleted(self) -> bool:
        """True if the query is about messages that were deleted in Discord."""
        return _DELETED.search(self.query) is not None


def parse(text: str) -> SearchRequest:
    """Separate the options, such as `--sort newest` and `--fts`, from the query."""
    sort: Sort | None = None
    fts = False
    for option in _OPTION.finditer(text):
        fts = fts or option[1] is not None
        sort = cast(Sort, option[2].lower()) if option[2] else sort
    return SearchRequest(_OPTION.sub(" ", text).strip(), sort, fts)


def hits(title: str, result: SearchResult, page: int, all_sessions: bool) -> str:
    """Return a page of hits, or the reason why there are none."""
    if not result.total:
        hint = f"\n{plain(result.hint)}" if result.hint else ""
        return f"🔍 **Found nothing in {plain(title)}**{hint}"
    count = plural(result.total, "match", "matches")
    at_least = "" if result.is_exact else "at least "
    first = page * HITS_PER_PAGE + 1
    lines = [_line(number, hit, all_sessions) for number, hit in enumerate(result.hits, first)]
    return f"🔍 **Found {at_least}{count} in {plain(title)}:**\n\n" + "\n".join(lines)


def _line(number: int, hit: Hit, all_sessions: bool) -> str:
    message = hit.message
    text = "".join(
        f"**{one_line(piece, len(piece) * 2 + 2)}**"
        if is_hit and piece.strip()
        else _escaped(piece)
        for piece, is_hit in hit.snippet.pieces()
    )
    session = f" in {one_line(hit.session.name, _LONGEST_SESSION_NAME)}" if all_sessions else ""
    time = date_and_clock(message.timestamp) if all_sessions else clock(message.timestamp)
    link = message_link(hit.session.guild_id, message.channel_id, message.message_id)
    jump = f" [↗](<{link}>)" if link else ""
    marks = "".join(f" *({mark})*" for mark in message.marks)
    speaker = one_line(message.speaker, _LONGEST_NAME)
    return f'{number}. [{time}] {speaker}{session}: "{text}"{marks}{jump}'


def _escaped(piece: str) -> str:
    """Return the text between two highlights escaped, with the spaces at its ends."""
    before = " " if piece[:1].isspace() else ""
    after = " " if piece[-1:].isspace() and piece.strip() else ""
    return f"{before}{one_line(piece, len(piece) * 2 + 2)}{after}" if piece else ""
