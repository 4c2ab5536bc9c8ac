"""The recorder as a discord.py extension: ``await bot.load_extension("recorder.bot")``.

Settings come from the environment, see :class:`recorder.settings.Settings`.
"""

from __future__ import annotations

import os

from discord.ext import commands

from recorder.bot.cog import Recorder
from recorder.settings import Settings

__all__ = ["Recorder", "setup"]


async def setup(bot: commands.Bot) -> None:
    """Add the recorder to a host bot, with settings from the environment.

    Raises
    ------
    InvalidSetting
        A variable has a wrong value.
    StorageError
        The data folder cannot be used.
    """
    await bot.add_cog(Recorder(bot, Settings.from_environment(os.environ)))
