"""Channels whose messages and changes wait while the notice of a recording is being sent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime

log = logging.getLogger(__name__)


class Hold:
    """The events of a channel, in their order, which are passed on at the end.

    Attributes
    ----------
    after
        The id of the notice, once it was sent: no message before it is recorded. ``None`` when
        the channel was recorded all the time, or is not recorded at all.
    since
        Messages from before it do not wait: the session of yesterday records them.
    """

    def __init__(self) -> None:
        self.after: int | None = None
        self.since: datetime | None = None
        self.events: list[Callable[[], object]] = []
        self.ended = asyncio.Event()


class Holds:
    """The holds of all channels, at most one each, and their newest notices.

    Attributes
    ----------
    on_begun
        Called with a channel whose recording has begun, once the held events are passed on.
    """

    def __init__(self) -> None:
        self.on_begun: Callable[[int], None] = lambda channel_id: None
        self._holds: dict[int, Hold] = {}
        self._notices: dict[int, int] = {}

    def __bool__(self) -> bool:
        return bool(self._holds)

    def __iter__(self) -> Iterator[int]:
        return iter(self._holds)

    def of(self, channel_id: int) -> Hold | None:
        """Return the hold of a channel."""
        return self._holds.get(channel_id)

    def is_after_notice(self, channel_id: int, message_id: int) -> bool:
        """Return whether a message was sent after the newest notice in a channel."""
        return message_id > self._notices.get(channel_id, 0)

    def begin(self, channel_id: int) -> Hold:
        """Hold a channel, which has no hold; :meth:`end` must follow."""
        assert channel_id not in self._holds
        hold = self._holds[channel_id] = Hold()
        return hold

    def end(self, channel_id: int) -> None:
        """Pass the held events on."""
        hold = self._holds.pop(channel_id)
        if hold.after is not None:
            self._notices[channel_id] = hold.after
        for event in hold.events:
            try:
                event()
            except Exception:  # one of another event is no reason to lose this one
                log.exception("An event in channel %d was lost.", channel_id)
        if hold.after is not None:
            self.on_begun(channel_id)
        hold.ended.set()

    @asynccontextmanager
    async def hold(self, channel_id: int) -> AsyncIterator[Hold]:
        """Hold a channel, after any other hold of it."""
        while (other := self.of(channel_id)) is not None:
            await other.ended.wait()
        try:
            yield self.begin(channel_id)
        finally:
            self.end(channel_id)
