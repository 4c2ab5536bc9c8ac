"""The diagram of activity: messages by time and author, with pauses, gaps and tags.

It has a background of its own, so that it looks the same on Discord's dark and light themes,
and its text is legible at half size, as Discord shows it.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from PIL import Image, ImageDraw

from recorder.formatting import clock, date_and_clock, local_time
from recorder.stats.activity import Activity
from recorder.stats.pictures.fonts import fitting
from recorder.stats.pictures.tag_flags import ROW, Flag, flags
from recorder.stats.timescale import scale
from recorder.store.time_limit import check_limit

BARS = 100
"""The largest number of bars."""

_WIDTH = 1000
_PADDING = 36
_LEFT, _RIGHT = 92, _WIDTH - _PADDING
_PLOT = 300
_LINE = 36
_CORNER = 18
_TITLE, _TEXT = 32, 22

_CARD, _BORDER, _GRID = (24, 26, 31), (62, 66, 76), (46, 49, 57)
_WHITE, _GREY = (243, 244, 246), (170, 176, 187)
_PAUSE, _GAP, _TAG = (52, 56, 67), (201, 142, 36), (243, 244, 246)
_OTHERS = (122, 129, 143)
# Distinguishable on a dark card, also with colour blindness.
_AUTHORS = (
    *((86, 156, 246), (245, 158, 66), (72, 199, 142), (236, 112, 166)),
    *((250, 218, 94), (160, 132, 240), (86, 208, 224), (226, 88, 80)),
)

_MOST_TICKS, _MOST_LINES = 6, 5
_LONGEST_NAME = 240
_SEPARATED = 6  # pixels: parts of a bar with at least this height have a line above
_LOWEST = 3  # pixels of a bar with any messages
_MINUTE, _DAY = 60, 86_400

_Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry of the legend."""

    mark: str
    colour: _Colour
    name: str
    count: str = ""


def draw(activity: Activity, title: str, summary: str, timezone: ZoneInfo) -> bytes:
    """Return the picture as a PNG; the same activity yields the same bytes.

    Parameters
    ----------
    title
        The name of the session.
    summary
        The line below the title.
    timezone
        The time zone of the time axis.
    """
    return _Picture(activity, timezone).png(title, summary)


