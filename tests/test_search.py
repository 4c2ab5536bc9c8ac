"""What a search finds and what it does not, over a small recorded world."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import search_world as world

from recorder.errors import InvalidInput
from recorder.models import Session
from recorder.search import Found, Searcher, fold, highlight_pattern, snippet
from recorder.search_query import parse
from recorder.store.reading import Reader

ALICE = world.PEOPLE["alice"]
ALL = set(world.WORLD)
BY_ALICE = ALL - world.FROM_BOB - world.FROM_ROBOT

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
    ("a:b", "colon"),
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
    ("2.7", "version"),
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
    ("AND", "and operator-none"),
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
    ("refresh*", "refresh hyphen apart tokens mixed-none"),
    ("TOK*", "refresh hyphen apart tokens"),
    ("token-ref*", "refresh hyphen"),
    ("*token", "refresh hyphen apart"),
    # without
    ("token -code", "hyphen apart"),
    ("token -refresh", ""),
    ("token -ref*", ""),
    ('token -"token refresh"', "apart"),
    ("token -token-refresh", "apart"),
    ("-token refresh*", "tokens"),
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
    ("in:<#501000000000000002> 更新", "japanese japanese2"),
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
    ("-", "hyphen mail-none flag arrow"),
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


def labels(found: Found) -> set[str]:
    ids = {world.FIRST_ID + number: label for number, label in enumerate(world.WORLD)}
    return {ids[hit.message_id or 0] for hit in found.hits}


@pytest.mark.parametrize(("query", "expected"), QUERIES)
def test_query(searcher: Searcher, readable: list[Session], query: str, expected: str) -> None:
    wanted = {label for label in expected.split() if not label.endswith("-none")}
    found = searcher.search(query, readable, now=world.NOW, limit=100)
    assert labels(found) == wanted
    assert found.total == len(wanted)
