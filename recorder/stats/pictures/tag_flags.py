"""Placement of tag names above a diagram, on flags that do not overlap."""

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
    """The name of a tag in a row (0 is the lowest) from `left` to `right`, on a mast at `x`."""

    name: str
    x: int
    row: int
    left: int
    right: int


def flags(tags: Sequence[tuple[str, int]], edge: int, size: int) -> list[Flag]:
    """Return flags for the tags whose names fit.

    Parameters
    ----------
    tags
        The names, and the positions of their masts.
    edge
        The right edge of the diagram.
    size
        The size of the text, in pixels.
    """
    placed: list[Flag] = []
    # From right to left: a flag without room moves up a row, its mast to the left of others.
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
