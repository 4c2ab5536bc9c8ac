"""What somebody searches for, read from one line of text into a small tree.

::

    words            all must occur          "a phrase"      as it stands
    pre*             the beginning of a word -word           must not occur
    a OR b           one of the two          from:name       and other filters, -from:name too

``OR`` binds more closely than the words beside it. What cannot be understood is text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias, cast
from zoneinfo import ZoneInfo

from recorder.record.jsonl import clean_text
from recorder.record.spaced_words import RUN
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
"""Every filter, with its values where only those make sense."""

LONGEST = 2_000
"""Characters of a search that are read; Discord's messages have no more."""
_MOST_PARTS = 100

_TYPES = {"user": "user_message", "bot": "bot_response", "system": "system_message"}
_ITEM = re.compile(
    rf"""(?P<minus>-?)(?:(?P<filter>{"|".join(FILTERS)}):)?
    (?:"(?P<phrase>[^"]*)(?:"(?P<star>\*?)|$)|(?P<word>\S+))""",
    re.VERBOSE | re.IGNORECASE,
)
_CURLY = str.maketrans("\u201c\u201d\u201e\u201f\u00ab\u00bb", '""""""')
# Signs around a word that belong to it: .NET, C#, C++, 50%, $HOME. Others, as in (so), do not.
_PART_OF_WORD = re.compile(r"[#%]|^\.(?=\w)")
_MARKUP = "`*~|<>^"


@dataclass(frozen=True, slots=True)
class Term:
    """Text that has to occur.

    Parameters
    ----------
    words
        As the index tokenises it, a phrase; empty if it has no word.
    spaced
        Its runs in scripts without spaces, each of which has to occur.
    literal
        What has to stand in the text besides, sign by sign: `words` would say too little.
    prefix
        The last word may go on.
    """

    text: str
    words: str
    spaced: tuple[str, ...] = ()
    literal: str | None = None
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on a message beside its text."""

    text: str
    name: FilterName
    value: str
    period: Period | None = None


@dataclass(frozen=True, slots=True)
class Not:
    """What must not be."""

    text: str
    part: Term | Filter


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one has to be."""

    text: str
    parts: tuple[Term | Filter | Not, ...]


Part: TypeAlias = Term | Filter | Not | AnyOf


@dataclass(frozen=True, slots=True)
class Query:
    """All of `parts` have to be; `text` is what was asked for."""

    text: str
    parts: tuple[Part, ...]

    def terms(self) -> Iterator[Term]:
        """The texts that a hit shows."""
        for part in self.parts:
            for one in part.parts if isinstance(part, AnyOf) else (part,):
                if isinstance(one, Term):
                    yield one


def parse(text: str, now: datetime, timezone: ZoneInfo) -> Query:
    """Read a search; no text is wrong, only the empty one gives no parts.

    Parameters
    ----------
    now, timezone
        For days and times ago in ``before:``, ``after:`` and ``during:``.
    """
    text = unicodedata.normalize("NFC", clean_text(text[:LONGEST].replace("\0", " "))).strip()
    found: list[Part | Literal["OR"]] = []
    for match in list(_ITEM.finditer(text.translate(_CURLY)))[:_MOST_PARTS]:
        if match[0] in ("OR", "AND"):
            found.append("OR" if match[0] == "OR" else Term("AND", "AND"))
        elif (part := _part(match, now, timezone)) is not None:
            found.append(part)
    parts = _joined(found)
    if not parts and text:
        parts = (Term(text, "", literal=text),)
    return Query(text, parts)


def _joined(found: list[Part | Literal["OR"]]) -> tuple[Part, ...]:
    """Join what stands around an ``OR``; elsewhere it is a word, and ``AND`` says nothing new."""
    parts: list[Part] = []
    after_or = False
    for number, item in enumerate(found):
        between = 0 < number < len(found) - 1
        if item == "OR":
            after_or = between and not after_or and found[number + 1] != "OR"
            if not after_or:
                parts.append(Term("OR", "OR"))
        elif isinstance(item, Term) and item.text == "AND" and between and not after_or:
            continue
        elif after_or:
            left, after_or = parts.pop(), False
            some = left.parts if isinstance(left, AnyOf) else (left,)
            assert not isinstance(item, AnyOf)
            parts.append(AnyOf(f"{left.text} OR {item.text}", (*some, item)))
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
        prefix = word.endswith("*") and any(map(is_word_character, word))
        part = _term(word, prefix=prefix)
    return Not(text, part) if part is not None and match["minus"] else part


def _term(written: str, *, prefix: bool = False, text: str | None = None) -> Term | None:
    """A word or phrase; ``None`` when nothing is written."""
    words = written.strip()
    if not words:
        return None
    text = text or written
    if not any(map(is_word_character, words)):
        return Term(text, "", literal=words.replace("\ufe0f", "") or words)
    bare = words.strip(_MARKUP) if text == written else words
    literal = bare if _needs_literal(bare) else None
    spaced = tuple(run for run in RUN.findall(words) if any(map(is_word_character, run)))
    if spaced:
        others = [part for part in RUN.split(words) if any(map(is_word_character, part))]
        # Between spaces the other words are words of the index; else they hang on the run.
        alone = [w for w in words.split() if not RUN.search(w) and any(map(is_word_character, w))]
        literal = words.rstrip("*") if others or " " in words or literal else None
        return Term(text, " ".join(alone) if len(alone) == 1 else "", spaced, literal)
    return Term(text, words, literal=literal, prefix=prefix)


def _needs_literal(text: str) -> bool:
    """Whether the index's words say too little: signs, emoji and vowel marks are not in it."""
    outer = (
        text[: len(text) - len(text.lstrip(_signs(text)))] + text[len(text.rstrip(_signs(text))) :]
    )
    return (
        any(unicodedata.category(c)[0] in "SM" and c not in _MARKUP for c in text)
        or "#" in outer
        or "%" in outer
        or _PART_OF_WORD.match(text) is not None
    )


def _signs(text: str) -> str:
    return "".join(c for c in set(text) if not is_word_character(c))


def is_word_character(character: str) -> bool:
    """Whether the index keeps it; the others separate words."""
    category = unicodedata.category(character)
    return category[0] in "LN" or category == "Co"


def _filter(match: re.Match[str], now: datetime, timezone: ZoneInfo) -> Filter | None:
    """The filter that a match is; ``None`` when its value cannot be understood."""
    name = cast(FilterName, match["filter"].lower())
    value = (match["phrase"] if match["phrase"] is not None else match["word"]).strip()
    text = match[0].removeprefix("-")
    if not value:
        return None
    if name in ("before", "after", "during"):
        period = parse_period(value, now, timezone)
        return None if period is None else Filter(text, name, value, period)
    if known := FILTERS[name]:
        value = value.lower()
        value = _TYPES.get(value, value) if name == "type" else value
        value = value.removesuffix("s") if name == "has" else value
        return Filter(text, name, value) if value in known else None
    return Filter(text, name, value)
