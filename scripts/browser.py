"""A headless Chromium that opens pages and takes pictures of them, by its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--hide-scrollbars", "--force-color-profile=srgb", "--remote-debugging-port=0"),
)
_PATIENCE_SECONDS = 20
_LOOKS_IN_A_ROW = 8
_HEIGHT = 1_600  # CSS pixels; a picture is no higher
_PIXELS_A_POINT = 2  # sharp on today's screens


class NoBrowser(Exception):
    """Chromium is missing or does not start."""


class Browser:
    """One page of a Chromium of its own."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._calls = 0

    async def open(self, url: str, *, width: int, ready: str) -> None:
        """Open a page, and wait until the JavaScript expression `ready` is true."""
        metrics = {"width": width, "height": _HEIGHT, "deviceScaleFactor": _PIXELS_A_POINT}
        await self._call("Emulation.setDeviceMetricsOverride", mobile=False, **metrics)
        await self._call("Page.setBypassCSP", enabled=True)  # a page may be cut to what is shown
        await self._call("Page.navigate", url="about:blank")  # a new #fragment alone loads nothing
        await self._call("Page.navigate", url=url)
        await self.wait(f"document.readyState === 'complete' && ({ready})")
        await self.evaluate("document.fonts.ready.then(() => true)")

    async def wait(self, condition: str) -> None:
        """Wait until a JavaScript expression has been true for a while."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            in_a_row = 0
            while in_a_row < _LOOKS_IN_A_ROW:
                in_a_row = in_a_row + 1 if await self.evaluate(f"!!({condition})") else 0
                await asyncio.sleep(0.1)

    async def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        answer = await self._call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"])
        return answer["result"].get("value")

    async def picture(self, *, width: int, height: int, top: int = 0) -> bytes:
        """Return a part of the page as a PNG; lengths are in CSS pixels."""
        clip = {"x": 0, "y": top, "width": width, "height": height, "scale": 1}
        answer = await self._call("Page.captureScreenshot", clip=clip)
        return base64.b64decode(answer["data"])

    async def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._calls += 1
        await self._socket.send_json({"id": self._calls, "method": method, "params": parameters})
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                message = await self._socket.receive_json()
                if message.get("id") == self._calls:
                    result: dict[str, Any] = message["result"]
                    return result


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Start Chromium, and end it.

    Raises
    ------
    NoBrowser
        It is not installed or does not start.
    """
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        raise NoBrowser(
            "Chromium is needed. On Debian: apt-get install chromium fonts-noto-color-emoji"
        )
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            *(program, *_FLAGS, f"--user-data-dir={profile}", "about:blank"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            port = await _port(Path(profile), process)
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    pages = await answer.json()
                address = next(p["webSocketDebuggerUrl"] for p in pages if p["type"] == "page")
                async with session.ws_connect(address, max_msg_size=1 << 27) as socket:
                    yield Browser(socket)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def _port(profile: Path, process: asyncio.subprocess.Process) -> int:
    """Return the port that Chromium writes into its profile."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while process.returncode is None:
                with contextlib.suppress(OSError, LookupError):
                    return int((profile / "DevToolsActivePort").read_text().splitlines()[0])
                await asyncio.sleep(0.1)
    raise NoBrowser("Chromium does not start. Try it: chromium --headless --dump-dom about:blank")
