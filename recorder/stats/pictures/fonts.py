"""Fonts for pictures, and texts cut down to the glyphs that a font has.

Pillow's own font has only ASCII. Noto Sans, which the extra ``pictures`` installs, has Latin,
Greek and Cyrillic. Other scripts use the first installed one of a few widespread fonts.
"""

from __future__ import annotations

import importlib.util
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from PIL import ImageFont

from recorder.formatting import collapse_whitespace

Font: TypeAlias = ImageFont.FreeTypeFont

_NOTO = ("fontpkg_noto_sans", "files/NotoSans[wdth,wght].ttf")
_CJK = ("noto_cjk_sans_jp_regular", "NotoSansCJKjp-Regular.otf")
_SYSTEM_FONTS = (  # Pillow finds them by name
    *("NotoSansCJK-Regular.ttc", "DejaVuSans.ttf", "Arial Unicode.ttf"),
    *("msyh.ttc", "malgun.ttf", "segoeui.ttf"),
)
_WIDTH = 100  # percent
_BOLD, _REGULAR = 600, 400
_NO_CHARACTER = "\U0010ffff"
_LONGEST = 200


def font(size: int, *, bold: bool = False) -> Font:
    """Return the preferred font at `size` pixels."""
    return next(_fonts(size, bold))


@lru_cache(maxsize=1024)
def fitting(text: str, width: int, size: int, *, bold: bool = False) -> tuple[str, Font]:
    """Return the drawable part of a text, cut to `width` pixels, and its font.

    The part is empty if no font has a letter, digit or symbol of the text. Emoji are left
    out, and styled letters become plain ones.
    """
    plain = unicodedata.normalize("NFKC", text[:_LONGEST])
    text = collapse_whitespace("".join(c if _is_drawable(c) else " " for c in plain))
    best, chosen = "", font(size, bold=bold)
    for candidate in _fonts(size, bold):
        drawn = collapse_whitespace("".join(c if _has(candidate, c) else " " for c in text))
        if len(drawn.replace(" ", "")) > len(best.replace(" ", "")):
            best, chosen = drawn, candidate
        if drawn == text:
            break
    if all(unicodedata.category(character)[0] in "MPZ" for character in best):
        best = ""
    return _cut(best, width, chosen), chosen


def _cut(text: str, width: int, chosen: Font) -> str:
    if chosen.getlength(text) <= width:
        return text
    dots = "…" if _has(chosen, "…") else "..."
    while text and chosen.getlength(text + dots) > width:
        text = text[:-1].rstrip()
    return text + dots


def _is_drawable(character: str) -> bool:
    """Return whether a character is neither a control or format character nor an emoji."""
    category = unicodedata.category(character)
    return (
        category[0] != "C"
        and category not in ("Zl", "Zp")
        and not (category in ("So", "Sk") and character > "\uffff")
    )


@lru_cache(maxsize=4096)
def _has(chosen: Font, character: str) -> bool:
    return character.isspace() or _drawn(chosen, character) != _drawn(chosen, _NO_CHARACTER)


def _drawn(chosen: Font, character: str) -> tuple[tuple[int, int], bytes]:
    mask = chosen.getmask(character)
    return mask.size, bytes(mask)


def _fonts(size: int, bold: bool) -> Iterator[Font]:
    """Yield the fonts in order of preference, each loaded only when requested."""
    if noto := _packaged(*_NOTO):
        yield _noto(str(noto), size, bold)
    yield _default(size)
    if cjk := _packaged(*_CJK):
        yield from _read(str(cjk), size)
    for name in _SYSTEM_FONTS:
        yield from _read(name, size)


@lru_cache(maxsize=16)
def _noto(path: str, size: int, bold: bool) -> Font:
    noto = ImageFont.truetype(path, size)
    noto.set_variation_by_axes([_BOLD if bold else _REGULAR, _WIDTH])
    return noto


@lru_cache(maxsize=16)
def _default(size: int) -> Font:
    default = ImageFont.load_default(size)
    if not isinstance(default, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType")
    return default


@lru_cache(maxsize=32)
def _read(name: str, size: int) -> tuple[Font, ...]:
    """Return the font with this name or path; nothing if it is not installed."""
    try:
        return (ImageFont.truetype(name, size),)
    except OSError:
        return ()


@lru_cache(maxsize=2)
def _packaged(package: str, file: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / file
    return path if path.exists() else None
