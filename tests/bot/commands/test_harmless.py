"""Replay pings nobody and breaks out of nothing, in every answer that shows others' text."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest
import simcord
from simcord.backend import serializers
from support.discord_formatting import shown
from support.harmless import is_harmless
from support.world import World

from recorder.bot import Recorder
from recorder.bot.replies import refusals

pytestmark = pytest.mark.simcord(check_errors=False)

EMOJI = "👩🏽‍🚀" * 8  # 32 characters
TEXTS = (
    "@everyone @here <@{member}> <@!{member}> <@&{role}> <#{channel}> needle",
    "```py\nneedle\n``` ` `` ```\nneedle ```",
    "[needle](https://evil.example) [a]( <https://b.example> ) ![x](https://c.example)",
    "# needle\n## b\n-# c\n> d\n>>> e\n- f\n1. g",
    "**needle** __b__ *c* _d_ ~~e~~ ||f|| \\",
    "needle \u202egnp.exe \u2066a\u2069 \u200b\u200e\ufeff\xad \x1b[31m \x00 \x7f",
    "needle\u2028b\u2029c\x0bd\x0ce\x85f\rg\r\nh",
    "<:a:1> <t:1:R> </start:1> <id:home> <a:b:2> needle",
    "needle " + "*" * 1_900,
    "needle " + "@everyone " * 190,
    "needle " + "👩🏽‍🚀" * 400,
    "https://a.bc/needle_x_**y**_@everyone https://a_ discord.gg/needle",
    "?ask @everyone",
    "!needle",
)
NAMES = ("@everyone", f"{EMOJI}", "[needle](b) **x** `y`", "# > - _a_ ||b||")
OF_A_MESSAGE = re.compile(r"(?:➡️ |\d+\. )?\[<t:\d+:[tf]>\] (.*)")
OWN_MARKUP = re.compile(
    r"<t:\d+:[tf]>| \*\((?:edited|deleted)\)\*| \[↗\]\(<https://discord\.com/channels/[\d/]+>\)"
)


async def say_long(world: World, text: str) -> None:
    """A message of up to 4,000 characters, as subscribers may send them."""
    backend = world.env.backend
    message = backend.create_message(world.channel.id, world.member.id, "long", broadcast=False)
    message.content = text
    backend.emit("MESSAGE_CREATE", dict(serializers.message_payload(backend, message)))
    await world.env.settle(idle=0.001)


async def record(world: World) -> None:
    """Two sessions full of such texts, by people with such names, with such tags."""
    role = world.guild.create_role("Role")
    cog = world.bot.get_cog("Recorder")
    assert isinstance(cog, Recorder)
    people = [
        world.guild.add_member(world.env.create_user(f"evil{number}", global_name=name))
        for number, name in enumerate(NAMES)
    ]
    ids = {"member": world.member.id, "role": role.id, "channel": world.channel.id}
    for name in (f"@everyone _needle_ {EMOJI}", "# [needle](b) ~~x~~"):
        assert "Recording Started" in await world.say(f"!record start {name}")
        for number, raw in enumerate(TEXTS):
            text = re.sub(r"\{(member|role|channel)\}", lambda match: str(ids[match[1]]), raw)
            message = await people[number % len(people)].send(world.channel, text)
            if number == 4:
                await people[number % len(people)].edit(message, f"{text} **edited**")
            if number < 4:
                assert "Tag added" in await world.say(f"!record tag {number} @everyone _a_ [b](c)")
        hook = world.guild.create_webhook(world.channel, "@everyone [x](b) `y` **z**")
        hooked = await hook.send("@everyone needle")
        cog.annotate(hooked, model="@everyone `x` [y](z)")
        await say_long(world, "needle @everyone `**" * 200)
        await say_long(world, "n" * 4_000)
        await world.say("!record stop")


CALLS: list[tuple[str, dict[str, str]]] = [
    ("list", {}),
    ("load", {"name": "{name}"}),
    ("search", {"name": "{name}", "query": "needle"}),
    ("search", {"name": "all", "query": "needle"}),
    ("search", {"name": "all", "query": '"needle https evil example"'}),
    ("search", {"name": "all", "query": "nedle"}),
    ("search", {"name": "all", "query": "@everyone from:`**[a](b)"}),
    ("stats", {"name": "{name}"}),
    ("stats", {}),
    ("tags", {"name": "{name}"}),
    *(("goto", {"name": "{name}", "tag": f"{number} @everyone _a_ [b](c)"}) for number in range(4)),
    ("goto", {"name": "{name}", "tag": "@everyone ``` [a](http://b) " + "*" * 1_800}),
    ("load", {"name": "@everyone ``` \u202e [a](http://b)"}),
    ("load", {"name": "*" * 1_900}),
    ("export", {"name": "{name}", "format": "@everyone **x** [a](b)"}),
    ("export", {"name": "{name}", "format": "txt"}),
    ("resume", {"name": "@everyone `x`"}),
    ("start", {"name": "@everyone `x`"}),
    ("start", {"name": "{name}"}),
    ("untag", {"name": "{name}", "tag": "@everyone ``` " + "_" * 1_800}),
    ("delete", {"name": "{name}"}),
    ("save", {"filename": "@everyone [a](b).txt"}),
    ("save", {"filename": "@everyone ``` [a](b).txt"}),
    ("auto", {"switch": "@everyone `x`"}),
]


def assert_harmless(world: World, channel: simcord.ChannelHandle) -> list[str]:
    """Check every message of the bot, and return their texts."""
    texts = []
    for message in world.env.backend.messages[channel.id].values():
        if message.author_id == world.env.backend.bot_user.id:
            text = message.content
            assert is_harmless(text), text
            assert not message.mention_user_ids and not message.mention_role_ids
            assert not message.mention_everyone and not message.embeds
            policy: Any = message.allowed_mentions
            assert (policy.everyone, policy.users, policy.roles) == (
                False,
                frozenset(),
                frozenset(),
            )
            for line in text.splitlines():
                if match := OF_A_MESSAGE.fullmatch(line):
                    said = OWN_MARKUP.sub("", match[1])
                    if text.startswith("🔍"):  # hits are bold
                        said = re.sub(r"(?<!\\)(?:\\\\)*\*\*", "", said)
                    shown(said)  # which finds any formatting
            texts.append(text)
    return texts


@pytest.mark.slow
async def test_every_answer_is_harmless(world: World) -> None:
    await record(world)
    for name in (f"@everyone _needle_ {EMOJI}", "# [needle](b) ~~x~~"):
        for command, options in CALLS:
            filled = {key: value.replace("{name}", name) for key, value in options.items()}
            answer = await world.staff.slash(world.channel, f"record {command}", **filled)
            assert answer.response is not None, (command, filled)
            quoted = (f'"{value}"' for value in filled.values())
            assert await world.say(" ".join((f"!record {command}", *quoted))), (command, filled)
            await world.env.advance_time(700)  # no buttons are waited for any more
    texts = assert_harmless(world, world.channel)
    assert all("🚀" in text or "needle" in text for text in texts if text.startswith("📖"))
    openings = ("📚", "📖", "🔍 **Found", "📊", "🏷️ **Tags", "🏷️ **0", "📄", "🗑️", "💾", "❌")
    assert [o for o in openings if not any(text.startswith(o) for text in texts)] == []


async def test_pages_are_harmless(world: World) -> None:
    await record(world)
    for command in ("load", "search", "goto"):
        more = {"load": "", "search": "needle", "goto": '"0 @everyone _a_ [b](c)"'}[command]
        await world.say(f'!record {command} "# [needle](b) ~~x~~" {more}')
        for _ in range(2):
            await world.staff.click(world.channel.history()[-1], label="Next")
            assert_harmless(world, world.channel)


@pytest.fixture
def token(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The token as the bot's settings have it."""
    token = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs"
    monkeypatch.setenv("DISCORD_TOKEN", token)
    return token


@pytest.mark.slow
async def test_the_token_is_nowhere(
    token: str, world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in answers nor in files nor in logs, tracebacks included."""
    caplog.set_level(logging.DEBUG)
    cog = world.bot.get_cog("Recorder")
    assert isinstance(cog, Recorder) and cog.settings.token == token
    await record(world)
    for command, options in CALLS:
        await world.say(" ".join((f"!record {command}", *options.values())))
    monkeypatch.setattr(cog.manager, "list", lambda *_: cog.settings.missing)  # type: ignore[attr-defined]
    assert await world.say("!record list") == refusals.UNEXPECTED
    assert "Traceback" in caplog.text
    said = "\n".join(message.content for message in world.channel.history())
    assert token not in said + caplog.text
    for path in world.data.rglob("*"):
        assert not path.is_file() or token.encode() not in path.read_bytes()
