"""Verification of seals against the ledger: those of the data folder, and those kept elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from recorder.care import sealing
from recorder.errors import InvalidInput
from recorder.record import merkle
from recorder.record.seal import LedgerRoot, Seal
from recorder.store import checks, ledger
from recorder.store.reading import Reader
from recorder.store.seal_file import SEALS_NAME, read_seal_lines


@dataclass(frozen=True, slots=True)
class SealReport:
    """The result of comparing seals with the ledger; without faults they match.

    Parameters
    ----------
    seals
        The seals of the data folder.
    entries
        The number of entries of the ledger.
    """

    seals: tuple[Seal, ...]
    entries: int
    faults: tuple[str, ...]


def verify_seals(
    reader: Reader,
    given: Sequence[Seal | LedgerRoot] = (),
    *,
    keys: Collection[bytes] = (),
    authority: Path | None = None,
) -> SealReport:
    """Compare the seals in ``seals.jsonl``, and those given, with the ledger.

    Parameters
    ----------
    given
        Seals that were kept elsewhere.
    keys
        The public keys that may have signed; any if there is none.
    authority
        A PEM file with the root certificates of the time-stamp authority.

    Raises
    ------
    InvalidInput
        There are seals, but the extra ``seal`` is not installed.
    StorageError
        Something cannot be read.
    """
    lines, rest = read_seal_lines(reader.folder)
    faults = [f"{SEALS_NAME}: the last line is cut off; the next seal replaces it"] if rest else []
    seals: list[Seal] = []
    previous: Seal | None = None
    for number, line in enumerate(lines, 1):
        try:
            seal = Seal.parse(line)
            if str(seal) != line:
                raise InvalidInput("It is not spelled as a seal is.")
        except InvalidInput:
            faults.append(f"{SEALS_NAME}, line {number}: is not a seal")
            previous = None
            continue
        problems = [*_order_faults(seal, previous, number), *_own_faults(seal, keys, authority)]
        faults += (f"{SEALS_NAME}, line {number}: {problem}" for problem in problems)
        seals.append(seal)
        previous = seal
    own_roots = {seal.ledger_root for seal in seals}
    for kept in given:
        if isinstance(kept, Seal):
            faults += (f"{_name(kept)}: {fault}" for fault in _own_faults(kept, keys, authority))
        if kept not in (own_roots if isinstance(kept, LedgerRoot) else seals):
            faults.append(f"{_name(kept)}: is not in {SEALS_NAME}")
    roots = list(dict.fromkeys(_root_of(each) for each in (*given, *seals)))
    entries, wrong = _root_faults(reader, roots)
    return SealReport(tuple(seals), entries, (*faults, *wrong))


def last_seal_time(folder: Path) -> datetime | None:
    """Return the time of the last seal of a data folder; ``None`` if there is no readable one."""
    lines, _ = read_seal_lines(folder)
    try:
        return datetime.fromisoformat(Seal.parse(lines[-1]).time) if lines else None
    except InvalidInput:
        return None


def _order_faults(seal: Seal, previous: Seal | None, number: int) -> Iterator[str]:
    expected = previous.hash if previous else None
    if seal.previous != expected and (previous or number == 1):
        yield "does not continue the line before: one was changed, removed or added"
    if previous and seal.size < previous.size:
        yield "is of fewer entries of the ledger than the line before"


def _own_faults(seal: Seal, keys: Collection[bytes], authority: Path | None) -> Iterator[str]:
    """Yield what is wrong with a seal by itself."""
    if not sealing.is_signed(seal):
        yield "its signature does not fit"
    if keys and seal.key not in keys:
        yield f"is signed with another key, {seal.key.hex()}"
    if seal.timestamp is not None:
        fault = sealing.timestamp_fault(seal.timestamp, seal.signed, authority)
        if fault is not None:
            yield f"its time stamp {fault}"


def _root_faults(reader: Reader, roots: Sequence[LedgerRoot]) -> tuple[int, list[str]]:
    """Return the number of entries, and the faults of roots that are not those of the ledger."""
    with checks.snapshot(reader) as connection:
        entries = ledger.size(connection)
        actual = merkle.roots(ledger.leaves(connection), {root.size for root in roots})
    faults = []
    for root in roots:
        if root.size > entries:
            faults.append(
                f"ledger: has {entries} entries, but {root.size} were sealed ({root}): the "
                "database is an older one, or entries were removed"
            )
        elif actual.get(root.size) != root.root:
            faults.append(
                f"ledger: its first {root.size} entries are not those that were sealed ({root})"
            )
    return entries, faults


def _root_of(seal: Seal | LedgerRoot) -> LedgerRoot:
    return seal.ledger_root if isinstance(seal, Seal) else seal


def _name(seal: Seal | LedgerRoot) -> str:
    return f"the seal of {seal.time}" if isinstance(seal, Seal) else f"the seal {seal}"
