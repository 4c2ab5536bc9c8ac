"""Search results over a small recorded world."""

from __future__ import annotations

import asyncio
import json
import os
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support import search_world as world
from support.recordings import NOW, UTC_ZONE, record

from recorder.cli import main
from recorder.errors import InvalidInput
from recorder.models import Session
from recorder.search import search_sql
from recorder.search.searcher import Searcher, SearchResult, Snippet
from recorder.store.reading import Reader

ALICE = world.PEOPLE["alice"]
# A query, and the labels of all the messages that it finds.
QUERIES: list[tuple[str, str]] = [
    # words, all of them
    ("token", "refresh hyphen apart"),
    ("TOKEN", "refresh hyphen apart"),
    ("token refresh", "refresh hyphen apart"),
    ("refresh token", "refresh hyphen apart"),
    ("tokens", "tokens"),
    ("token code", "refresh"),
    ("token zebra", ""),
    ("  token   code  ", "refresh"),
    ("token, code!", "refresh"),
    ("(token)", "refresh hyphen apart"),
    ("needle", "long"),
    # phrases
    ('"token refresh"', "refresh hyphen"),
    ('"refresh token"', ""),
    ('"Token Refresh" code', "refresh"),
    ("“token refresh”", "refresh hyphen"),
    ('"token refresh', "refresh hyphen"),
    ('"first line second"', "lines"),
    ('"token ref"*', "refresh hyphen"),
    ('"is not x"', "not"),
    # words with signs
    ("token-refresh", "refresh hyphen"),
    ("token_refresh", "refresh hyphen"),
    ("foo_bar", "snake spaces"),
    ("foo", "snake spaces"),
    ("a:b", "colon operator"),
    ("C++", "cpp"),
    ("c++", "cpp"),
    ("C#", "csharp"),
    ("F#", "csharp"),
    ("C", "cpp c csharp operator"),
    (".NET", "dotnet"),
    ("net", "dotnet net"),
    ("50%", "percent"),
    ("50", "percent fifty"),
    ("100%", "literal"),
    ("$100", "price"),
    ("€90", "price"),
    ("100", "price price2 literal"),
    ("#42", "issue"),
    ("42", "issue fortytwo"),
    ("https://example.com/docs?page=2", "url"),
    ("https://example.com/docs", "url"),
    ("https://example.com/other", ""),
    ("example.com", "url mail"),
    ("carol@example.com", "mail"),
    ("/etc/hosts", "path"),
    ("v2.7.1", "version"),
    ("2.7", ""),
    ("--force", "flag"),
    ("force", "flag"),
    ("->", "arrow"),
    ("a+b", ""),
    ('"a + b"', "operator"),
    ("=", "url operator"),
    ("_sure_", "literal"),
    ("\\o/", "literal"),
    ("`print(1)`", "code"),
    ("print(1)", "code"),
    ("don't", "apostrophe apostrophe2"),
    ("don’t", "apostrophe apostrophe2"),
    ("don", "apostrophe apostrophe2"),
    ('5"', "inch"),
    ("NOT x", "not"),
    ("NEAR(token refresh)", ""),
    ("AND", "and csharp"),
    ("salt AND pepper", "and"),
    ("OR", "or price"),
    ("either OR", "or"),
    ("content:token", ""),
    ("text:token", ""),
    ("^token", "refresh hyphen apart"),
    ("*", ""),
    ('"', "quote inch"),
    ('token "', "refresh hyphen apart"),
    ('token ""', "refresh hyphen apart"),
    ("token*refresh", "refresh hyphen"),
    ("{token}", "refresh hyphen apart"),
    # the beginning of a word
    ("tok*", "refresh hyphen apart tokens"),
    ("refresh*", "refresh hyphen apart tokens mixed"),
    ("TOK*", "refresh hyphen apart tokens"),
    ("token-ref*", "refresh hyphen"),
    ("*token", "refresh hyphen apart"),
    # without
    ("token -code", "hyphen apart"),
    ("token -refresh", ""),
    ("token -ref*", ""),
    ('token -"token refresh"', "apart"),
    ("token -token-refresh", "apart"),
    ("-token refresh*", "tokens mixed"),
    ("about -50%", "fifty"),
    ("c -c++", "c csharp operator"),
    ("party -🎊", ""),
    ("🎉 -🎊", "emoji"),
    ("请 -新刷", "chinese"),
    # one of two
    ("salt OR needle", "and long"),
    ("salt OR needle OR panic", "and long apostrophe"),
    ("token code OR job", "refresh hyphen"),
    ("code OR job token", "refresh hyphen"),
    ("salt OR C++", "and cpp"),
    ("salt OR 🎉", "and emoji emoji2"),
    ("salt OR from:robot", "and version block"),
    ("(salt OR needle)", "and long"),
    ("salt or needle", ""),
    ('"token refresh" OR "foo bar"', "refresh hyphen snake spaces"),
    ("salt OR -from:alice", "and hyphen tokens c emoji2 chinese2 lines version block"),
    # accents, case
    ("Ärger", "umlaut ascii"),
    ("ärger", "umlaut ascii"),
    ("arger", "umlaut ascii"),
    ("A\u0308rger", "umlaut ascii"),
    ("ÄRGER", "umlaut ascii"),
    ("Straße", "sharp"),
    ("strasse", ""),
    ("café", "cafe"),
    ("cafe", "cafe"),
    ("OLE", "cafe"),
    ("zażółć", "polish"),
    ("zazołc", "polish"),
    ("jazn", "polish"),
    ("lam moi", "vietnamese"),
    ("thông báo", "vietnamese"),
    ("istanbul", "turkish"),
    # emoji
    ("🎉", "emoji emoji2"),
    ("🎊", "emoji2"),
    ("🎉🎊", "emoji2"),
    ("deployed 🎉", "emoji"),
    ("❤️", "heart"),
    ("❤", "heart"),
    ("👍", "thumb"),
    ("👍🏽", "thumb"),
    ("👍🏿", ""),
    ("🤖", "robotface"),
    ("🦄", ""),
    # Cyrillic, Greek
    ("токена", "cyrillic"),
    ("ТОКЕНА", "cyrillic"),
    ("токен*", "cyrillic cyrillic2"),
    ('"обновление токена"', "cyrillic"),
    ("ещё", "cyrillic2"),
    ("ключ", ""),
    ("ανανέωση", "greek"),
    ("του", "greek"),
    ("λόγος", "greek2"),
    ("ΛΌΓΟΣ", "greek2"),
    # Arabic, Hebrew
    ("الرمز", "arabic arabic2"),
    ('"الرمز المميز"', "arabic"),
    ("الرمز -القديم", "arabic"),
    ("אסימון", "hebrew hebrew2"),
    ("רענון אסימון", "hebrew"),
    # Devanagari: the index leaves the vowel marks out, the search does not
    ("टोकन", "hindi"),
    ("नमस्ते", "hindi2"),
    ("नमसाते", "hindi3"),
    ("दुनिया", "hindi2"),
    ('"नमस्ते दुनिया"', "hindi2"),
    # Han, Kana
    ("刷新", "chinese"),
    ("令牌", "chinese"),
    ("刷新令牌", "chinese"),
    ("刷新 重试", "chinese"),
    ('"刷新令牌"', "chinese"),
    ("新", "chinese chinese2 japanese japanese2"),
    ("新刷", "chinese2"),
    ("刷*", "chinese chinese2"),
    ("更新", "japanese japanese2"),
    ("トークン", "japanese"),
    ("プログラム", "japanese2"),
    ("点击Refresh", "mixed"),
    ("Refresh按钮", "mixed"),
    ("点击Cancel", ""),
    ("按钮 点击", "mixed"),
    # Thai, Hangul
    ("โทเค็น", "thai thai2"),
    ("โทเค็นใหม่", "thai2"),
    ("รีเฟรช", "thai"),
    ("토큰", "korean"),
    ("새로고침", "korean"),
    ("새로고침*", "korean korean2"),
    # from, mentions, in
    ("from:bob", "hyphen tokens c emoji2 chinese2 lines"),
    ("from:BOB token", "hyphen"),
    ("from:@bob token", "hyphen"),
    (f"from:{world.PEOPLE['bob']} token", "hyphen"),
    (f"from:<@{world.PEOPLE['bob']}> token", "hyphen"),
    (f"from:<@!{world.PEOPLE['bob']}> token", "hyphen"),
    ('from:"Alice Liddell" token', "refresh apart"),
    ('from:"alice liddell" token', "refresh apart"),
    ("-from:bob token", "refresh apart"),
    ("-from:alice -from:bob", "version block"),
    ("from:bo", ""),
    ('mentions:"Alice Liddell"', "hyphen"),
    (f"mentions:{ALICE}", "hyphen"),
    (f"mentions:<@{ALICE}>", "hyphen"),
    ("mentions:bob", ""),
    ("from:bob -mentions:<@101000000000000001> token*", "tokens"),
    ("in:east", "chinese chinese2 mixed japanese japanese2"),
    ("in:EAST 更新", "japanese japanese2"),
    ("in:<#502000000000000001> 更新", "japanese japanese2"),
    ("-in:world", "chinese chinese2 mixed japanese japanese2"),
    ("in:nowhere token", ""),
    # when
    ("during:2025-11-10", "umlaut"),
    ("during:monday", "umlaut"),
    ("during:yesterday", "ascii"),
    ("during:2025-11-11", "ascii"),
    ("during:today", "sharp"),
    ("after:yesterday", "sharp"),
    ("after:2025-11-10", "ascii sharp"),
    ("after:2h", "sharp"),
    ('after:"2 hours ago"', "sharp"),
    ("before:2025", "cafe"),
    ("before:2025-11-03", "cafe"),
    ("during:2024-02", "cafe"),
    ("-after:2025-01-01 olé", "cafe"),
    ('during:"this week"', "umlaut ascii sharp"),
    ("before:lunch", ""),
    ("during:2025-02-31", ""),
    # has, is, type, tag
    ("has:link", "url"),
    ("has:file", "emoji path"),
    ("has:files", "emoji path"),
    ("has:image", "emoji"),
    ("has:file -has:image", "path"),
    ("has:embed", "version"),
    ("has:code", "code block"),
    ("is:bot", "version block"),
    ("is:user from:robot", ""),
    ("is:pinned", "snake"),
    ("is:edited", "inch"),
    ("is:deleted", "apostrophe"),
    ("don't -is:deleted", "apostrophe2"),
    ("type:bot_response", "version block"),
    ("type:bot", "version block"),
    ("type:system_message", ""),
    ("tag:solution", "refresh apart"),
    ("tag:solution-2", "apart"),
    ("TAG:Solutions", "tokens"),
    ("has:nonsense", ""),
    ("is:it", ""),
    ("changelog", "version"),
    # nothing that a person means
    ("\0", ""),
    ("\ud800", ""),
    ("token\0code", "refresh"),
    ("-", "hyphen flag arrow"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("world")
    asyncio.run(world.record(path))
    return path


@pytest.fixture(scope="module")
def sessions(folder: Path) -> dict[str, Session]:
    return {session.name: session for session in Reader(folder).sessions()}


@pytest.fixture(scope="module")
def searcher(folder: Path) -> Searcher:
    return Searcher(Reader(folder), world.BERLIN)


@pytest.fixture(scope="module")
def readable(sessions: dict[str, Session]) -> list[Session]:
    return [sessions["world"], sessions["east"]]


def labels(result: SearchResult) -> set[str]:
    ids = {world.FIRST_ID + number: label for number, label in enumerate(world.WORLD)}
    return {ids[hit.message.message_id or 0] for hit in result.hits}


@pytest.mark.parametrize(("query", "expected"), QUERIES)
def test_query(searcher: Searcher, readable: list[Session], query: str, expected: str) -> None:
    wanted = set(expected.split())
    result = searcher.search(query, readable, now=world.NOW, limit=100)
    assert labels(result) == wanted
    assert result.total == len(wanted)


def search(
    searcher: Searcher, query: str, sessions: list[Session] | None, **options: Any
) -> SearchResult:
    return searcher.search(query, sessions, now=world.NOW, **options)


@pytest.mark.parametrize(
    ("query", "marked"),
    [
        ("needle", "needle"),
        ("token-refresh code", "token refresh|code"),
        ('"TOKEN refresh" code', "token refresh|code"),
        ("refresh* code", "refresh|code"),
        ("C++", "C++"),
        ("Ärger Server", "Ärger|Server"),
        ("cafe ole", "cafe\u0301|olé"),
        ("刷新 令牌", "刷新|令牌"),
        ("点击Refresh", "点击Refresh"),
        ("नमस्ते", "नमस्ते"),
        ("λόγος", "λόγος|ΛΌΓΟΣ"),
        ("🎊", "🎊"),
        ("second", "second"),
        ("from:robot", ""),
    ],
)
def test_the_snippet_shows_and_marks_the_hit(
    searcher: Searcher, readable: list[Session], query: str, marked: str
) -> None:
    shown = search(searcher, query, readable, sort="oldest").hits[0].snippet
    assert "|".join(text for text, is_hit in shown.pieces() if is_hit) == marked
    assert "".join(text for text, _ in shown.pieces()) == shown.text
    assert len(shown.text) < 165 and "\n" not in shown.text


def test_a_long_message_is_cut_between_words(searcher: Searcher, readable: list[Session]) -> None:
    (hit,) = search(searcher, "needle", readable).hits
    assert hit.snippet.text.startswith("…word ") and hit.snippet.text.endswith("word…")
    assert hit.message.text == world.WORLD["long"]


def test_a_hit_says_where_it_is(searcher: Searcher, readable: list[Session]) -> None:
    (hit,) = search(searcher, "刷新令牌", readable).hits
    message = hit.message
    assert (hit.session.name, message.channel_id) == ("east", world.CHANNELS["east"].id)
    assert (message.author, message.speaker) == ("alice", "Alice Liddell")
    assert (message.message_index, message.type) == (1, "user_message")


def test_order_pages_and_totals(searcher: Searcher, sessions: dict[str, Session]) -> None:
    inside = [sessions["world"]]
    newest = search(searcher, "token", inside, sort="newest")
    assert [hit.message.message_index for hit in newest.hits] == [3, 2, 1]
    oldest = search(searcher, "token", inside, sort="oldest", limit=2)
    assert [hit.message.message_index for hit in oldest.hits] == [1, 2]
    assert (oldest.total, oldest.is_exact) == (3, True)
    rest = search(searcher, "token", inside, sort="oldest", limit=2, offset=2)
    assert [hit.message.message_index for hit in rest.hits] == [3] and rest.total == 3
    beyond = search(searcher, "token", inside, sort="best", offset=50)
    assert (beyond.hits, beyond.total) == ((), 3)
    # The short message is the better one.
    best = search(searcher, "c", inside)
    assert best.hits[0].message.text == "a + b = c"
    everywhere = search(searcher, "token", None)
    assert [hit.message.message_index for hit in everywhere.hits] == [3, 2, 1]
    assert len(search(searcher, "token", None, sort="best").hits) == 3


def test_many_hits_are_counted_up_to_a_bound(
    searcher: Searcher, sessions: dict[str, Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recorder.search.searcher.COUNTED", 2)
    result = search(searcher, "token", None, limit=1)
    assert (result.total, result.is_exact) == (2, False)
    assert search(searcher, "token", [sessions["world"]], limit=1).total == 3


@pytest.mark.parametrize("few", [50, 1], ids=["named to the index", "looked at by row"])
def test_only_given_sessions_are_searched(
    searcher: Searcher,
    readable: list[Session],
    monkeypatch: pytest.MonkeyPatch,
    few: int,
) -> None:
    monkeypatch.setattr(search_sql, "SCOPE_WORDS", few)
    for query in ("zebra", "from:eve", "zebra OR from:eve", "-token zebra", 'in:secret "zebra"'):
        assert search(searcher, query, readable).total == 0
        assert search(searcher, query, None).total == 1
    assert search(searcher, "refresh", readable).total == 4
    assert search(searcher, "token) OR (zebra", readable).total == 3
    for expression in ("zebra", "token) OR (zebra", "session_id : (token OR zebra)"):
        result = search(searcher, expression, readable, fts=True)
        assert "zebra" not in "".join(hit.message.text for hit in result.hits)
    assert search(searcher, "zebra", [], fts=True).total == 0
    assert search(searcher, "token", []).hint == "There is no session to search in."


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("", "Write a word or a filter to search for."),
        ("token from:robot", "Without from:robot there would be 3 hits."),
        ("token before:2025-01-01", "Without before:2025-01-01 there would be 3 hits."),
        ("token -refresh", "Without -refresh there would be 3 hits."),
        ("token from:bobb", "Nobody called bobb has written here. Did you mean from:bob?"),
        ("token from:xyz", "Nobody called xyz has written here."),
        ("tokne code", 'No message has "tokne". Did you mean token?'),
        ('"tokn refresh"', 'No message has "tokn refresh". Did you mean "token refresh"?'),
        ("обновлене", 'No message has "обновлене". Did you mean обновление?'),
        ("token qqqq", "Without qqqq there would be 3 hits."),
        ("zebras", None),  # its only likeness is in a session that this reader may not see
        ("qqqq", None),
    ],
)
def test_no_hit_says_why(
    searcher: Searcher, readable: list[Session], query: str, hint: str | None
) -> None:
    result = search(searcher, query, readable)
    assert (result.total, result.hint) == (0, hint)


def test_hints_know_all_for_who_may_read_all(searcher: Searcher) -> None:
    assert search(searcher, "zebras", None).hint == 'No message has "zebras". Did you mean zebra?'


def test_the_syntax_of_fts5(searcher: Searcher, readable: list[Session]) -> None:
    result = search(searcher, 'NEAR(token code, 2) NOT "job failed"', readable, fts=True)
    assert labels(result) == {"refresh"}
    assert result.hits[0].snippet == Snippet("Show me the token refresh code", ((12, 17), (26, 30)))
    assert search(searcher, "qqqq", readable, fts=True).hint is None


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        ("a:b", 'There is no column "a"'),
        ("C++", 'near "+"'),
        ('"open', "A double quote is not closed"),
        ("NOT x", 'near "NOT"'),
        ("token AND", "It breaks off"),
        ("", "Write what to search for."),
        ("NEAR(a b, x)", "FTS5"),
    ],
)
def test_errors_of_fts5_are_explained(
    searcher: Searcher, readable: list[Session], expression: str, part: str
) -> None:
    for sessions in (readable, None):
        with pytest.raises(InvalidInput) as caught:
            search(searcher, expression, sessions, fts=True)
        assert part in str(caught.value)