class _Picture:
    def __init__(self, activity: Activity, timezone: ZoneInfo) -> None:
        self._activity, self._timezone = activity, timezone
        self._edges = activity.scale.edges
        self._seconds = (self._edges[-1] - self._edges[0]).total_seconds()
        marked = [(tag.name, self._x(tag.timestamp)) for tag in activity.tags]
        self._flags = flags(marked, _RIGHT, _TEXT)
        rows = 1 + max((flag.row for flag in self._flags), default=-1)
        self._top = 164 + rows * ROW
        self._bottom = self._top + _PLOT
        self._legend = list(_lines(_entries(activity)))
        self._ticks = scale(self._edges[0], self._edges[-1], _MOST_TICKS, timezone)
        self._legend_top = self._bottom + (62 if self._ticks.step >= _DAY else 90)
        height = self._legend_top + len(self._legend) * _LINE + 20
        self._image = Image.new("RGB", (_WIDTH, height), _CARD)
        self._draw = ImageDraw.Draw(self._image)

    def png(self, title: str, summary: str) -> bytes:
        self._heading(title, summary)
        for pause in self._activity.pauses:
            self._band(pause.begin, pause.end)
        lines = self._grid()
        self._time_axis()
        for gap in self._activity.gaps:
            check_limit()
            self._hatched(gap.begin, gap.end)
        self._bars(lines)
        self._tags()
        for number, line in enumerate(self._legend):
            self._legend_line(line, self._legend_top + number * _LINE)
        file = io.BytesIO()
        # Few colours halve the size of true colour, and take less time to compress.
        self._card().quantize(256, Image.Quantize.FASTOCTREE).save(file, "PNG")
        return file.getvalue()

    def _heading(self, title: str, summary: str) -> None:
        activity, zone = self._activity, self._timezone
        begin, end = date_and_clock(activity.begin, zone), date_and_clock(activity.end, zone)
        if local_time(activity.begin, zone).date() == local_time(activity.end, zone).date():
            end = clock(activity.end, zone)
        unit = f"Messages per {activity.scale.unit}"
        x = _PADDING
        if not fitting(title, _WIDTH, _TITLE, bold=True)[0]:
            title = "Session"
        self._text(x, 30, title, _WHITE, "la", size=_TITLE, bold=True)
        self._text(x, 76, summary, _WHITE, "la")
        self._text(x, 108, f"{unit} · {begin} – {end} · {zone.key}", _GREY, "la")

    def _grid(self) -> int:
        """Draw lines at round numbers; return the number at the top of the plot."""
        most = max(self._activity.totals, default=0)
        step = _round_step(most)
        top = max(-(-most // step), 1) * step
        for number in range(0, top + 1, step):
            y = self._bottom - round(number / top * _PLOT)
            self._draw.line((_LEFT, y, _RIGHT, y), _BORDER if number == 0 else _GRID, 2)
            self._text(_LEFT - 14, y, f"{number:,}", _GREY, "rm")
        if most == 0:
            middle = ((_LEFT + _RIGHT) // 2, (self._top + self._bottom) // 2)
            self._text(*middle, "No messages", _GREY, "mm")
        return top

    def _time_axis(self) -> None:
        """Draw times below the plot, and dates where they change."""
        zone, step = self._timezone, self._ticks.step
        day, free = "", 0
        for tick in self._ticks.edges:
            if not self._edges[0] <= tick <= self._edges[-1]:
                continue
            x = self._x(tick)
            self._draw.line((x, self._bottom, x, self._bottom + 8), _BORDER, 2)
            local = local_time(tick, zone)
            date, time = str(local.date()), clock(tick, zone)
            if step < _MINUTE:
                time = time.replace(" ", f":{local.second:02} ")
            text, below = (date, "") if step >= _DAY else (time, date if date != day else "")
            width = max(self._width(text), self._width(below))
            x = min(x, _WIDTH - 14 - width // 2)
            if x - width // 2 < free:
                continue
            self._text(x, self._bottom + 14, text, _GREY, "ma")
            self._text(x, self._bottom + 42, below, _GREY, "ma")
            day, free = date, x + width // 2 + 12

    def _bars(self, top: int) -> None:
        for (begin, end), counts in zip(
            itertools.pairwise(self._edges), self._activity.counts, strict=True
        ):
            left, right = self._x(begin), self._x(end)
            right -= 2 if right - left >= 6 else int(right - left >= 3)
            height = max(round(sum(counts) / top * _PLOT), _LOWEST)
            below = 0
            for rank, count in enumerate(counts):
                low = self._bottom - round(below / sum(counts) * height) if count else 0
                below += count
                high = self._bottom - round(below / sum(counts) * height) if count else 0
                if low > high:
                    colour = _AUTHORS[rank] if rank < len(_AUTHORS) else _OTHERS
                    line = 1 if low - high >= _SEPARATED and below < sum(counts) else 0
                    self._draw.rectangle((left, high + line, max(right - 1, left), low - 1), colour)

    def _band(self, begin: datetime, end: datetime) -> None:
        left, right = self._x(begin), self._x(end)
        if right > left:
            self._draw.rectangle((left, self._top, right - 1, self._bottom), _PAUSE)

    def _hatched(self, begin: datetime, end: datetime) -> None:
        left, right = self._x(begin), max(self._x(end), self._x(begin) + 3)
        self._image.paste(_hatching(right - left, _PLOT), (left, self._top))

    def _tags(self) -> None:
        """Draw a flag for each tag, or a mark where there is no room for its name."""
        named = {flag.x for flag in self._flags}
        for tag in self._activity.tags:
            x, y = self._x(tag.timestamp), self._top
            if x not in named:
                self._draw.polygon(((x - 7, y - 12), (x + 7, y - 12), (x, y)), _TAG)
        for flag in self._flags:
            top = self._flag(flag)
            for y in range(top, self._bottom, 8):
                self._draw.line((flag.x, y, flag.x, min(y + 4, self._bottom)), _TAG, 2)

    def _flag(self, flag: Flag) -> int:
        """Draw a flag with its name; return the top of its mast."""
        low = self._top - 14 - flag.row * ROW
        self._draw.rounded_rectangle((flag.left, low - ROW + 4, flag.right, low), 5, _TAG)
        text, chosen = fitting(flag.name, flag.right - flag.left, _TEXT - 2)
        middle = ((flag.left + flag.right) // 2, low - ROW // 2 + 2)
        self._draw.text(middle, text, _CARD, chosen, "mm")
        return low

    def _legend_line(self, line: list[tuple[int, _Entry]], y: int) -> None:
        for x, entry in line:
            box = (x, y + 4, x + 20, y + 24)
            if entry.mark == "gap":
                self._image.paste(_hatching(20, 20), box[:2])
            elif entry.mark == "tag":
                self._draw.polygon(((x, y + 6), (x + 20, y + 6), (x + 10, y + 22)), entry.colour)
            else:
                self._draw.rounded_rectangle(box, 4, entry.colour)
            if entry.mark == "pause":
                self._draw.rounded_rectangle(box, 4, outline=_GREY)
            self._text(x + 30, y + 14, entry.name, _WHITE, "lm", width=_LONGEST_NAME)
            count_x = x + 30 + self._width(entry.name, _LONGEST_NAME) + 9
            self._text(count_x, y + 14, entry.count, _GREY, "lm")

    def _card(self) -> Image.Image:
        """Return the picture as a card with round corners on a transparent background."""
        width, height = self._image.size
        card = Image.new("RGBA", (width, height), _BORDER)
        card.paste(self._image, mask=_rounded(width, height, 2))
        card.putalpha(_rounded(width, height, 0))
        return card

    def _x(self, time: datetime) -> int:
        part = (time - self._edges[0]).total_seconds() / self._seconds
        return _LEFT + round(min(max(part, 0), 1) * (_RIGHT - _LEFT))

    def _text(
        self,
        x: int,
        y: int,
        text: str,
        colour: _Colour,
        anchor: str,
        *,
        size: int = _TEXT,
        bold: bool = False,
        width: int = _RIGHT - _PADDING,
    ) -> None:
        drawn, chosen = fitting(text, width, size, bold=bold)
        self._draw.text((x, y), drawn, colour, chosen, anchor)

    @staticmethod
    def _width(text: str, most: int = _WIDTH) -> int:
        drawn, chosen = fitting(text, most, _TEXT)
        return round(chosen.getlength(drawn))


def _entries(activity: Activity) -> Iterator[_Entry]:
    for rank, author in enumerate(activity.authors):
        colour = _AUTHORS[rank] if rank < len(_AUTHORS) else _OTHERS
        name = author.name if fitting(author.name, _LONGEST_NAME, _TEXT)[0] else ""
        yield _Entry("author", colour, name or f"Author {rank + 1}", f"{author.count:,}")
    if activity.pauses:
        yield _Entry("pause", _PAUSE, "not recorded")
    if activity.gaps:
        yield _Entry("gap", _GAP, "gap", f"{len(activity.gaps):,}")
    if activity.tags:
        yield _Entry("tag", _TAG, "tag", f"{len(activity.tags):,}")


def _lines(entries: Iterator[_Entry]) -> Iterator[list[tuple[int, _Entry]]]:
    """Yield lines of the legend: as many entries as fit, each with its position."""
    line: list[tuple[int, _Entry]] = []
    x = _PADDING
    for entry in entries:
        name, chosen = fitting(entry.name, _LONGEST_NAME, _TEXT)
        width = 30 + round(chosen.getlength(name)) + 9 + 13 * len(entry.count)
        if line and x + width > _RIGHT:
            yield line
            line, x = [], _PADDING
        line.append((x, entry))
        x += width + 28
    if line:
        yield line


def _round_step(most: int) -> int:
    """Return the smallest of 1, 2, 5, 10, 20, 50… with at most five steps up to `most`."""
    tens = 1
    while True:
        for step in (tens, 2 * tens, 5 * tens):
            if step * _MOST_LINES >= most:
                return step
        tens *= 10


def _hatching(width: int, height: int) -> Image.Image:
    image = Image.new("RGB", (width, height), _CARD)
    pen = ImageDraw.Draw(image)
    for x in range(-height, width, 12):
        pen.line((x, height, x + height, 0), _GAP, 4)
    return image


def _rounded(width: int, height: int, inset: int) -> Image.Image:
    """Return a mask with smooth corners, drawn at twice the size."""
    mask = Image.new("L", (2 * width, 2 * height))
    box = (2 * inset, 2 * inset, 2 * (width - inset) - 1, 2 * (height - inset) - 1)
    ImageDraw.Draw(mask).rounded_rectangle(box, 2 * (_CORNER - inset), 255)
    return mask.reduce(2)
