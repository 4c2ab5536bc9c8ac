"""Finding messages: the language of :mod:`recorder.search.query` over all that was recorded."""

from __future__ import annotations

import difflib
import functools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from recorder.errors import InvalidInput
from recorder.formatting import plural
from recorder.models import Session
from recorder.record.jsonl import clean_text
from recorder.record.names import name_key
from recorder.search import search_sql
from recorder.search.query import Filter, Part, Query, Term, parse
from recorder.search.search_sql import FoundMessage, Sort
from recorder.store.database import DATABASE_NAME, Connection, open_for_reading, sqlite_errors
from recorder.store.reading import SESSION_SQL, Reader, session_of

COUNTED = 100
"""Hits that are counted across sessions; a session's are always counted."""
_SMALL_SESSION = 20_000
SNIPPET = 160
"""Characters of a message that a hit shows, about."""
_BEFORE_HIT = 50
_SPACES_FOR_BREAKS = dict.fromkeys(map(ord, "\t\n\v\f\r\x85\u2028\u2029"), " ")
_NEAR_WORDS = 2_000
_QUOTES = '"*'


class Snippet(NamedTuple):
    """A piece of a message, on one line, and where in it the hits are."""

    text: str
    ranges: tuple[tuple[int, int], ...]

    def pieces(self) -> Iterator[tuple[str, bool]]:
        """The text in pieces, each with whether it is a hit."""
        end = 0
        for start, stop in self.ranges:
            if start > end:
                yield self.text[end:start], False
            yield self.text[start:stop], True
            end = stop
        if end < len(self.text):
            yield self.text[end:], False


class Hit(NamedTuple):
    """A message that was found, the session it is in, and the piece of it to show."""

    session: Session
    message: FoundMessage
    snippet: Snippet


@dataclass(frozen=True, slots=True)
class Found:
    """A page of hits.

    Parameters
    ----------
    total
        How many hits there are in all, or at least if not `is_exact`.
    hint
        Without any hit: a sentence that says why, where that is known.
    """

    hits: tuple[Hit, ...]
    total: int
    is_exact: bool = True
    hint: str | None = None


class Searcher:
    """Searches what has been recorded.

    Parameters
    ----------
    timezone
        In which ``during:yesterday`` and the like are days.
    """

    def __init__(self, reader: Reader, timezone: ZoneInfo) -> None:
        self.reader = reader
        self.timezone = timezone
        self._idle: list[Connection] = []

    def close(self) -> None:
        """Close the connections that were kept for the next search."""
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        """A connection of an earlier search, whose caches are warm, or a new one.

        Idle ones have no transaction, so they are not in the writer's way.
        """
        connection = self._idle.pop() if self._idle else open_for_reading(self.reader.folder)
        try:
            with sqlite_errors(self.reader.folder / DATABASE_NAME):
                yield connection
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)

    def search(
        self,
        query: str,
        sessions: Sequence[Session] | None,
        *,
        now: datetime,
        sort: Sort | None = None,
        limit: int = 20,
        offset: int = 0,
        fts: bool = False,
        deleted_too: bool = True,
    ) -> Found:
        """Find messages.

        Parameters
        ----------
        query
            In the language of :mod:`recorder.search.query`, or in FTS5's own with `fts`.
        sessions
            Those that may be read, or ``None`` for all. Nothing of others is found or hinted at.
        sort
            ``newest`` (recorded last) first by default, inside one session ``best`` first;
            across sessions the best are of the newest
            :data:`~recorder.search.search_sql.RANKED` hits.
        limit, offset
            So many hits, after so many.
        deleted_too
            Also what was deleted in Discord; else it is neither found nor counted nor hinted at.

        Raises
        ------
        InvalidInput
            An expression in FTS5's own syntax is wrong.
        """
        if fts:
            expression = clean_text(query).replace("\0", " ")
            if not expression.strip():
                raise InvalidInput("Write what to search for.")
            search = _Search(Query(query, ()), sessions, deleted_too, expression)
        else:
            search = _Search(parse(query, now, self.timezone), sessions, deleted_too)
            if not search.query.parts:
                return Found((), 0, hint="Write a word or a filter to search for.")
        if sessions is not None and not sessions:
            return Found((), 0, hint="There is no session to search in.")
        with self._connect() as connection:
            return search.run(connection, sort, limit, offset)