PIECES = [
    *"\"'*-+:()^{}[]<>@#%_\\/.,;|~`$=&!? \0\ud800\udfff\n\t刷新กำटे👍🏽\ufe0f\u200d\u0301İßς",
    *"AND OR NOT NEAR token refresh tok* C++ a:b from: in: mentions: before: after:".split(),
    *"during: has: is: type: tag: has:link is:edited -from:bob in:east yesterday".split(),
    *"2025-11-08 9999-12-31 0001 99999d 1300000000000000000 9999999999999999999".split(),
    *"<@1> https://x.y/?a=b 刷新 点击Refresh".split(),
    *"ทดสอบ नमस्ते Ärger 🎉 last week rank rowid messages_fts session_id".split(),
]


@pytest.mark.slow
def test_no_text_is_an_error(searcher: Searcher, readable: list[Session]) -> None:
    chance = random.Random(7)
    few = [readable, readable[:1], None]
    for number in range(int(os.environ.get("RECORDER_FUZZ", "2000"))):
        query = "".join(
            chance.choice(PIECES) + chance.choice(("", " ", " "))
            if chance.random() < 0.95
            else chr(chance.randrange(0x110000))
            for _ in range(chance.randint(1, 12))
        )
        try:
            result = search(searcher, query, few[number % 3], limit=3)
        except Exception as error:
            raise AssertionError(f"{query!r}: {error}") from error
        for hit in result.hits:
            assert "".join(text for text, _ in hit.snippet.pieces()) == hit.snippet.text


