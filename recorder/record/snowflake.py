"""Snowflakes, the ids of Discord, and the times in them.

A snowflake is the number of milliseconds since the beginning of 2015, followed by 22 bits:
https://docs.discord.com/developers/reference#snowflakes
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(2015, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LARGEST = (1 << 63) - 1
_SNOWFLAKE = re.compile(r"[0-9]{15,20}")

IDS_A_MILLISECOND = 1 << 22
EPOCH_SECONDS = int(_EPOCH.timestamp())
"""The Unix time of the beginning of 2015."""


def snowflake_at(time: datetime) -> int:
    """Return the lowest id that Discord assigns at `time`; 0 before 2015."""
    return max((time - _EPOCH) // _MILLISECOND, 0) * IDS_A_MILLISECOND


def snowflake_time(snowflake: int) -> datetime:
    """Return the time in an id, in UTC.

    Raises
    ------
    OverflowError
        The time is after the year 9999.
    """
    return _EPOCH + snowflake // IDS_A_MILLISECOND * _MILLISECOND


def snowflake_before(snowflake: int, span: timedelta) -> int:
    """Return the id that lies `span` before `snowflake`, at least 0."""
    return max(snowflake - span // _MILLISECOND * IDS_A_MILLISECOND, 0)


def parse_snowflake(text: str) -> int | None:
    """Return the Discord id that `text` consists of; ``None`` if it is not one."""
    if not _SNOWFLAKE.fullmatch(text) or int(text) > _LARGEST:
        return None
    return int(text)
