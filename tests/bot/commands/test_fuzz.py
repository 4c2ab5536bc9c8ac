"""No name, query or message breaks a command, or breaks out of an answer.

``RECORDER_FUZZ`` sets how many texts are tried, ``RECORDER_FUZZ_SEED`` which ones.
"""

from __future__ import annotations

import os
import random
from typing import Any, cast

import discord
import pytest
from discord import app_commands
from discord.ext import commands
from support.harmless import is_harmless
from support.world import World

from recorder.bot.commands.base import RecorderCommands
from recorder.bot.replies import notices, refusals
from recorder.errors import RecorderError, StorageError

pytestmark = pytest.mark.simcord(check_errors=False)

COUNT = int(os.environ.get("RECORDER_FUZZ", "300"))
COMMANDS = list(
    cast("set[commands.HybridCommand[Any, ..., Any]]", RecorderCommands.record.commands)
)
PIECES = (
    *"a B é ß ﬁ İ ǆ 0 ٣ 漢 刷新 ひ 한 ไทย שלום مرحبا ❤️ 👨\u200d👩\u200d👧".split(),
    *"@everyone @here <@1> <@!1> <@&1> <#1> <:a:1> <t:1:R> </a:1> <id:home>".split(),
    *"* ** __ _ ~~ || ` ``` ```py > >>> # -# - 1. [a](b) [x](https://evil.x) ]( \\".split(),
    *"https://a.bc/d_e http://x <https://y.z> discord.gg/abc data: javascript:x".split(),
    *"../ ..\\ / C: CON nul .. . ~ $HOME %00 ${x} {0} {} %s \\n --output --fts --sort".split(),
    *"from: from:a in:x before:2025-01-01 after:2h during:yesterday has:link".split(),
    *"is:deleted since: since:2h type:user tag:x OR AND NOT NEAR( a* -a".split(),
    *"\" ' “ ” « „ ( ) : ^ + = ; -- /* ' OR 1=1 --".split(),
    *"all help fuzz-1 fuzz-2 FUZZ-1 txt md json jsonl on off server status copy.txt".split(),
    *("\n", "\r\n", "\t", " ", "  ", "\xa0", "\u2028", "\u3000", "@\u200beveryone"),
    *("\0", "\x1b[31m", "\x7f", "\u202e", "\u2066", "\u200b", "\ufeff", "\xad", "\U000e0001"),
    *("\ud83d", "\udfff", "\uffff", "\U0010ffff", "e\u0301", "z" + "\u0335" * 40, "👍🏽" * 32),
)


def text_of(chance: random.Random, longest: int) -> str:
    if chance.random() < 0.03:  # as long as it may be
        return f"a{chance.choice(PIECES) * longest}"[:longest]
    parts = [
        chance.choice(PIECES) if chance.random() < 0.95 else chr(chance.randrange(1, 0x110000))
        for _ in range(chance.randint(1, 8))
    ]
    text = chance.choice(("", " ")).join(parts)[:longest]
    return text if text.strip() else "nothing"


def name_of(chance: random.Random, longest: int) -> str:
    if chance.random() < 0.5:
        return chance.choice(("fuzz-1", "fuzz-2", '"fuzz-1"', "gone"))
    return text_of(chance, longest)


def options_of(chance: random.Random, command: commands.Command[Any, ..., Any]) -> dict[str, str]:
    return {
        name: (name_of if name in ("name", "sessions") else text_of)(chance, 1_900)
        for name, parameter in command.clean_params.items()
        if parameter.required or chance.random() < 0.7
    }


def cause_of(error: BaseException) -> BaseException:
    while isinstance(
        error,
        commands.CommandInvokeError | commands.HybridCommandError | app_commands.CommandInvokeError,
    ):
        error = error.original
    return error


