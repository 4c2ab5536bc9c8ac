"""Files to import: detection of their kind, and their messages."""

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
from recorder.formats.key_types import check_types
from recorder.models import Change, Edit, Entry, Json, Message
from recorder.record import jsonl

_LONGEST_LINE = 64 << 20
_DETECTION_BYTES = 1 << 12
# An object over many lines, or one that begins like an export of DiscordChatExporter.
_DOCUMENT = re.compile(rb'\s*\{[ \t\r]*(\n|"(guild|channel|dateRange|messages)"\s*:\s*[\[{])')


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A part of a file that is no message: its location and the fault."""

    path: Path
    location: str
    fault: str

    def __str__(self) -> str:
        return f"{self.path}, {self.location}: {self.fault}"


Record: TypeAlias = "Entry | Unreadable"


@dataclass(frozen=True, slots=True)
class Source:
    """An open file of messages.

    Parameters
    ----------
    name
        The name of the session or channel, if the file has one.
    guild_id, channel_id
        The guild and channel of all messages, if the file has them.
    records
        The messages, their changes and the unreadable parts, in the file's order.
    """

    name: str | None
    guild_id: str | None
    channel_id: str | None
    records: Iterator[Record]


@contextmanager
def open_source(path: Path, progress: Callable[[int], None]) -> Iterator[Source]:
    """Open a file of messages; memory use does not grow with its size.

    Parameters
    ----------
    progress
        Called with the number of bytes read since the last call.

    Raises
    ------
    NotFound
        The file cannot be read.
    InvalidInput
        It is a JSON document, but not an export of DiscordChatExporter.
    """
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            head = file.read(_DETECTION_BYTES).removeprefix(b"\xef\xbb\xbf")
            file.seek(0)
            is_document = _DOCUMENT.match(head) is not None
            source = (_document if is_document else _jsonl)(path, file, progress)
        except OSError as error:
            raise NotFound(f"{path} cannot be read ({error.strerror}).") from error
        yield source


def _until_error(path: Path, records: Iterator[Record]) -> Iterator[Record]:
    """Yield the records; if reading fails, end with the error as :class:`Unreadable`."""
    try:
        yield from records
    except OSError as error:
        yield Unreadable(path, "the rest", f"cannot be read ({error.strerror})")


def _jsonl(path: Path, file: BinaryIO, progress: Callable[[int], None]) -> Source:
    return Source(None, None, None, _until_error(path, _lines(path, file, progress)))


def _lines(path: Path, file: BinaryIO, progress: Callable[[int], None]) -> Iterator[Record]:
    """Yield the records of a JSONL file, without empty lines."""
    number = 0
    while data := file.readline(_LONGEST_LINE):
        number += 1
        progress(len(data))
        if data.strip():
            yield _line(path, number, data)


def _line(path: Path, number: int, data: bytes) -> Record:
    location = f"line {number}"
    try:
        # Some editors put a byte order mark before the first line.
        text = data.decode("utf-8-sig" if number == 1 else "utf-8")
        record = jsonl.decode(text.rstrip("\r\n"))
        if isinstance(record, Message | Edit):
            check_types(record.extra)
        return record
    except UnicodeDecodeError as error:
        return Unreadable(path, location, f"is not UTF-8 (byte {error.start + 1} of the line)")
    except InvalidLine as error:
        torn = "" if data.endswith(b"\n") else " and has no newline: it may be cut off"
        return Unreadable(path, location, f"{error}{torn}")


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
            "To import a session of the recorder, choose its JSONL file."
        )
    root = dce_import.read_root(keys)
    records = _until_error(path, _messages(path, document, root, damage))
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
            location = f"message {number} (byte {item.byte_offset + 1})"
            yield Unreadable(path, location, str(error))
            continue
        yield dce_import.with_root(message, root) if is_first else message
        is_first = False
        if deletion is not None:
            yield deletion


def _message(item: Item | Damage, root: dce_import.Root) -> tuple[Message, Change | None]:
    if isinstance(item, Damage):
        raise InvalidLine(item.fault)
    return dce_import.read_message(jsonl.checked(item.value, item.text), root)
