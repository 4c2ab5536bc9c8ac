"""Settings from environment variables; an error for a wrong value names the variable."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from recorder.errors import InvalidSetting

_LONGEST_PREFIX = 20
_LONGEST_ROLE = 100  # Discord's limit
_LONGEST_CONTACT = 100
MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a recorder.

    Parameters
    ----------
    data
        ``RECORDER_DATA``: the folder of all recordings.
    timezone
        ``RECORDER_TZ``: the time zone of times in files and of day boundaries.
    token
        ``DISCORD_TOKEN``: the token of the standalone bot.
    prefix
        ``RECORDER_PREFIX``: the command prefix of the standalone bot.
    role
        ``RECORDER_ROLE``: the name of a role that may start and stop recordings, in addition
        to members who may manage messages.
    contact
        ``RECORDER_CONTACT``: the contact for erasure requests, shown by ``record privacy``.
    erase_deleted
        ``RECORDER_ON_DELETE``: ``erase`` also erases messages that are deleted in Discord.
        ``keep`` keeps them, visible only to members who may manage messages.
    attachment_limit
        ``RECORDER_ATTACHMENTS``: the largest size, in bytes, of attached files that are kept;
        ``None`` keeps no files.
    seal_key
        ``RECORDER_SEAL_KEY``: the file of the private key that signs seals; ``None`` when there
        is no home folder for the default.
    timestamp_authority
        ``RECORDER_TIMESTAMP_AUTHORITY``: the URL of a time-stamp authority (RFC 3161) for seals.
    seal_every
        ``RECORDER_SEAL_EVERY``: how often the bot seals the ledger; ``None`` for never.
    export_days
        ``RECORDER_EXPORT_DAYS``: after how many days exports that were too large for Discord are
        removed from ``exports/``.
    """

    data: Path
    timezone: ZoneInfo
    token: str | None = field(default=None, repr=False)
    prefix: str = "!"
    role: str | None = None
    contact: str | None = None
    erase_deleted: bool = False
    attachment_limit: int | None = 25 * MEGABYTE
    seal_key: Path | None = None
    timestamp_authority: str | None = None
    seal_every: timedelta | None = None
    export_days: int = 7

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings; a missing or blank variable has its default value.

        Raises
        ------
        InvalidSetting
            A variable has a wrong value.
        """
        values = {name: value for name, value in environ.items() if value.strip()}
        return cls(
            data=_path("RECORDER_DATA", values.get("RECORDER_DATA", "data"), "data folder"),
            timezone=_timezone(values.get("RECORDER_TZ", "UTC").strip()),
            token=_token(values["DISCORD_TOKEN"].strip()) if "DISCORD_TOKEN" in values else None,
            prefix=_prefix(values.get("RECORDER_PREFIX", "!")),
            role=_role(values["RECORDER_ROLE"].strip()) if "RECORDER_ROLE" in values else None,
            contact=_contact(values.get("RECORDER_CONTACT", "").strip()),
            attachment_limit=_attachments(values.get("RECORDER_ATTACHMENTS", "25MB").strip()),
            export_days=_export_days(values.get("RECORDER_EXPORT_DAYS", "7").strip()),
            erase_deleted=_on_delete(values.get("RECORDER_ON_DELETE", "keep").strip()),
            seal_key=_seal_key(values),
            timestamp_authority=_authority(values.get("RECORDER_TIMESTAMP_AUTHORITY", "").strip()),
            seal_every=_interval(values.get("RECORDER_SEAL_EVERY", "off").strip()),
        )


def _path(variable: str, value: str, what: str) -> Path:
    try:
        return Path(value).expanduser()
    except RuntimeError:
        raise InvalidSetting(
            f"{variable} is {value!r}, but there is no such home folder. "
            f"Set it to the path of the {what} without ~."
        ) from None


def _seal_key(values: Mapping[str, str]) -> Path | None:
    """Return the path that is set, or a default in the user's configuration folder."""
    if "RECORDER_SEAL_KEY" in values:
        return _path("RECORDER_SEAL_KEY", values["RECORDER_SEAL_KEY"], "key")
    try:
        folder = Path(values.get("XDG_CONFIG_HOME", "~/.config")).expanduser()
    except RuntimeError:
        return None
    return folder / "recorder" / "seal.key"


