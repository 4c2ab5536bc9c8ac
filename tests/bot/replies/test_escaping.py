"""What is shown of others' text in Discord, by Discord's own rules of formatting."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.discord_formatting import shown

from recorder.bot.replies.escaping import one_line, plain


def visible(text: str) -> str:
    """`text` without controls; written apart from the code under test."""
    text = text.replace("\r\n", "\n")
    text = re.sub("[\r\v\f\x85\u2028\u2029]", "\n", text)
    gone = {0xAD, 0x61C, 0x180E, 0x200B, 0x200E, 0x200F, 0xFEFF, *range(0xFFF9, 0xFFFC)}
    gone |= {*range(0x202A, 0x202F), *range(0x2060, 0x2070)}
    gone |= {*range(0x20), *range(0x7F, 0xA0)} - {0x09, 0x0A}
    text = "".join(c for c in text if ord(c) not in gone)
    return "".join("\ufffd" if 0xD800 <= ord(c) < 0xE000 else c for c in text)


PIECES = st.sampled_from(
    """* ** _ __ ` ``` ~~ ~ || | # ## -# - > >>> + 1. 2) [ ] ( ) ]( [a](b) < > \\ \\\\ ! @ : :)
    @everyone @here <@1> <@&1> <#1> <:a:1> <t:1:R> </a:1> <id:home> https://a.bc/d_e_(f_g)
    https://a https://a_ http:// steam://run/1 <https://a.b> foo_bar a B é 漢 🎉 ' " …
    \u202e \u2066 \u200b \u200d \ud83d \x00 \x1b""".split()
) | st.sampled_from([" ", "  ", "\n", "\r\n", "\r", "\u2028", "\t", "\xa0"])
TEXTS = st.text() | st.lists(PIECES, max_size=12).map("".join)


@pytest.mark.slow
@given(TEXTS)
@example("foo_bar_ and _x_")
@example("https://a_ https://a_")
@example("a_b https://a_")
@example("https://a~~b~~c_")
@example("+ a")
@example("a\r# b")
@example("<@<@1>>")
@example("@@everyone")
@example("https://a.bc<#1>")
@example("**https://a.bc/d** https://*")
@example("<https://a.bc/d_e_>")
def test_everything_is_shown_as_it_is(text: str) -> None:
    assert shown(plain(text)) == visible(text)


@pytest.mark.slow
def test_every_character_is_shown_or_removed() -> None:
    for character in map(chr, [*range(0x3000), *range(0xD7FE, 0xE002), *range(0xFE00, 0x10000)]):
        assert shown(plain(f"a{character}b")) == visible(f"a{character}b")


@pytest.mark.slow
@given(TEXTS, st.integers(1, 60))
@example("foo_bar_baz_qux", 9)
@example("*" * 30, 10)
@example("@everyone" * 3, 21)
def test_one_line(text: str, limit: int) -> None:
    """It fits, it is the beginning of the text, and no escape is cut in two."""
    line = one_line(text, limit)
    assert len(line) <= limit
    assert not re.search(r"[\n\r\v\f\x85\u2028\u2029]", line)
    whole = " ".join(part.strip() for part in visible(text).split("\n") if part.strip())
    if shown(line) != whole:
        assert line.endswith("…")
        assert whole.startswith(shown(line)[:-1])
        assert len(plain(whole)) > limit


@given(st.text("abcXYZ 0189.,!?'()-/:;=&%$äß漢🎉", max_size=40).map(lambda text: f"a{text}"))
@example("!ai How do I implement OAuth2?")
@example("oauth-implementation")
@example("foo_bar_baz")
@example("!run python [code]")
@example("👨\u200d👩\u200d👧 ~5 a|b 3 > 2 #2 @ x -> y")
@example("see https://a.bc/d_e/(f_g)/x_y, (https://a.bc/~d).")
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("**bold** _it_ __init__", r"\*\*bold\*\* \_it\_ \_\_init\_\_"),
        ("# Heading\n- point\n1. first\n> said", "\\# Heading\n\\- point\n1\\. first\n\\> said"),
        ("```py\nx\n```", "\\`\\`\\`py\nx\n\\`\\`\\`"),
        ("[bank](https://evil.example)", r"[bank]\(https://evil.example)"),
        ("@everyone <@1> <#2>", "@\u200beveryone \\<@\u200b1> \\<#2>"),
        ("**https://a.bc/d_e**", r"\*\*<https://a.bc/d_e>\*\*"),
        ("https://a.bc/__x__.py", r"https\://a.bc/\_\_x\_\_.py"),
        ("https://a.bc/@everyone", "<https://a.bc/>@\u200beveryone"),
        ("C:\\temp", "C:\\\\temp"),
        ("abc\u202egpj.exe", "abcgpj.exe"),
    ],
)
def test_what_it_looks_like(text: str, source: str) -> None:
    assert plain(text) == source


@pytest.mark.parametrize(
    ("text", "limit", "line"),
    [
        ("one\n\n  two", 20, "one two"),
        ("a" * 30, 10, "aaaaaaaaa…"),
        ("a" * 10, 10, "a" * 10),
        ("****", 8, r"\*\*\*\*"),
        ("****", 7, r"\*\*\*…"),
        ("word word word", 6, "word…"),
        ("anything", 1, "…"),
        ("", 5, ""),
    ],
)
def test_where_a_line_is_cut(text: str, limit: int, line: str) -> None:
    assert one_line(text, limit) == line
