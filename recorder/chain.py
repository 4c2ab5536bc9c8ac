"""The hash chain over a session's lines: what makes the record provable.

Each line has a random key; its digest is HMAC-SHA-256 under that key, and its hash covers
the hash before and the digest. Once content and key are destroyed the digest tells nothing
of the content, and the chain can still be verified.
"""

from __future__ import annotations

import hashlib
import hmac

KEY_BYTES = 16


def genesis(session_id: str) -> bytes:
    """The hash before a session's first line."""
    return hashlib.sha256(session_id.encode()).digest()


def digest(key: bytes, line: bytes) -> bytes:
    """The keyed digest of a line, given without its newline."""
    return hmac.digest(key, line, "sha256")


def link(previous: bytes, line_digest: bytes) -> bytes:
    """The hash of the line with `line_digest` that follows the line with hash `previous`."""
    return hashlib.sha256(previous + line_digest).digest()
