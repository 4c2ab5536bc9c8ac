"""Kept attachments for the page: as links, and small images within it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from recorder.errors import DataFolderError
from recorder.store.folder import open_to_read, path_inside

LARGEST_IMAGE = 1024 * 1024
"""The largest size in bytes of an image within the page."""
LARGEST_IMAGES = 8 * LARGEST_IMAGE
"""The largest size in bytes of all images within the page."""

_IMAGE_TYPES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}


class KeptFiles:
    """The kept attachments; small images go into the page while there is room.

    Parameters
    ----------
    paths
        The paths of the files below `folder`, by URL without its query.
    folder
        The data folder.
    """

    def __init__(self, paths: Mapping[str, str], folder: Path) -> None:
        self._paths = paths
        self._folder = folder
        self._room = LARGEST_IMAGES

    def link(self, url: str) -> str | None:
        """Return the link to a kept file relative to the folder ``exports``."""
        path = self._path(url)
        return None if path is None else quote(f"../{path.relative_to(self._folder).as_posix()}")

    def image(self, url: str) -> str | None:
        """Return a kept image as a ``data:`` URI; ``None`` if it is no image or too large."""
        path = self._path(url)
        if path is None:
            return None
        most = min(LARGEST_IMAGE, self._room)
        try:
            with open_to_read(path) as file:
                data = file.read(most + 1)
        except OSError:  # removed meanwhile: the link remains
            return None
        kind = next((kind for magic, kind in _IMAGE_TYPES.items() if data.startswith(magic)), None)
        if kind is None or len(data) > most:
            return None
        self._room -= len(data)
        return f"data:{kind};base64,{base64.b64encode(data).decode()}"

    def _path(self, url: str) -> Path | None:
        """Return the path of a kept file; ``None`` if it is outside of ``attachments``."""
        path = self._paths.get(url.partition("?")[0])
        if path is None:
            return None
        try:
            return path_inside(self._folder, path, "attachments")
        except DataFolderError:
            return None
