"""Random steps: plain data that means something in any state, so that any can be left out."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple


class Step(NamedTuple):
    """One step.

    Attributes
    ----------
    name
        Of a method of :class:`.actions.Actions`.
    a, b
        Choices, each taken modulo the number of what there is to choose from.
    then
        What follows: 0 nothing, so that the next step comes in the same instant; 1 to 9 that
        many turns of the event loop; 10 the bot comes to rest.
    """

    name: str
    a: int = 0
    b: int = 0
    then: int = 10


REST = 10
_WEIGHTS = {
    "say": 30,
    "flood": 0.5,
    "say_as_robot": 4,
    "say_as_webhook": 2,
    "defer_as_robot": 2,
    "finish_as_robot": 3,
    "ask_host": 4,
    "ask_host_slowly": 2,
    "edit": 8,
    "edit_twice": 2,
    "edit_command": 1,
    "delete": 5,
    "bulk_delete": 1,
    "take_back": 1,
    "react": 3,
    "clear_reactions": 1,
    "pin": 1,
    "ask_by_poll": 1,
    "start_thread": 2,
    "start_private_thread": 1,
    "post": 2,
    "let_bot_join": 1,
    "archive": 2,
    "unarchive": 1,
    "rename": 1,
    "delete_thread": 0.7,
    "delete_channel": 0.3,
    "create_channel": 0.5,
    "command": 16,
    "start_since": 1,
    "command_without_right": 2,
    "consent": 3,
    "press_opt_out": 1,
    "record_from_here": 0.7,
    "fill_in_form": 1.5,
    "take_permission": 2,
    "give_permission": 3,
    "kick": 0.4,
    "invite": 1.5,
    "guild_away": 1,
    "guild_back": 2,
    "disconnect": 2,
    "lose_session": 1,
    "away": 1,
    "back": 3,
    "drop_event": 2,
    "fault": 5,
    "hold": 1,
    "heal": 4,
    "restart": 1,
    "stop_bot": 0.7,
    "crash": 1,
    "crash_and_stay_away": 0.5,
    "start_bot": 3,
    "minutes_pass": 3,
    "hours_pass": 1.5,
}
NAMES = tuple(_WEIGHTS)
_OF_THE_CLOCK = ("minutes_pass", "hours_pass", "hold", "away", "back")
WITHOUT_CLOCK = tuple(name for name in NAMES if name not in _OF_THE_CLOCK)


def random_steps(chance: random.Random, count: int, names: Sequence[str] = NAMES) -> list[Step]:
    """Return random steps of these names, the first of which start recordings."""
    steps = [Step("command", 0, 0), Step("post"), Step("command", 0, 1), Step("command", 4, 2)]
    steps = steps[: chance.randrange(5)]
    weights = [_WEIGHTS[name] for name in names]
    for name in chance.choices(names, weights, k=max(0, count - len(steps))):
        # Low numbers are likelier, so that the first channels see most of what happens.
        a, b = (min(chance.randrange(12) for _ in range(3)) for _ in range(2))
        then = chance.choices((0, chance.randint(1, 9), REST), (30, 20, 50))[0]
        steps.append(Step(name, a, b, then))
    return steps
