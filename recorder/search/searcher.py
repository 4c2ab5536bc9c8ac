"""``Searcher``: search over all recorded messages, with snippets and hints."""

from __future__ import annotations

import difflib
import functools
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from recorder.errors import InvalidInput
from recorder.formatting import plural
from recorder.models import Session
from recorder.record.json_values import clean_text
from recorder.record.names import name_key
from recorder.search import search_sql
from recorder.search.query import Filter, Part, Query, Term, parse
from recorder.search.search_sql import MatchingMessage, SearchSql, Sort
from recorder.store.database import DATABASE_NAME, Connection, open_for_reading, sqlite_errors
from recorder.store.reading import Reader
from recorder.store.session_rows import sessions_with
from recorder.store.time_limit import apply_limit

COUNTED = 100
"""The number up to which hits are counted across sessions; within one, all are counted."""
_SMALL_SESSION = 20_000
SNIPPET = 160
"""The approximate number of characters in a snippet."""
_BEFORE_HIT = 50
_SPACES_FOR_BREAKS = dict.fromkeys(map(ord, "\t\n\v\f\r\x85\u2028\u2029"), " ")
_NEAR_WORDS = 2_000
_NEAR_MESSAGES = 1_000
_LENGTH_DIFFERENCE = 2
_QUOTES = '"*'
_MARKED = re.compile(f"{search_sql.MARKS[0]}([^{search_sql.MARKS[1]}]*){search_sql.MARKS[1]}")


class Snippet(NamedTuple):
    """A part of a message, on one line, and the ranges of the matches in it."""

    text: str
    ranges: tuple[tuple[int, int], ...]

    def pieces(self) -> Iterator[tuple[str, bool]]:
        """Yield the text in pieces, each with whether it is a match."""
        end = 0
        for start, stop in self.ranges:
            if start > end:
                yield self.text[end:start], False
            yield self.text[start:stop], True
            end = stop
        if end < len(self.text):
            yield self.text[end:], False


