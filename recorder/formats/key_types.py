"""The types of the optional keys of a JSONL line, checked where a file is imported."""

from __future__ import annotations

from collections.abc import Mapping

from recorder.errors import InvalidLine
from recorder.models import Json

_KINDS: dict[type, str] = {str: "a text", bool: "true or false", dict: "an object", list: "a list"}
_TYPES: dict[str, type] = {
    **dict.fromkeys("display_name webhook_id reply_to event raw_content source".split(), str),
    **dict.fromkeys(("edited_timestamp", "erased_at"), str),
    **dict.fromkeys("interaction mentions reactions poll forwarded merged_from".split(), dict),
    **dict.fromkeys("files embeds components stickers".split(), list),
    **dict.fromkeys(("pinned", "opted_out"), bool),
}
_ITEMS: dict[str, tuple[type, str]] = {
    "mentions": (str, "texts"),
    "reactions": (int, "numbers"),
    **dict.fromkeys("files embeds components stickers".split(), (dict, "objects")),
}


def check_types(extra: Mapping[str, Json]) -> None:
    """Check the values of known keys; any of them may be null.

    Raises
    ------
    InvalidLine
        A value has the wrong type; the text names its key.
    """
    for key in _TYPES.keys() & extra.keys():
        value, kind = extra[key], _TYPES[key]
        if value is None:
            continue
        if not isinstance(value, kind):
            raise InvalidLine(f'"{key}" is not {_KINDS[kind]}')
        if key in _ITEMS and isinstance(value, dict | list):
            item, items = _ITEMS[key]
            inner = value.values() if isinstance(value, dict) else value
            if not all(isinstance(one, item) for one in inner):
                raise InvalidLine(f'"{key}" is not {_KINDS[kind]} of {items}')
