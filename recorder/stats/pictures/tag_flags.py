"""Names of tags above a diagram: each on a flag, no flag over another or across a mast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recorder.stats.pictures.fonts import fitting

ROW = 34
"""Pixels from one row of flags to the next."""

_ROWS = 3
_LONGEST = 220
_MARGIN, _BETWEEN = 10, 8


@dataclass(frozen=True, slots=True)
class Flag:
    """A tag's name in a row (0 is the lowest) from `left` to `right`, its mast at `x`."""

    name: str
    x: int
    row: int
    left: int
    right: int


def flags(tags: Sequence[tuple[str, int]], edge: int, size: int) -> list[Flag]:
    """Those of the tags whose names find room.

    Parameters
    ----------
    tags
        Names, and where their masts are.
    edge
        Where the room ends to the right.
    size
        Of the text, in pixels.
    """
    placed: list[Flag] = []
    # From the right: who has no room goes a row higher, and the mast passes by on the left.
    for name, x in sorted(tags, key=lambda tag: -tag[1]):
        text, chosen = fitting(name, _LONGEST, size - 2)
        if not text:
            continue
        width = round(chosen.getlength(text)) + 2 * _MARGIN
        left = x if x + width <= edge else x - width
        for row in range(_ROWS):
            flag = Flag(text, x, row, left, left + width)
            if not any(_collide(flag, other) for other in placed):
                placed.append(flag)
                break
    return placed


def _collide(one: Flag, other: Flag) -> bool:
    if one.row == other.row:
        return one.left < other.right + _BETWEEN and other.left < one.right + _BETWEEN
    low, high = (one, other) if one.row < other.row else (other, one)
    return low.left < high.x < low.right
