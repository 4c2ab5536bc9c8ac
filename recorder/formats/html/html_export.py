"""The transcript: a page for browsers, which needs nothing but its file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from recorder.errors import InvalidInput
from recorder.formats.entries import facts
from recorder.formats.exported_session import Recording


def render(recording: Recording) -> Iterator[str]:
    """The recording as a page of HTML, piece by piece.

    Raises
    ------
    InvalidInput
        Jinja2 is not installed.
    """
    try:
        from recorder.formats.html import page  # noqa: PLC0415 (only those who want it have Jinja2)
    except ModuleNotFoundError as error:
        if error.name not in ("jinja2", "markupsafe"):
            raise
        raise InvalidInput(
            "HTML exports need Jinja2. Install it on the recorder's host: "
            "pip install 'discord-session-recorder[html]'"
        ) from None
    session, reader = recording.session, recording.reader
    yield from page.render(
        page.Transcript(
            title=session.name,
            facts=facts(recording),
            messages=recording.messages(),
            timezone=recording.timezone,
            find=recording.message,
            tags=reader.tags(session),
            intervals=reader.intervals(session),
            gaps=recording.gaps(),
            kept_files={url: Path(path) for url, path in recording.kept_files().items()},
            folder=reader.folder,
        )
    )
