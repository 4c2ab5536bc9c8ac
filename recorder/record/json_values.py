"""The values of a JSON line: checked texts, times, ids and URLs, and texts that can be stored."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from recorder.errors import InvalidLine
from recorder.models import Json

_ID = re.compile("[0-9]{1,20}")
_INT64 = 1 << 63


def parse_time(text: str) -> datetime:
    """Parse an ISO 8601 time into an aware one in UTC; without an offset it is UTC already.

    Raises
    ------
    ValueError
        The text is not ISO 8601, or is outside the years 1 to 9999.
    """
    time = datetime.fromisoformat(text)
    try:
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from None


def is_id(number: int) -> bool:
    """Return whether a number can be a Discord id and fits into a 64-bit integer."""
    return 0 <= number < _INT64


def text_in(data: Mapping[str, Json], key: str) -> str:
    """Return the text under a key.

    Raises
    ------
    InvalidLine
        There is none.
    """
    value = data.get(key)
    if not isinstance(value, str):
        raise InvalidLine(f'has no text under "{key}"')
    return value


def time_in(data: Mapping[str, Json]) -> datetime:
    """Return the time under ``timestamp``.

    Raises
    ------
    InvalidLine
        There is none.
    """
    text = text_in(data, "timestamp")
    try:
        return parse_time(text)
    except ValueError:
        raise InvalidLine(f'"timestamp" is not an ISO 8601 time: {text[:40]!r}') from None


def message_id_in(data: Mapping[str, Json]) -> int | None:
    """Return the Discord id under ``message_id``, if there is one.

    Raises
    ------
    InvalidLine
        It is no Discord id.
    """
    value = data.get("message_id")
    if value is None:
        return None
    text = str(value)
    number = int(text) if _ID.fullmatch(text) and isinstance(value, str | int) else -1
    if not is_id(number):
        raise InvalidLine(f'"message_id" is not a Discord id: {text[:40]!r}')
    return number


def attachments_in(data: Mapping[str, Json]) -> tuple[str, ...]:
    """Return the URLs under ``attachments``.

    Raises
    ------
    InvalidLine
        They are no list of texts.
    """
    urls = data.get("attachments", [])
    if not isinstance(urls, list):
        raise InvalidLine('"attachments" is not a list of URLs')
    texts = tuple(url for url in urls if isinstance(url, str))
    if len(texts) != len(urls):
        raise InvalidLine('"attachments" is not a list of URLs')
    return texts


def clean_text(text: str) -> str:
    """Return `text` with each lone surrogate replaced by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _clean(value: Json) -> Json:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return clean_object(value) if isinstance(value, dict) else value


def clean_object(data: Mapping[str, Json]) -> dict[str, Json]:
    """Return an object with each lone surrogate in its keys and texts replaced by U+FFFD."""
    return {clean_text(key): _clean(value) for key, value in data.items()}


def is_deeper(value: Json, levels: int) -> bool:
    """Return whether lists and objects are nested deeper than a number of levels."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(is_deeper(item, levels - 1) for item in inner)