class _Search:
    """One search over the sessions that it may read."""

    def __init__(
        self,
        query: Query,
        sessions: Sequence[Session] | None,
        deleted_too: bool,
        expression: str | None = None,
    ) -> None:
        self.query = query
        self.sessions = sessions
        self.deleted_too = deleted_too
        self.expression = expression

    def run(self, connection: Connection, sort: Sort | None, limit: int, offset: int) -> Found:
        plan = self.plan(self.query.parts)
        chosen: Sort = sort or ("best" if plan.one_session else "newest")
        page, total, exact = self.page(connection, plan, chosen, limit, offset)
        if not total:
            return Found((), 0, hint=None if self.expression else self.hint(connection))
        rows = search_sql.rows(connection, page)
        sessions = self.sessions_of(connection, rows)
        pattern = highlight_pattern(self.query)
        hits = []
        for row in rows:
            if self.expression is not None and plan.match is not None:
                shown = _snippet_of_marked(search_sql.highlighted(connection, plan.match, row.id))
            else:
                shown = snippet(row.text, pattern)
            hits.append(Hit(sessions[row.session_id], row, shown))
        return Found(tuple(hits), total, exact)

    def page(
        self, connection: Connection, plan: search_sql.Plan, sort: Sort, limit: int, offset: int
    ) -> tuple[list[int], int, bool]:
        """The ids of a page, how many hits there are, and whether they are no more."""
        end = offset + limit
        if not plan.one_session:
            most = max(COUNTED, end)
            ids = search_sql.find(connection, plan, sort, most + 1)
            return ids[offset:end], min(len(ids), most), len(ids) <= most
        small = self.sessions is not None and self.sessions[0].message_count <= _SMALL_SESSION
        if sort == "newest" and plan.match is not None and small:
            # The index is quicker forwards, and then all are counted.
            ids = search_sql.find(connection, plan, "oldest")
            return ids[::-1][offset:end], len(ids), True
        ids = search_sql.find(connection, plan, sort, end + 1)
        more = len(ids) > end or not ids
        total = search_sql.count(connection, plan, None) if more else len(ids)
        return ids[offset:end], total, True

    def plan(self, parts: Sequence[Part]) -> search_sql.Plan:
        """How to find `parts`; a session that they name is searched as if it were given."""
        sessions = self.sessions
        kept = []
        for part in parts:
            if isinstance(part, Filter) and part.name == "in" and sessions is not None:
                key = name_key(part.value)
                named = [s for s in sessions if part.value == s.id or name_key(s.name) == key]
                if named:
                    sessions = named
                    continue
            kept.append(part)
        scope = None if sessions is None else [session.id for session in sessions]
        if self.expression is not None:
            made = search_sql.plan_raw(self.expression, scope)
        else:
            made = search_sql.plan(kept, scope)
        if not self.deleted_too:
            made.conditions.append(search_sql.NOT_DELETED)
        return made

    def sessions_of(
        self, connection: Connection, rows: Sequence[FoundMessage]
    ) -> dict[str, Session]:
        """The sessions that the rows are of, by id."""
        ids = tuple({row.session_id for row in rows})
        if self.sessions is not None:
            return {session.id: session for session in self.sessions if session.id in ids}
        found = connection.execute(
            f"{SESSION_SQL} WHERE s.id IN ({', '.join('?' * len(ids))})", ids
        )
        return {session.id: session for session in map(session_of, found)}

    def has_hits(self, connection: Connection, parts: Sequence[Part]) -> bool:
        """Whether there is any message with these parts."""
        return bool(search_sql.find(connection, self.plan(parts), "newest", 1))

    def hint(self, connection: Connection) -> str | None:
        """Why there is no hit: a filter, a misspelt word, or one word too many."""
        parts = self.query.parts
        for part in parts:
            sentence = self.unknown_author(connection, part) if isinstance(part, Filter) else None
            if sentence is not None:
                return sentence
        for part in parts:
            if (
                not isinstance(part, Term)
                and (sentence := self.cause(connection, part)) is not None
            ):
                return sentence
        for part in parts:
            if (
                isinstance(part, Term)
                and (near := self.near_spelling(connection, part)) is not None
            ):
                return f'No message has "{part.text.strip(_QUOTES)}". Did you mean {near}?'
        for part in parts:
            if isinstance(part, Term) and (sentence := self.cause(connection, part)) is not None:
                return sentence
        return None

    def cause(self, connection: Connection, part: Part) -> str | None:
        """What there would be without `part`; ``None`` if nothing, too."""
        others = [other for other in self.query.parts if other is not part]
        if not others:
            return None
        number = search_sql.count(connection, self.plan(others), COUNTED)
        if not number:
            return None
        many = f"at least {plural(number, 'hit')}" if number == COUNTED else plural(number, "hit")
        return f"Without {part.text} there would be {many}."

    def unknown_author(self, connection: Connection, part: Filter) -> str | None:
        """That nobody of a name in ``from:`` wrote, and who may be meant."""
        alone = len(self.query.parts) == 1  # then it is known already
        if part.name != "from" or (not alone and self.has_hits(connection, [part])):
            return None
        scope = None if self.sessions is None else [session.id for session in self.sessions]
        known = {name.casefold(): name for name in search_sql.authors(connection, scope)}
        near = difflib.get_close_matches(part.value.casefold().lstrip("@"), known, 1, 0.7)
        meant = f" Did you mean from:{_value(known[near[0]])}?" if near else ""
        return f"Nobody called {part.value} has written here.{meant}"

    def near_spelling(self, connection: Connection, term: Term) -> str | None:
        """The term with a misspelt word put right, if the index has one like it."""
        words = re.findall(r"[^\W_]+", fold(term.words))
        if term.literal is not None or term.spaced or self.has_hits(connection, [term]):
            return None
        for word in words:
            if len(word) < 3 or self.has_hits(connection, [Term(word, word)]):
                continue
            known = search_sql.indexed_words(connection, word, _NEAR_WORDS)
            for near in difflib.get_close_matches(word, known, 5, 0.7):
                fixed = " ".join(near if other == word else other for other in words)
                # Only what this reader would find: the index has the words of all sessions.
                if self.has_hits(connection, [Term(fixed, fixed)]):
                    return f'"{fixed}"' if len(words) > 1 else fixed
        return None


