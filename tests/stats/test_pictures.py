"""Pictures, pixel by pixel: bars where messages are, and nothing where none is."""

import io
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from recorder.errors import InvalidInput
from recorder.models import Tag
from recorder.stats.activity import Activity
from recorder.stats.pictures import activity_picture
from recorder.stats.pictures.drawing import draw
from recorder.stats.pictures.fonts import fitting
from recorder.stats.pictures.tag_flags import ROW, flags
from recorder.stats.session_analyzer import Count, Span
from recorder.stats.timescale import scale
from recorder.store.reading import Reader

UTC_ZONE = ZoneInfo("UTC")
BEGIN = datetime(2025, 11, 8, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)

# As the picture is laid out: where the bars begin and end, and where they stand.
LEFT, RIGHT = 92, 964
BLUE, ORANGE, GREY = (86, 156, 246), (245, 158, 66), (122, 129, 143)
CARD, PAUSE, GAP, WHITE = (24, 26, 31), (52, 56, 67), (201, 142, 36), (243, 244, 246)


def activity(
    counts: Sequence[tuple[int, ...]],
    names: Sequence[str] = ("STRYK",),
    pauses: tuple[Span, ...] = (),
    gaps: tuple[Span, ...] = (),
    tags: tuple[Tag, ...] = (),
) -> Activity:
    """A bar an hour."""
    end = BEGIN + HOUR * len(counts) - timedelta(seconds=1)
    hours = scale(BEGIN, end, len(counts), UTC_ZONE)
    assert len(hours.edges) == len(counts) + 1
    totals = [sum(bar[place] for bar in counts) for place in range(len(names))]
    authors = tuple(Count(name, total) for name, total in zip(names, totals, strict=True))
    return Activity(BEGIN, end, hours, authors, tuple(counts), pauses, gaps, tags)


def picture(shown: Activity, title: str = "title") -> Image.Image:
    image = Image.open(io.BytesIO(draw(shown, title, "summary", UTC_ZONE)))
    assert image.format == "PNG" and image.width == 1000
    return image.convert("RGBA")


def is_like(colour: object, wanted: tuple[int, int, int]) -> bool:
    assert isinstance(colour, tuple)
    return all(abs(one - other) <= 4 for one, other in zip(colour, wanted, strict=False))


def baseline(image: Image.Image) -> int:
    """The row of pixels on which the bars stand: the line that is the same all along."""
    column = [image.getpixel((RIGHT - 1, y)) for y in range(image.height)]
    return max(y for y in range(150, 560) if is_like(column[y], (62, 66, 76))) - 1


def middle(bar: int, bars: int) -> int:
    return LEFT + (RIGHT - LEFT) * (2 * bar + 1) // (2 * bars)


def height(image: Image.Image, x: int, colour: tuple[int, int, int]) -> int:
    """How many pixels of a column have a colour, above the baseline."""
    return sum(is_like(image.getpixel((x, y)), colour) for y in range(150, baseline(image)))


def test_bars_stand_where_messages_are() -> None:
    counts = [(4, 0), (0, 0), (2, 2), (0, 1), (8, 0), (1, 0)]
    image = picture(activity(counts, ("STRYK", "mira")))
    a_message = 300 / 8
    for bar, (stryk, mira) in enumerate(counts):
        x = middle(bar, len(counts))
        assert abs(height(image, x, BLUE) - stryk * a_message) <= 3, bar
        assert abs(height(image, x, ORANGE) - mira * a_message) <= 3, bar


def test_one_message_among_many_is_seen() -> None:
    image = picture(activity([(5000,), (1,), (0,)]))
    assert 2 <= height(image, middle(1, 3), BLUE) <= 4
    assert height(image, middle(2, 3), BLUE) == 0


def test_the_ninth_author_and_those_behind_are_grey() -> None:
    names = [f"author {number}" for number in range(8)] + ["3 others"]
    image = picture(activity([(0,) * 8 + (6,), (6,) + (0,) * 8], names))
    assert height(image, middle(0, 2), GREY) > 290
    assert height(image, middle(1, 2), BLUE) > 290


