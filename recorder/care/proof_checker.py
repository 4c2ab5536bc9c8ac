"""Check a proof of the Discord session recorder: ``python check.py proof.zip [--key HEX]``.

This file stands alone: it needs Python 3.10 or newer and, for the signature, the package
cryptography. The format is specified in docs/proof.md of the recorder.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import sys
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any

REQUIRED = {"session.jsonl", "chain.jsonl", "entry.json", "proof.json", "seal.json"}
OPTIONAL = {"README.txt", "check.py", "older_seal.json", "seal.tsr"}
PROOF_KEYS = {"format", "position", "inclusion", "consistency"}
ENTRY_KEYS = {"entry", "session", "lines", "head"}
SEAL_KEYS = {"format", "key", "previous", "root", "signature", "size", "time"}
LARGEST = 1 << 32  # bytes of all files


class Refused(Exception):
    """The proof does not hold; the text says why."""


def check(path: str, keys: Sequence[str] = (), published: Sequence[str] = ()) -> list[str]:
    """Check a proof, and return what it proves, one sentence each.

    `keys` are public keys in hexadecimal, of which one must have signed the seal; `published` are
    short lines of seals, "recorder-seal-v1 SIZE:ROOT", of which each must be of a seal in the
    proof. What does not hold raises Refused.
    """
    files = read(path)
    seal = check_seal(files, "seal.json")
    proof, entry = (canonical(files[name], name) for name in ("proof.json", "entry.json"))
    if proof.get("format") != "recorder-proof-v1" or set(proof) != PROOF_KEYS:
        raise Refused("proof.json is not a proof in the format recorder-proof-v1.")
    if set(entry) != ENTRY_KEYS or entry["entry"] != "session":
        raise Refused("entry.json is not the entry of a session.")
    lines, erased = number(entry, "lines"), check_chain(files, entry)
    position, size, root = number(proof, "position"), seal["size"], bytes.fromhex(seal["root"])
    leaf = hashlib.sha256(b"\x00" + files["entry.json"]).digest()
    if not included(leaf, position, size, hashes(proof, "inclusion"), root):
        raise Refused("The entry of the session is not in the ledger that was sealed.")
    told = [
        f"Proved: session.jsonl is the session {entry['session']} with lines 1 to {lines} as they "
        f"were sealed, in entry {position} of a ledger of {size}; root {root.hex()}."
    ]
    if erased:
        told.append(
            f"Erased: line {ranges(erased)}. It is proved that a line was there, and not the text "
            "that stands there now."
        )
    told.append(f"Sealed at {seal['time']}, by the clock of the signer.")
    if keys and seal["key"] not in keys:
        raise Refused(f"The seal is signed with another key than the given one: {seal['key']}.")
    known = "as given" if keys else "from the proof itself; compare it with one that you know"
    told.append(f"Signed with the key {seal['key']} ({known}).")
    seals = [seal, *check_older(files, proof, seal, told)]
    short = [f"{each['format']} {each['size']}:{each['root']}" for each in seals]
    for line in published:
        if line.strip() not in short:
            raise Refused(f"The proof has no seal {line.strip()}.")
        told.append(f"It has the published seal {line.strip()}.")
    check_timestamp(files, seal, told)
    return told


def read(path: str) -> dict[str, bytes]:
    """Return the files of a proof by name."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            names = [info.filename for info in infos]
            if sum(info.file_size for info in infos) > LARGEST:
                raise Refused("The proof is too large.")
            if len(set(names)) < len(names):
                raise Refused("The proof has two files of the same name.")
            if missing := REQUIRED - set(names):
                raise Refused(f"The proof has no {', '.join(sorted(missing))}.")
            if unknown := set(names) - REQUIRED - OPTIONAL:
                raise Refused(f"The proof has unknown files: {sorted(unknown)!a}.")
            return {info.filename: archive.read(info) for info in infos}
    except OSError as error:
        raise Refused(f"{path} cannot be read ({error}).") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise Refused(f"{path} is not a zip file, or is damaged ({error}).") from None