@pytest.mark.parametrize(
    "query", ["a " * 5_000, "-a " * 300, '"' * 3_000, "刷" * 3_000, "a OR " * 400]
)
def test_long_texts_are_no_error(searcher: Searcher, readable: list[Session], query: str) -> None:
    search(searcher, query, readable)


def test_a_phrase_does_not_reach_from_one_run_into_the_next(
    searcher: Searcher, readable: list[Session]
) -> None:
    assert labels(search(searcher, "击按", readable)) == set()


def test_times_ago_are_of_now(searcher: Searcher, readable: list[Session]) -> None:
    later = searcher.search("after:2h", readable, now=world.NOW + timedelta(hours=3))
    assert later.total == 0


def run(folder: Path, *arguments: str) -> Result:
    command = ["--data", str(folder), "--timezone", "Europe/Berlin", "search", *arguments]
    return CliRunner().invoke(main, command)


def test_the_command_line(folder: Path) -> None:
    result = run(folder, "--session", "world", "--sort", "newest", "token", "-job")
    assert result.exit_code == 0
    first, second, _, total = result.output.splitlines()
    assert first == "1. [2025-11-03 10:02 AM] world #3 Alice Liddell: refresh every token tonight"
    assert second.startswith("2. [2025-11-03 10:00 AM] world #1 Alice Liddell: Show me the token")
    assert total == "2 hits"


