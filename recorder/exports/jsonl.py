"""The lines of the session's own file."""

from __future__ import annotations

from collections.abc import Iterator

from recorder.exports.recording import Recording


def render(recording: Recording) -> Iterator[str]:
    """The recording's JSONL lines, one by one."""
    for line in recording.lines():
        yield f"{line}\n"