class Fuzz:
    """Random texts for every command, and all replies of the bot."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.chance = world, random.Random(seed)
        self.backend = world.env.backend
        self.places = (world.channel.id, world.staff.user.dm_channel.id)

    async def settle(self) -> None:
        await self.world.env.settle(idle=0.001)

    async def many(self, count: int) -> list[str]:
        """Send `count` messages and commands; return them."""
        asked = []
        for _ in range(count):
            command = self.chance.choice(COMMANDS)
            options = options_of(self.chance, command)
            way = self.chance.random()
            if way < 0.15:
                text = text_of(self.chance, self.chance.choice((40, 2_000)))
                self.backend.create_message(self.world.channel.id, self.world.member.id, text)
                asked.append(text)
            elif way < 0.75:
                text = " ".join(("!record", command.name, *options.values()))[:2_000]
                self.backend.create_message(self.world.channel.id, self.world.staff.id, text)
                asked.append(text)
            else:
                asked.append(f"/{command.name} {options!r}")
                await self.slash(command, options)
        await self.settle()
        return asked

    async def slash(
        self, command: commands.HybridCommand[Any, ..., Any], options: dict[str, str]
    ) -> None:
        app_command = command.app_command
        assert app_command is not None
        completed = [p.name for p in app_command.parameters if p.autocomplete and p.name in options]
        staff, channel = self.world.staff, self.world.channel
        path = f"record {command.name}"
        if completed and self.chance.random() < 0.4:
            option = self.chance.choice(completed)
            value = options.pop(option)
            await staff.autocomplete(channel, path, option, value, **options)
        else:
            await staff.slash(channel, path, **options)

    async def press(self) -> None:
        """Press some button of the last messages."""
        for message in list(self.backend.messages[self.world.channel.id].values())[-3:]:
            buttons = [b for row in message.components for b in row.get("components", ())]
            able = [b["label"] for b in buttons if not b["disabled"] and b["label"] != "Delete"]
            if able and message.visible_to(self.world.staff.id):
                shown = next(
                    m
                    for m in self.world.channel.history(viewer=self.world.staff)
                    if m.id == message.id
                )
                await self.world.staff.click(shown, label=self.chance.choice(able))

    def said(self) -> list[str]:
        """Return the new messages of the bot, and delete them."""
        texts = []
        for place in self.places:
            messages = self.backend.messages.get(place, {})
            for message in messages.values():
                if message.author_id == self.backend.bot_user.id:
                    policy = message.allowed_mentions
                    assert not (policy.everyone or policy.users or policy.roles)
                    texts.append(message.content)
            messages.clear()
        return texts

    async def sessions(self) -> None:
        """Record the sessions that the commands are about."""
        say = self.backend.create_message
        for name in ("fuzz-1", "fuzz-2"):
            say(self.world.channel.id, self.world.staff.id, f"!record start {name}")
            for _ in range(6):
                text = text_of(self.chance, 2_000)
                say(self.world.channel.id, self.world.member.id, text)
            say(
                self.world.channel.id,
                self.world.staff.id,
                f"!record tag {name_of(self.chance, 90)}",
            )
            await self.settle()
            say(self.world.channel.id, self.world.staff.id, "!record stop")
            await self.settle()


@pytest.mark.slow
@pytest.mark.timeout(60 + COUNT // 10)
async def test_no_text_breaks_the_bot(world: World, caplog: pytest.LogCaptureFixture) -> None:
    fuzz = Fuzz(world, int(os.environ.get("RECORDER_FUZZ_SEED", "1")))
    env, left = world.env, COUNT
    while left > 0:
        await fuzz.sessions()
        for _ in range(20):
            asked = await fuzz.many(25)
            await fuzz.press()
            left -= len(asked)
            said = fuzz.said()
            unexpected = [
                error
                for error in map(cause_of, env._errors)
                if not isinstance(error, RecorderError | commands.CommandError | discord.Forbidden)
                or isinstance(error, StorageError)
            ]
            assert unexpected == [], asked
            env._errors.clear()
            env._error_ids.clear()
            logged = [
                r.getMessage() for r in caplog.records if r.levelname in ("ERROR", "CRITICAL")
            ]
            assert logged == [], asked
            caplog.clear()
            assert {refusals.UNEXPECTED, notices.RECORDING_FAILED}.isdisjoint(said), asked
            harmful = [text for text in said if not is_harmless(text)]
            assert harmful == [], asked
            await env.advance_time(700)  # no buttons are waited for any more
            if left <= 0:
                break
    world.assert_sound()
