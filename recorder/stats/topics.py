"""What a conversation was about: phrases that come back, in the words of its people.

Candidates are runs of one to three words between stop words and punctuation, outside of code
and links. They are counted by their stems, in whatever order ("refresh the token" and "token
refresh" are the same), a shorter one only as far as it stands outside of longer ones (the
C-value of Frantzi, Ananiadou and Mima, 2000), and more when several people say it.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations

import snowballstemmer  # type: ignore[import-untyped]

_LONGEST = 3
_LEFT_OUT = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+|<[@#:a][^>\s]*>|(?m:^\s*[!/?$.%&;~][A-Za-z]\S*)",
    re.DOTALL,
)
_WORD = re.compile(r"[^\W_]+(?:['’.+#-][^\W_]+)*[+#]*")
_BREAK = re.compile(r"[^\w\s'’.+#-]|[.](?=\s|$)|\n")
_STEM = snowballstemmer.stemmer("english").stemWord
_STOP_WORDS = frozenset(
    # English
    "a about above after again against ain all already also am an and another any anybody "
    "anyone anything are aren't around as ask at away back be because been before being "
    "below best better between both but by bye can can't cannot come could couldn't did "
    "didn't do does doesn't doing don't done down each either else enough even ever every "
    "everybody everyone everything few find fine first for from further get gets getting "
    "give go goes going gone good got great had has hasn't have haven't having he he's "
    "hello help hence her here here's hers herself hey hi him himself his how how's however "
    "i i'd i'll i'm i've if im in instead into is isn't it it'd it'll it's its itself just "
    "keep kind know last least less let let's like little ll look looks lot made make makes "
    "many may maybe me mean might mine more most much must my myself need needs never new "
    "next no nobody none nope nor not nothing now of off ok okay on once one only or other "
    "others our ours ourselves out over own perhaps please pretty probably put quite rather "
    "re really right s said same say says see seem seems send several shall she she's "
    "should shouldn't show since so some somebody someone something soon sorry still such "
    "sure t take tell than thank thanks that that's the their theirs them themselves then "
    "there there's these they they'd they'll they're they've thing things think this those "
    "though three through time to today together too true try trying turn two u under until "
    "up upon us use used using usually ve very via want wants was wasn't way we we'd we'll "
    "we're we've well were weren't what what's whatever when when's where where's whether "
    "which while who who's whole whom whose why why's will with within without won't work "
    "works would wouldn't yeah year yep yes yet you you'd you'll you're you've your yours "
    "yourself "
    # German
    "aber alle allem allen aller alles als also am an ander andere anderem anderen anderer "
    "anderes auch auf aus bei beim bin bis bist da dafür damit dann das dass dazu dein "
    "deine dem den denn der des dich die dies diese diesem diesen dieser dieses dir doch "
    "dort du durch ein eine einem einen einer eines einfach er erst es etwas euch euer für "
    "gar geht gegen genau gerade gibt gut hab habe haben hat hatte hier hin ich ihm ihn "
    "ihnen ihr ihre im immer in ins ist ja jede jeder jetzt kann kannst kein keine keinen "
    "können könnte mal man mehr mein meine mich mir mit muss müssen nach nein nicht nichts "
    "noch nun nur ob oder ohne schon sehr sein seine selbst sich sie sind so soll sollte "
    "sonst über um und uns unser unter viel vielleicht vom von vor wann war waren warum was "
    "weg weil wenn wer werden wie wieder will wir wird wo wollen wurde würde zu zum zur "
    "zwei zwischen "
    # French and Spanish
    "au aux avec ce ces cette c'est d'un dans de des du elle en est et eu il ils j'ai je la "
    "le les leur lui mais me mes moi mon ne nos nous ou où par pas peut plus pour qu que "
    "qui sa se ses si son sont sur ta te tes toi ton tu un une vos votre vous y al algo "
    "como con cuando del desde donde el ella ellos entre era es esa ese eso esta está este "
    "esto fue ha hay he la las lo los más mi muy no nos o para pero por porque que qué se "
    "si sí sin sobre su sus también tan tiene todo una uno ya yo".split()
)


_ARTICLES = frozenset("a an the my your our der die das den dem le la les el los las".split())


@dataclass(frozen=True, slots=True)
class Topic:
    """A phrase as people wrote it, and in how many messages it stands."""

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
    """The topics of messages, each given as its author and its text; the weightiest first.

    Parameters
    ----------
    names
        Of the people who speak: whom somebody addresses is no topic.
    """
    candidates: defaultdict[tuple[str, ...], _Candidate] = defaultdict(_Candidate)
    people = {_stem(word) for name in names for word in _WORD.findall(name)}
    for author, text in messages:
        for stems, phrase in dict(_phrases(text)).items():
            if not people.isdisjoint(stems):
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
        people = 1 + math.log(len(candidate.authors))
        return alone * people * math.log2(len(stems) + 1)

    found: list[Topic] = []
    taken: set[str] = set()
    for stems in sorted(repeated, key=lambda s: (-weight(s), s)):
        if weight(stems) > 0 and not taken.intersection(stems):
            taken.update(stems)
            phrase = repeated[stems].phrases.most_common(1)[0][0]
            found.append(Topic(phrase[0].upper() + phrase[1:], repeated[stems].messages))
            if len(found) == limit:
                break
    return found


def _phrases(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every candidate in a text by its stems, in the order of the alphabet."""
    for part in _BREAK.split(_LEFT_OUT.sub("\n", text)):
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
