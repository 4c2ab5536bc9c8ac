"""The topics of a conversation: phrases that its authors repeat.

Candidates are runs of one to three words between stop words and punctuation, outside of code
and links. They are counted by their stems in any order ("refresh the token" and "token
refresh" are the same). A candidate counts less where it is part of a longer one (the C-value
of Frantzi, Ananiadou and Mima, 2000), and more if several authors use it.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from itertools import combinations

import snowballstemmer  # type: ignore[import-untyped]

from recorder.store.time_limit import check_limit

_LONGEST = 3
_IGNORED = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+|<[@#:a][^>\s]*>|(?m:^\s*[!/?$.%&;~][A-Za-z]\S*)",
    re.DOTALL,
)
_WORD = re.compile(r"[^\W_]+(?:['’.+#-][^\W_]+)*[+#]*")
_BREAK = re.compile(r"[^\w\s'’.+#-]|[.](?=\s|$)|\n")
_STEM = snowballstemmer.stemmer("english").stemWord
_STOP_WORDS = frozenset(
    word
    for line in (files("recorder.stats") / "stop_words.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
    for word in line.split()
)
_ARTICLES = frozenset("a an the my your our der die das den dem le la les el los las".split())


@dataclass(frozen=True, slots=True)
class Topic:
    """A phrase as its authors write it, and the number of messages that contain it."""

    phrase: str
    messages: int


@dataclass(slots=True)
class _Candidate:
    messages: int = 0
    authors: set[str] = field(default_factory=set)
    phrases: Counter[str] = field(default_factory=Counter)


def topics(
    messages: Iterable[tuple[str, str]], limit: int = 5, *, names: Iterable[str] = ()
) -> list[Topic]:
    """Return the topics of messages in descending order of weight.

    Parameters
    ----------
    messages
        The author and the text of each message.
    names
        The names of the authors, which are not topics.
    """
    candidates: defaultdict[tuple[str, ...], _Candidate] = defaultdict(_Candidate)
    name_stems = {_stem(word) for name in names for word in _WORD.findall(name)}
    for author, text in messages:
        check_limit()
        for stems, phrase in dict(_phrases(text)).items():
            if not name_stems.isdisjoint(stems):
                continue
            candidate = candidates[stems]
            candidate.messages += 1
            candidate.authors.add(author)
            candidate.phrases[phrase] += 1
    repeated = {stems: c for stems, c in candidates.items() if c.messages > 1}
    within: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for stems, candidate in repeated.items():
        for length in range(1, len(stems)):
            for part in combinations(stems, length):
                within[part].append(candidate.messages)

    def weight(stems: tuple[str, ...]) -> float:
        candidate = repeated[stems]
        longer = within.get(stems, ())
        alone = candidate.messages - (max(longer) if longer else 0)
        authors = 1 + math.log(len(candidate.authors))
        return alone * authors * math.log2(len(stems) + 1)

    result: list[Topic] = []
    taken: set[str] = set()
    for stems in sorted(repeated, key=lambda s: (-weight(s), s)):
        if weight(stems) > 0 and not taken.intersection(stems):
            taken.update(stems)
            phrase = repeated[stems].phrases.most_common(1)[0][0]
            result.append(Topic(phrase[0].upper() + phrase[1:], repeated[stems].messages))
            if len(result) == limit:
                break
    return result


def _phrases(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the candidates of a text, each with its stems in alphabetical order."""
    for part in _BREAK.split(_IGNORED.sub("\n", text)):
        run: list[str] = []
        for word in [*_WORD.findall(part), ""]:
            if word and not _is_stop_word(word):
                run.append(word)
                continue
            if word.lower() in _ARTICLES:
                continue  # "refresh the token" is one phrase
            yield from _runs(run)
            run = []


def _runs(words: list[str]) -> Iterator[tuple[tuple[str, ...], str]]:
    for first in range(len(words)):
        for last in range(first + 1, min(first + _LONGEST, len(words)) + 1):
            phrase = words[first:last]
            stems = tuple(sorted({_stem(word) for word in phrase}))
            if len(stems) == len(phrase):
                yield stems, " ".join(phrase)


@lru_cache(maxsize=20_000)
def _is_stop_word(word: str) -> bool:
    return word.lower().replace("’", "'") in _STOP_WORDS or len(word) < 2 or word[0].isdigit()


@lru_cache(maxsize=20_000)
def _stem(word: str) -> str:
    return str(_STEM(word.casefold()))
