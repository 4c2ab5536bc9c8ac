"""The query language: parses one line of text into a small tree.

::

    words            all must occur          "a phrase"      in this order
    pre*             the beginning of a word -word           must not occur
    a OR b           one of the two          from:name       and other filters, -from:name too

``OR`` binds more tightly than the space between words. Anything else is searched as text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias, cast
from zoneinfo import ZoneInfo

from recorder.record.json_values import clean_text
from recorder.record.unspaced_scripts import UNSPACED_RUN
from recorder.search.dates import Period, parse_period

FilterName = Literal[
    "from", "in", "mentions", "before", "after", "during", "has", "is", "type", "tag"
]  # fmt: skip
FILTERS: dict[FilterName, tuple[str, ...]] = {
    "from": (),
    "in": (),
    "mentions": (),
    "before": (),
    "after": (),
    "during": (),
    "has": ("link", "file", "image", "embed", "code"),
    "is": ("user", "bot", "pinned", "edited", "deleted"),
    "type": ("user_message", "bot_response", "system_message"),
    "tag": (),
}
"""All filters, each with its valid values; those without values take any."""

LONGEST = 2_000
"""The number of characters of a query that are parsed; as in a Discord message."""
_MOST_PARTS = 100

_TYPES = {"user": "user_message", "bot": "bot_response", "system": "system_message"}
_ITEM = re.compile(
    rf"""(?P<minus>-?)(?:(?P<filter>{"|".join(FILTERS)}):)?
    (?:"(?P<phrase>[^"]*)(?:"(?P<star>\*?)|$)|(?P<word>\S+))""",
    re.VERBOSE | re.IGNORECASE,
)
_CURLY = str.maketrans("\u201c\u201d\u201e\u201f\u00ab\u00bb", '""""""')
# Signs at the ends of a word that belong to it: .NET, C#, 50%. Others, as in (so), do not.
_PART_OF_WORD = re.compile(r"[#%]|^\.(?=\w)")
_MARKUP = "`*~|<>^"


@dataclass(frozen=True, slots=True)
class Term:
    """Text that must occur.

    Parameters
    ----------
    words
        A phrase for the index to tokenise; empty if there is no word.
    runs
        The runs of characters in scripts without spaces, each of which must occur.
    literal
        A substring that the text must also contain, where the index ignores some characters.
    prefix
        The last word is the beginning of a word.
    """

    text: str
    words: str
    runs: tuple[str, ...] = ()
    literal: str | None = None
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on something other than the text of a message."""

    text: str
    name: FilterName
    value: str
    period: Period | None = None


@dataclass(frozen=True, slots=True)
class Not:
    """A negated term or filter."""

    text: str
    part: Term | Filter


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Alternatives, at least one of which must match."""

    text: str
    parts: tuple[Term | Filter | Not, ...]