def _timezone(value: str) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (KeyError, ValueError, OSError):  # not found, not a name, or a folder
        raise InvalidSetting(
            f"RECORDER_TZ is {value[:60]!r}, which is not a time zone known to this system. "
            "Set it to an IANA name such as UTC or Europe/Berlin. If such names are unknown too, "
            "install the package tzdata."
        ) from None


def _token(value: str) -> str:
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise InvalidSetting(
            "DISCORD_TOKEN is not a token: it contains spaces or characters that no token has. "
            "Copy only the bot's token from Discord's developer portal."
        )
    return value


def _prefix(value: str) -> str:
    # Discord strips leading white space from messages.
    if len(value) > _LONGEST_PREFIX or value[0].isspace() or len(value.splitlines()) > 1:
        raise InvalidSetting(
            f"RECORDER_PREFIX is {value[:60]!r}. Set it to at most {_LONGEST_PREFIX} characters on "
            "one line that do not begin with a space, such as ! or ?."
        )
    return value


def _role(value: str) -> str:
    if len(value) > _LONGEST_ROLE:
        raise InvalidSetting(
            f"RECORDER_ROLE has {len(value)} characters, but role names have no more than "
            f"{_LONGEST_ROLE}. Set it to the name of one role."
        )
    return value


def _contact(value: str) -> str | None:
    if len(value) > _LONGEST_CONTACT:
        raise InvalidSetting(
            f"RECORDER_CONTACT has {len(value)} characters. Set it to a name or an address of at "
            f"most {_LONGEST_CONTACT}."
        )
    return value or None


def _on_delete(value: str) -> bool:
    if value.lower() not in ("keep", "erase"):
        raise InvalidSetting(
            f"RECORDER_ON_DELETE is {value[:60]!r}. Set it to keep or erase: what to do with the "
            "record of a message that is deleted in Discord."
        )
    return value.lower() == "erase"


def _attachments(value: str) -> int | None:
    if value.lower() == "off":
        return None
    size = re.fullmatch(r"([1-9]\d{0,4})\s*(KB|MB|GB)", value, re.IGNORECASE)
    if size is None:
        raise InvalidSetting(
            f"RECORDER_ATTACHMENTS is {value[:60]!r}. Set it to off, or to the largest size of "
            "attached files to keep, such as 25MB."
        )
    return int(size[1]) * {"kb": 1 << 10, "mb": MEGABYTE, "gb": 1 << 30}[size[2].lower()]


def _authority(value: str) -> str | None:
    if value and not re.fullmatch(r"https?://[!-~]{1,500}", value):
        raise InvalidSetting(
            f"RECORDER_TIMESTAMP_AUTHORITY is {value[:60]!r}. Set it to the http or https address "
            "of a time-stamp authority."
        )
    return value or None


def _interval(value: str) -> timedelta | None:
    if value.lower() == "off":
        return None
    span = re.fullmatch(r"([1-9]\d{0,3})\s*([mhd])", value, re.IGNORECASE)
    if span is None:
        raise InvalidSetting(
            f"RECORDER_SEAL_EVERY is {value[:60]!r}. Set it to off, or to how often the bot seals "
            "the ledger, such as 30m, 12h or 1d."
        )
    unit = {"m": "minutes", "h": "hours", "d": "days"}[span[2].lower()]
    return timedelta(**{unit: int(span[1])})


def _export_days(value: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,3}", value):
        raise InvalidSetting(
            f"RECORDER_EXPORT_DAYS is {value[:60]!r}. Set it to the number of days after which "
            "exports that are too large for Discord are removed, such as 7."
        )
    return int(value)
