"""The HTML transcript: a page for browsers that needs nothing but its file."""

from __future__ import annotations

from collections.abc import Iterator

from recorder.errors import InvalidInput
from recorder.formats.exported_session import ExportedSession


def render(exported: ExportedSession) -> Iterator[str]:
    """Yield the session as an HTML page, piece by piece.

    Raises
    ------
    InvalidInput
        Jinja2 is not installed.
    """
    try:
        from recorder.formats.html import page  # noqa: PLC0415 (Jinja2 is optional)
    except ModuleNotFoundError as error:
        if error.name not in ("jinja2", "markupsafe"):
            raise
        raise InvalidInput(
            "HTML exports need Jinja2. Install it on the recorder's host: "
            "pip install 'discord-session-recorder[html]'"
        ) from None
    yield from page.render(exported)
