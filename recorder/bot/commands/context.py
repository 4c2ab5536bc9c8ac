"""The context of a command: its prefix and arguments as they were typed, and its guild."""

from __future__ import annotations

from typing import Any

import discord
from discord.ext import commands

Context = commands.Context[Any]

_QUOTES = {'"': '"', "“": "”", "'": "'", "«": "»", "„": "“"}


def prefix_of(context: Context) -> str:
    """Return the prefix with which the command was called; a slash for slash commands."""
    return "/" if context.interaction is not None else context.clean_prefix


def typed_arguments(context: Context) -> str:
    """Return the arguments of a prefix command as one text, exactly as they were typed."""
    return context.message.content.partition(str(context.invoked_with))[2].strip()


def unquoted(text: str) -> str:
    """Return `text` without the quotes around it, if there are any."""
    text = text.strip()
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1]:
        return text[1:-1].strip()
    return text


def guild_id_of(guild: discord.Guild | None) -> str | None:
    """Return the id of a guild as the store has it, ``None`` for a DM channel."""
    return str(guild.id) if guild else None
