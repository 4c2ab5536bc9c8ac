"""Settings from the environment; every wrong value is an error that names its variable."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from recorder.errors import InvalidSetting

_LONGEST_PREFIX = 20
_LONGEST_ROLE = 100  # what Discord allows
_LONGEST_CONTACT = 100
MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Settings:
    """How a recorder is set up.

    Parameters
    ----------
    data
        ``RECORDER_DATA``: the folder that holds all recordings.
    timezone
        ``RECORDER_TZ``: for times in files and for where a day ends.
    token
        ``DISCORD_TOKEN``: of the bot that runs alone.
    prefix
        ``RECORDER_PREFIX``: what the commands of the bot that runs alone begin with.
    role
        ``RECORDER_ROLE``: the name of a role that may start and stop recordings, as those
        may who manage messages.
    contact
        ``RECORDER_CONTACT``: whom to ask for an erasure, shown by ``record privacy``.
    erase_deleted
        ``RECORDER_ON_DELETE`` is ``erase``: a message deleted in Discord is erased here too.
        With ``keep`` it stays on record, hidden from all but those who manage messages.
    attachment_limit
        ``RECORDER_ATTACHMENTS``: up to which size, in bytes, attached files are kept;
        ``None``: not at all.
    """

    data: Path
    timezone: ZoneInfo
    token: str | None = field(default=None, repr=False)
    prefix: str = "!"
    role: str | None = None
    contact: str | None = None
    erase_deleted: bool = False
    attachment_limit: int | None = 25 * MEGABYTE

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings; a variable that is missing or blank has its default.

        Raises
        ------
        InvalidSetting
            A variable has a wrong value.
        """
        given = {name: value for name, value in environ.items() if value.strip()}
        return cls(
            data=_folder(given.get("RECORDER_DATA", "data")),
            timezone=_timezone(given.get("RECORDER_TZ", "UTC").strip()),
            token=_token(given["DISCORD_TOKEN"].strip()) if "DISCORD_TOKEN" in given else None,
            prefix=_prefix(given.get("RECORDER_PREFIX", "!")),
            role=_role(given["RECORDER_ROLE"].strip()) if "RECORDER_ROLE" in given else None,
            contact=_contact(given.get("RECORDER_CONTACT", "").strip()),
            attachment_limit=_attachments(given.get("RECORDER_ATTACHMENTS", "25MB").strip()),
            erase_deleted=_on_delete(given.get("RECORDER_ON_DELETE", "keep").strip()),
        )


def _folder(value: str) -> Path:
    try:
        return Path(value).expanduser()
    except RuntimeError:
        raise InvalidSetting(
            f"RECORDER_DATA is {value!r}, but there is no such home folder. "
            "Write the path of the data folder without ~."
        ) from None


def _timezone(value: str) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (KeyError, ValueError, OSError):  # not found, not a name, a folder of zones
        raise InvalidSetting(
            f"RECORDER_TZ is {value[:60]!r}, which is no time zone that this system knows. "
            "Write an IANA name such as UTC or Europe/Berlin; where names like these are not "
            "found, install the package tzdata."
        ) from None


def _token(value: str) -> str:
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise InvalidSetting(
            "DISCORD_TOKEN is not a token: it holds spaces or characters that no token has. "
            "Copy the bot's token from Discord's developer portal, and nothing else."
        )
    return value


def _prefix(value: str) -> str:
    # Discord cuts off the white space that a message begins with.
    if len(value) > _LONGEST_PREFIX or value[0].isspace() or len(value.splitlines()) > 1:
        raise InvalidSetting(
            f"RECORDER_PREFIX is {value[:60]!r}. Write up to {_LONGEST_PREFIX} characters on one "
            "line that do not begin with a space, such as ! or ?."
        )
    return value


def _role(value: str) -> str:
    if len(value) > _LONGEST_ROLE:
        raise InvalidSetting(
            f"RECORDER_ROLE has {len(value)} characters, but a role's name has no more than "
            f"{_LONGEST_ROLE}. Write the name of one role."
        )
    return value


def _contact(value: str) -> str | None:
    if len(value) > _LONGEST_CONTACT:
        raise InvalidSetting(
            f"RECORDER_CONTACT has {len(value)} characters. Write a name or an address of no "
            f"more than {_LONGEST_CONTACT}."
        )
    return value or None


def _on_delete(value: str) -> bool:
    if value.lower() not in ("keep", "erase"):
        raise InvalidSetting(
            f"RECORDER_ON_DELETE is {value[:60]!r}. Write keep or erase: what becomes of the "
            "record when a message is deleted in Discord."
        )
    return value.lower() == "erase"


def _attachments(value: str) -> int | None:
    if value.lower() == "off":
        return None
    size = re.fullmatch(r"([1-9]\d{0,4})\s*(KB|MB|GB)", value, re.IGNORECASE)
    if size is None:
        raise InvalidSetting(
            f"RECORDER_ATTACHMENTS is {value[:60]!r}. Write off, or up to which size attached "
            "files are kept, such as 25MB."
        )
    return int(size[1]) * {"kb": 1 << 10, "mb": MEGABYTE, "gb": 1 << 30}[size[2].lower()]
