"""Where and when a recording was announced, from what the users of each channel saw."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from enum import Enum

from support.discord_server import Channel, Thread
from support.discord_server.model import Kind

from .truth import Sent

_STARTS = (
    "🔴 **Recording Started",
    "🔴 **Resumed Session",
    "🔴 New session started",
    "🔴 Auto-recording continues",
)
_ENDS = _STOPPED, _PAUSED = "⏹️ **Recording Stopped", "⏸️ **Recording Paused"
_CONTROL = "stop pause resume start auto".split()


class State(Enum):
    """Whether what is sent in a channel is to be recorded."""

    OFF = "off"
    ON = "on"
    PAUSED = "paused"
    BLIND = "blind"  # the bot lacked a permission, and has not announced itself since
    MAYBE = "maybe"  # between a command and its answer, and the like

    @property
    def is_off(self) -> bool:
        return self in (State.OFF, State.PAUSED, State.BLIND)


@dataclass
class Timeline:
    """The states of one channel by position, each with the name of its session."""

    positions: list[int] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    name: str = ""
    day: date | None = None  # of an automatic recording

    def at(self, position: int) -> State:
        """Return the state just before a position, so of a notice that before it was sent."""
        index = bisect_left(self.positions, position) - 1
        return self.states[index] if index >= 0 else State.OFF

    def name_at(self, position: int) -> str:
        index = bisect_left(self.positions, position) - 1
        return self.names[index] if index >= 0 else ""

    def precedes(self, name: str, position: int) -> bool:
        """Return whether a position lies before the first notice of a session."""
        return name in self.names and position <= self.positions[self.names.index(name)]

    @property
    def now(self) -> State:
        return self.states[-1] if self.states else State.OFF

    def set(self, position: int, state: State) -> None:
        while self.positions and self.positions[-1] >= position:
            self.positions.pop()
            self.states.pop()
            self.names.pop()
        self.positions.append(position)
        self.states.append(state)
        self.names.append(self.name)


class Coverage:
    """The timelines of all channels; a public thread of a text channel has its parent's too."""

    def __init__(self) -> None:
        self.timelines: defaultdict[int, Timeline] = defaultdict(Timeline)
        self.channels: dict[int, Channel] = {}
        self.unsettled: set[int] = set()
        self._reached_back: dict[int, int] = {}
        self._reaching: set[str] = set()
        self.answers_wait = False  # so that an earlier answer may be shown after a later one

    def state(self, channel: Channel, position: int) -> State:
        """Return the state of a channel at a position."""
        state = self._state(channel, position)
        return State.MAYBE if state.is_off and self.was_reached(channel, position) else state

    def state_of_session(self, name: str, channel: Channel, position: int) -> State:
        """Return the state of a session, whichever channel it was recorded in then.

        Parameters
        ----------
        channel
            Of a message that the session holds.
        """
        lines = [
            line
            for id, line in self.timelines.items()
            if name in line.names and self.channels[id].guild is channel.guild
        ]
        states = {line.at(position) for line in lines if line.name_at(position) == name}
        ids = {channel.id, channel.home.id} if is_covered_by_parent(channel) else {channel.id}
        for id in ids & self.timelines.keys():
            if (line := self.timelines[id]).precedes(name, position):
                states.add(line.at(position))  # the session before it announced that
        if State.ON in states:
            return State.ON
        doubtful = State.MAYBE in states or self.was_reached(channel, position)
        return State.MAYBE if doubtful or not lines else State.OFF

    def name(self, channel: Channel, position: int) -> str:
        """Return the name of the session that covers a channel at a position."""
        is_parents = is_covered_by_parent(channel) and self._at(channel, position) is State.OFF
        line = self.timelines.get(channel.home.id if is_parents else channel.id)
        return line.name_at(position) if line else ""

    def was_reached(self, channel: Channel, position: int) -> bool:
        """Return whether a later session may hold what was said then, too."""
        ids = [channel.id, channel.home.id] if is_covered_by_parent(channel) else [channel.id]
        return any(position < self._reached_back.get(id, 0) for id in ids)

    def reach_back(self, channel: Channel, name: str, position: int) -> None:
        """Take in that a session is to hold the messages of its channel before its notice."""
        self._reaching.add(name)
        self._reached_back[channel.id] = position

    def _state(self, channel: Channel, position: int) -> State:
        own = self._at(channel, position)
        if own in (State.ON, State.MAYBE) or not is_covered_by_parent(channel):
            return own
        parent = self._at(channel.home, position)
        return parent if own is State.OFF or parent.is_off else State.MAYBE

    def _at(self, channel: Channel, position: int) -> State:
        line = self.timelines.get(channel.id)
        return line.at(position) if line else State.OFF

    def show(self, sent: Sent, position: int, today: date) -> None:
        """Take in a text that the recorder shows in a channel."""
        channel, text = sent.message.channel, sent.text
        if text.startswith((*_STARTS, *_ENDS)) and self._is_of_parent(channel, _name(text)):
            channel = channel.home
        line = self.timelines[channel.id]
        self.channels[channel.id] = channel
        if text.startswith(_STARTS):
            if position != sent.id:  # a deferred answer
                line.set(sent.id, State.MAYBE)
            line.name = _name(text)
            if line.name in self._reaching:
                self._reached_back[channel.id] = sent.id
            line.set(position, State.ON)
            line.day = today if line.name.startswith("auto_") else None
            self.unsettled.add(channel.id)
        elif text.startswith(_STOPPED):
            self._end(line, position, State.OFF, text)
        elif text.startswith(_PAUSED):
            self._end(line, position, State.PAUSED, text)
        elif text.startswith(("⚪ Auto-recording disabled", "🛑")):
            self.doubt_all(position)

    def _is_of_parent(self, channel: Channel, name: str) -> bool:
        """Return whether a command in a thread concerned the session of its channel."""
        line = self.timelines.get(channel.home.id) if is_covered_by_parent(channel) else None
        return line is not None and line.name == name

    def _end(self, line: Timeline, position: int, state: State, text: str) -> None:
        if line.name in ("", _name(text)) or line.now is State.MAYBE:
            line.set(position, State.MAYBE if self.answers_wait else state)

    def command(self, channel: Channel, verb: str, position: int, *, whole_guild: bool) -> None:
        """Take in a command of a user who may give it; its answer will say what came of it."""
        if verb not in _CONTROL:
            return
        ids = {channel.id, channel.home.id if is_covered_by_parent(channel) else channel.id}
        for id, line in self.timelines.items():
            known = self.channels.get(id)
            in_scope = whole_guild and known is not None and known.guild is channel.guild
            if (id in ids or in_scope) and line.now is not State.OFF:
                self._doubt(id, position)

    def doubt(self, position: int, concerned: Callable[[Channel], bool]) -> None:
        """Know nothing certain of some channels until the bot has come to rest."""
        for id, channel in self.channels.items():
            if self.timelines[id].now is not State.OFF and concerned(channel):
                self._doubt(id, position)

    def doubt_all(self, position: int) -> None:
        self.doubt(position, lambda channel: True)

    def doubt_past_days(self, position: int, today: date) -> None:
        """Doubt automatic recordings of an earlier day, while the bot is up to end them."""
        for id, line in self.timelines.items():
            if line.day not in (None, today):
                self._doubt(id, position)

    def doubt_unsettled(self, position: int) -> None:
        """Doubt the notices whose recording may not be on disk yet, after a crash."""
        for id in self.unsettled:
            self._doubt(id, position)

    def _doubt(self, id: int, position: int) -> None:
        line = self.timelines[id]
        if line.now in (State.ON, State.PAUSED):
            line.set(position, State.MAYBE)

    def settle(
        self,
        position: int,
        today: date,
        permits: Callable[[Channel], bool],
        resolve: Callable[[Channel], State | None],
    ) -> None:
        """Resolve doubts once the bot rests; ``None`` leaves one as it is."""
        for id, line in self.timelines.items():
            if line.now is State.ON and not permits(self.channels[id]):
                line.set(position, State.MAYBE)
            if line.now is State.MAYBE and (state := resolve(self.channels[id])):
                line.set(position, state)
                line.day = line.day and today
        self.unsettled.clear()


def is_covered_by_parent(channel: Channel) -> bool:
    """Return whether a thread belongs to the session of its channel."""
    return (
        isinstance(channel, Thread)
        and not channel.private
        and channel.home.kind in (Kind.TEXT, Kind.NEWS)
    )


def _name(text: str) -> str:
    """Return the name of the session that a notice speaks of."""
    for line in text.replace("**", "").splitlines():
        for label in ("Session: ", "🔴 Resumed Session: ", "🔴 Auto-recording continues: "):
            if line.startswith(label):
                return line.removeprefix(label).strip()
        if line.startswith("🔴 New session started: "):
            return f"auto_{line.removeprefix('🔴 New session started: ').strip()}"
    return ""
