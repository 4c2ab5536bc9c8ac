"""A search as SQL: the full-text index for words, conditions on rows for the rest.

A session's id is a word of the index, so a search inside a session costs what the session does.
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
"""Up to so many sessions are named to the index; of more, each hit's row is looked at."""
RANKED = 3_000
"""Hits that compete for being the best, across sessions: the newest ones."""
MARKS = ("\ue000", "\ue001")
"""Around a hit in what :func:`highlighted` gives."""

NOT_DELETED = "m.deleted_at IS NULL"
"""A condition of a :class:`Plan` that leaves out what was deleted in Discord."""

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
class Plan:
    """What a search asks of the index, and of the rows that it gives."""

    match: str | None = None
    conditions: list[str] = field(default_factory=list)
    parameters: list[Parameter] = field(default_factory=list)
    one_session: bool = False
    raw: bool = False

    def ids(self, sort: Sort, limit: int | None) -> tuple[str, list[Parameter]]:
        """SQL for the ids of the hits, and its parameters."""
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
        found = f"FROM {table} WHERE messages_fts MATCH ? AND {where}"
        given = [self.match, *self.parameters]
        if sort != "best":
            column = "messages_fts.rowid"
            return f"SELECT {column} {found} ORDER BY {column} {order} LIMIT ?", given + last
        if self.one_session:
            return f"SELECT messages_fts.rowid {found} ORDER BY rank LIMIT ?", given + last
        newest = (
            f"SELECT messages_fts.rowid AS id, bm25(messages_fts) AS score {found} "
            f"ORDER BY messages_fts.rowid DESC LIMIT {RANKED}"
        )
        return f"SELECT id FROM ({newest}) ORDER BY score, id DESC LIMIT ?", given + last


class FoundMessage(NamedTuple):
    """A message that was found; `speaker` is the name that people saw, `text` what they read."""

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
        """What is said of it beside its text."""
        known = {"edited": self.is_edited, "deleted": self.is_deleted}
        return tuple(mark for mark, holds in known.items() if holds)


def plan(parts: Sequence[Part], scope: Scope) -> Plan:
    """How to find what has all of `parts`, in the sessions of `scope` or in all."""
    wanted: list[str] = []
    unwanted: list[str] = []
    # Without words every row is looked at: one pass over the lines is quicker than many looks.
    every_row = scope is None or len(scope) > 1
    every_row = every_row and all(isinstance(part, Filter) for part in parts)
    made = Plan(one_session=scope is not None and len(scope) == 1)
    for part in parts:
        terms = part.parts if isinstance(part, AnyOf) else (part,)
        matches = [_match(term) for term in terms if isinstance(term, Term)]
        if len(matches) == len(terms) and all(matches):
            wanted.append(f"({' OR '.join(matches)})")
            exact = all(isinstance(term, Term) and term.literal is None for term in terms)
            if isinstance(part, Term) and part.literal is not None:
                _add(made, _like("m.text", f"%{_escaped(part.literal)}%"))
            elif not exact:
                _add(made, _condition(part, scope))
        elif isinstance(part, Not) and isinstance(part.part, Term) and part.part.literal is None:
            unwanted.append(_match(part.part))
        elif isinstance(part, Filter):
            _add(made, _filter(part, every_row=every_row))
        else:
            _add(made, _condition(part, scope))
    if wanted:
        made.match = _in_scope(" AND ".join(wanted), scope)
        if unwanted:
            made.match = f"({made.match}) NOT ({' OR '.join(unwanted)})"
    elif unwanted:
        inside = _in_scope(f"({' OR '.join(unwanted)})", scope)
        _add(made, (f"NOT {_IN_INDEX}", [inside]))
    if scope is not None and (made.match is None or len(scope) > SCOPE_WORDS):
        _add(made, _row_scope(scope))
    return made


def plan_raw(expression: str, scope: Scope) -> Plan:
    """How to find what an expression in FTS5's own syntax says."""
    made = Plan(expression, one_session=scope is not None and len(scope) == 1, raw=True)
    if scope is not None:  # the expression may close a bracket around it: the rows decide
        made.match = _in_scope(f"({expression})", scope)
        _add(made, _row_scope(scope))
    return made


def find(connection: Connection, made: Plan, sort: Sort, limit: int | None = None) -> list[int]:
    """The ids of the hits in their order, at most `limit`.

    Raises
    ------
    InvalidInput
        An expression in FTS5's own syntax is wrong.
    """
    sql, parameters = made.ids(sort, limit)
    try:
        return [row[0] for row in connection.execute(sql, parameters)]
    except OperationalError as error:
        raise (_explained(error) if made.raw else error) from error


def count(connection: Connection, made: Plan, limit: int | None) -> int:
    """How many hits there are; counting ends at `limit`."""
    sql, parameters = made.ids("oldest", limit)
    return int(connection.execute(f"SELECT count(*) FROM ({sql})", parameters).fetchone()[0])


def rows(connection: Connection, ids: Sequence[int]) -> list[FoundMessage]:
    """The messages with these ids, in the same order."""
    found = {
        row[0]: FoundMessage._make(
            (*row[:5], stored_time(row[5]), *row[6:11], row[11] is not None, row[12] is not None)
        )
        for row in connection.execute(
            "SELECT m.id, m.session_id, m.message_index, m.message_id, m.channel_id, m.timestamp, "
            "m.author, m.author_id, coalesce(json_extract(l.line, '$.display_name'), m.author), "
            "m.type, m.text, m.edited_at, m.deleted_at "
            "FROM messages m JOIN lines l ON l.id = m.id "
            f"WHERE m.id IN ({', '.join('?' * len(ids))})",
            tuple(ids),
        )
    }
    for id in ids:
        if id not in found:
            raise DamagedRow(f"the message {id} has no line")
    return [found[id] for id in ids]


