"""What all steps have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from support.discord_server import Channel, Message
from support.discord_server.world import Interaction

from .clock import WorldClock
from .consent import Consents
from .coverage import Coverage
from .host import Host
from .scene import Scene
from .truth import ObservedWorld

T = TypeVar("T")


class Acting:
    """The base of the classes of steps; each step takes two numbers to choose by.

    Attributes
    ----------
    coverage
        Where recordings were announced.
    consents
        Who opted out, by guild or DM channel and user.
    started
        The names of sessions in commands to start them.
    forms
        The interactions that may have opened a form.
    log
        What happened, a sentence a step.
    faults_used
        Whether requests were refused, so that the bot may have logged errors.
    """

    def __init__(self, scene: Scene, coverage: Coverage, host: Host, clock: WorldClock) -> None:
        self.scene, self.coverage, self.host, self.clock = scene, coverage, host, clock
        self.consents = Consents()
        self.started: list[str] = []
        self.forms: list[Interaction] = []
        self.world: ObservedWorld = scene.world
        self.server = host.server
        self.log: list[str] = []
        self.faults_used = False
        self.number = 0

    def note(self, text: str) -> None:
        self.log.append(text)

    def text(self) -> str:
        """Return a new text that no other message has."""
        self.number += 1
        return f"m{self.number}"

    def in_guilds(self) -> list[Channel]:
        return [channel for channel in self.scene.spoken_in() if channel.guild]

    def doubt(self, concerned: Callable[[Channel], bool]) -> None:
        self.coverage.doubt(self.world.snowflake(), concerned)


def pick(choices: Sequence[T], number: int) -> T:
    return choices[number % len(choices)]


def title(channel: Channel) -> str:
    return f"#{channel.name}" if channel.guild else "the DM"


def short(message: Message) -> str:
    return message.content.partition("\n")[0] or f"message of type {message.type}"
