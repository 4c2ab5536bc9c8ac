"""JSON as the specification shows it, with all that is known of each message, and JSONL."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from recorder.formats.exported_session import ExportedSession
from recorder.models import Json, RecordedMessage
from recorder.record.jsonl import as_json
from recorder.store.attachments import key_of

_FIRST = ("timestamp", "author", "content", "type", "author_id")
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def render_json(exported: ExportedSession) -> Iterator[str]:
    """Yield the session as JSON, piece by piece."""
    session = exported.session
    yield (
        "{\n"
        f'  "session": {_encode(session.name)},\n'
        f'  "date": "{exported.local(session.started_at).isoformat()}",\n'
        f'  "duration_seconds": {exported.seconds},\n'
        f"{_gaps(exported)}"
        '  "messages": ['
    )
    separator = "\n"
    kept = exported.kept_files()
    for recorded in exported.messages():
        yield separator + _message(recorded, exported, kept)
        separator = ",\n"
    yield "]\n}\n" if separator == "\n" else "\n  ]\n}\n"


def render_jsonl(exported: ExportedSession) -> Iterator[str]:
    """Yield the lines of the session's own file, one by one."""
    for line in exported.lines():
        yield f"{line}\n"


def _gaps(exported: ExportedSession) -> str:
    """Return the line of the gaps, empty without gaps."""
    gaps: list[Json] = [
        {
            "started_at": exported.local(gap.started_at).isoformat(),
            "ended_at": exported.local(gap.ended_at).isoformat() if gap.ended_at else None,
            "reason": gap.reason,
            "fetched": gap.fetched,
            "problem": gap.problem,
        }
        for gap in exported.gaps()
    ]
    return f'  "gaps": {_encode(gaps)},\n' if gaps else ""


def _message(recorded: RecordedMessage, exported: ExportedSession, kept: Mapping[str, str]) -> str:
    message = recorded.message
    data = {**dict.fromkeys(_FIRST), **as_json(message)}  # in the specification's order
    data["timestamp"] = exported.local(message.timestamp).isoformat()
    if message.attachments and kept:
        data["kept_files"] = [kept.get(key_of(url)) for url in message.attachments]
    if recorded.reactions:
        data["reactions"] = {**recorded.reactions}
    if recorded.deleted_at is not None:
        data["deleted_at"] = exported.local(recorded.deleted_at).isoformat()
    if recorded.tags:
        data["tags"] = list(recorded.tags)
    # Only the values go through the encoder in C: with an indent, json encodes in Python.
    fields = ",\n".join([f"      {_encode(key)}: {_encode(value)}" for key, value in data.items()])
    return f"    {{\n{fields}\n    }}"
