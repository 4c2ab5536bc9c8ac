"""JSON as the specification shows it with all that is known of each message, and JSONL."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from recorder.formats.exported_session import Recording
from recorder.models import Json, RecordedMessage
from recorder.record.jsonl import as_json
from recorder.store.attachments import key_of

_FIRST = ("timestamp", "author", "content", "type", "author_id")
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def render_json(recording: Recording) -> Iterator[str]:
    """The recording as JSON, piece by piece."""
    session = recording.session
    yield (
        "{\n"
        f'  "session": {_encode(session.name)},\n'
        f'  "date": "{recording.local(session.started_at).isoformat()}",\n'
        f'  "duration_seconds": {recording.seconds},\n'
        f"{_gaps(recording)}"
        '  "messages": ['
    )
    separator = "\n"
    kept = recording.kept_files()
    for recorded in recording.messages():
        yield separator + _message(recorded, recording, kept)
        separator = ",\n"
    yield "]\n}\n" if separator == "\n" else "\n  ]\n}\n"


def render_jsonl(recording: Recording) -> Iterator[str]:
    """Yield the lines of the session's own file, one by one."""
    for line in recording.lines():
        yield f"{line}\n"


def _gaps(recording: Recording) -> str:
    """The line of the gaps, if there are any."""
    gaps: list[Json] = [
        {
            "started_at": recording.local(gap.started_at).isoformat(),
            "ended_at": recording.local(gap.ended_at).isoformat() if gap.ended_at else None,
            "reason": gap.reason,
            "fetched": gap.fetched,
            "problem": gap.problem,
        }
        for gap in recording.gaps()
    ]
    return f'  "gaps": {_encode(gaps)},\n' if gaps else ""


def _message(recorded: RecordedMessage, recording: Recording, kept: Mapping[str, str]) -> str:
    message = recorded.message
    data = {**dict.fromkeys(_FIRST), **as_json(message)}  # in the specification's order here
    data["timestamp"] = recording.local(message.timestamp).isoformat()
    if message.attachments and kept:
        data["kept_files"] = [kept.get(key_of(url)) for url in message.attachments]
    if recorded.reactions:
        data["reactions"] = {**recorded.reactions}
    if recorded.deleted_at is not None:
        data["deleted_at"] = recording.local(recorded.deleted_at).isoformat()
    if recorded.tags:
        data["tags"] = list(recorded.tags)
    # The indentation is laid around values from the C encoder: json's own is slow.
    fields = ",\n".join([f"      {_encode(key)}: {_encode(value)}" for key, value in data.items()])
    return f"    {{\n{fields}\n    }}"