class Hit(NamedTuple):
    """A message that matches, its session, and its snippet."""

    session: Session
    message: MatchingMessage
    snippet: Snippet


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A page of hits.

    Parameters
    ----------
    total
        The number of all hits, or the least number if not `is_exact`.
    hint
        A sentence that says why there are no hits, if the reason is known.
    """

    hits: tuple[Hit, ...]
    total: int
    is_exact: bool = True
    hint: str | None = None


class Searcher:
    """A search over all recorded messages; it keeps connections open for the next search.

    Parameters
    ----------
    timezone
        The time zone of dates such as ``during:yesterday``.
    """

    def __init__(self, reader: Reader, timezone: ZoneInfo) -> None:
        self.reader = reader
        self.timezone = timezone
        self._idle: list[Connection] = []

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        """Borrow the connection of an earlier search, whose caches are warm, or open one.

        Idle connections have no transaction and so do not block the writer.
        """
        connection = self._idle.pop() if self._idle else open_for_reading(self.reader.folder)
        apply_limit(connection)
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
        include_deleted: bool = True,
    ) -> SearchResult:
        """Return the messages that match a query.

        Parameters
        ----------
        query
            A query in the language of :mod:`recorder.search.query`, or in that of FTS5 with `fts`.
        sessions
            The sessions to search, or ``None`` for all. The result reveals nothing of others.
        sort
            ``newest`` (recorded last) first by default, within one session ``best`` first;
            across sessions only the newest :data:`~recorder.search.search_sql.RANKED` hits
            are ranked.
        limit, offset
            The size of the page, and the number of hits before it.
        include_deleted
            Include messages deleted in Discord; else the result reveals nothing of them.

        Raises
        ------
        InvalidInput
            An expression in the syntax of FTS5 is malformed.
        """
        if fts:
            expression = clean_text(query).replace("\0", " ")
            if not expression.strip():
                raise InvalidInput("Write what to search for.")
            search = _Search(Query(query, ()), sessions, include_deleted, expression)
        else:
            search = _Search(parse(query, now, self.timezone), sessions, include_deleted)
            if not search.query.parts:
                return SearchResult((), 0, hint="Write a word or a filter to search for.")
        if sessions is not None and not sessions:
            return SearchResult((), 0, hint="There is no session to search in.")
        with self._connect() as connection:
            return search.run(connection, sort, limit, offset)


class _Search:
    """A single search over the given sessions."""

    def __init__(
        self,
        query: Query,
        sessions: Sequence[Session] | None,
        include_deleted: bool,
        expression: str | None = None,
    ) -> None:
        self.query = query
        self.sessions = sessions
        self.include_deleted = include_deleted
        self.expression = expression

    def run(
        self, connection: Connection, sort: Sort | None, limit: int, offset: int
    ) -> SearchResult:
        sql = self.compile(self.query.parts)
        chosen: Sort = sort or ("best" if sql.one_session else "newest")
        page, total, exact = self.page(connection, sql, chosen, limit, offset)
        if not total:
            return SearchResult((), 0, hint=None if self.expression else self.hint(connection))
        messages = search_sql.messages(connection, page)
        sessions = self.sessions_of(connection, messages)
        pattern = highlight_pattern(self.query)
        hits = []
        for message in messages:
            if self.expression is not None and sql.match is not None:
                marked = search_sql.highlighted(connection, sql.match, message.id)
                shown = _snippet_of_marked(marked)
            else:
                shown = snippet(message.text, pattern)
            hits.append(Hit(sessions[message.session_id], message, shown))
        return SearchResult(tuple(hits), total, exact)

    def page(
        self, connection: Connection, sql: SearchSql, sort: Sort, limit: int, offset: int
    ) -> tuple[list[int], int, bool]:
        """Return the ids of a page, the number of all hits, and whether that is exact."""
        end = offset + limit
        if not sql.one_session:
            most = max(COUNTED, end)
            ids = self.find(connection, sql, sort, most + 1)
            return ids[offset:end], min(len(ids), most), len(ids) <= most
        small = self.sessions is not None and self.sessions[0].message_count <= _SMALL_SESSION
        if sort == "newest" and sql.match is not None and small:
            # The index is faster forwards, and so all hits are counted as well.
            ids = search_sql.find(connection, sql, "oldest")
            return ids[::-1][offset:end], len(ids), True
        ids = self.find(connection, sql, sort, end + 1)
        more = len(ids) > end or not ids
        total = search_sql.count(connection, sql, None) if more else len(ids)
        return ids[offset:end], total, True

    def find(self, connection: Connection, sql: SearchSql, sort: Sort, limit: int) -> list[int]:
        """Return the ids of hits; ``best`` ranks the newest ones without regard to other sessions.

        The rank of FTS5 depends on how frequent a word is in all sessions, and so would tell it.
        """
        if sort != "best" or sql.match is None or self.sessions is None:
            return search_sql.find(connection, sql, sort, limit)
        ids = search_sql.find(connection, sql, "newest", max(search_sql.RANKED, limit))
        hits = search_sql.newest_marked(connection, sql, search_sql.RANKED)
        return [*_ranked(hits), *ids[len(hits) :]][:limit]

    def compile(self, parts: Sequence[Part]) -> SearchSql:
        """Return the SQL for `parts`; ``in:`` with a session narrows the scope to it."""
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
            sql = search_sql.compile_fts(self.expression, scope)
        else:
            sql = search_sql.compile_query(kept, scope)
        if not self.include_deleted:
            sql.conditions.append(search_sql.NOT_DELETED)
        return sql

    def sessions_of(
        self, connection: Connection, messages: Sequence[MatchingMessage]
    ) -> dict[str, Session]:
        """Return the sessions of the messages, by id."""
        ids = tuple({message.session_id for message in messages})
        if self.sessions is not None:
            return {session.id: session for session in self.sessions if session.id in ids}
        return {session.id: session for session in sessions_with(connection, ids)}

    def has_hits(self, connection: Connection, parts: Sequence[Part]) -> bool:
        """Return whether any message has these parts."""
        return bool(search_sql.find(connection, self.compile(parts), "newest", 1))

    def hint(self, connection: Connection) -> str | None:
        """Return why there is no hit: a filter, a misspelt word, or one word too many."""
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
        """Return how many hits there are without `part`; ``None`` if there is none either."""
        others = [other for other in self.query.parts if other is not part]
        if not others:
            return None
        number = search_sql.count(connection, self.compile(others), COUNTED)
        if not number:
            return None
        least = "at least " if number == COUNTED else ""
        return f"Without {part.text} there would be {least}{plural(number, 'hit')}."

    def unknown_author(self, connection: Connection, part: Filter) -> str | None:
        """Return that the author in ``from:`` is unknown, and who may be meant."""
        alone = len(self.query.parts) == 1  # then there is no hit
        if part.name != "from" or (not alone and self.has_hits(connection, [part])):
            return None
        scope = None if self.sessions is None else [session.id for session in self.sessions]
        names = {name.casefold(): name for name in search_sql.authors(connection, scope)}
        near = difflib.get_close_matches(part.value.casefold().lstrip("@"), names, 1, 0.7)
        meant = f" Did you mean from:{_value(names[near[0]])}?" if near else ""
        return f"Nobody called {part.value} has written here.{meant}"

    def near_spelling(self, connection: Connection, term: Term) -> str | None:
        """Return the term with a misspelt word corrected, if the index has a similar one."""
        words = re.findall(r"[^\W_]+", fold(term.words))
        if term.literal is not None or term.runs or self.has_hits(connection, [term]):
            return None
        for word in words:
            if len(word) < 3 or self.has_hits(connection, [Term(word, word)]):
                continue
            similar = self.similar_words(connection, word)
            for near in difflib.get_close_matches(word, similar, 5, 0.7):
                fixed = " ".join(near if other == word else other for other in words)
                if self.has_hits(connection, [Term(fixed, fixed)]):
                    return f'"{fixed}"' if len(words) > 1 else fixed
        return None

    def similar_words(self, connection: Connection, word: str) -> list[str]:
        """Return words with the same first character and about the same length.

        The index has words of all sessions. For some of them, the words are those of their newest
        messages: neither a suggestion nor its time must depend on the others.
        """
        if self.sessions is None:
            return search_sql.indexed_words(connection, word, _NEAR_WORDS)
        ids = search_sql.find(connection, self.compile([]), "newest", _NEAR_MESSAGES)
        texts = search_sql.texts(connection, ids)
        spelled = {each for text in texts for each in re.findall(r"[^\W_]+", text)}
        folded = sorted(map(fold, spelled))
        return [
            each
            for each in folded
            if each.startswith(word[0]) and abs(len(each) - len(word)) <= _LENGTH_DIFFERENCE
        ]


def _ranked(hits: Sequence[tuple[int, str]]) -> list[int]:
    """Return the ids of hits, the best first: with rare matches, many of them, in a short text."""
    lengths = [len(text) + 1 for _, text in hits]
    mean = sum(lengths) / max(len(hits), 1)
    counts = [Counter(map(fold, _MARKED.findall(text))) for _, text in hits]
    frequencies = Counter(word for count in counts for word in count)
    scores = {
        id: sum(
            math.log(1 + len(hits) / frequencies[word])
            * (number / (number + 0.3 + 0.9 * length / mean))
            for word, number in count.items()
        )
        for (id, _), count, length in zip(hits, counts, lengths, strict=True)
    }
    return sorted(scores, key=scores.__getitem__, reverse=True)


def _value(name: str) -> str:
    return f'"{name}"' if " " in name else name


@functools.lru_cache(maxsize=10_000)
def _fold_character(character: str) -> str:
    base = unicodedata.normalize("NFD", character)[0]
    lower = (base if base.isascii() else character).lower()
    return "σ" if lower == "ς" else lower if len(lower) == 1 else character


def fold(text: str) -> str:
    """Return `text` without case and accents, as the index compares it, with the same length."""
    return text.lower() if text.isascii() else "".join(map(_fold_character, text))


def highlight_pattern(query: Query) -> re.Pattern[str] | None:
    """Return the pattern of matches in a folded text; ``None`` for a query of filters only."""
    patterns: list[str] = []
    for term in query.terms():
        if term.literal is not None:
            patterns.append(re.escape(fold(term.literal)))
        elif words := re.findall(r"[^\W_]+", fold(term.words)):
            first, *others = map(re.escape, words)
            # With the lookbehind after the first word, `re` can search for the literal word.
            phrase = r"[\W_]+".join([rf"{first}(?<![^\W_]{first})", *others])
            end = r"[^\W_]*" if term.prefix else r"(?![^\W_])"
            patterns.append(rf"{phrase}{end}[\u0300-\u036f]*")
        patterns += map(re.escape, term.runs if term.literal is None else ())
    return re.compile("|".join(sorted(patterns, key=len, reverse=True))) if patterns else None


def snippet(text: str, pattern: re.Pattern[str] | None) -> Snippet:
    """Return the part of `text` around its first match."""
    matches = pattern.finditer(fold(text)) if pattern else ()
    return _cut(text, [match.span() for match in matches if match[0]])


def _snippet_of_marked(marked: str) -> Snippet:
    opening, closing = search_sql.MARKS
    text, *pieces = marked.split(opening)
    ranges = []
    for piece in pieces:
        match, _, rest = piece.partition(closing)
        ranges.append((len(text), len(text) + len(match)))
        text += match + rest
    return _cut(text, ranges)


def _cut(text: str, ranges: Sequence[tuple[int, int]]) -> Snippet:
    """Return about :data:`SNIPPET` characters on one line, from shortly before the first range."""
    if len(text) <= SNIPPET:
        return Snippet(_replace_breaks(text), tuple(ranges))
    first = ranges[0][0] if ranges else 0
    start = max(0, min(first - _BEFORE_HIT, len(text) - SNIPPET))
    end = min(len(text), start + SNIPPET)
    if 0 < start < first:  # at the beginning of a word, if one is near
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
