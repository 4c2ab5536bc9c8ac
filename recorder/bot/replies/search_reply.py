"""What `record search` is asked for, and what it answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import cast

from recorder.bot.replies.escaping import one_line, plain
from recorder.bot.replies.replies import clock, date_and_clock, message_link
from recorder.formatting import plural
from recorder.search.search_sql import Sort
from recorder.search.searcher import Hit, SearchResult

HITS_A_PAGE = 5
_SHOWN_NAME = 40
_SHOWN_SESSION = 50
_OPTION = re.compile(r"(?:^|\s)--(?:(fts)|sort[= ](newest|best|oldest))(?=\s|$)", re.IGNORECASE)

_DELETED = re.compile(r"(?<![\w-])is:\"?deleted", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A query apart from the options that were typed with it."""

    query: str
    sort: Sort | None
    fts: bool

    @property
    def asks_for_deleted(self) -> bool:
        """Whether it is about messages that were deleted in Discord."""
        return _DELETED.search(self.query) is not None


def wanted(text: str) -> Wanted:
    """Take `--sort newest` and `--fts` out of what was typed."""
    sort: Sort | None = None
    fts = False
    for option in _OPTION.finditer(text):
        fts = fts or option[1] is not None
        sort = cast(Sort, option[2].lower()) if option[2] else sort
    return Wanted(_OPTION.sub(" ", text).strip(), sort, fts)


def found(title: str, found: SearchResult, index: int, everywhere: bool) -> str:
    """One page of hits, or why there are none."""
    if not found.total:
        hint = f"\n{plain(found.hint)}" if found.hint else ""
        return f"🔍 **Found nothing in {plain(title)}**{hint}"
    count = plural(found.total, "match", "matches")
    more = "" if found.is_exact else "at least "
    first = index * HITS_A_PAGE + 1
    lines = [_line(number, hit, everywhere) for number, hit in enumerate(found.hits, first)]
    return f"🔍 **Found {more}{count} in {plain(title)}:**\n\n" + "\n".join(lines)


def _line(number: int, hit: Hit, everywhere: bool) -> str:
    message = hit.message
    text = "".join(
        f"**{one_line(piece, len(piece) * 2 + 2)}**" if is_hit and piece.strip() else _kept(piece)
        for piece, is_hit in hit.snippet.pieces()
    )
    where = f" in {one_line(hit.session.name, _SHOWN_SESSION)}" if everywhere else ""
    time = date_and_clock(message.timestamp) if everywhere else clock(message.timestamp)
    link = message_link(hit.session.guild_id, message.channel_id, message.message_id)
    jump = f" [↗](<{link}>)" if link else ""
    marks = "".join(f" *({mark})*" for mark in message.marks)
    speaker = one_line(message.speaker, _SHOWN_NAME)
    return f'{number}. [{time}] {speaker}{where}: "{text}"{marks}{jump}'


def _kept(piece: str) -> str:
    """A piece between hits, with the spaces at its ends."""
    before = " " if piece[:1].isspace() else ""
    after = " " if piece[-1:].isspace() and piece.strip() else ""
    return f"{before}{one_line(piece, len(piece) * 2 + 2)}{after}" if piece else ""
