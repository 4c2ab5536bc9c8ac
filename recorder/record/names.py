"""Validation of the names that users choose for sessions and files.

A valid name fits on one line of a message, and into a file name on every system.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date

from recorder.errors import InvalidName

LONGEST_NAME = 100
# File systems allow 255 bytes; the rest is for suffixes of the stem, such as "-12.jsonl".
_LONGEST_STEM_BYTES = 231

_FORBIDDEN = frozenset('/\\:*?"<>|`')
_DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com\d|lpt\d)(\..*)?")

# Invisible characters besides those of the categories Cc, Cf, Cs, Zl and Zp.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\ufdd0-\ufdef\U000e0000-\U000e0fff]"
)
_JOINERS = "\u200c\u200d"
_VARIATIONS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
# Allowed uses of them: joined emoji and letters, presentation selectors, flags of regions.
_SEEN = re.compile(
    f"(?<=[^\0-\x7f{_JOINERS}])[{_JOINERS}](?=[^\0-\x7f{_JOINERS}])"
    f"|(?<=[^\\s{_JOINERS}{_VARIATIONS}])[{_VARIATIONS}]"
    "|(?<=\U0001f3f4)[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,6}\U000e007f"
)
_NOT_COMPARED = re.compile(f"[{_JOINERS}{_VARIATIONS}]")


def check_name(name: str, kind: str = "session name") -> str:
    """Return a name in Unicode's form NFC, without white space around it.

    Parameters
    ----------
    kind
        What the error text calls it.

    Raises
    ------
    InvalidName
        The name is empty or too long, or contains something that breaks lines, file names or
        the writing direction; the text says what.
    """
    name = unicodedata.normalize("NFC", name).strip()
    if all(unicodedata.category(character)[0] in "MZ" for character in _SEEN.sub("", name)):
        raise InvalidName(f"The {kind} is empty. Give it at least one letter, digit or symbol.")
    if len(name) > LONGEST_NAME:
        raise InvalidName(
            f"The {kind} has {len(name)} characters. Choose one of at most {LONGEST_NAME}."
        )
    for character in _SEEN.sub("", name):
        if character in _FORBIDDEN:
            raise InvalidName(
                f"The {kind} contains a character that would break file names or "
                f"Discord's formatting. Leave out {' '.join(sorted(_FORBIDDEN))}"
            )
        if _is_invisible(character):
            raise InvalidName(
                f"The {kind} contains a line break or an invisible character "
                f"(U+{ord(character):04X}). Type the name again without it."
            )
    if name.startswith(".") or name.endswith("."):
        raise InvalidName(f"The {kind} begins or ends with a dot. Leave out that dot.")
    if _DEVICES.fullmatch(re.sub(r"\s+(?=\.|$)", "", name_key(name))):
        raise InvalidName(
            f"The {kind} is a device name on Windows (CON, NUL, COM1…). Choose another one."
        )
    return name


def check_file_name(filename: str, formats: Mapping[str, str]) -> tuple[str, str]:
    """Return the stem and the format of a file name.

    Parameters
    ----------
    formats
        The format for each suffix, without its first dot; the longest matching suffix counts.
        Any other suffix belongs to the stem, and the format is then ``jsonl``.

    Raises
    ------
    InvalidName
        The name includes a folder, or breaks a rule for session names.
    """
    checked = check_name(filename, "file name")
    stem, format = checked, "jsonl"
    for suffix in sorted(formats, key=len, reverse=True):
        if checked.lower().endswith(f".{suffix}"):
            stem, format = check_name(checked[: -len(suffix) - 1], "file name"), formats[suffix]
            break
    if len(stem.encode()) > _LONGEST_STEM_BYTES:
        raise InvalidName(
            f"The file name is longer than file systems allow ({len(stem.encode())} bytes of "
            f"{_LONGEST_STEM_BYTES}). Choose a shorter one."
        )
    return stem, format


def name_key(name: str) -> str:
    """Return the key for comparing names, without case, width, joiners and doubled spaces."""
    encodable = name.encode(errors="replace").decode()  # a lone surrogate becomes "?"
    text = unicodedata.normalize("NFKC", _NOT_COMPARED.sub("", encodable)).casefold()
    return " ".join(unicodedata.normalize("NFKC", text).split())


def nearest_name(text: str) -> str | None:
    """Return `text` without what session names cannot have; ``None`` if nothing is left."""
    kept = "".join("-" if c in _FORBIDDEN else c for c in text if not _is_invisible(c))
    try:
        return check_name(kept[: LONGEST_NAME // 2].strip(" ."))
    except InvalidName:
        return None


def file_stem(name: str, day: date) -> str:
    """Return ``<name>_<YYYY-MM-DD>``, cut to leave room for a suffix such as ``-12.jsonl``."""
    return _with_ending(name, f"_{day.isoformat()}")


def export_name(name: str, suffix: str, number: int = 1) -> str:
    """Return ``<name>.<suffix>``, with ``-2``, ``-3``… before the dot, cut to the allowed size."""
    return _with_ending(name, f"-{number}" if number > 1 else "") + f".{suffix}"


def _with_ending(name: str, ending: str) -> str:
    room = _LONGEST_STEM_BYTES - len(ending)
    cut = name.encode()[:room].decode(errors="ignore")
    return (cut if cut == name else cut.rstrip(f" .{_JOINERS}")) + ending


def _is_invisible(character: str) -> bool:
    return (
        unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        or _INVISIBLE.match(character) is not None
        or ord(character) & 0xFFFE == 0xFFFE  # a noncharacter
    )
