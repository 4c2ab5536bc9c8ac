"""Sealing: sign the root of the ledger, and have the time confirmed by an authority.

This module alone imports the libraries of the extra ``seal``.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from recorder.errors import InvalidInput, InvalidSetting, StorageError
from recorder.record import merkle
from recorder.record.seal import Seal
from recorder.recording.session_recorder import SessionRecorder
from recorder.store import ledger
from recorder.store.database import sync_folder
from recorder.store.reading import Reader
from recorder.store.seal_file import append_seal_line, read_seal_lines

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_TIMEOUT = 20.0  # seconds that an authority has to answer
_LARGEST_RESPONSE = 1 << 18
_GRANTED = (0, 1)  # without and with modifications
_SHA256 = "2.16.840.1.101.3.4.2.1"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A new seal; `problem` says why it has no time stamp although one was wanted."""

    seal: Seal
    problem: str | None


class _NoTimestamp(Exception):
    """No confirmation of the time; the text says why."""


def require_libraries() -> None:
    """Require the libraries of the extra.

    Raises
    ------
    InvalidInput
        One is not installed.
    """
    try:
        import cryptography  # noqa: F401
        import rfc3161_client  # noqa: F401
    except ImportError:
        raise InvalidInput(
            "Seals need the extra `seal`: pip install 'discord-session-recorder[seal]'"
        ) from None


async def seal(
    recorder: SessionRecorder, key_path: Path | None, now: datetime, authority: str | None = None
) -> Sealed:
    """Seal the ledger with the heads of all sessions, and append the seal to ``seals.jsonl``.

    Parameters
    ----------
    key_path
        The file of the private key, which is created if it is missing.
    authority
        The URL of a time-stamp authority (RFC 3161).

    Raises
    ------
    InvalidInput
        The extra ``seal`` is not installed, or the key cannot be used.
    StorageError
        Something cannot be read or written.
    """
    key = await asyncio.to_thread(load_key, key_path, recorder.folder)
    size = await recorder.call(ledger.append_heads)
    return await asyncio.to_thread(_seal, Reader(recorder.folder), key, size, now, authority)


def _seal(
    reader: Reader, key: Ed25519PrivateKey, size: int, now: datetime, authority: str | None
) -> Sealed:
    with reader.connect() as connection:
        root = merkle.roots(ledger.leaves(connection), {size})[size]
    earlier, _ = read_seal_lines(reader.folder)
    statement = Seal(
        time=now.isoformat(),
        size=size,
        root=root,
        key=key.public_key().public_bytes_raw(),
        previous=hashlib.sha256(earlier[-1].encode()).digest() if earlier else None,
    )
    signed = replace(statement, signature=key.sign(statement.statement))
    problem = None
    if authority is not None:
        try:
            signed = replace(signed, timestamp=_request_timestamp(authority, signed.signed))
        except _NoTimestamp as error:
            problem = f"The seal has no time stamp: {authority} {error}."
    append_seal_line(reader.folder, str(signed))
    return Sealed(signed, problem)


def is_signed(seal: Seal) -> bool:
    """Return whether the signature of a seal fits its statement and its key."""
    require_libraries()
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PublicKey,
    )

    try:
        Ed25519PublicKey.from_public_bytes(seal.key).verify(seal.signature, seal.statement)
    except (InvalidSignature, ValueError):
        return False
    return True


def parse_public_key(text: str) -> bytes:
    """Parse a public key: in hexadecimal, as in a seal, or in PEM.

    Raises
    ------
    InvalidInput
        The text is not an Ed25519 key, or the extra ``seal`` is not installed.
    """
    require_libraries()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if re.fullmatch("[0-9a-fA-F]{64}", text.strip()):
        return bytes.fromhex(text.strip())
    with suppress(ValueError, UnsupportedAlgorithm):
        key = load_pem_public_key(text.encode())
        if isinstance(key, Ed25519PublicKey):
            return key.public_bytes_raw()
    raise InvalidInput(
        f"{text!r:.100} is not a public key. One has 64 digits and letters, as in a seal, or is a "
        "file with it, or with an Ed25519 key in PEM."
    )


