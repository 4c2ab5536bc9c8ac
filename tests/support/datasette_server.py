"""Datasette on a data folder, started as a user starts it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen


@dataclass(frozen=True)
class Site:
    """A Datasette site."""

    url: str

    def get(self, path: str, **parameters: str) -> str:
        """Return a page."""
        status, text = self.ask(f"{path}?{urlencode(parameters)}" if parameters else path)
        assert status == 200, text
        return text

    def rows(self, path: str, **parameters: str) -> list[dict[str, Any]]:
        """Return the rows of a table or query."""
        rows = json.loads(self.get(f"{path}.json", _shape="array", **parameters))
        assert isinstance(rows, list)
        return rows

    def ask(
        self, path: str, body: bytes | None = None, host: str | None = None, **headers: str
    ) -> tuple[int, str]:
        """Return the status and the text of a response."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if host:
            named["Host"] = host
        request = Request(f"{self.url}{path}", body, named)
        try:
            with urlopen(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def ask_sql(self, sql: str, **parameters: str) -> tuple[int, str]:
        """Run a statement, and return the status and the text of the response."""
        return self.ask(f"/recorder.json?{urlencode({'sql': sql, **parameters})}")


@contextmanager
def serving(
    folder: Path, *options: str, end: signal.Signals = signal.SIGINT, end_code: int = 0
) -> Iterator[Site]:
    """Run `recorder serve` in a new process, and assert that Ctrl+C ends it without a message."""
    command = (sys.executable, "-m", "recorder", "--data", str(folder), "serve", "--port", "0")
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=errors, text=True
        )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            url = re.search(r" at (http://\S+) ", line)
            assert url, line
            yield Site(url[1].rstrip("/"))
        finally:
            process.send_signal(end)
            process.communicate(timeout=20)
        errors.seek(0)
        # Datasette logs failing statements, which some tests send.
        said = [line for line in errors if not line.startswith("ERROR: conn=") or "locked" in line]
    assert (process.returncode, said) == (end_code, [])