def highlighted(connection: Connection, match: str, id: int) -> str:
    """A message's text with :data:`MARKS` around what an expression found in it."""
    row = connection.execute(
        "SELECT highlight(messages_fts, 0, ?, ?) FROM messages_fts "
        "WHERE messages_fts MATCH ? AND rowid = ?",
        (*MARKS, match, id),
    ).fetchone()
    return str(row[0]) if row else ""


def authors(connection: Connection, scope: Scope) -> list[str]:
    """The user names that wrote in these sessions."""
    condition, parameters = _row_scope(scope) if scope is not None else ("1", [])
    sql = f"SELECT DISTINCT m.author FROM messages m WHERE {condition}"
    return [name for (name,) in connection.execute(sql, parameters)]


def indexed_words(connection: Connection, word: str, most: int) -> list[str]:
    """Words of the index that begin as `word` does and are about as long, the commonest first."""
    # The file is open read-only; the table of words is made beside it, in memory.
    connection.execute("PRAGMA query_only = OFF")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(
        "CREATE VIRTUAL TABLE IF NOT EXISTS temp.words USING fts5vocab(main, messages_fts, row)"
    )
    connection.execute("PRAGMA query_only = ON")
    found = connection.execute(
        "SELECT term FROM temp.words WHERE term >= ? AND term < ? "
        "AND length(term) BETWEEN ? AND ? ORDER BY doc DESC LIMIT ?",
        (word[0], chr(ord(word[0]) + 1), len(word) - 2, len(word) + 2, most),
    )
    return [term for (term,) in found]


_IN_PLACE = (
    "(m.channel_id = ? OR m.session_id IN "
    "(SELECT id FROM recording_sessions WHERE name_key = ? OR id = ?))"
)
_IN_INDEX = "m.id IN (SELECT rowid FROM messages_fts WHERE messages_fts MATCH ?)"
Condition: TypeAlias = tuple[str, list[Parameter]]


def _add(made: Plan, condition: Condition) -> None:
    made.conditions.append(condition[0])
    made.parameters += condition[1]


def _quoted(text: str) -> str:
    return '"' + text.replace('"', " ") + '"'


def _match(term: Term) -> str:
    """The term in FTS5's syntax; empty if the index has nothing of it."""
    words = f"{{text spaced_text}} : {_quoted(term.words)}{'*' * term.prefix}"
    runs = [f"spaced_text : {_quoted(' '.join(run))}" for run in term.spaced]
    all_of = " AND ".join([words] * bool(term.words) + runs)
    return f"({all_of})" if len(runs) > 1 or (runs and term.words) else all_of


def _in_scope(match: str, scope: Scope) -> str:
    if scope is None or len(scope) > SCOPE_WORDS:
        return match
    return f"session_id : ({' OR '.join(map(_quoted, scope))}) AND {match}"


def _row_scope(scope: Sequence[str]) -> Condition:
    if len(scope) == 1:
        return "m.session_id = ?", [scope[0]]
    # Not by the sessions' index when there are many: the order of ids needs no sorting.
    column = "+m.session_id" if len(scope) > SCOPE_WORDS else "m.session_id"
    return f"{column} IN (SELECT value FROM json_each(?))", [json.dumps(list(scope))]


def _condition(part: Part, scope: Scope) -> Condition:
    """`part` as a condition on a row ``m`` of ``messages``."""
    if isinstance(part, AnyOf):
        some = [_condition(one, scope) for one in part.parts]
        return f"({' OR '.join(sql for sql, _ in some)})", [p for _, given in some for p in given]
    if isinstance(part, Not):
        inner = part.part
        if isinstance(inner, Term) and inner.literal is not None:
            inner = Term(inner.text, "", literal=inner.literal)
        sql, given = _condition(inner, scope)
        return f"NOT coalesce({sql}, 0)", given
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
        "in": lambda: (_IN_PLACE, [id or value, name_key(value), value]),
        "mentions": lambda: _mentions(id, value.removeprefix("@")),
        "from": lambda: _author(id, value.removeprefix("@"), at_once=every_row),
    }
    return conditions[part.name]() if part.name in conditions else _time(part)


def _tag(name: str) -> Condition:
    """The messages with a tag of this name, or of one that was numbered: ``name-2``."""
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


def _author(id: str | None, name: str, *, at_once: bool = False) -> Condition:
    """Who wrote it; the names that people saw are looked up by row, or all `at_once`."""
    if id is not None:
        return "m.author_id = ?", [id]
    author = _like("m.author", _escaped(name))
    line = _like("json_extract(line, '$.display_name')", _escaped(name))
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
    given = _like("ltrim(value, '@')", _escaped(name))
    line: Condition = (
        "EXISTS (SELECT 1 FROM lines l, json_each(l.line, '$.mentions') "
        f"WHERE l.id = m.id AND {given[0]})",
        given[1],
    )
    return _both(("m.content LIKE '%<@%'", []), _both(text, line))


def _like(column: str, pattern: str) -> Condition:
    """``LIKE``, which knows the cases of ASCII alone, in the cases that people write."""
    some = {pattern, *(() if pattern.isascii() else (pattern.lower(), pattern.upper()))}
    sql = " OR ".join([f"{column} LIKE ? ESCAPE '\\'"] * len(some))
    return f"({sql})", sorted(some)


def _escaped(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)


def _explained(error: OperationalError) -> Exception:
    """What is wrong with an expression of FTS5, or the error itself if it is not about one."""
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
