"""Who opted out, and when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from .coverage import State, Timeline


class Consents:
    """The timelines of users by guild or DM channel: `ON` is opted out."""

    def __init__(self) -> None:
        self._lines: defaultdict[tuple[int, int], Timeline] = defaultdict(Timeline)

    def state(self, scope_id: int, user_id: int, position: int) -> State:
        line = self._lines.get((scope_id, user_id))
        return line.at(position) if line else State.OFF

    def command(self, scope_id: int, user_id: int, position: int) -> None:
        """Take in a command that was not carried out yet."""
        self._lines[scope_id, user_id].set(position, State.MAYBE)

    @property
    def has_doubts(self) -> bool:
        return any(line.now is State.MAYBE for line in self._lines.values())

    def settle(self, position: int, opted_out: Collection[tuple[str, str]]) -> None:
        """Take in who has opted out, once the bot rests."""
        for (scope, user), line in self._lines.items():
            if line.now is State.MAYBE:
                out = (str(scope), str(user)) in opted_out
                line.set(position, State.ON if out else State.OFF)
