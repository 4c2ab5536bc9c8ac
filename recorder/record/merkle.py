"""Merkle trees with the hashes and proofs of RFC 6962 and RFC 9162, by SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence

EMPTY_ROOT = hashlib.sha256().digest()


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node from those of its children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """Return the root of the tree over all leaf hashes."""
    subtrees: list[bytes] = []
    for size, leaf in enumerate(leaves, 1):
        _push(subtrees, leaf, size)
    return _fold(subtrees)


def roots(leaves: Iterable[bytes], sizes: Collection[int]) -> dict[int, bytes]:
    """Return the roots over the first leaf hashes, by the number of leaves.

    A size that is larger than the number of leaves is not in the result.
    """
    found = {0: EMPTY_ROOT} if 0 in sizes else {}
    subtrees: list[bytes] = []
    for size, leaf in enumerate(leaves, 1):
        _push(subtrees, leaf, size)
        if size in sizes:
            found[size] = _fold(subtrees)
    return found


def _push(subtrees: list[bytes], leaf: bytes, size: int) -> None:
    """Add a leaf to the complete subtrees, the largest first; `size` includes the leaf."""
    subtrees.append(leaf)
    while size % 2 == 0:
        right = subtrees.pop()
        subtrees[-1] = node_hash(subtrees[-1], right)
        size //= 2


def _fold(subtrees: Sequence[bytes]) -> bytes:
    if not subtrees:
        return EMPTY_ROOT
    *rest, hash_ = subtrees
    for subtree in reversed(rest):
        hash_ = node_hash(subtree, hash_)
    return hash_


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the proof that a leaf hash is at `index`, from 0, in the tree over `leaves`."""
    if len(leaves) == 1:
        return []
    split = _split(len(leaves))
    left, right = leaves[:split], leaves[split:]
    if index < split:
        return [*inclusion_proof(left, index), root(right)]
    return [*inclusion_proof(right, index - split), root(left)]


def consistency_proof(leaves: Sequence[bytes], size: int) -> list[bytes]:
    """Return the proof that the tree over `leaves` continues that over the first `size`."""
    return [] if size in (0, len(leaves)) else _consistency(leaves, size, complete=True)


def _consistency(leaves: Sequence[bytes], size: int, *, complete: bool) -> list[bytes]:
    """Return the proof for a subtree; `complete` if the verifier knows its old root."""
    if size == len(leaves):
        return [] if complete else [root(leaves)]
    split = _split(len(leaves))
    left, right = leaves[:split], leaves[split:]
    if size <= split:
        return [*_consistency(left, size, complete=complete), root(right)]
    return [*_consistency(right, size - split, complete=False), root(left)]


def _split(size: int) -> int:
    """Return the largest power of two below `size`."""
    return int(1 << (size - 1).bit_length() - 1)


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes
) -> bool:
    """Return whether a proof shows a leaf hash at `index` in the tree with the root `expected`."""
    roots = _climb(index, size - 1, proof, leaf) if 0 <= index < size else None
    return roots is not None and roots[1] == expected


def verify_consistency(
    old_size: int, size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Return whether a proof shows that a tree continues a smaller or equal one."""
    if old_size in (0, size):
        return not proof and old_root == (new_root if old_size else EMPTY_ROOT)
    if old_size & (old_size - 1) == 0:
        proof = [old_root, *proof]
    if not 0 < old_size < size or not proof:
        return False
    index, last = old_size - 1, size - 1
    while index % 2:
        index, last = index >> 1, last >> 1
    return _climb(index, last, proof[1:], proof[0]) == (old_root, new_root)


def _climb(
    index: int, last: int, proof: Sequence[bytes], hash_: bytes
) -> tuple[bytes, bytes] | None:
    """Follow a proof up from a node; return the roots up to it and of the whole tree."""
    old = new = hash_
    for step in proof:
        if last == 0:
            return None
        if index % 2 or index == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while index % 2 == 0 and index:
                index, last = index >> 1, last >> 1
        else:
            new = node_hash(new, step)
        index, last = index >> 1, last >> 1
    return (old, new) if last == 0 else None
