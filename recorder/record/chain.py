"""The hash chain over the lines of a session, which makes the record verifiable.

Each line has a random key; its digest is BLAKE2b under that key (RFC 7693), and its hash is
BLAKE2b over the previous hash and the digest. Once content and key are destroyed, the digest
reveals nothing about the content, and the chain can still be verified.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from recorder.errors import InvalidInput

KEY_BYTES = 16
HASH_BYTES = 32

_HEAD = re.compile("([0-9]{1,18}):([0-9a-fA-F]{64})")


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a chain: the number of its lines and the hash of the last one.

    A copy of the head proves later that none of these lines was changed.
    """

    lines: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.lines}:{self.hash.hex()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a head in its printed form.

        Raises
        ------
        InvalidInput
            The text is not a head.
        """
        match = _HEAD.fullmatch(text.strip())
        if match is None:
            raise InvalidInput(
                f"{text!r:.100} is not the head of a record. One looks like 1234:9f… with 64 "
                "digits and letters after the colon; `recorder head NAME` prints it."
            )
        return cls(int(match[1]), bytes.fromhex(match[2]))


def genesis(session_id: str) -> bytes:
    """Return the hash that precedes the first line of a session."""
    return hashlib.blake2b(session_id.encode(), digest_size=HASH_BYTES).digest()


def digest(key: bytes, line: bytes) -> bytes:
    """Return the keyed digest of a line without its newline."""
    return hashlib.blake2b(line, key=key, digest_size=HASH_BYTES).digest()


def commitment(digests: Iterable[bytes]) -> str:
    """Return a commitment to the remains of erased lines, in hexadecimal.

    Parameters
    ----------
    digests
        Of each line, as :func:`digest` returns them with an empty key.
    """
    return hashlib.blake2b(b"".join(digests), digest_size=HASH_BYTES).hexdigest()


def link(previous: bytes, line_digest: bytes) -> bytes:
    """Return the hash of a line from the hash of the previous line and its own digest."""
    return hashlib.blake2b(previous + line_digest, digest_size=HASH_BYTES).digest()
