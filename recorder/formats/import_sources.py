"""Files that can be read into a session: what kind a file is, and what stands in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

from recorder.errors import InvalidInput, InvalidLine, NotFound
from recorder.formats.dce import dce_import
from recorder.formats.json_document import Damage, Item, JsonDocument
from recorder.models import Change, Json, Message
from recorder.record import jsonl

_LONGEST_LINE = 64 << 20
_LOOKED_AT = 1 << 12
# One object over many lines, or one that begins as DiscordChatExporter's does.
_DOCUMENT = re.compile(rb'\s*\{[ \t\r]*(\n|"(guild|channel|dateRange|messages)"\s*:\s*[\[{])')


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What is no message: where it stands and what is wrong with it."""

    path: Path
    place: str
    fault: str

    def __str__(self) -> str:
        return f"{self.path}, {self.place}: {self.fault}"


Record: TypeAlias = "Message | Change | Unreadable"


@dataclass(frozen=True, slots=True)
class Source:
    """An open file of messages.

    Parameters
    ----------
    name
        What the file itself says it holds.
    guild_id, channel_id
        Where it was said, if the file tells it for all its messages.
    records
        The messages, what happened to them, and what cannot be read, in the file's order.
    """

    name: str | None
    guild_id: str | None
    channel_id: str | None
    records: Iterator[Record]


@contextmanager
def open_source(path: Path, progress: Callable[[int], None]) -> Iterator[Source]:
    """A file as messages; memory does not grow with it.

    Parameters
    ----------
    progress
        Called with the number of bytes read since the last call.

    Raises
    ------
    NotFound
        The file cannot be read.
    InvalidInput
        It is a JSON document, but not one of messages that are known.
    """
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            begin = file.read(_LOOKED_AT).removeprefix(b"\xef\xbb\xbf")
            file.seek(0)
            is_document = _DOCUMENT.match(begin) is not None
            source = (_document if is_document else _jsonl)(path, file, progress)
        except OSError as error:
            raise NotFound(f"{path} cannot be read ({error.strerror}).") from error
        yield source


def _all_readable(path: Path, records: Iterator[Record]) -> Iterator[Record]:
    """The records up to where the disk fails, if it does."""
    try:
        yield from records
    except OSError as error:
        yield Unreadable(path, "the rest", f"cannot be read ({error.strerror})")


def _jsonl(path: Path, file: BinaryIO, progress: Callable[[int], None]) -> Source:
    return Source(None, None, None, _all_readable(path, _lines(path, file, progress)))


def _lines(path: Path, file: BinaryIO, progress: Callable[[int], None]) -> Iterator[Record]:
    """The lines of a JSONL file, empty ones left out."""
    number = 0
    while data := file.readline(_LONGEST_LINE):
        number += 1
        progress(len(data))
        if data.strip():
            yield _line(path, number, data)


def _line(path: Path, number: int, data: bytes) -> Message | Change | Unreadable:
    place = f"line {number}"
    try:
        # Some editors put a byte order mark before the first line.
        text = data.decode("utf-8-sig" if number == 1 else "utf-8")
        return jsonl.decode(text.rstrip("\r\n"))
    except UnicodeDecodeError as error:
        return Unreadable(path, place, f"is not UTF-8 (byte {error.start + 1} of the line)")
    except InvalidLine as error:
        torn = "" if data.endswith(b"\n") else " and has no end: it may be torn"
        return Unreadable(path, place, f"{error}{torn}")


def _document(path: Path, file: BinaryIO, progress: Callable[[int], None]) -> Source:
    document = JsonDocument(file, "messages", dce_import.MESSAGE_START, progress)
    keys: dict[str, Json] = {}
    damage: list[Unreadable] = []
    for key in document.head():
        if isinstance(key, Damage):
            damage.append(Unreadable(path, f"byte {key.byte_offset + 1}", key.fault))
        else:
            keys[key[0]] = key[1]
    if not document.has_array or "session" in keys:
        raise InvalidInput(
            f"{path} is a JSON document, but not DiscordChatExporter's. Nothing was imported. "
            "Of a recording, import the JSONL file."
        )
    root = dce_import.read_root(keys)
    records = _all_readable(path, _messages(path, document, root, damage))
    return Source(root.session or root.channel_name, root.guild_id, root.channel_id, records)


def _messages(
    path: Path, document: JsonDocument, root: dce_import.Root, damage: list[Unreadable]
) -> Iterator[Record]:
    yield from damage
    is_first = True
    for number, item in enumerate(document.items(), 1):
        try:
            message, deletion = _message(item, root)
        except InvalidLine as error:
            place = f"message {number} (byte {item.byte_offset + 1})"
            yield Unreadable(path, place, str(error))
            continue
        yield dce_import.with_root(message, root) if is_first else message
        is_first = False
        if deletion is not None:
            yield deletion


def _message(item: Item | Damage, root: dce_import.Root) -> tuple[Message, Change | None]:
    if isinstance(item, Damage):
        raise InvalidLine(item.fault)
    return dce_import.read_message(jsonl.checked(item.value, item.text), root)
