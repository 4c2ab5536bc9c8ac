"""A reader of large JSON documents: a few keys, and one array of very many objects.

It runs the standard library's decoder on a window of the text, so that memory use does not grow
with the file, the offset of each object is known, and reading continues after a damaged object.
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
_LONGEST_START = 1_000  # characters that the pattern of an object's start may match
_LONGEST_TOKEN = 16  # characters that only make sense together, such as an escape
_SPACE = re.compile(r"[ \t\r\n]*")
_NOT_UTF8 = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Item:
    """An object of the array: its value, its text, and the offset of its start."""

    value: Json
    text: str
    byte_offset: int


@dataclass(frozen=True, slots=True)
class Damage:
    """An offset at which the document cannot be read, and the fault."""

    byte_offset: int
    fault: str


class _Malformed(Exception):
    """The text at the position is not what a JSON document has there."""


class JsonDocument:
    """A document ``{"key": value, …, "<array>": [{…}, {…}, …], …}``.

    Parameters
    ----------
    file
        Open at its beginning.
    array
        The key of the array. What follows the array is ignored.
    start
        Matches the start of each object of the array and nothing else in the document: reading
        continues there after a damaged object.
    progress
        Called with the number of bytes read since the last call.

    Attributes
    ----------
    has_array
        :meth:`head` has reached the array or one of its objects.
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
        self._anchor = (0, 0)  # a position in the window, and its offset in the file
        self._ended = False
        self.has_array = False

    def head(self) -> Iterator[tuple[str, Json] | Damage]:
        """Yield the keys before the array with their values."""
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
                    raise _Malformed("is not JSON (a key is missing)")
                key = self._value(_LONGEST_IN_HEAD)
                if self._next() != ":":
                    raise _Malformed("is not JSON (a colon is missing)")
                self._position += 1
                if key == self._array and self._next() == "[":
                    self._position += 1
                    self.has_array = True
                    return
                self._next()
                value = self._value(_LONGEST_IN_HEAD)
                if self._start.search(self._text, self._value_start, self._position):
                    self._position = self._value_start
                    raise _Malformed("has messages inside another value")
                yield str(key), value
            except _Malformed as error:
                yield self._damage(str(error))
                self._seek()
                self.has_array = self._next() != ""
                return
            if self._next() == ",":
                self._position += 1

    def items(self) -> Iterator[Item | Damage]:
        """Yield the objects of the array, once :meth:`head` has ended."""
        while True:
            character = self._next()
            if character == "":
                yield self._damage("ends before its last bracket: it may be cut off")
                return
            if character in ",]":
                self._position += 1
                if character == "]" and self._next() in ("}", ",", ""):
                    return
                continue
            try:
                if character != "{":
                    raise _Malformed("is not a JSON object")
                value = self._value()
            except _Malformed as error:
                yield self._damage(str(error))
                self._seek()
                if self._next() == "":
                    return
                continue
            text = self._text[self._value_start : self._position]
            self._anchor = (self._value_start, self._offset(self._value_start))
            if not text.isascii() and _NOT_UTF8.search(text):
                yield Damage(self._anchor[1], "is not UTF-8")
            else:
                yield Item(value, text, self._anchor[1])

    def _value(self, longest: int = _LONGEST_VALUE) -> Json:
        """Return the value at the position, and move the position behind it."""
        while True:
            try:
                value, end = decoder.raw_decode(self._text, self._position)
            except json.JSONDecodeError as error:
                # A value that the window cuts off fails at the window's end, a string at its start.
                missing = _CHUNK_BYTES if error.msg.startswith("Unterminated") else _LONGEST_TOKEN
                if len(self._text) - error.pos < missing and self._more(longest):
                    continue
                offset = self._offset(error.pos)
                raise _Malformed(f"is not JSON ({error.msg}, byte {offset + 1})") from None
            except (ValueError, RecursionError) as error:
                raise _Malformed(f"is not JSON ({error})") from None
            if end < len(self._text) or not self._more():
                self._value_start, self._position = self._position, end
                return cast(Json, value)

    def _next(self) -> str:
        """Return the next character that is no white space; empty at the end of the file."""
        while True:
            space = _SPACE.match(self._text, self._position)
            self._position = space.end() if space else self._position
            if self._position < len(self._text):
                return self._text[self._position]
            if not self._more():
                return ""

    def _seek(self) -> None:
        """Move to the next object of the array, or to the end of the file."""
        self._position += 1
        while (match := self._start.search(self._text, self._position)) is None:
            self._position = max(self._position, len(self._text) - _LONGEST_START)
            if not self._more():
                self._position = len(self._text)
                return
        self._position = match.start()

    def _more(self, longest: int = _LONGEST_VALUE) -> bool:
        """Read more and drop the text before the position; return false at the end of the file."""
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
        self._anchor = (0, self._offset(self._position))
        self._text = self._text[self._position :] + more
        self._position = 0
        return True

    def _offset(self, position: int) -> int:
        """Return the offset in the file of a position in the window."""
        start, offset = self._anchor
        return offset + len(self._text[start:position].encode("utf-8", "surrogateescape"))

    def _damage(self, fault: str) -> Damage:
        return Damage(self._offset(self._position), fault)
