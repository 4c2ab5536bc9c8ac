"""The lines of a session's JSONL file: the specification's keys, then further keys.

The order of the keys, the separators and the escapes are fixed, so that the same message
always yields the same bytes. A line never contains a character that some reader treats as
the end of a line.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal, NoReturn, cast, get_args

from recorder.errors import InvalidInput, InvalidLine
from recorder.models import (
    MESSAGE_TYPES,
    Annotation,
    Change,
    Deletion,
    Edit,
    Entry,
    Erased,
    EventName,
    Json,
    KeptFile,
    Message,
    MessageType,
    Reaction,
    SessionEvent,
    UnrecordedEdit,
)
from recorder.record.json_values import (
    attachments_in,
    clean_object,
    clean_text,
    is_deeper,
    is_id,
    message_id_in,
    text_in,
    time_in,
)

RECORDER = "recorder"
"""The author, and its id, of the lines about a recording itself; no Discord id is a word."""


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:40]} is too large")
    return number


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
"""The decoder of lines; it refuses values that cannot be encoded again, such as NaN."""

# str.splitlines and many editors break lines at these; JSON escapes only those below U+0020.
_LINE_ENDS = str.maketrans({c: f"\\u{ord(c):04x}" for c in "\x85\u2028\u2029"})
_OWN_KEYS = frozenset(
    "timestamp author author_id content type model attachments message_id channel_id".split()
)
_TYPES: dict[type[Change], str] = {
    Annotation: "model",
    Edit: "edit",
    UnrecordedEdit: "unrecorded_edit",
    Deletion: "deletion",
    Reaction: "reaction",
    KeptFile: "attachment",
    Erased: "erased",
}
_EVENTS = frozenset(get_args(EventName))
_EVENT_KEYS = frozenset("timestamp author author_id content type event".split())
_ACTIONS: dict[Json, Literal["add", "remove", "clear"]] = {
    "add": "add",
    "remove": "remove",
    "clear": "clear",
}
_NO_TIME = timedelta(0)
_DEEPEST = 100  # levels of lists and objects; deeper nesting could not be encoded again


def encode(message: Message) -> str:
    """Return the line of `message`, without the newline.

    Lone surrogates, which neither UTF-8 nor SQLite can store, must be replaced first: see
    :func:`without_surrogates`.

    Raises
    ------
    InvalidInput
        The message has a value that cannot be encoded, or not be decoded again.
    """
    if message.type not in MESSAGE_TYPES:
        raise _wrong("type", message.type, f"one of {', '.join(MESSAGE_TYPES)}")
    if not isinstance(message.author, str):
        raise _wrong("author", message.author, "a text")
    if not isinstance(message.author_id, str):
        raise _wrong("author_id", message.author_id, "a text")
    if message.author_id == RECORDER and message.extra.get("event") in _EVENTS:
        raise _wrong("event", message.extra["event"], "no event of a recording")
    _check(message)
    return _json_line(as_json(message))


def as_json(message: Message) -> dict[str, Json]:
    """Return the object that is encoded in the line of `message`, in the order of its keys."""
    data: dict[str, Json] = {
        "timestamp": message.timestamp.isoformat(),
        "author": message.author,
        "author_id": message.author_id,
        "content": message.content,
        "type": message.type,
    }
    if message.model is not None:
        data["model"] = message.model
    if message.attachments:
        data["attachments"] = list(message.attachments)
    if message.message_id is not None:
        data["message_id"] = str(message.message_id)
    if message.channel_id is not None:
        data["channel_id"] = message.channel_id
    if message.extra:
        data.update(message.extra)
    return data


def encode_change(change: Change) -> str:
    """Return the line of a change of a message, without the newline.

    Raises
    ------
    InvalidInput
        The change has a value that cannot be encoded, or not be decoded again.
    """
    _check(change)
    data: dict[str, Json] = {
        "timestamp": change.timestamp.isoformat(),
        "type": _TYPES[type(change)],
        "message_id": str(change.message_id),
        "channel_id": change.channel_id,
    }
    if isinstance(change, Annotation):
        data["model"] = change.model
    elif isinstance(change, Deletion) and change.unseen:
        data["unseen"] = True
    elif isinstance(change, Edit):
        data["content"] = change.content
        if change.attachments:
            data["attachments"] = list(change.attachments)
        data.update(change.extra)
    elif isinstance(change, Reaction):
        data["action"] = change.action
        if change.emoji is not None:
            data["emoji"] = change.emoji
        if change.user_id is not None:
            data["user_id"] = change.user_id
    elif isinstance(change, KeptFile):
        data |= {"url": change.url, "file_path": change.file_path}
        data |= {"sha256": change.sha256, "byte_size": change.byte_size}
    return _json_line(data)


def encode_event(event: SessionEvent) -> str:
    """Return the line of an event of a recording, without the newline.

    It begins with the specification's keys, as a system message.
    """
    return _json_line(event_as_json(event))


def event_as_json(event: SessionEvent) -> dict[str, Json]:
    """Return the object that is encoded in the line of an event, in the order of its keys."""
    return {
        "timestamp": event.timestamp.isoformat(),
        "author": RECORDER,
        "author_id": RECORDER,
        "content": clean_text(event.content),
        "type": "system_message",
        "event": event.event,
        **clean_object(event.details),
    }


def decode(line: str) -> Entry:
    """Decode a line: a message, a change of an earlier one, or an event of the recording.

    Raises
    ------
    InvalidLine
        The line is not JSON, not an object, or lacks one of the specification's keys; the
        text says which.
    """
    try:
        data = decoder.decode(line)
    except json.JSONDecodeError as error:
        raise InvalidLine(f"is not JSON ({error.msg}, column {error.colno})") from None
    except (ValueError, RecursionError) as error:
        raise InvalidLine(f"is not JSON ({error})") from None
    return from_json(checked(data, line))


def checked(data: Json, text: str) -> dict[str, Json]:
    """Return `data`, decoded from `text`, as an object that can be encoded again.

    Raises
    ------
    InvalidLine
        The data is not an object, or is nested too deep.
    """
    if not isinstance(data, dict):
        raise InvalidLine("is not a JSON object")
    if text.count("[") + text.count("{") > _DEEPEST and is_deeper(data, _DEEPEST):
        raise InvalidLine(f"is nested deeper than {_DEEPEST} levels")
    if not text.isascii() or "\\u" in text:
        return clean_object(data)
    return data


def from_json(data: Mapping[str, Json]) -> Entry:
    """Convert the object of a line; see :func:`decode`.

    Raises
    ------
    InvalidLine
        The object lacks one of the specification's keys; the text says which.
    """
    timestamp = time_in(data)
    if data.get("type") in _TYPES.values():
        return _change(data, timestamp)
    if data.get("type") not in MESSAGE_TYPES:
        raise InvalidLine(f'has no "type" out of {", ".join(MESSAGE_TYPES)}')
    if data.get("author_id") == RECORDER and data.get("event") in _EVENTS:
        details = {key: value for key, value in data.items() if key not in _EVENT_KEYS}
        event = cast(EventName, data["event"])
        return SessionEvent(timestamp, event, text_in(data, "content"), details)
    return Message(
        timestamp=timestamp,
        author=text_in(data, "author"),
        author_id=text_in(data, "author_id"),
        content=text_in(data, "content"),
        type=cast(MessageType, data["type"]),
        model=text_in(data, "model") if data.get("model") is not None else None,
        attachments=attachments_in(data) if "attachments" in data else (),
        message_id=message_id_in(data),
        channel_id=text_in(data, "channel_id") if data.get("channel_id") is not None else None,
        extra={} if data.keys() <= _OWN_KEYS else _extra(data),
    )


def _change(data: Mapping[str, Json], timestamp: datetime) -> Change:
    message_id, channel_id = message_id_in(data), text_in(data, "channel_id")
    if message_id is None:
        raise InvalidLine(f'has the type "{data["type"]}" but no "message_id"')
    if data["type"] == "model":
        return Annotation(timestamp, channel_id, message_id, text_in(data, "model"))
    if data["type"] == "deletion":
        return Deletion(timestamp, channel_id, message_id, unseen=data.get("unseen") is True)
    if data["type"] in ("unrecorded_edit", "erased"):
        kind = Erased if data["type"] == "erased" else UnrecordedEdit
        return kind(timestamp, channel_id, message_id)
    if data["type"] == "reaction":
        return _reaction(data, timestamp, channel_id, message_id)
    if data["type"] == "attachment":
        size = data.get("byte_size")
        if not isinstance(size, int):
            raise InvalidLine('has no number under "byte_size"')
        url, path, sha256 = (text_in(data, key) for key in ("url", "file_path", "sha256"))
        return KeptFile(timestamp, channel_id, message_id, url, path, sha256, size)
    content, attachments = text_in(data, "content"), attachments_in(data)
    return Edit(timestamp, channel_id, message_id, content, attachments, _extra(data))


def _extra(data: Mapping[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in data.items() if key not in _OWN_KEYS}


def _reaction(
    data: Mapping[str, Json], timestamp: datetime, channel_id: str, message_id: int
) -> Reaction:
    action = _ACTIONS.get(text_in(data, "action"))
    if action is None:
        raise InvalidLine(f'has no "action" out of {", ".join(map(str, _ACTIONS))}')
    emoji, user_id = (
        None if data.get(key) is None else text_in(data, key) for key in ("emoji", "user_id")
    )
    if emoji is None and action != "clear":
        raise InvalidLine('has the type "reaction" but no "emoji"')
    return Reaction(timestamp, channel_id, message_id, action, emoji, user_id)


def without_surrogates(message: Message) -> Message:
    """Return `message` with each lone surrogate replaced by U+FFFD."""
    return replace(
        message,
        author=clean_text(message.author),
        author_id=clean_text(message.author_id),
        content=clean_text(message.content),
        model=None if message.model is None else clean_text(message.model),
        attachments=tuple(clean_text(url) for url in message.attachments),
        channel_id=None if message.channel_id is None else clean_text(message.channel_id),
        extra=clean_object(message.extra),
    )


def change_without_surrogates(change: Change) -> Change:
    """Return `change` with each lone surrogate replaced by U+FFFD."""
    if isinstance(change, Annotation):
        return replace(change, model=clean_text(change.model))
    if isinstance(change, Edit):
        return replace(
            change,
            content=clean_text(change.content),
            attachments=tuple(clean_text(url) for url in change.attachments),
            extra=clean_object(change.extra),
        )
    if isinstance(change, Reaction) and change.emoji is not None:
        return replace(change, emoji=clean_text(change.emoji))
    return change


def _check(item: Message | Change) -> None:
    if item.timestamp.tzinfo is not UTC and item.timestamp.utcoffset() != _NO_TIME:
        raise _wrong("timestamp", item.timestamp, "an aware time in UTC")
    if item.message_id is not None and not is_id(item.message_id):
        raise _wrong("message_id", item.message_id, "a Discord id")
    if item.channel_id is not None and not isinstance(item.channel_id, str):
        raise _wrong("channel_id", item.channel_id, "a text")
    if isinstance(item, Message | Annotation) and not isinstance(item.model, str | None):
        raise _wrong("model", item.model, "a text")
    if isinstance(item, Message | Edit):
        if not isinstance(item.content, str):
            raise _wrong("content", item.content, "a text")
        if item.attachments and not all(isinstance(url, str) for url in item.attachments):
            raise _wrong("attachments", item.attachments, "texts")
        if item.extra and not _OWN_KEYS.isdisjoint(item.extra):
            raise _wrong("extra", ", ".join(_OWN_KEYS & item.extra.keys()), "keys of its own")


def _wrong(name: str, value: object, expected: str) -> InvalidInput:
    return InvalidInput(f"It cannot be recorded: {name} has to be {expected}, not {value!r:.80}.")


def _json_line(data: dict[str, Json]) -> str:
    try:
        line = _encode(data)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(
            f"It cannot be recorded, since it cannot be encoded as JSON: {error}."
        ) from error
    if line.count("[") + line.count("{") > _DEEPEST and is_deeper(data, _DEEPEST):
        raise InvalidInput(f"It cannot be recorded: it is nested deeper than {_DEEPEST} levels.")
    return line if line.isascii() else line.translate(_LINE_ENDS)
