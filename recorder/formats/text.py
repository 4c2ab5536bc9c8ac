"""Plain text, as the specification shows it; only a message's first line is at the left edge."""

from __future__ import annotations

from collections.abc import Iterator

from recorder.formats.exported_session import ExportedSession
from recorder.formats.transcript_entries import (
    Entry,
    entries,
    facts,
    reply_note,
    safe_line,
    safe_lines,
    urls,
)

_RULE = "=" * 37


def render(exported: ExportedSession) -> Iterator[str]:
    """Yield the session as plain text, piece by piece."""
    yield f"{_RULE}\nSession: {safe_line(exported.session.name)}\n"
    yield "".join(f"{key}: {value}\n" for key, value in facts(exported))
    yield f"{_RULE}\n\n"
    for entry in entries(exported):
        if entry.day is not None:
            yield f"\n--- {entry.day} ---\n\n"
        yield _message(entry)


def _message(entry: Entry) -> str:
    """Return ``[3:45 PM] NAME: text``, further lines indented."""
    name = safe_line(entry.speaker)
    if entry.message.type == "system_message":
        start = f"[{entry.clock}] *"
    else:
        # "* " marks system messages.
        start = f"[{entry.clock}] {'*' + name[2:] if name.startswith('* ') else name}:"
    if entry.reply is not None:
        start += f" {reply_note(entry.reply and safe_line(entry.reply))}"
    if entry.used_command is not None:
        start += f" ({safe_line(entry.used_command)})"
    first, *further = [*safe_lines(entry.text), *urls(entry.message)] or [""]
    further += [f"Kept: {path}" for path in entry.kept_files]
    further += [safe_line(entry.reactions)] if entry.reactions else []
    further += [f"🏷️ {tag}" for tag in entry.tags]
    rows = [f"{start} {first}", *(f"    {line}" for line in further)]
    return "".join(f"{line.rstrip()}\n" for line in rows)