Part: TypeAlias = Term | Filter | Not | AnyOf


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query; all of `parts` must match, and `text` is the query as typed."""

    text: str
    parts: tuple[Part, ...]

    def terms(self) -> Iterator[Term]:
        """Yield the terms that a hit can contain."""
        for part in self.parts:
            for item in part.parts if isinstance(part, AnyOf) else (part,):
                if isinstance(item, Term):
                    yield item


def parse(text: str, now: datetime, timezone: ZoneInfo) -> Query:
    """Parse a query; every text is valid, and only a blank one has no parts.

    Parameters
    ----------
    now, timezone
        The reference for relative dates in ``before:``, ``after:`` and ``during:``.
    """
    text = unicodedata.normalize("NFC", clean_text(text[:LONGEST].replace("\0", " "))).strip()
    items: list[Part | Literal["OR"]] = []
    for match in list(_ITEM.finditer(text.translate(_CURLY)))[:_MOST_PARTS]:
        if match[0] in ("OR", "AND"):
            items.append("OR" if match[0] == "OR" else Term("AND", "AND"))
        elif (part := _part(match, now, timezone)) is not None:
            items.append(part)
    parts = _join_alternatives(items)
    if not parts and text:
        parts = (Term(text, "", literal=text),)
    return Query(text, parts)


def _join_alternatives(items: list[Part | Literal["OR"]]) -> tuple[Part, ...]:
    """Join the items around each ``OR`` and drop ``AND``; at the ends both are words."""
    parts: list[Part] = []
    after_or = False
    for number, item in enumerate(items):
        between = 0 < number < len(items) - 1
        if item == "OR":
            after_or = between and not after_or and items[number + 1] != "OR"
            if not after_or:
                parts.append(Term("OR", "OR"))
        elif isinstance(item, Term) and item.text == "AND" and between and not after_or:
            continue
        elif after_or:
            left, after_or = parts.pop(), False
            alternatives = left.parts if isinstance(left, AnyOf) else (left,)
            assert not isinstance(item, AnyOf)
            parts.append(AnyOf(f"{left.text} OR {item.text}", (*alternatives, item)))
        else:
            parts.append(item)
    return tuple(parts)


def _part(match: re.Match[str], now: datetime, timezone: ZoneInfo) -> Term | Filter | Not | None:
    phrase, word, text = match["phrase"], match["word"], match[0]
    part: Term | Filter | None
    if match["filter"]:
        part = _filter(match, now, timezone) or _term(text.removeprefix("-").replace('"', " "))
    elif phrase is not None:
        part = _term(phrase, prefix=bool(match["star"]), text=text.removeprefix("-"))
    elif match["minus"] and not (word[0].isalnum() or ord(word[0]) > 127 or word[0] in ".#$@/("):
        return _term(text)  # --force, ->, -
    else:
        prefix = word.endswith("*") and _has_word_character(word)
        part = _term(word, prefix=prefix)
    return Not(text, part) if part is not None and match["minus"] else part


def _term(typed: str, *, prefix: bool = False, text: str | None = None) -> Term | None:
    """Return the term for a word or phrase; ``None`` if it is blank."""
    words = typed.strip()
    if not words:
        return None
    text = text or typed
    if not _has_word_character(words):
        return Term(text, "", literal=words.replace("\ufe0f", "") or words)
    bare = words.strip(_MARKUP) if text == typed else words
    literal = bare if _needs_literal(bare) else None
    runs = tuple(filter(_has_word_character, UNSPACED_RUN.findall(words)))
    if runs:
        others = any(map(_has_word_character, UNSPACED_RUN.split(words)))
        # The index has words apart from runs, but not those that are attached to one.
        separate = [
            word
            for word in words.split()
            if not UNSPACED_RUN.search(word) and _has_word_character(word)
        ]
        literal = words.rstrip("*") if others or " " in words or literal else None
        return Term(text, separate[0] if len(separate) == 1 else "", runs, literal)
    return Term(text, words, literal=literal, prefix=prefix)


def _needs_literal(text: str) -> bool:
    """Return whether `text` has signs, emoji or vowel marks that the index ignores."""
    signs = "".join(c for c in set(text) if not is_word_character(c))
    outer = text[: len(text) - len(text.lstrip(signs))] + text[len(text.rstrip(signs)) :]
    return (
        any(unicodedata.category(c)[0] in "SM" and c not in _MARKUP for c in text)
        or "#" in outer
        or "%" in outer
        or _PART_OF_WORD.match(text) is not None
    )


def _has_word_character(text: str) -> bool:
    return any(map(is_word_character, text))


def is_word_character(character: str) -> bool:
    """Return whether the index keeps `character`; all others separate words."""
    category = unicodedata.category(character)
    return category[0] in "LN" or category == "Co"


def _filter(match: re.Match[str], now: datetime, timezone: ZoneInfo) -> Filter | None:
    """Return the filter of a match; ``None`` if its value is not valid."""
    name = cast(FilterName, match["filter"].lower())
    value = (match["phrase"] if match["phrase"] is not None else match["word"]).strip()
    text = match[0].removeprefix("-")
    if not value:
        return None
    if name in ("before", "after", "during"):
        period = parse_period(value, now, timezone)
        return None if period is None else Filter(text, name, value, period)
    if valid := FILTERS[name]:
        value = value.lower()
        value = _TYPES.get(value, value) if name == "type" else value
        value = value.removesuffix("s") if name == "has" else value
        return Filter(text, name, value) if value in valid else None
    return Filter(text, name, value)
