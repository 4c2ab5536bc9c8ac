"""The bot in scripts/ that shows how to attach the recorder to one's own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from discord.ext import commands
from support.world import World

from scripts.example_bot import MODEL, ExampleBot

EXAMPLE = Path(__file__).parents[3] / "scripts" / "example_bot.py"

pytestmark = pytest.mark.simcord(check_errors=False)


@pytest.fixture
def simcord_bot(data_folder: Path) -> commands.Bot:
    return ExampleBot()


async def test_it_records_the_answers_of_its_model(world: World) -> None:
    assert "Recording Started" in await world.say("!record start example")
    assert await world.say("!ai hello", world.member) == "You asked: hello"
    assert "Messages: 2\n" in await world.slash("stop")
    question, answer = world.lines()[:2]
    assert (question["content"], question["type"]) == ("!ai hello", "user_message")
    assert (answer["content"], answer["type"]) == ("You asked: hello", "bot_response")
    models = [line["model"] for line in world.lines() if "model" in line]
    assert models == [MODEL]
    assert f"- {MODEL}: 1" in await world.say("!record stats example")
    world.assert_sound()


def test_it_says_that_the_token_is_missing() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DISCORD_TOKEN"}
    result = subprocess.run(
        [sys.executable, EXAMPLE], env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1 and result.stderr.startswith("Set DISCORD_TOKEN")