def _value(name: str) -> str:
    return f'"{name}"' if " " in name else name


@functools.lru_cache(maxsize=10_000)
def _fold_character(character: str) -> str:
    base = unicodedata.normalize("NFD", character)[0]
    lower = (base if base.isascii() else character).lower()
    return "σ" if lower == "ς" else lower if len(lower) == 1 else character


def fold(text: str) -> str:
    """`text` as the index compares it, character by character: without case and accents."""
    return text.lower() if text.isascii() else "".join(map(_fold_character, text))


def highlight_pattern(query: Query) -> re.Pattern[str] | None:
    """What to mark in a folded text; ``None`` when a query has filters alone."""
    some: list[str] = []
    for term in query.terms():
        if term.literal is not None:
            some.append(re.escape(fold(term.literal)))
        elif words := re.findall(r"[^\W_]+", fold(term.words)):
            first, *others = map(re.escape, words)
            # Looking back from behind the first word lets `re` search for that word itself.
            phrase = r"[\W_]+".join([rf"{first}(?<![^\W_]{first})", *others])
            end = r"[^\W_]*" if term.prefix else r"(?![^\W_])"
            some.append(rf"{phrase}{end}[\u0300-\u036f]*")
        some += map(re.escape, term.spaced if term.literal is None else ())
    return re.compile("|".join(sorted(some, key=len, reverse=True))) if some else None


def snippet(text: str, pattern: re.Pattern[str] | None) -> Snippet:
    """The piece of `text` around its first hit."""
    found = [m.span() for m in pattern.finditer(fold(text)) if m[0]] if pattern else []
    return _cut(text, found)


def _snippet_of_marked(marked: str) -> Snippet:
    opening, closing = search_sql.MARKS
    text, *pieces = marked.split(opening)
    ranges = []
    for piece in pieces:
        hit, _, rest = piece.partition(closing)
        ranges.append((len(text), len(text) + len(hit)))
        text += hit + rest
    return _cut(text, ranges)


def _cut(text: str, ranges: Sequence[tuple[int, int]]) -> Snippet:
    """About :data:`SNIPPET` characters on one line, from a little before the first hit."""
    if len(text) <= SNIPPET:
        return Snippet(_replace_breaks(text), tuple(ranges))
    first = ranges[0][0] if ranges else 0
    start = max(0, min(first - _BEFORE_HIT, len(text) - SNIPPET))
    end = min(len(text), start + SNIPPET)
    if 0 < start < first:  # at a word's beginning, if one is near
        space = re.search(r"\s", text[start:first])
        start += space.end() if space else 0
    if end < len(text):
        cut = max(text.rfind(" ", start, end), text.rfind("\n", start, end))
        end = cut if cut > max(first, end - 30) else end
    lead = "…" if start else ""
    shown = lead + _replace_breaks(text[start:end]) + ("…" if end < len(text) else "")
    moved = tuple(
        (a - start + len(lead), min(b, end) - start + len(lead)) for a, b in ranges if a < end
    )
    return Snippet(shown, moved)


def _replace_breaks(text: str) -> str:
    return text if text.isprintable() else text.translate(_SPACES_FOR_BREAKS)
