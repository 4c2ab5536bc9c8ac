"""Recordings that contain secrets, and a search for them in all files."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from support.recordings import CHANNEL, NOW, UTC_ZONE, said

from recorder import SessionManager, SessionRecorder
from recorder.models import Deletion, Edit, Reaction

# No file of an empty data folder contains any of these.
SECRETS = (
    *("xylophonic secret", "quizzical afterthought", "jack_o_lantern", "Jack O'Lantern"),
    *("https://cdn.example/zebra.png", "🦓"),
)


async def record_secrets(folder: Path) -> None:
    """Record and export two sessions with secrets of one user among the messages of others."""
    secret = said(
        2,
        SECRETS[0],
        author=SECRETS[2],
        author_id="666",
        attachments=(SECRETS[4],),
        extra={"display_name": SECRETS[3]},
    )
    async with SessionRecorder(folder, attachment_limit=1_000) as recorder:
        manager = SessionManager(recorder, UTC_ZONE)
        for name, first in (("first", 0), ("second", 10)):
            await manager.start(name, CHANNEL, user_id="666", now=NOW)
            await recorder.record(said(first + 1, "harmless before"))
            secret_id = 1000 + first + 2
            time = said(first + 2).timestamp
            await recorder.record(replace(secret, message_id=secret_id, timestamp=time))
            await recorder.record(said(first + 3, "harmless after"))
            recorder.change(Edit(NOW, CHANNEL.id, secret_id, SECRETS[1]))
            recorder.change(Reaction(NOW, CHANNEL.id, secret_id - 1, "add", SECRETS[5], "666"))
            recorder.change(Reaction(NOW, CHANNEL.id, secret_id - 1, "add", "👍", "5"))
            recorder.change(Deletion(NOW, CHANNEL.id, secret_id))
            await manager.stop(CHANNEL.id, now=NOW + timedelta(minutes=1))
        for session in manager.reader.sessions():
            manager.save(session, f"{session.name}.jsonl", now=NOW)
        (folder / "exports" / "unknown.txt").write_text(SECRETS[0])
        (folder / ".verify-killed").mkdir()
        (folder / ".verify-killed" / "recorder.db").write_text(SECRETS[0])
        damaged = folder / manager.reader.sessions()[0].file_path
        damaged.with_name(f"{damaged.name}.damaged").write_text(SECRETS[0])


def found_in(folder: Path) -> dict[str, list[str]]:
    """Return the secrets in each file, including its name."""
    found: dict[str, list[str]] = {}
    for path in folder.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        for secret in SECRETS:
            escaped = secret.encode("unicode_escape")
            if secret.encode() in data or escaped in data or secret in path.name:
                found.setdefault(path.relative_to(folder).as_posix(), []).append(secret)
    return found
