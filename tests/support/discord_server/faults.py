"""Faults of Discord and of the network, on demand."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field

from .model import Json


@dataclass(eq=False)
class Fault:
    """What happens to requests that match.

    Attributes
    ----------
    skip, times
        How many matching requests pass before it, and how many it then hits (None: all).
    hits
        How many it has hit.
    """

    method: str
    path: re.Pattern[str]
    status: int = 0
    code: int = 0
    message: str = "fault"
    retry_after: float = 0.5
    is_global: bool = False
    drop: bool = False
    held: asyncio.Event | None = None
    skip: int = 0
    times: int | None = None
    hits: int = 0

    def release(self) -> None:
        """Let requests that are held go on."""
        if self.held is not None:
            self.held.set()

    @property
    def body(self) -> Json:
        if self.status == 429:
            text = "You are being rate limited."
            return {"message": text, "retry_after": self.retry_after, "global": self.is_global}
        return {"message": self.message, "code": self.code}

    @property
    def headers(self) -> dict[str, str]:
        if self.status != 429:
            return {}
        after = str(self.retry_after)
        headers = {"Via": "1.1 google", "Retry-After": after, "X-RateLimit-Scope": "user"}
        if self.is_global:
            return headers | {"X-RateLimit-Global": "true", "X-RateLimit-Scope": "global"}
        limits = {"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "0"}
        return headers | limits | {"X-RateLimit-Reset-After": after}


@dataclass
class Faults:
    """The faults that are set up; the first that matches a request hits it."""

    active: list[Fault] = field(default_factory=list)
    held: int = 0

    def add(
        self,
        status: int = 0,
        *,
        method: str = "",
        path: str = "",
        code: int = 0,
        message: str = "fault",
        retry_after: float = 0.5,
        is_global: bool = False,
        drop: bool = False,
        hold: bool = False,
        skip: int = 0,
        times: int | None = None,
    ) -> Fault:
        """Answer requests with `status`, drop their connection, or hold them until released.

        Parameters
        ----------
        method, path
            Which ones: a method (all by default), and a pattern found in the path.
        drop
            Close the connection without an answer; aiohttp tries a GET once more by itself.
        """
        held = asyncio.Event() if hold else None
        fault = Fault(method, re.compile(path), status, code, message, retry_after, is_global)
        fault.drop, fault.held, fault.skip, fault.times = drop, held, skip, times
        self.active.append(fault)
        return fault

    def blocked_by_automod(self, path: str = "/messages", times: int | None = None) -> Fault:
        """Refuse what the bot sends, as AutoMod does."""
        text = "Message was blocked by automatic moderation"
        return self.add(400, method="POST", path=path, code=200000, message=text, times=times)

    def clear(self) -> None:
        for fault in self.active:
            fault.release()
        self.active.clear()

    def match(self, method: str, path: str) -> Fault | None:
        """Return the fault that hits a request, and count it."""
        for fault in self.active:
            if fault.method in ("", method) and fault.path.search(path):
                if fault.skip:
                    fault.skip -= 1
                elif fault.times is None or fault.hits < fault.times:
                    fault.hits += 1
                    return fault
        return None
