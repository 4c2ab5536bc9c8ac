"""Seals: the signed root of the ledger at a time, one line of ``seals.jsonl`` each."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from recorder.errors import InvalidInput
from recorder.models import Json
from recorder.record import canonical_json

FORMAT = "recorder-seal-v1"

_NOTE = re.compile(f"{FORMAT} ([0-9]{{1,18}}):([0-9a-f]{{64}})")
_KEYS = frozenset("format key previous root signature size time".split())
_LARGEST = 1 << 53  # an integer that every JSON parser reads exactly


@dataclass(frozen=True, slots=True)
class LedgerRoot:
    """The root of the ledger over its first `size` entries."""

    size: int
    root: bytes

    def __str__(self) -> str:
        return f"{FORMAT} {self.size}:{self.root.hex()}"


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal.

    Parameters
    ----------
    time
        According to the clock of the signer: ISO 8601 in UTC.
    key
        The public key of the signer (Ed25519).
    previous
        The SHA-256 of the line before in ``seals.jsonl``; ``None`` for the first.
    signature
        Of :attr:`statement`; empty before it is signed.
    timestamp
        The response of a time-stamp authority (RFC 3161) to :attr:`signed`.
    """

    time: str
    size: int
    root: bytes
    key: bytes
    previous: bytes | None
    signature: bytes = b""
    timestamp: bytes | None = None

    @property
    def ledger_root(self) -> LedgerRoot:
        """The root that is sealed."""
        return LedgerRoot(self.size, self.root)

    @property
    def statement(self) -> bytes:
        """The bytes that are signed."""
        return canonical_json.encode(self._statement()).encode()

    @property
    def signed(self) -> bytes:
        """The bytes that a time-stamp authority confirms: the line without its response."""
        return str(replace(self, timestamp=None)).encode()

    @property
    def hash(self) -> bytes:
        """The SHA-256 of the line, which the next seal contains."""
        return hashlib.sha256(str(self).encode()).digest()

    def __str__(self) -> str:
        data = {**self._statement(), "signature": self.signature.hex()}
        if self.timestamp is not None:
            data["timestamp"] = base64.b64encode(self.timestamp).decode()
        return canonical_json.encode(data)

    def _statement(self) -> dict[str, Json]:
        return {
            "format": FORMAT,
            "key": self.key.hex(),
            "previous": None if self.previous is None else self.previous.hex(),
            "root": self.root.hex(),
            "size": self.size,
            "time": self.time,
        }

    @classmethod
    def parse(cls, line: str) -> Self:
        """Parse a line of ``seals.jsonl``.

        Raises
        ------
        InvalidInput
            It is not a seal, or not spelled as a seal is.
        """
        try:
            data = canonical_json.decode(line.strip())
            if data["format"] != FORMAT or data.keys() - {"timestamp"} != _KEYS:
                raise ValueError("it has other keys")
            size, time, previous = data["size"], str(data["time"]), data["previous"]
            if type(size) is not int or not 0 <= size < _LARGEST:
                raise ValueError("its size is not a number")
            if datetime.fromisoformat(time).tzinfo is None:
                raise ValueError("its time has no offset")
            stamp = data.get("timestamp")
            return cls(
                time=time,
                size=size,
                root=_bytes(data["root"], 32),
                key=_bytes(data["key"], 32),
                previous=None if previous is None else _bytes(previous, 32),
                signature=_bytes(data["signature"], 64),
                timestamp=None if stamp is None else _base64(stamp),
            )
        except (KeyError, ValueError) as error:
            raise InvalidInput(f"{line!r:.100} is not a seal ({error}).") from None


def parse_seal(text: str) -> Seal | LedgerRoot:
    """Parse a seal, or the short line of one that can stand in the message of a git tag.

    Raises
    ------
    InvalidInput
        The text is neither.
    """
    if match := _NOTE.fullmatch(text.strip()):
        return LedgerRoot(int(match[1]), bytes.fromhex(match[2]))
    return Seal.parse(text)


def _bytes(value: Json, length: int) -> bytes:
    if not isinstance(value, str) or not re.fullmatch(f"[0-9a-f]{{{2 * length}}}", value):
        raise ValueError(f"{value!r:.40} is not {length} bytes in hexadecimal")
    return bytes.fromhex(value)


def _base64(value: Json) -> bytes:
    if not isinstance(value, str):
        raise ValueError("its time stamp is not a text")
    try:
        data = base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    if base64.b64encode(data).decode() != value:
        raise ValueError("its time stamp is not in the usual spelling of Base64")
    return data
