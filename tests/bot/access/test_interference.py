"""Nothing that a user notices depends on sessions that the user may not read.

The same questions are asked in three worlds that differ only in such sessions: in the first there
are none, in the others they have other names, tags and texts, and questions use those words. All
answers must be equal. Between the last two, the requests and the work in the database are, too.

``RECORDER_FUZZ_WORLDS`` sets how many worlds are played, ``RECORDER_FUZZ_SEED`` the first one.
"""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path
from typing import Any, cast

import pytest
import simcord
from discord.ext import commands
from support.two_guilds import (
    Meter,
    Place,
    Rights,
    Secret,
    Step,
    TwoGuilds,
    bot_with,
    draw_secrets,
    metered,
    quick,
    request_text,
)

from recorder.bot.commands.base import RecorderCommands
from recorder.formats.session_exporter import FORMATS as FORMATS_BY_NAME

WORLDS = int(os.environ.get("RECORDER_FUZZ_WORLDS", "2"))
SEED = int(os.environ.get("RECORDER_FUZZ_SEED", "1"))
STEPS = 60
FORMATS = tuple(FORMATS_BY_NAME)
COMMANDS = sorted(
    cast("set[commands.HybridCommand[Any, ..., Any]]", RecorderCommands.record.commands),
    key=lambda command: command.name,
)


class Asking:
    """Random questions of the user: the same ones in each world of a seed.

    Parameters
    ----------
    readable, pool, new
        By the number of the guild: names of sessions that the user may read, words of all
        sessions, and names for new sessions and files.
    """

    def __init__(
        self,
        seed: int,
        readable: dict[int, list[str]],
        pool: dict[int, list[str]],
        new: dict[int, list[str]],
    ) -> None:
        self.chance = random.Random(f"asking {seed}")
        self.readable, self.pool, self.new = readable, pool, new
        self.guild = 0

    def value(self, name: str) -> str:
        """Draw the value of an option: often a word of a session that the user may not read."""
        chance, words, new = self.chance, self.pool[self.guild], self.new[self.guild]
        values = {
            "format": FORMATS,
            "switch": ("on", "off", "status"),
            "where": ("", "server"),
            "since": ("2h",),
            "output": new,
            "filename": [f"{chance.choice(new)}{chance.choice(('.txt', '.md', ''))}"],
            "sessions": [f"{chance.choice(words)} {chance.choice(words)}"],
            "query": [self.query()],
            "name": chance.choice((self.readable[self.guild], ["all"], words, words)),
        }
        return chance.choice(values.get(name, words))

    def query(self) -> str:
        chance, words = self.chance, self.pool[self.guild]
        parts = [
            chance.choice(("", "", "", "-", "from:", "in:", "tag:")) + chance.choice(words)
            for _ in range(chance.randint(1, 3))
        ]
        options = ("", "", "--sort best", "--sort newest", "--fts", "is:deleted")
        return f"{chance.choice((' ', ' OR ')).join(parts)} {chance.choice(options)}".strip()

    def options(self, command: commands.Command[Any, ..., Any]) -> dict[str, str]:
        options = {
            name: self.value(name)
            for name, parameter in command.clean_params.items()
            if parameter.required or self.chance.random() < 0.6
        }
        if command.name == "start":
            options["name"] = self.chance.choice(self.new[self.guild])
        return options