def load_key(path: Path | None, folder: Path) -> Ed25519PrivateKey:
    """Read the private key, or create it.

    Parameters
    ----------
    folder
        The data folder, which the key must not be in.

    Raises
    ------
    InvalidInput
        The key is in the data folder, others can read it, or it is not one of Ed25519.
    StorageError
        It cannot be read or created.
    """
    require_libraries()
    if path is None:
        raise InvalidSetting(
            "RECORDER_SEAL_KEY is not set, and this user has no home folder. Set it to the path of "
            "the file with the key that signs."
        )
    if path.resolve().is_relative_to(folder.resolve()):
        raise InvalidSetting(
            f"The key {path} would be in the data folder, where everyone who can change the record "
            "finds it. Set RECORDER_SEAL_KEY to a path elsewhere."
        )
    try:
        return _read_key(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise StorageError(f"The key {path} cannot be read ({error.strerror}).") from error
    try:
        return _create_key(path)
    except OSError as error:
        raise StorageError(
            f"The key {path} cannot be created ({error.strerror}). Create the folder, or set "
            "RECORDER_SEAL_KEY to a path that this user may write to."
        ) from error


def _read_key(path: Path) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
    )
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        text = file.read()
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise InvalidInput(
            f"The key {path} can be read by others (mode {stat.S_IMODE(mode):04o}). "
            "If nobody did, run `chmod 600` on it; otherwise use a new one."
        )
    with suppress(ValueError, TypeError, UnsupportedAlgorithm):  # not PEM, or with a password
        key = load_pem_private_key(text, None)
        if isinstance(key, Ed25519PrivateKey):
            return key
    raise InvalidInput(
        f"{path} is not an Ed25519 key in PEM without a password. Make one with "
        "`openssl genpkey -algorithm ed25519`, or have a new one created under another path."
    )


def _create_key(path: Path) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
    )

    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
    sync_folder(path.parent)
    return key


def _request_timestamp(url: str, data: bytes) -> bytes:
    """Return the response of a time-stamp authority that confirms `data`.

    Raises
    ------
    _NoTimestamp
        There is none.
    """
    from rfc3161_client import (
        HashAlgorithm,
        TimestampRequestBuilder,
        decode_timestamp_response,
    )

    builder = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256)
    request = builder.build()
    content = _post(url, request.as_bytes())
    try:
        response = decode_timestamp_response(content)
        if response.status not in _GRANTED:
            reason = ", ".join(response.status_string) or f"status {response.status}"
            raise _NoTimestamp(f"refused it ({reason})")
        fits = response.tst_info.nonce == request.nonce
    except ValueError:
        raise _NoTimestamp("did not answer with a time stamp") from None
    if not fits or timestamp_fault(content, data):
        raise _NoTimestamp("confirmed something else")
    return content


def _post(url: str, body: bytes) -> bytes:
    import urllib.error
    import urllib.request

    headers = {"Content-Type": "application/timestamp-query"}
    try:
        request = urllib.request.Request(url, body, headers, method="POST")
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
            content = response.read(_LARGEST_RESPONSE)
    except urllib.error.HTTPError as error:
        raise _NoTimestamp(f"answered {error.code} {error.reason}") from None
    except TimeoutError:
        raise _NoTimestamp(f"did not answer within {_TIMEOUT:.0f} seconds") from None
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise _NoTimestamp(f"cannot be reached ({reason})") from None
    assert isinstance(content, bytes)
    return content


def timestamp_fault(response: bytes, data: bytes, certificates: Path | None = None) -> str | None:
    """Return what is wrong with the response of a time-stamp authority to `data`.

    Parameters
    ----------
    certificates
        A PEM file with the authority's root certificates. Without it, the signature of the
        authority is not checked.
    """
    require_libraries()
    from cryptography.x509 import load_pem_x509_certificates
    from rfc3161_client import (
        VerificationError,
        VerifierBuilder,
        decode_timestamp_response,
    )

    digest = hashlib.sha256(data).digest()
    try:
        decoded = decode_timestamp_response(response)
        imprint = decoded.tst_info.message_imprint
        if imprint.hash_algorithm.dotted_string != _SHA256 or imprint.message != digest:
            return "is of something else"
        if certificates is None:
            return None
        roots = load_pem_x509_certificates(certificates.read_bytes())
        VerifierBuilder(roots=roots).build().verify(decoded, digest)
    except (ValueError, VerificationError) as error:
        return f"is not one of the authority ({str(error)[:200]})" if certificates else "is damaged"
    return None


def timestamp_time(response: bytes) -> datetime:
    """Return the time in the response of a time-stamp authority."""
    from rfc3161_client import decode_timestamp_response

    return decode_timestamp_response(response).tst_info.gen_time
