"""An example of a bot with an AI command and the recorder as an extension.

DISCORD_TOKEN=… python scripts/example_bot.py
"""

import os
import sys

import discord
from discord.ext import commands

MODEL = "echo-1"


async def ask_model(question: str) -> str:
    """Return the answer of a language model: put your own call here."""
    return f"You asked: {question}"[:2000]


class ExampleBot(commands.Bot):
    """A bot that answers `!ai <question>` and has the commands `!record …`."""

    def __init__(self) -> None:
        intents = discord.Intents.default()
        intents.message_content = True  # without it messages arrive empty
        nobody = discord.AllowedMentions.none()
        super().__init__(command_prefix="!", intents=intents, allowed_mentions=nobody)
        self.add_command(ai)

    async def setup_hook(self) -> None:
        """Load the recorder and register its slash commands with Discord."""
        await self.load_extension("recorder.bot")
        await self.tree.sync()


@commands.command()
async def ai(context: commands.Context[commands.Bot], *, question: str) -> None:
    """Ask the model."""
    reply = await context.reply(await ask_model(question))
    context.bot.get_cog("Recorder").annotate(reply, model=MODEL)  # type: ignore[union-attr]


if __name__ == "__main__":
    if "DISCORD_TOKEN" not in os.environ:
        sys.exit("Set DISCORD_TOKEN to your bot's token: https://discord.com/developers")
    ExampleBot().run(os.environ["DISCORD_TOKEN"])
