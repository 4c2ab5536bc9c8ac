"""Replies to commands that fail or are used wrongly, and notes that the reply is private."""

from __future__ import annotations

import re
from typing import Any

from discord.ext import commands

from recorder.bot.replies.escaping import plain

_COMMAND = re.compile(r"`record([^`]*)`")

UNEXPECTED = "❌ Something went wrong; nothing was changed. The reason is in the bot's log."
CLOSED = "❌ I am being restarted; nothing was changed. Try again in a moment."
FORBIDDEN = "❌ Discord does not allow me to do that here. Check my permissions in this channel."
BY_DIRECT_MESSAGE = (
    "About sessions that not everyone in this channel may read, I reply by direct message."
)
DELETED_BY_DIRECT_MESSAGE = (
    "🔒 Deleted messages are for members who may manage messages: I reply by direct message."
)


def refusal(sentence: str, prefix: str) -> str:
    """Return an error's sentence, with the commands in it as they are typed here."""
    parts = [plain(part) for part in _COMMAND.split(sentence)]
    parts[1::2] = [f"**{prefix}record{rest}**" for rest in parts[1::2]]
    return "❌ " + "".join(parts)


def wrong_use(command: commands.Command[Any, ..., Any] | None, prefix: str) -> str:
    """Return how a command is used, after it was called with wrong arguments."""
    if command is None:
        return f"❌ I do not understand that. See {prefix}record help"
    return (
        f"❌ Use it like this: {prefix}{command.qualified_name} {command.signature}\n"
        f"See {prefix}record help"
    )
