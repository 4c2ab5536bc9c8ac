"""Merkle trees are those of RFC 6962, and no proof holds for another tree or leaf."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.record import merkle

# The leaves and hashes that implementations of Certificate Transparency test themselves with.
LEAVES = [
    merkle.leaf_hash(bytes.fromhex(data))
    for data in (
        *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

trees = st.lists(st.binary(max_size=3), min_size=1, max_size=70).map(
    lambda data: [merkle.leaf_hash(item) for item in data]
)


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_those_of_certificate_transparency(size: int) -> None:
    assert merkle.root(LEAVES[:size]).hex() == ROOTS[size]


def test_roots_of_several_sizes_are_found_in_one_pass() -> None:
    found = merkle.roots(LEAVES, range(20))
    assert [found[size].hex() for size in sorted(found)] == ROOTS


def test_proofs_are_those_of_certificate_transparency() -> None:
    inclusion = [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
    assert [step.hex() for step in merkle.inclusion_proof(LEAVES, 0)] == inclusion
    consistency = [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    assert [step.hex() for step in merkle.consistency_proof(LEAVES, 6)] == consistency


@given(trees, st.data())
def test_an_inclusion_proof_holds_for_its_leaf_and_place_alone(
    leaves: list[bytes], data: st.DataObject
) -> None:
    size, root = len(leaves), merkle.root(leaves)
    index = data.draw(st.integers(0, size - 1))
    proof = merkle.inclusion_proof(leaves, index)
    assert merkle.verify_inclusion(leaves[index], index, size, proof, root)
    other = hashlib.sha256(b"other").digest()
    assert not merkle.verify_inclusion(other, index, size, proof, root)
    assert not merkle.verify_inclusion(leaves[index], index, size, proof, other)
    assert not merkle.verify_inclusion(leaves[index], index, size, [*proof, other], root)
    assert not merkle.verify_inclusion(leaves[index], size, size, proof, root)
    for number in range(len(proof)):
        forged = [*proof[:number], other, *proof[number + 1 :]]
        assert not merkle.verify_inclusion(leaves[index], index, size, forged, root)
        assert not merkle.verify_inclusion(leaves[index], index, size, proof[:number], root)
    for elsewhere in range(size):
        if leaves[elsewhere] != leaves[index]:
            assert not merkle.verify_inclusion(leaves[index], elsewhere, size, proof, root)


@given(trees, st.data())
def test_a_consistency_proof_holds_for_a_continued_tree_alone(
    leaves: list[bytes], data: st.DataObject
) -> None:
    size, root = len(leaves), merkle.root(leaves)
    old_size = data.draw(st.integers(0, size))
    old_root = merkle.root(leaves[:old_size])
    proof = merkle.consistency_proof(leaves, old_size)
    assert merkle.verify_consistency(old_size, size, old_root, root, proof)
    other = hashlib.sha256(b"other").digest()
    assert not merkle.verify_consistency(old_size, size, other, root, proof)
    if old_size:
        assert not merkle.verify_consistency(old_size, size, old_root, other, proof)
    assert not merkle.verify_consistency(old_size, size, old_root, root, [*proof, other])
    assert not merkle.verify_consistency(size + 1, size, old_root, root, proof)
    for number in range(len(proof)):
        forged = [*proof[:number], other, *proof[number + 1 :]]
        assert not merkle.verify_consistency(old_size, size, old_root, root, forged)
        assert not merkle.verify_consistency(old_size, size, old_root, root, proof[:number])