def canonical(text: bytes, name: str) -> dict[str, Any]:
    """Parse a JSON object in its canonical spelling."""
    try:
        data = json.loads(text)
        if isinstance(data, dict) and spell(data) == text:
            return data
    except (ValueError, RecursionError):
        pass
    raise Refused(f"{name} is not a JSON object in canonical spelling.")


def octets(value: object, length: int, what: str) -> bytes:
    """Return the bytes that are written in hexadecimal."""
    if not isinstance(value, str) or not re.fullmatch(f"[0-9a-f]{{{2 * length}}}", value):
        raise Refused(f"{what} is not {length} bytes in hexadecimal.")
    return bytes.fromhex(value)


def number(data: dict[str, Any], name: str) -> int:
    """Return a number that is not negative."""
    value = data[name]
    if type(value) is not int or not 0 <= value < 1 << 53:
        raise Refused(f'"{name}" is not a number.')
    return value


def hashes(proof: dict[str, Any], name: str) -> list[bytes]:
    """Return the steps of a proof."""
    if not isinstance(proof[name], list):
        raise Refused(f'"{name}" in proof.json is not a list.')
    return [octets(step, 32, f'A step of "{name}"') for step in proof[name]]


def check_seal(files: dict[str, bytes], name: str) -> dict[str, Any]:
    """Return a seal whose signature fits."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        raise Refused("The signature cannot be checked: pip install cryptography.") from None
    seal = canonical(files[name], name)
    if seal.get("format") != "recorder-seal-v1" or set(seal) - {"timestamp"} != SEAL_KEYS:
        raise Refused(f"{name} is not a seal in the format recorder-seal-v1.")
    key, signature = octets(seal["key"], 32, "The key"), octets(seal["signature"], 64, "Signature")
    octets(seal["root"], 32, "The root")
    number(seal, "size")
    if not re.fullmatch("[0-9T:.+-]{1,40}", str(seal["time"])):
        raise Refused(f"{name} has no time.")
    signed = spell({key: seal[key] for key in SEAL_KEYS - {"signature"}})
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    except (InvalidSignature, ValueError):
        raise Refused(f"The signature of {name} does not fit: it was changed.") from None
    return seal


def spell(data: dict[str, Any]) -> bytes:
    """Return an object in canonical JSON."""
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def check_chain(files: dict[str, bytes], entry: dict[str, Any]) -> list[int]:
    """Check the lines of the session against its head, and return the numbers of erased ones."""
    *lines, rest = files["session.jsonl"].split(b"\n")
    *links, end = files["chain.jsonl"].split(b"\n")
    if rest or end:
        raise Refused("The last line of session.jsonl or chain.jsonl is cut off.")
    if not len(lines) == len(links) == entry["lines"]:
        raise Refused(
            f"session.jsonl has {len(lines)} lines, chain.jsonl {len(links)}, and the sealed "
            f"session {entry['lines']}."
        )
    session, erased = str(entry["session"]), []
    if not re.fullmatch("[0-9A-Za-z_-]{1,100}", session):
        raise Refused("entry.json has no session.")
    head = hashlib.blake2b(session.encode(), digest_size=32).digest()
    for count, (line, text) in enumerate(zip(lines, links, strict=True), 1):
        link = canonical(text, f"chain.jsonl, line {count},")
        if set(link) == {"key"}:
            key = octets(link["key"], 16, f"The key of line {count}")
            digest = hashlib.blake2b(line, key=key, digest_size=32).digest()
        elif set(link) == {"digest"}:
            digest = octets(link["digest"], 32, f"The digest of line {count}")
            erased.append(count)
        else:
            raise Refused(f"chain.jsonl, line {count}, is neither a key nor a digest.")
        head = hashlib.blake2b(head + digest, digest_size=32).digest()
    if head != octets(entry["head"], 32, "The head"):
        raise Refused(
            "The lines do not lead to the head of the session: one was changed, moved, added or "
            "removed, or they are of another session."
        )
    return erased


def check_older(
    files: dict[str, bytes], proof: dict[str, Any], seal: dict[str, Any], told: list[str]
) -> list[dict[str, Any]]:
    """Check that the ledger continues that of the older seal, if there is one; return it."""
    if ("older_seal.json" in files) is not (proof["consistency"] is not None):
        raise Refused("An older seal needs a consistency proof, and the other way round.")
    if "older_seal.json" not in files:
        return []
    older = check_seal(files, "older_seal.json")
    roots = bytes.fromhex(older["root"]), bytes.fromhex(seal["root"])
    if not consistent(older["size"], seal["size"], *roots, hashes(proof, "consistency")):
        raise Refused("The ledger does not continue that of the older seal.")
    told.append(
        f"The ledger continues that of the older seal of {older['size']} entries, sealed at "
        f"{older['time']}, signed with the key {older['key']}."
    )
    return [older]


def node(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node of the Merkle tree."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def climb(
    index: int, last: int, steps: Sequence[bytes], old: bytes, new: bytes
) -> tuple[bytes, bytes] | None:
    """Follow a proof up from a node; return the roots of the older and of the whole tree."""
    for step in steps:
        if last == 0:
            return None
        if index % 2 or index == last:
            old, new = node(step, old), node(step, new)
            while index % 2 == 0 and index:
                index, last = index >> 1, last >> 1
        else:
            new = node(new, step)
        index, last = index >> 1, last >> 1
    return (old, new) if last == 0 else None


def included(leaf: bytes, index: int, size: int, steps: Sequence[bytes], root: bytes) -> bool:
    """Check an inclusion proof (RFC 9162, section 2.1.3.2)."""
    roots = climb(index, size - 1, steps, leaf, leaf) if index < size else None
    return roots is not None and roots[1] == root


def consistent(
    size: int, new_size: int, root: bytes, new_root: bytes, steps: Sequence[bytes]
) -> bool:
    """Check a consistency proof (RFC 9162, section 2.1.4.2)."""
    if size in (0, new_size):
        return not steps and root == (new_root if size else hashlib.sha256().digest())
    if size & (size - 1) == 0:
        steps = [root, *steps]
    if size > new_size or not steps:
        return False
    index, last = size - 1, new_size - 1
    while index % 2:
        index, last = index >> 1, last >> 1
    return climb(index, last, steps[1:], steps[0], steps[0]) == (root, new_root)


def check_timestamp(files: dict[str, bytes], seal: dict[str, Any], told: list[str]) -> None:
    """Check that the time stamp is that of the seal; its authority is left to openssl."""
    response = files.get("seal.tsr")
    text = None if response is None else base64.b64encode(response).decode()
    if seal.get("timestamp") != text:
        raise Refused("seal.tsr is not the time stamp in seal.json.")
    if response is None:
        return
    stamped = {name: value for name, value in seal.items() if name != "timestamp"}
    digest = hashlib.sha256(spell(stamped))
    if digest.digest() not in response:
        raise Refused("seal.tsr is the time stamp of something else.")
    told.append(
        "It has a time stamp, whose signature is not checked here: openssl ts -verify -in seal.tsr "
        f"-digest {digest.hexdigest()} -CAfile AUTHORITY.pem"
    )


def ranges(numbers: list[int]) -> str:
    """Return numbers as ranges: 1, 4-6."""
    pieces: list[list[int]] = []
    for each in numbers:
        if pieces and each == pieces[-1][-1] + 1:
            pieces[-1][1:] = [each]
        else:
            pieces.append([each])
    return ", ".join("-".join(map(str, piece)) for piece in pieces)


def main() -> int:
    """Check the proof that the command line names."""
    parser = argparse.ArgumentParser(description="Check a proof of a recorded session.")
    parser.add_argument("proof", help="the zip file")
    parser.add_argument("--key", action="append", default=[], help="the public key of the signer")
    parser.add_argument("--seal", action="append", default=[], help="a published seal, short form")
    options = parser.parse_args()
    try:
        print("\n".join(check(options.proof, [key.lower() for key in options.key], options.seal)))
    except Refused as error:
        print(f"REFUSED: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
