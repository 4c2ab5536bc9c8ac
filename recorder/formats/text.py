"""Plain text, as the specification shows it; only a message's first line is at the left edge."""

from __future__ import annotations

from collections.abc import Iterator

from recorder.formats.entries import Entry, entries, facts, lines, one_line, reply, urls
from recorder.formats.exported_session import Recording

_RULE = "=" * 37


def render(recording: Recording) -> Iterator[str]:
    """The recording as plain text, piece by piece."""
    yield f"{_RULE}\nSession: {one_line(recording.session.name)}\n"
    yield "".join(f"{key}: {value}\n" for key, value in facts(recording))
    yield f"{_RULE}\n\n"
    for entry in entries(recording):
        if entry.day is not None:
            yield f"\n--- {entry.day} ---\n\n"
        yield _message(entry)


def _message(entry: Entry) -> str:
    """`[3:45 PM] NAME: text`; only a message's first line stands at the left edge."""
    name = one_line(entry.speaker)
    if entry.message.type == "system_message":
        start = f"[{entry.clock}] *"
    else:
        # "* " marks what Discord says itself.
        start = f"[{entry.clock}] {'*' + name[2:] if name.startswith('* ') else name}:"
    if entry.reply is not None:
        start += f" {reply(entry.reply and one_line(entry.reply))}"
    first, *further = [*lines(entry.text), *urls(entry.message)] or [""]
    further += [f"Kept: {path}" for path in entry.kept]
    further += [one_line(entry.reactions)] if entry.reactions else []
    further += [f"🏷️ {tag}" for tag in entry.tags]
    rows = [f"{start} {first}", *(f"    {line}" for line in further)]
    return "".join(f"{line.rstrip()}\n" for line in rows)
