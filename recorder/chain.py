"""The hash chain over a session's lines: what makes the record provable.

Each line has a random key; its digest is BLAKE2b under that key (RFC 7693), and its hash is
BLAKE2b over the hash before and the digest. Once content and key are destroyed, the digest
tells nothing of the content, and the chain can still be verified.
"""

from __future__ import annotations

import hashlib

KEY_BYTES = 16
HASH_BYTES = 32


def genesis(session_id: str) -> bytes:
    """The hash before a session's first line."""
    return hashlib.blake2b(session_id.encode(), digest_size=HASH_BYTES).digest()


def digest(key: bytes, line: bytes) -> bytes:
    """The keyed digest of a line, given without its newline."""
    return hashlib.blake2b(line, key=key, digest_size=HASH_BYTES).digest()


def link(previous: bytes, line_digest: bytes) -> bytes:
    """The hash of the line with `line_digest` that follows the line with hash `previous`."""
    return hashlib.blake2b(previous + line_digest, digest_size=HASH_BYTES).digest()