def test_pauses_gaps_and_tags_are_marked() -> None:
    quiet = [(1,), (0,), (0,), (0,)]
    pause, gap = Span(BEGIN + HOUR, BEGIN + 2 * HOUR), Span(BEGIN + 2 * HOUR, BEGIN + 3 * HOUR)
    tag = Tag("found-solution", BEGIN + 3.5 * HOUR, 1)
    plain, marked = (
        picture(activity(quiet)),
        picture(activity(quiet, ("a",), (pause,), (gap,), (tag,))),
    )
    for bar, colour in ((1, PAUSE), (2, GAP), (3, WHITE)):
        x = middle(bar, 4)
        assert height(plain, x, colour) == 0
        assert height(marked, x, colour) > 60, bar
    assert marked.height == plain.height + ROW
    assert height(marked, middle(0, 4), BLUE) == height(plain, middle(0, 4), BLUE)


def test_it_stands_on_a_card_of_its_own() -> None:
    image = picture(activity([(1,)]))
    alphas = image.getchannel("A")
    assert [alphas.getpixel(corner) for corner in ((0, 0), (999, 0), (0, image.height - 1))] == [
        0
    ] * 3
    assert is_like(image.getpixel((20, 20)), CARD) and alphas.getpixel((20, 20)) in (254, 255)


def test_the_same_activity_gives_the_same_bytes() -> None:
    shown = activity([(1, 2), (3, 4)], ("刷新", "mira"), tags=(Tag("t", BEGIN, 1),))
    assert draw(shown, "a", "b", UTC_ZONE) == draw(shown, "a", "b", UTC_ZONE)
    assert draw(shown, "a", "b", UTC_ZONE) != draw(shown, "a", "c", UTC_ZONE)
    assert draw(shown, "a", "b", UTC_ZONE) != draw(shown, "a", "b", ZoneInfo("Asia/Tokyo"))


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("STRYK", "STRYK"),
        ("Jörg Müller", "Jörg Müller"),
        ("Владимир ελένη", "Владимир ελένη"),
        ("山田太郎 김민수", "山田太郎 김민수"),
        ("fox 🦊 fox", "fox fox"),
        ("𝓯𝓪𝓷𝓬𝔂", "fancy"),
        ("😀🚀" * 16, ""),
        ("\u202egnp\x00\n\ud800.exe", "gnp .exe"),
        ("cuneiform 𒀀𒀁", "cuneiform"),
        ("", ""),
    ],
)
def test_what_is_drawn_of_a_name(name: str, drawn: str) -> None:
    text, font = fitting(name, 500, 22)
    assert text == drawn
    box = bytes(font.getmask("\U0010ffff"))
    assert all(bytes(font.getmask(character)) != box for character in text)


def test_a_long_name_is_cut() -> None:
    text, font = fitting("W" * 60, 200, 22)
    assert text.endswith("…") and 170 < font.getlength(text) <= 200


@settings(max_examples=20)
@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
@example("\u2029", "\u0300", "\ufe0f")
def test_any_text_is_drawn_without_boxes(title: str, name: str, tag: str) -> None:
    for text in (title, name, tag):
        drawn, font = fitting(text, 200, 22)
        assert font.getlength(drawn) <= 200
        box = bytes(font.getmask("\U0010ffff"))
        assert all(bytes(font.getmask(character)) != box for character in drawn)
    picture(activity([(1,)], (name,), tags=(Tag(tag, BEGIN, 1),)), title)


@given(
    st.lists(st.tuples(st.sampled_from(["a", "found-solution", "W" * 40]), st.integers(92, 964)))
)
@settings(max_examples=50)
def test_flags_do_not_cover_each_other(tags: list[tuple[str, int]]) -> None:
    placed = flags(tags, 964, 22)
    assert bool(placed) == bool(tags)
    for flag in placed:
        assert flag.x in (flag.left, flag.right) and flag.right <= 964
        for other in placed:
            if other is not flag and other.row == flag.row:
                assert flag.right < other.left or other.right < flag.left
            if other.row < flag.row:
                assert not other.left < flag.x < other.right


def test_without_pillow_a_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(InvalidInput, match=r"pip install 'discord-session-recorder\[pictures\]'"):
        activity_picture(Reader(tmp_path), [], "title", BEGIN, UTC_ZONE)
