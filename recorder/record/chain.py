"""The hash chain over a session's lines: what makes the record provable.

Each line has a random key; its digest is BLAKE2b under that key (RFC 7693), and its hash is
BLAKE2b over the hash before and the digest. Once content and key are destroyed, the digest
tells nothing of the content, and the chain can still be verified.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Self

from recorder.errors import InvalidInput

KEY_BYTES = 16
HASH_BYTES = 32

_HEAD = re.compile("([0-9]{1,18}):([0-9a-fA-F]{64})")


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a chain: how many lines it has, and the hash of the last one.

    Who has noted it can prove later that none of these lines was touched.
    """

    lines: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.lines}:{self.hash.hex()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a head as it was printed.

        Raises
        ------
        InvalidInput
            It is none.
        """
        found = _HEAD.fullmatch(text.strip())
        if found is None:
            raise InvalidInput(
                f"{text!r:.100} is not the head of a record. One looks like 1234:9f… with 64 "
                "digits and letters behind the colon; `recorder head NAME` prints it."
            )
        return cls(int(found[1]), bytes.fromhex(found[2]))


def genesis(session_id: str) -> bytes:
    """The hash before a session's first line."""
    return hashlib.blake2b(session_id.encode(), digest_size=HASH_BYTES).digest()


def digest(key: bytes, line: bytes) -> bytes:
    """The keyed digest of a line, given without its newline."""
    return hashlib.blake2b(line, key=key, digest_size=HASH_BYTES).digest()


def link(previous: bytes, line_digest: bytes) -> bytes:
    """The hash of the line with `line_digest` that follows the line with hash `previous`."""
    return hashlib.blake2b(previous + line_digest, digest_size=HASH_BYTES).digest()
