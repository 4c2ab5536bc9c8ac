from __future__ import annotations

import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import InvalidName
from recorder.record.names import LONGEST_NAME, check_file_name, check_name, file_stem, name_key

DAY = date(2025, 11, 8)
FORMATS = {suffix: suffix for suffix in ("txt", "md", "json", "jsonl")} | {"dce.json": "dce"}
WILD = st.text(
    st.one_of(
        st.characters(), st.sampled_from("./\\: _-cCoOnN1e\u0301\u200d\ufe0f\u202e\U0001f3f4❤🔥")
    ),
    max_size=LONGEST_NAME + 20,
)


@pytest.mark.parametrize(
    "name",
    [
        "oauth-implementation",
        "sprint 12, retro (part 2)",
        "v1.2",
        "Überblick",
        "設計レビュー",
        "می\u200cخواهم",
        "🎉",
        "👩\u200d💻 pairing",
        "👩🏽\u200d🚀",
        "❤\ufe0f\u200d🔥",
        "🏳\ufe0f\u200d🌈",
        "1\ufe0f\u20e3",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "\U0001fae8",  # an emoji younger than Python 3.11's tables
        "console",
        "COM",
        "x" * LONGEST_NAME,
    ],
)
def test_good_names_stay_as_they_are(name: str) -> None:
    assert check_name(name) == name


def test_names_are_normalised() -> None:
    assert check_name("  cafe\u0301 \n") == "café"


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "is empty"),
        (" \t\n", "is empty"),
        ("\ufe0f", "is empty"),
        ("\u0301", "is empty"),
        ("x" * 101, "has 101 characters"),
        ("x" * 500, "has 500 characters"),
        ("../../etc/passwd", "a character that would break"),
        ("..\\secret", "a character that would break"),
        ("C:", "a character that would break"),
        ("what?", "a character that would break"),
        ("a*", "a character that would break"),
        ('a"b', "a character that would break"),
        ("<@123>", "a character that would break"),
        ("a|b", "a character that would break"),
        ("`code`", "a character that would break"),
        ("\u1fef", "a character that would break"),  # a backtick once it is normalised
        ("a\nb", "(U+000A)"),
        ("a\x00b", "(U+0000)"),
        ("a\x1b[2Jb", "(U+001B)"),
        ("a\u2028b", "(U+2028)"),
        ("a\x85b", "(U+0085)"),
        ("evil\u202efdp", "(U+202E)"),
        ("a\u2066b", "(U+2066)"),
        ("a\u200fb", "(U+200F)"),
        ("a\u200bb", "(U+200B)"),
        ("a\u00adb", "(U+00AD)"),
        ("a\u200db", "(U+200D)"),
        ("👩\u200d\u200d💻", "(U+200D)"),
        ("👩\u200d", "(U+200D)"),
        ("a\ufe0f\ufe0f", "(U+FE0F)"),
        ("a\U000e0067", "(U+E0067)"),
        ("\u3164", "(U+3164)"),
        ("\u2800", "(U+2800)"),
        ("a\ufeffb", "(U+FEFF)"),
        ("a\ud800", "(U+D800)"),
        ("a\uffffb", "(U+FFFF)"),
        (".", "a dot"),
        ("..", "a dot"),
        (".hidden", "a dot"),
        ("end.", "a dot"),
        ("CON", "device"),
        ("nul", "device"),
        ("Com1", "device"),
        ("LPT9.txt", "device"),
        ("aux .tar.gz", "device"),
        ("COM²", "device"),
        ("conin$", "device"),
    ],
)
def test_bad_names_are_refused_with_a_sentence(name: str, fault: str) -> None:
    with pytest.raises(InvalidName) as caught:
        check_name(name)
    text = str(caught.value)
    assert fault in text
    assert text.startswith("The session name ")
    assert len(text) < 200
    assert text.isprintable()


