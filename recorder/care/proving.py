"""Proofs: a session with everything that shows that it is as it was sealed, in one zip file."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from recorder.care import proof_checker, sealing
from recorder.errors import Conflict, InvalidInput, StorageError
from recorder.models import Json, Session
from recorder.record import canonical_json, chain, merkle
from recorder.record.seal import Seal
from recorder.store import checks, ledger
from recorder.store.database import Connection
from recorder.store.lines import Line, lines_from
from recorder.store.reading import Reader
from recorder.store.seal_file import read_seal_lines

FORMAT = "recorder-proof-v1"

_README = """\
session.jsonl is a recorded conversation; the other files show that it is as it was sealed at
{time}.
Check that with `python check.py {name}`, with a check.py that you
trust (recorder/care/proof_checker.py of the recorder), and compare the key or the seal with what
the signer has published.
"""


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that was written; `sentences` say what it proves."""

    seal: Seal
    sentences: tuple[str, ...]


def prove(reader: Reader, session: Session, path: Path, older: Seal | None = None) -> Proof:
    """Write a proof of a session, and check it.

    Parameters
    ----------
    older
        An earlier seal, of which the proof shows that the ledger continues it.

    Raises
    ------
    Conflict
        The file exists, or the last seal does not cover all lines of the session.
    InvalidInput
        The older seal is not one of this ledger, or the extra ``seal`` is not installed.
    StorageError
        Something cannot be read or written, or the record does not lead to the seal.
    """
    sealing.require_libraries()
    lines, _ = read_seal_lines(reader.folder)
    seal = Seal.parse(lines[-1]) if lines else None
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Conflict(f"{path} already exists. Choose another file.") from None
    except OSError as error:
        raise StorageError(f"{path} cannot be written ({error.strerror}).") from error
    try:
        with checks.snapshot(reader) as connection, open(descriptor, "wb") as file:
            if seal is None:
                raise _not_sealed(session)
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, content in _files(connection, session, seal, older, path.name):
                    _write(archive, name, content, datetime.fromisoformat(seal.time))
        return Proof(seal, tuple(proof_checker.check(str(path))))
    except proof_checker.Refused as error:
        path.unlink(missing_ok=True)
        raise StorageError(
            f"No proof was written: {error} `recorder verify` says what was changed."
        ) from None
    except OSError as error:
        path.unlink(missing_ok=True)
        raise StorageError(f"{path} cannot be written ({error.strerror}).") from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _files(
    connection: Connection, session: Session, seal: Seal, older: Seal | None, name: str
) -> Iterator[tuple[str, bytes | Iterator[bytes]]]:
    """Yield the names and the contents of the files of a proof."""
    position, entry = _entry(connection, session, seal)
    leaves = list(ledger.leaves(connection))[: seal.size]
    if older is not None:
        if older.size > seal.size or merkle.root(leaves[: older.size]) != older.root:
            raise InvalidInput(
                f"The seal of {older.time} is not one of this ledger, or is newer than the last "
                "one. `recorder verify --against` compares it."
            )
        yield "older_seal.json", str(older).encode()
    steps = None if older is None else merkle.consistency_proof(leaves, older.size)
    proof: dict[str, Json] = {
        "format": FORMAT,
        "position": position,
        "inclusion": [step.hex() for step in merkle.inclusion_proof(leaves, position)],
        "consistency": None if steps is None else [step.hex() for step in steps],
    }
    yield "README.txt", _README.format(time=seal.time, name=name).encode()
    yield "check.py", Path(proof_checker.__file__).read_bytes()
    yield "seal.json", str(seal).encode()
    if seal.timestamp is not None:
        yield "seal.tsr", seal.timestamp
    yield "entry.json", entry.encode()
    yield "proof.json", canonical_json.encode(proof).encode()
    lines = lines_from(connection, session.id)
    yield "session.jsonl", (f"{line.line}\n".encode() for line in lines)
    yield "chain.jsonl", (_link(line) for line in lines_from(connection, session.id))


def _entry(connection: Connection, session: Session, seal: Seal) -> tuple[int, str]:
    """Return the position and the text of the entry with the present head of a session."""
    noted = ledger.last_head(connection, session.id)
    if noted is None or noted[0] >= seal.size:
        raise _not_sealed(session)
    entry = canonical_json.decode(noted[1])
    totals = checks.totals(connection, session.id)
    if str(chain.Head(totals.line_count, totals.head)) != f"{entry['lines']}:{entry['head']}":
        raise _not_sealed(session)
    return noted


def _not_sealed(session: Session) -> Conflict:
    return Conflict(
        f"The last seal does not cover all lines of {session.name}. Run `recorder seal` first, or "
        "use --seal."
    )


def _link(line: Line) -> bytes:
    if line.erased_digest is not None:
        return canonical_json.encode({"digest": line.erased_digest.hex()}).encode() + b"\n"
    return canonical_json.encode({"key": line.key.hex()}).encode() + b"\n"


def _write(
    archive: zipfile.ZipFile, name: str, content: bytes | Iterator[bytes], time: datetime
) -> None:
    info = zipfile.ZipInfo(name, time.timetuple()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    with archive.open(info, "w", force_zip64=True) as file:
        for piece in (content,) if isinstance(content, bytes) else content:
            file.write(piece)
