"""The SQL of a search: the full-text index for words, conditions on rows for the rest.

The session id is a word of the index, so the cost of a search within a session depends on the
size of that session only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple, TypeAlias

from recorder.errors import DamagedRow, InvalidInput
from recorder.models import MessageType
from recorder.record.names import name_key
from recorder.search.query import AnyOf, Filter, FilterName, Not, Part, Term
from recorder.store.database import SQLITE_ERROR, Connection, OperationalError, stored_time

Sort = Literal["newest", "best", "oldest"]
Parameter: TypeAlias = str | int
Scope: TypeAlias = "Sequence[str] | None"

SCOPE_WORDS = 50
"""The largest scope that is part of the index query; a larger one is a condition on rows."""
RANKED = 3_000
"""The number of newest hits that are ranked in a search across sessions."""
MARKS = ("\ue000", "\ue001")
"""The marks around a match in the text from :func:`highlighted`."""

NOT_DELETED = "m.deleted_at IS NULL"
"""The condition of a :class:`SearchSql` that excludes messages deleted in Discord."""

_ID = re.compile(r"(?:<[@#][!&]?)?([0-9]{15,20})>?")
_IMAGES = ("png", "jpg", "jpeg", "gif", "webp", "avif", "heic", "bmp", "svg")
_HAS = {
    "link": "(m.text LIKE '%http://_%' OR m.text LIKE '%https://_%')",
    "file": "m.attachments IS NOT NULL",
    "image": "(" + " OR ".join(f"m.attachments LIKE '%.{end}%'" for end in _IMAGES) + ")",
    "embed": "(SELECT json_type(line, '$.embeds') FROM lines WHERE id = m.id) IS NOT NULL",
    "code": "m.content LIKE '%`_%`%'",
}
_IS = {
    "user": "m.type = 'user_message'",
    "bot": "m.type = 'bot_response'",
    "pinned": "m.pinned = 1",
    "edited": "m.edited_at IS NOT NULL",
    "deleted": "m.deleted_at IS NOT NULL",
}


@dataclass(slots=True)
class SearchSql:
    """The SQL of a search: an FTS5 query and conditions on the rows ``m`` of ``messages``."""

    match: str | None = None
    conditions: list[str] = field(default_factory=list)
    parameters: list[Parameter] = field(default_factory=list)
    one_session: bool = False
    raw: bool = False

    def ids(self, sort: Sort, limit: int | None) -> tuple[str, list[Parameter]]:
        """Return the SQL for the ids of the hits, and its parameters."""
        where = " AND ".join(self.conditions) or "1"
        order = "ASC" if sort == "oldest" else "DESC"
        last: list[Parameter] = [-1 if limit is None else limit]
        if self.match is None:
            column = "m.message_index" if self.one_session else "m.id"
            sql = f"SELECT m.id FROM messages m WHERE {where} ORDER BY {column} {order} LIMIT ?"
            return sql, self.parameters + last
        table = "messages_fts" + (
            " CROSS JOIN messages m ON m.id = messages_fts.rowid" if self.conditions else ""
        )
        hits = f"FROM {table} WHERE messages_fts MATCH ? AND {where}"
        parameters = [self.match, *self.parameters, *last]
        if sort != "best":
            column = "messages_fts.rowid"
            return f"SELECT {column} {hits} ORDER BY {column} {order} LIMIT ?", parameters
        if self.one_session:
            return f"SELECT messages_fts.rowid {hits} ORDER BY rank LIMIT ?", parameters
        newest = (
            f"SELECT messages_fts.rowid AS id, bm25(messages_fts) AS score {hits} "
            f"ORDER BY messages_fts.rowid DESC LIMIT {RANKED}"
        )
        return f"SELECT id FROM ({newest}) ORDER BY score, id DESC LIMIT ?", parameters


class MatchingMessage(NamedTuple):
    """A message that matches; `speaker` is its display name, `text` its displayed text."""

    id: int
    session_id: str
    message_index: int
    message_id: int | None
    channel_id: str | None
    timestamp: datetime
    author: str
    author_id: str
    speaker: str
    type: MessageType
    text: str
    is_edited: bool
    is_deleted: bool

    @property
    def marks(self) -> tuple[str, ...]:
        """The marks that are shown next to the text: ``edited``, ``deleted``."""
        marks = {"edited": self.is_edited, "deleted": self.is_deleted}
        return tuple(mark for mark, applies in marks.items() if applies)


def compile_query(parts: Sequence[Part], scope: Scope) -> SearchSql:
    """Return the SQL for messages with all of `parts`, in the sessions of `scope` or in all."""
    required: list[str] = []
    excluded: list[str] = []
    # Without words every row is read: one pass over the lines is faster than many look-ups.
    every_row = scope is None or len(scope) > 1
    every_row = every_row and all(isinstance(part, Filter) for part in parts)
    sql = SearchSql(one_session=scope is not None and len(scope) == 1)
    for part in parts:
        terms = part.parts if isinstance(part, AnyOf) else (part,)
        matches = [_match(term) for term in terms if isinstance(term, Term)]
        if len(matches) == len(terms) and all(matches):
            required.append(f"({' OR '.join(matches)})")
            exact = all(isinstance(term, Term) and term.literal is None for term in terms)
            if isinstance(part, Term) and part.literal is not None:
                _add(sql, _like("m.text", f"%{_escaped(part.literal)}%"))
            elif not exact:
                _add(sql, _condition(part, scope))
        elif isinstance(part, Not) and isinstance(part.part, Term) and part.part.literal is None:
            excluded.append(_match(part.part))
        elif isinstance(part, Filter):
            _add(sql, _filter(part, every_row=every_row))
        else:
            _add(sql, _condition(part, scope))
    if required:
        sql.match = _in_scope(" AND ".join(required), scope)
        if excluded:
            sql.match = f"({sql.match}) NOT ({' OR '.join(excluded)})"
    elif excluded:
        match = _in_scope(f"({' OR '.join(excluded)})", scope)
        _add(sql, (f"NOT {_IN_INDEX}", [match]))
    if scope is not None and (sql.match is None or len(scope) > SCOPE_WORDS):
        _add(sql, _row_scope(scope))
    return sql


def compile_fts(expression: str, scope: Scope) -> SearchSql:
    """Return the SQL for an expression in the syntax of FTS5."""
    sql = SearchSql(expression, one_session=scope is not None and len(scope) == 1, raw=True)
    if scope is not None:
        sql.match = _in_scope(f"({expression})", scope)
        _add(sql, _row_scope(scope))  # the expression can close the bracket around it
    return sql


def find(
    connection: Connection, search: SearchSql, sort: Sort, limit: int | None = None
) -> list[int]:
    """Return the ids of the hits in the order of `sort`, at most `limit`.

    Raises
    ------
    InvalidInput
        An expression in the syntax of FTS5 is malformed.
    """
    sql, parameters = search.ids(sort, limit)
    try:
        return [row[0] for row in connection.execute(sql, parameters)]
    except OperationalError as error:
        raise (_explained(error) if search.raw else error) from error


def count(connection: Connection, search: SearchSql, limit: int | None) -> int:
    """Return the number of hits, counted up to `limit`."""
    sql, parameters = search.ids("oldest", limit)
    return int(connection.execute(f"SELECT count(*) FROM ({sql})", parameters).fetchone()[0])


def messages(connection: Connection, ids: Sequence[int]) -> list[MatchingMessage]:
    """Return the messages with these ids, in the same order."""
    by_id = {
        row[0]: MatchingMessage._make(
            (*row[:5], stored_time(row[5]), *row[6:11], row[11] is not None, row[12] is not None)
        )
        for row in connection.execute(
            "SELECT m.id, m.session_id, m.message_index, m.message_id, m.channel_id, m.timestamp, "
            f"m.author, m.author_id, coalesce({_display_name('l.line')}, m.author), "
            "m.type, m.text, m.edited_at, m.deleted_at "
            "FROM messages m JOIN lines l ON l.id = m.id "
            f"WHERE m.id IN ({', '.join('?' * len(ids))})",
            tuple(ids),
        )
    }
    for id in ids:
        if id not in by_id:
            raise DamagedRow(f"the message {id} has no line")
    return [by_id[id] for id in ids]


def texts(connection: Connection, ids: Sequence[int]) -> list[str]:
    """Return the displayed texts of messages."""
    sql = f"SELECT text FROM messages WHERE id IN ({', '.join('?' * len(ids))})"
    return [text for (text,) in connection.execute(sql, ids)]


def newest_marked(connection: Connection, search: SearchSql, limit: int) -> list[tuple[int, str]]:
    """Return the newest hits with their texts, in which :data:`MARKS` are around each match."""
    sql, parameters = search.ids("newest", limit)
    # The second text is of scripts without spaces, if it has any.
    columns = ("highlight(messages_fts, 0, ?1, ?2)", "highlight(messages_fts, 2, ?1, ?2)")
    marked = " || ' ' || ".join(f"coalesce({column}, '')" for column in columns)
    sql = sql.replace("messages_fts.rowid", f"messages_fts.rowid, {marked}", 1)
    return connection.execute(sql, (*MARKS, *parameters)).fetchall()


def highlighted(connection: Connection, match: str, id: int) -> str:
    """Return the text of a message with :data:`MARKS` around each match of an expression."""
    row = connection.execute(
        "SELECT highlight(messages_fts, 0, ?, ?) FROM messages_fts "
        "WHERE messages_fts MATCH ? AND rowid = ?",
        (*MARKS, match, id),
    ).fetchone()
    return str(row[0]) if row else ""


def authors(connection: Connection, scope: Scope) -> list[str]:
    """Return the user names of the authors in these sessions."""
    condition, parameters = _row_scope(scope) if scope is not None else ("1", [])
    sql = f"SELECT DISTINCT m.author FROM messages m WHERE {condition}"
    return [name for (name,) in connection.execute(sql, parameters)]


def indexed_words(connection: Connection, word: str, most: int) -> list[str]:
    """Return words of the index that resemble `word`, the most frequent first.

    They have the same first character, and a length that differs by at most two.
    """
    # The file is open read-only; the table of words is created in memory.
    connection.execute("PRAGMA query_only = OFF")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(
        "CREATE VIRTUAL TABLE IF NOT EXISTS temp.words USING fts5vocab(main, messages_fts, row)"
    )
    connection.execute("PRAGMA query_only = ON")
    terms = connection.execute(
        "SELECT term FROM temp.words WHERE term >= ? AND term < ? "
        "AND length(term) BETWEEN ? AND ? ORDER BY doc DESC LIMIT ?",
        (word[0], chr(ord(word[0]) + 1), len(word) - 2, len(word) + 2, most),
    )
    return [term for (term,) in terms]


_IN_SCOPE = (
    "(m.channel_id = ? OR m.session_id IN "
    "(SELECT id FROM recording_sessions WHERE name_key = ? OR id = ?))"
)
_IN_INDEX = "m.id IN (SELECT rowid FROM messages_fts WHERE messages_fts MATCH ?)"
Condition: TypeAlias = tuple[str, list[Parameter]]


def _add(sql: SearchSql, condition: Condition) -> None:
    sql.conditions.append(condition[0])
    sql.parameters += condition[1]


def _quoted(text: str) -> str:
    return '"' + text.replace('"', " ") + '"'


def _match(term: Term) -> str:
    """Return the term in the syntax of FTS5; empty if it has nothing that is indexed."""
    words = f"{{text spaced_text}} : {_quoted(term.words)}{'*' * term.prefix}"
    runs = [f"spaced_text : {_quoted(' '.join(run))}" for run in term.runs]
    all_of = " AND ".join([words] * bool(term.words) + runs)
    return f"({all_of})" if len(runs) > 1 or (runs and term.words) else all_of


def _in_scope(match: str, scope: Scope) -> str:
    if scope is None or len(scope) > SCOPE_WORDS:
        return match
    return f"session_id : ({' OR '.join(map(_quoted, scope))}) AND {match}"


def _row_scope(scope: Sequence[str]) -> Condition:
    if len(scope) == 1:
        return "m.session_id = ?", [scope[0]]
    # "+" keeps SQLite from the index on sessions: rows in the order of ids need no sorting.
    column = "+m.session_id" if len(scope) > SCOPE_WORDS else "m.session_id"
    return f"{column} IN (SELECT value FROM json_each(?))", [json.dumps(list(scope))]


def _condition(part: Part, scope: Scope) -> Condition:
    """Return `part` as a condition on a row ``m`` of ``messages``."""
    if isinstance(part, AnyOf):
        conditions = [_condition(item, scope) for item in part.parts]
        parameters = [parameter for _, some in conditions for parameter in some]
        return f"({' OR '.join(sql for sql, _ in conditions)})", parameters
    if isinstance(part, Not):
        inner = part.part
        if isinstance(inner, Term) and inner.literal is not None:
            inner = Term(inner.text, "", literal=inner.literal)
        sql, parameters = _condition(inner, scope)
        return f"NOT coalesce({sql}, 0)", parameters
    if isinstance(part, Filter):
        return _filter(part)
    literal = _like("m.text", f"%{_escaped(part.literal)}%") if part.literal is not None else None
    if not (match := _match(part)):
        assert literal is not None
        return literal
    indexed: Condition = (_IN_INDEX, [_in_scope(match, scope)])
    return indexed if literal is None else _both(indexed, literal)


def _both(one: Condition, other: Condition) -> Condition:
    return f"({one[0]} AND {other[0]})", one[1] + other[1]


def _filter(part: Filter, *, every_row: bool = False) -> Condition:
    value = part.value
    id = match[1] if (match := _ID.fullmatch(value)) else None
    conditions: dict[FilterName, Callable[[], Condition]] = {
        "has": lambda: (_HAS[value], []),
        "is": lambda: (_IS[value], []),
        "type": lambda: ("m.type = ?", [value]),
        "tag": lambda: _tag(value),
        "in": lambda: (_IN_SCOPE, [id or value, name_key(value), value]),
        "mentions": lambda: _mentions(id, value.removeprefix("@")),
        "from": lambda: _author(id, value.removeprefix("@"), at_once=every_row),
    }
    return conditions[part.name]() if part.name in conditions else _time(part)


def _tag(name: str) -> Condition:
    """Return the condition for a tag with this name, or with a number after it: ``name-2``."""
    numbered = re.sub(r"([*?\[])", r"[\1]", name)
    return (
        "m.id IN (SELECT x.id FROM session_tags t JOIN messages x ON x.session_id = t.session_id "
        "AND x.message_index = t.message_index WHERE t.tag LIKE ? ESCAPE '\\' "
        "OR t.tag GLOB ? AND t.tag NOT GLOB ?)",
        [_escaped(name), f"{numbered}-[0-9]*", f"{numbered}-*[^0-9]*"],
    )


def _time(part: Filter) -> Condition:
    period = part.period
    assert period is not None
    start, end = period.start.isoformat(), period.end.isoformat()
    if part.name == "before":
        return "m.timestamp < ?", [start]
    moment = period.start == period.end
    if part.name == "after":
        return f"m.timestamp {'>' if moment else '>='} ?", [end]
    if moment:
        return "m.timestamp >= ?", [start]
    return "(m.timestamp >= ? AND m.timestamp < ?)", [start, end]


def _display_name(line: str) -> str:
    """Return the SQL of the display name in a line; a value of another type is none."""
    return f"iif(json_type({line}, '$.display_name') = 'text', {line} ->> '$.display_name', NULL)"


def _author(id: str | None, name: str, *, at_once: bool = False) -> Condition:
    """Return the condition for an author; display names are looked up by row or `at_once`."""
    if id is not None:
        return "m.author_id = ?", [id]
    author = _like("m.author", _escaped(name))
    line = _like(_display_name("line"), _escaped(name))
    sql = (
        f"m.id IN (SELECT id FROM lines WHERE {line[0]})"
        if at_once
        else f"(SELECT {line[0]} FROM lines WHERE id = m.id)"
    )
    return f"({author[0]} OR {sql})", author[1] + line[1]


def _mentions(id: str | None, name: str) -> Condition:
    if id is not None:
        tokens: list[Parameter] = [f"%<@{sign}{id}>%" for sign in ("", "!", "&")]
        return f"({' OR '.join(['m.content LIKE ?'] * len(tokens))})", tokens
    text = _like("m.text", f"%@{_escaped(name)}%")
    name_like = _like("ltrim(value, '@')", _escaped(name))
    line: Condition = (
        "EXISTS (SELECT 1 FROM lines l, json_each(l.line, '$.mentions') "
        f"WHERE l.id = m.id AND {name_like[0]})",
        name_like[1],
    )
    return _both(("m.content LIKE '%<@%'", []), _both(text, line))


def _like(column: str, pattern: str) -> Condition:
    """Return a ``LIKE`` condition; it ignores case in ASCII only, so others are added."""
    patterns = {pattern, *(() if pattern.isascii() else (pattern.lower(), pattern.upper()))}
    sql = " OR ".join([f"{column} LIKE ? ESCAPE '\\'"] * len(patterns))
    return f"({sql})", sorted(patterns)


def _escaped(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)


def _explained(error: OperationalError) -> Exception:
    """Return an error that explains what is wrong with the expression, else `error` itself."""
    text = str(error)
    if column := re.fullmatch(r"no such column: (.*)", text, re.DOTALL):
        hint = f'There is no column "{column[1]}". Put words with : or - into double quotes.'
    elif "unterminated string" in text:
        hint = "A double quote is not closed. Write two of them for one inside a phrase."
    elif near := re.search(r'syntax error near "(.*)"', text, re.DOTALL):
        where = f'near "{near[1]}"' if near[1] else "at its end"
        hint = f"It breaks off {where}. Put signs and the words AND, OR, NOT into double quotes."
    elif error.sqlite_errorcode == SQLITE_ERROR:
        hint = f"SQLite says: {text}."
    else:
        return error
    return InvalidInput(
        f'This is not a search in FTS5\'s syntax. {hint} For example: "token refresh" AND code*'
    )