@given(WILD)
def test_what_passes_is_safe_everywhere(text: str) -> None:
    try:
        name = check_name(text)
    except InvalidName:
        return
    assert check_name(name) == name == unicodedata.normalize("NFC", text).strip()
    assert 1 <= len(name) <= LONGEST_NAME
    assert len(name.splitlines()) == 1
    assert not set('/\\:*?"<>|`\0') & set(name)
    stem = file_stem(name, DAY)
    assert len(f"{stem}-12.jsonl".encode()) <= 255
    assert stem.endswith("_2025-11-08")
    assert name.startswith(stem.removesuffix("_2025-11-08"))


@given(st.text(st.characters(), max_size=50))
def test_keys_of_any_text_can_be_stored_and_are_stable(text: str) -> None:
    key = name_key(text)
    key.encode()
    assert name_key(key) == key
    assert name_key(unicodedata.normalize("NFD", text)) == key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("OAuth-Part1", "oauth-PART1"),
        ("STRASSE", "straße"),
        ("cafe\u0301", "CAFÉ"),
        ("ｆｕｌｌ", "full"),
        ("a  b", "a b"),
        ("❤\ufe0f", "❤"),
        ("می\u200cخواهم", "میخواهم"),
    ],
)
def test_names_that_look_alike_are_the_same(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


def test_different_names_stay_different() -> None:
    england, scotland = (
        "\U0001f3f4" + "".join(chr(0xE0000 + ord(c)) for c in region) + "\U000e007f"
        for region in ("gbeng", "gbsct")
    )
    assert name_key(england) != name_key(scotland)
    assert name_key("part1") != name_key("part2")


def test_a_name_that_no_session_can_have_matches_none() -> None:
    assert name_key("\ud800") == "?"
    with pytest.raises(InvalidName):
        check_name("?")


def test_file_stems() -> None:
    assert file_stem("oauth-implementation", DAY) == "oauth-implementation_2025-11-08"
    assert file_stem("notes", date(1, 2, 3)) == "notes_0001-02-03"
    assert file_stem("x" * 100, DAY) == "x" * 100 + "_2025-11-08"


def test_long_stems_are_cut_where_a_character_ends() -> None:
    assert file_stem("é" + "🎉" * 99, DAY) == "é" + "🎉" * 54 + "_2025-11-08"
    # Not between an emoji and what joins it to the next one.
    assert file_stem("🎉" * 54 + "\u200d" + "🎉" * 45, DAY) == "🎉" * 54 + "_2025-11-08"


@pytest.mark.parametrize(
    ("filename", "stem", "format"),
    [
        ("notes.md", "notes", "md"),
        ("notes.TXT", "notes", "txt"),
        ("notes.json", "notes", "json"),
        ("notes.jsonl", "notes", "jsonl"),
        ("notes.dce.json", "notes", "dce"),
        ("dce.json", "dce", "json"),
        ("notes", "notes", "jsonl"),
        ("v1.2", "v1.2", "jsonl"),
        ("v1.2.md", "v1.2", "md"),
        (" my notes .md ", "my notes", "md"),
        ("report.pdf", "report.pdf", "jsonl"),
        ("md", "md", "jsonl"),
    ],
)
def test_file_names(filename: str, stem: str, format: str) -> None:
    assert check_file_name(filename, FORMATS) == (stem, format)


@pytest.mark.parametrize(
    ("filename", "fault"),
    [
        ("", "is empty"),
        ("../x.md", "a character that would break"),
        ("/etc/passwd", "a character that would break"),
        ("sub\\x.md", "a character that would break"),
        ("C:x.md", "a character that would break"),
        ("..", "a dot"),
        (".md", "a dot"),
        ("x..md", "a dot"),
        ("NUL.md", "device"),
        ("con.x.md", "device"),
        ("x\n.md", "(U+000A)"),
        ("🎉" * 58 + ".md", "232 bytes"),
        ("x" * 99 + ".md", "has 102 characters"),
    ],
)
def test_bad_file_names_are_refused_with_a_sentence(filename: str, fault: str) -> None:
    with pytest.raises(InvalidName) as caught:
        check_file_name(filename, FORMATS)
    assert fault in str(caught.value)
    assert str(caught.value).startswith("The file name ")