def test_the_command_line_takes_quotes_from_the_shell(folder: Path) -> None:
    assert "1 hit\n" in run(folder, "token refresh", "code").output
    assert "2 hits\n" in run(folder, "token", "from:Alice Liddell").output
    assert "2 hits\n" in run(folder, '"token refresh"').output
    assert "at least" not in run(folder, "--fts", "token NOT job").output


def test_the_command_line_without_a_hit(folder: Path) -> None:
    result = run(folder, "tokne")
    assert result.exit_code == 1
    assert result.output == 'No hits. No message has "tokne". Did you mean token?\n'
    assert run(folder, "--fts", "a:b").exit_code == 2
    assert run(folder, "--session", "nowhere", "token").exit_code == 2


def test_the_command_line_as_json(folder: Path) -> None:
    answer = json.loads(run(folder, "--json", "刷新令牌").stdout)
    (hit,) = answer.pop("hits")
    assert answer == {"total": 1, "is_exact": True, "hint": None}
    start, stop = hit["ranges"][0]
    assert hit["snippet"][start:stop] == "刷新令牌"
    assert (hit["session"], hit["message_index"], hit["display_name"]) == (
        "east",
        1,
        "Alice Liddell",
    )


async def test_neither_order_nor_suggestion_depends_on_other_sessions(tmp_path: Path) -> None:
    results = []
    for number, hidden in enumerate((["nothing"], ["layoffs tokenn tokem tokeb tokec tokef"] * 99)):
        folder = tmp_path / str(number)
        await record(folder, "mine", ["layoffs", "zebra", "a token"] + ["other"] * 50)
        await record(folder, "hidden", hidden, guild="2")
        searcher = Searcher(Reader(folder), UTC_ZONE)
        sessions = [searcher.reader.find("mine")]
        ranked = searcher.search("layoffs OR zebra", sessions, now=NOW, sort="best")
        suggested = searcher.search("tokei", sessions, now=NOW)
        results.append(([hit.message.text for hit in ranked.hits], suggested.hint))
    assert results[0] == results[1]
    assert results[0][1] == 'No message has "tokei". Did you mean token?'
