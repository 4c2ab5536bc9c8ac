"""JSON with one spelling per value, as RFC 8785 has it: what is hashed and signed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from recorder.models import Json

_encoder = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
)


def encode(data: Mapping[str, Json]) -> str:
    """Return an object as canonical JSON; it has ASCII keys and no fractions."""
    return _encoder.encode(data)


def decode(text: str) -> dict[str, Json]:
    """Parse an object in canonical JSON.

    Raises
    ------
    ValueError
        The text is not a JSON object, or not spelled as :func:`encode` does.
    """
    try:
        data = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(data, dict) or encode(data) != text:
        raise ValueError("it is not an object in canonical JSON")
    return cast(dict[str, Json], data)
