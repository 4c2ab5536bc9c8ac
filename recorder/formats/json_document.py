"""Reading a JSON document of any size: a few keys, and one array of very many objects.

The standard library's decoder is let loose on a window of the text, so memory does not grow
with the file, each object's place in it is known, and after a damaged object the reading goes
on with the next one.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from recorder.models import Json
from recorder.record.jsonl import decoder

_CHUNK_BYTES = 1 << 20
_LONGEST_VALUE = 64 << 20
_LONGEST_IN_HEAD = 4 << 20
_LONGEST_START = 1_000  # characters that the beginning of an object is known by
_LONGEST_WORD = 16  # characters that are only understood together, such as an escape
_SPACE = re.compile(r"[ \t\r\n]*")
_NOT_UTF8 = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Item:
    """An object of the array: its value, its text, and where it begins in the file."""

    value: Json
    text: str
    byte_offset: int


@dataclass(frozen=True, slots=True)
class Damage:
    """A place where the document cannot be read, and why."""

    byte_offset: int
    fault: str


class _Broken(Exception):
    """What stands at the position is no JSON value."""


class JsonDocument:
    """A document ``{"key": value, …, "<array>": [{…}, {…}, …], …}``.

    Parameters
    ----------
    file
        Open at its beginning.
    array
        The key of the array. What follows behind it is not looked at.
    start
        What an object of the array begins with, and nothing else in the document does: there
        the reading goes on after a damaged one.
    progress
        Called with the number of bytes read since the last call.

    Attributes
    ----------
    has_array
        Whether :meth:`head` has come to the array, or to one of its objects.
    """

    def __init__(
        self,
        file: BinaryIO,
        array: str,
        start: re.Pattern[str],
        progress: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._file = file
        self._array = array
        self._start = start
        self._progress = progress
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._text = ""
        self._position = 0
        self._value_start = 0
        self._known = (0, 0)  # a position in the window, and where that lies in the file
        self._ended = False
        self.has_array = False

    def head(self) -> Iterator[tuple[str, Json] | Damage]:
        """The keys before the array, and their values."""
        if self._next() == "\ufeff":
            self._position += 1
        if self._next() != "{":
            yield self._damage("is not a JSON object")
            return
        self._position += 1
        while True:
            try:
                if self._next() in ("}", ""):
                    return
                if self._next() != '"':
                    raise _Broken("is not JSON (a key is missing)")
                key = self._value(_LONGEST_IN_HEAD)
                if self._next() != ":":
                    raise _Broken("is not JSON (a colon is missing)")
                self._position += 1
                if key == self._array and self._next() == "[":
                    self._position += 1
                    self.has_array = True
                    return
                self._next()
                value = self._value(_LONGEST_IN_HEAD)
                if self._start.search(self._text, self._value_start, self._position):
                    self._position = self._value_start
                    raise _Broken("has messages where none should be")
                yield str(key), value
            except _Broken as broken:
                yield self._damage(str(broken))
                self._seek()
                self.has_array = self._next() != ""
                return
            if self._next() == ",":
                self._position += 1

    def items(self) -> Iterator[Item | Damage]:
        """The objects of the array, after :meth:`head` has ended."""
        while True:
            sign = self._next()
            if sign == "":
                yield self._damage("ends before its last bracket: it may be torn")
                return
            if sign in ",]":
                self._position += 1
                if sign == "]" and self._next() in ("}", ",", ""):
                    return
                continue
            try:
                if sign != "{":
                    raise _Broken("is not a JSON object")
                value = self._value()
            except _Broken as broken:
                yield self._damage(str(broken))
                self._seek()
                if self._next() == "":
                    return
                continue
            text = self._text[self._value_start : self._position]
            self._known = (self._value_start, self._offset(self._value_start))
            if not text.isascii() and _NOT_UTF8.search(text):
                yield Damage(self._known[1], "is not UTF-8")
            else:
                yield Item(value, text, self._known[1])

    def _value(self, longest: int = _LONGEST_VALUE) -> Json:
        """The value that begins at the position, which moves behind it."""
        while True:
            try:
                value, end = decoder.raw_decode(self._text, self._position)
            except json.JSONDecodeError as error:
                # A value that the window cuts off fails at the window's end, a text at its begin.
                missing = _CHUNK_BYTES if error.msg.startswith("Unterminated") else _LONGEST_WORD
                if len(self._text) - error.pos < missing and self._more(longest):
                    continue
                offset = self._offset(error.pos)
                raise _Broken(f"is not JSON ({error.msg}, byte {offset + 1})") from None
            except (ValueError, RecursionError) as error:
                raise _Broken(f"is not JSON ({error})") from None
            if end < len(self._text) or not self._more():
                self._value_start, self._position = self._position, end
                return cast(Json, value)

    def _next(self) -> str:
        """The next character that is no white space; empty at the end of the file."""
        while True:
            space = _SPACE.match(self._text, self._position)
            self._position = space.end() if space else self._position
            if self._position < len(self._text):
                return self._text[self._position]
            if not self._more():
                return ""

    def _seek(self) -> None:
        """Go to the next object of the array, or to the end of the file."""
        self._position += 1
        while (found := self._start.search(self._text, self._position)) is None:
            self._position = max(self._position, len(self._text) - _LONGEST_START)
            if not self._more():
                self._position = len(self._text)
                return
        self._position = found.start()

    def _more(self, longest: int = _LONGEST_VALUE) -> bool:
        """Drop the text before the position and read on; false at the end of the file."""
        rest = len(self._text) - self._position
        if self._ended or rest > longest:
            return False
        data = self._file.read(max(_CHUNK_BYTES, rest))
        self._progress(len(data))
        more = self._decoder.decode(data, final=not data)
        self._ended = not data
        if self._ended:
            self._text += more
            return bool(more)
        self._known = (0, self._offset(self._position))
        self._text = self._text[self._position :] + more
        self._position = 0
        return True

    def _offset(self, position: int) -> int:
        """Where a position of the window lies in the file."""
        start, offset = self._known
        return offset + len(self._text[start:position].encode("utf-8", "surrogateescape"))

    def _damage(self, fault: str) -> Damage:
        return Damage(self._offset(self._position), fault)
