"""The commands ``seal`` and ``prove``, and the seals that ``verify`` compares with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import click

from recorder.care import proving, sealing
from recorder.care.seal_checks import SealReport
from recorder.cli.environment import now
from recorder.cli.exit_codes import FAULTS_FOUND
from recorder.cli.output import print_json, say
from recorder.cli.parameters import SessionName, json_option, pass_settings
from recorder.cli.writing import open_recorder
from recorder.errors import InvalidInput
from recorder.formatting import plural
from recorder.models import Json
from recorder.record.chain import Head
from recorder.record.seal import FORMAT, LedgerRoot, Seal, parse_seal
from recorder.settings import Settings
from recorder.store.reading import Reader

key_option = click.option(
    "--key",
    "keys",
    metavar="HEX|FILE",
    multiple=True,
    help="The public key that signed the seals, if you know it; may be repeated.",
)


def noted_in(text: str) -> Iterator[Head | Seal | LedgerRoot]:
    """Yield the heads and seals in an argument: one of them, or a file with one a line.

    Raises
    ------
    InvalidInput
        It is neither.
    """
    path = Path(text)
    with suppress(OSError):  # a seal is too long for a path
        if path.is_file():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            yield from (_noted(line) for line in lines if line.strip())
            return
    yield _noted(text)


def _noted(text: str) -> Head | Seal | LedgerRoot:
    if text.lstrip().startswith(("{", FORMAT)):
        return parse_seal(text)
    return Head.parse(text)


def public_keys(texts: Sequence[str]) -> list[bytes]:
    """Return the public keys in arguments, or in the files that they name."""
    keys = []
    for text in texts:
        path = Path(text)
        is_file = path.is_file()
        keys.append(sealing.parse_public_key(path.read_text("utf-8") if is_file else text))
    return keys


def say_seals(
    report: SealReport,
    given: Sequence[Seal | LedgerRoot],
    *,
    is_pinned: bool,
    authority: Path | None,
) -> None:
    """Print which seals match the ledger, and how far they can be trusted."""
    given_seals = [each for each in given if isinstance(each, Seal)]
    seals = given_seals or list(report.seals)
    if not (seals or given):
        return
    count = plural(len(given), "given seal") if given else plural(len(report.seals), "seal")
    largest = max(each.size for each in given or seals)
    entries = plural(report.entries, "entry", "entries")
    say(f"The ledger of {entries} matches {count}, up to entry {largest:,}.")
    keys = sorted({seal.key.hex() for seal in seals})
    if keys and not is_pinned:
        say(
            f"The key was taken from the seal itself: {', '.join(keys)}. Use --key to compare it "
            "with one that you know."
        )
    for response in [seal.timestamp for seal in seals if seal.timestamp][-1:]:
        confirmed = f"The last time stamp says {sealing.timestamp_time(response).isoformat()}"
        checked = "" if authority else " Use --authority to check the signature of the authority."
        say(f"{confirmed}.{checked}")


@click.command()
@click.option(
    "--timestamp",
    "authority",
    metavar="URL",
    help="A time-stamp authority (RFC 3161) that confirms the time.  "
    "[RECORDER_TIMESTAMP_AUTHORITY]",
)
@json_option
@click.pass_context
def seal(context: click.Context, authority: str | None, as_json: bool) -> None:
    """Seal all sessions: sign the root of the ledger, and print the seal.

    The seal is appended to seals.jsonl. Store it elsewhere, too: later, `recorder verify --against
    SEAL` proves that nothing up to it was changed or removed. The second line that is printed is
    a short form, for example for the message of a git tag.

    The key is in the file RECORDER_SEAL_KEY, which the first seal creates. No recorder may be
    running; a running bot seals by RECORDER_SEAL_EVERY. The exit code is 1 if the seal has no
    time stamp although one was wanted.
    """
    settings: Settings = context.obj
    authority = authority or settings.timestamp_authority
    if authority and not authority.startswith(("http://", "https://")):
        raise InvalidInput(f"{authority!r:.100} is not an http or https address.")
    sealed = _seal(settings, authority)
    if as_json:
        print_json(
            {
                "seal": json.loads(str(sealed.seal)),
                "line": str(sealed.seal),
                "short": str(sealed.seal.ledger_root),
                "problem": sealed.problem,
            }
        )
    else:
        say(str(sealed.seal))
        say(str(sealed.seal.ledger_root))
    if sealed.problem is not None:
        click.echo(sealed.problem, err=True)
        context.exit(FAULTS_FOUND)


@click.command()
@click.argument("name", type=SessionName())
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The zip file to write.",
)
@click.option(
    "--older",
    metavar="SEAL|FILE",
    help="An older seal; the proof then shows that the ledger continues it.",
)
@click.option("--seal", "seals", is_flag=True, help="Seal first; no recorder may be running.")
@json_option
@pass_settings
def prove(
    settings: Settings,
    name: str,
    output: Path,
    older: str | None,
    seals: bool,
    as_json: bool,
) -> None:
    """Write a proof of a session, which can be checked without the recorder.

    The zip file has the session as JSONL, the keys of its lines, its entry in the ledger, the seal,
    and check.py, which needs only Python and the package cryptography. Whoever has it can read the
    session. docs/proof.md says what it proves, and to whom.
    """
    reader = Reader(settings.data)
    session = reader.find(name)
    earlier = _older_seal(older) if older is not None else None
    if seals:
        _seal(settings, settings.timestamp_authority)
    proof = proving.prove(reader, session, output, earlier)
    if as_json:
        sentences: list[Json] = list(proof.sentences)
        print_json({"file": str(output), "seal": str(proof.seal), "proved": sentences})
    else:
        for sentence in proof.sentences:
            say(sentence)
        say(f"{output} was written.")


def _older_seal(text: str) -> Seal:
    for each in noted_in(text):
        if isinstance(each, Seal):
            return each
    raise InvalidInput("--older needs a whole seal: a line of seals.jsonl, or a file with it.")


def _seal(settings: Settings, authority: str | None) -> sealing.Sealed:
    return open_recorder(
        settings,
        lambda recorder: sealing.seal(recorder, settings.seal_key, now(), authority),
    )
