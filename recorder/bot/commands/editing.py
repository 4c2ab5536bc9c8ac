"""Commands that change recordings: save, tag, untag, merge, delete."""

from __future__ import annotations

import asyncio
import shlex

import discord
from discord import app_commands

from recorder.bot.commands.base import Answering, Context, typed, unquoted
from recorder.bot.listening.capture import channel_of
from recorder.bot.replies import replies
from recorder.bot.replies.confirmation import Confirmation
from recorder.errors import Conflict, InvalidInput
from recorder.store.reading import no_such_session

_OUTPUT = "--output"


# mypy cannot infer what discord.py's decorators of hybrid commands take: hence the ignores.
class ShapingCommands(Answering):
    """Change recordings."""

    @Answering.record.command()  # type: ignore[arg-type]
    @app_commands.describe(filename="With .txt, .md, .json, .jsonl, .csv or .dce.json behind")
    async def save(self, context: Context, *, filename: str) -> None:
        """Save a copy of this channel's session under a name of your own."""
        self.require_control(context)
        await context.defer()
        session = await self.latest(context)
        path = await asyncio.to_thread(
            self.manager.save, session, unquoted(filename), now=context.message.created_at
        )
        await self.say(context, replies.saved(session, self.shown(path), path.stat().st_size))

    @Answering.record.command()  # type: ignore[arg-type]
    @app_commands.describe(tag="What this moment is called")
    async def tag(self, context: Context, *, tag: str) -> None:
        """Mark the last message, or the one that you reply to, to find it again."""
        session = await self.latest(context, running=True)
        reference = context.message.reference
        message_id = reference.message_id if reference else None
        added = await self.manager.tag(session, unquoted(tag), message_id=message_id)
        await self.say(context, replies.tagged(added))

    @Answering.record.command()  # type: ignore[arg-type]
    @app_commands.describe(name="The session's name", tag="The tag's name")
    async def untag(self, context: Context, name: str, *, tag: str) -> None:
        """Remove a tag from a session."""
        self.require_control(context)
        session = await self.controlled_session(context, name)
        await self.manager.untag(session, unquoted(tag))
        await self.say(context, replies.untagged(session, unquoted(tag)))

    @Answering.record.command()  # type: ignore[arg-type]
    @app_commands.describe(
        sessions="Names of two or more sessions; one of several words in quotes",
        output="The name of the new session",
    )
    async def merge(self, context: Context, sessions: str, *, output: str) -> None:
        """Put sessions together into a new one: a b --output name."""
        self.require_control(context)
        if context.interaction is None:
            sessions, output = _names_and_output(typed(context))
        sources = [await self.session(context, name) for name in _words(sessions)]
        await self.defer(context)
        merged = await self.manager.merge(
            sources,
            unquoted(output),
            channel_of(context.channel),
            user_id=str(context.author.id),
            now=context.message.created_at,
        )
        await self.say(context, replies.merged(sources, merged))

    @Answering.record.command()  # type: ignore[arg-type]
    @app_commands.describe(name="The session's name")
    async def delete(self, context: Context, *, name: str) -> None:
        """Delete a session for good, after asking once more."""
        self.require_control(context)
        session = await self.controlled_session(context, unquoted(name))
        if session.status != "stopped":
            raise Conflict(f"{session.name} is still running. Stop it first with `record stop`.")

        async def confirmed(user: discord.User | discord.Member) -> str:
            if not (
                await self.controls(context, [session], user)
                and await self.only_readable([session], user, context.guild)
            ):
                raise no_such_session(session.name)
            return replies.deleted(await self.manager.delete(session))

        view = Confirmation(context.author, "Delete", confirmed)
        view.message = await self.say(context, replies.really_delete(session), view=view)

    @untag.autocomplete("name")
    @delete.autocomplete("name")
    async def _complete_name(
        self, interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        return await self.complete_session(interaction, current)

    @untag.autocomplete("tag")
    async def _complete_tag(
        self, interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        return await self.complete_tag(interaction, current)


def _names_and_output(text: str) -> tuple[str, str]:
    """Take apart what was typed after ``merge``."""
    names, found, output = text.rpartition(_OUTPUT)
    if not found or not output.strip():
        raise InvalidInput("Say which sessions, and the new name: `record merge a b --output c`.")
    return names, output


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        raise InvalidInput("A quotation mark is missing its other half.") from None