class Play:
    """One world, and the answers in it."""

    def __init__(self, world: TwoGuilds, asking: Asking, meter: Meter) -> None:
        self.world, self.asking, self.meter = world, asking, meter

    async def step(self) -> Step:
        world, chance = self.world, self.asking.chance
        guild = self.asking.guild = chance.choice((0, 0, 0, 1, 1, -1))
        command = chance.choice(COMMANDS)
        options = self.asking.options(command)
        way = chance.choice(("prefix", "slash", "completion", "click"))
        first = len(world.backend.http_requests)
        self.meter.take()
        choices: list[str] = []
        asked = f"{guild}, {way}: {command.name} {options}"
        place: Any = world.user.dm_channel if guild < 0 else world.channels[guild]["public"]
        actor: Any = world.user if guild < 0 else world.members[guild]
        if way == "prefix":
            words = [f'"{v}"' if k == "name" and " " in v else v for k, v in options.items()]
            if command.name == "merge":
                words[-1:] = ["--output", words[-1]]
            text = " ".join(("!record", command.name, *words))
            await world.say(place.id, world.user.id, text)
        elif way == "slash":
            arguments: tuple[Any, ...] = () if guild < 0 else (place,)
            await actor.slash(*arguments, f"record {command.name}", **options)
        elif way == "completion":
            choices = await self.complete(actor, place, command, options)
        else:
            asked = f"{guild}, click {await self.click(actor, place)}"
        await world.settle()
        await world.cog.recorder.flush()
        await world.settle()
        work = self.meter.take()
        requests = world.backend.http_requests[first:]
        texts = [request_text(entry) for entry in requests]
        places = (*(channels["public"] for channels in world.channels), world.user.dm_channel)
        files = [file for each in places for file in world.new_files(each.id)]
        return Step(
            asked,
            tuple(text for text in texts if not text.startswith("GET ")),
            tuple(files),
            tuple(choices),
            tuple(text for text in texts if text.startswith("GET ")),
            work,
        )

    async def complete(
        self,
        actor: Any,
        place: Any,
        command: commands.HybridCommand[Any, ..., Any],
        options: dict[str, str],
    ) -> list[str]:
        app_command = cast("Any", command.app_command)
        completed = [p.name for p in app_command.parameters if p.autocomplete and p.name in options]
        if not completed:
            return []
        option = self.asking.chance.choice(completed)
        value = options.pop(option)
        typed = value[: self.asking.chance.randint(0, len(value))]
        arguments = () if self.asking.guild < 0 else (place,)
        choices = await actor.autocomplete(
            *arguments, f"record {command.name}", option, typed, **options
        )
        return [f"{choice['name']}={choice['value']}" for choice in choices]

    async def click(self, actor: Any, place: Any) -> str:
        """Click a button of the last answers."""
        world = self.world
        for message in list(world.backend.messages[place.id].values())[-3:]:
            buttons = [b for row in message.components for b in row.get("components", ())]
            labels = [b["label"] for b in buttons if not b.get("disabled")]
            if labels and message.visible_to(world.user.id):
                label = self.asking.chance.choice(labels)
                history = place.history(viewer=actor) if self.asking.guild >= 0 else place.history()
                shown = next(m for m in history if m.id == message.id)
                await actor.click(shown, label=label)
                return str(label)
        return "nothing"


async def play(
    folder: Path, seed: int, secrets: dict[Place, Secret], both: list[dict[Place, Secret]]
) -> list[Step]:
    """Build a world with `secrets`, and ask; the words of `both` worlds are asked for."""
    bot, cog = bot_with(folder)
    rights = Rights.draw(random.Random(f"rights {seed}"))
    async with simcord.run(bot, check_errors=False) as env:
        quick(env)
        with env.time_context():
            world = TwoGuilds(env, cog, rights)
            readable = await world.build(random.Random(f"known {seed}"), secrets)
            hidden = [item for each in both for item in each.items()]
            words = [word for _, secret in hidden for word in secret.words]
            names, pool, new = {}, {}, {}
            for guild, sessions in readable.items():
                names[guild] = [session.name for session in sessions]
                known = [word for session in sessions for word in session.words]
                pool[guild] = [*known, *known, *words, "absent", "nedle", "alpha", "omega"]
                # Names are unique in a guild: one of it would say that it is taken.
                new[guild] = ["fresh", "other"]
                new[guild] += [secret.name for place, secret in hidden if place[0] != guild]
            asking = Asking(seed, names, pool, new)
            with metered() as meter:
                steps = Play(world, asking, meter)
                played = []
                for _ in range(STEPS):
                    played.append(await steps.step())
                    if asking.chance.random() < 0.1:
                        await env.advance_time(200)
            await bot.remove_cog("Recorder")
    return played


@pytest.mark.slow
@pytest.mark.timeout(60 + WORLDS * 60)
@pytest.mark.parametrize("seed", range(SEED, SEED + WORLDS))
def test_nothing_depends_on_what_is_hidden(tmp_path: Path, seed: int) -> None:
    chance = random.Random(f"secrets {seed}")
    one, other = draw_secrets(chance, "one"), draw_secrets(chance, "other")
    worlds: list[dict[Place, Secret]] = [{}, one, other]
    played = [
        asyncio.run(play(tmp_path / str(number), seed, secrets, [one, other]))
        for number, secrets in enumerate(worlds)
    ]
    for without, first, second in zip(*played, strict=True):
        answers = [(s.asked, s.sent, s.files, s.choices) for s in (without, first, second)]
        assert answers[0] == answers[1] == answers[2], first.asked
        assert len(first.fetched) == len(second.fetched), first.asked
        assert first.work[0] == second.work[0], first.asked
        assert is_similar(first.work[1], second.work[1]), (first.asked, first.work, second.work)


def is_similar(first: int, second: int) -> bool:
    """Return whether two amounts of work can hardly be told apart by the time they take."""
    return abs(first - second) <= 20 + 0.2 * max(first, second)
