"""Commands that copy and change recordings: save, tag, untag, merge, delete."""

from __future__ import annotations

import asyncio
import shlex

import discord
from discord import app_commands

from recorder.bot.access.viewer import AnyUser
from recorder.bot.commands.base import RecorderCommands
from recorder.bot.commands.context import Context, typed_arguments, unquoted
from recorder.bot.listening.capture import channel_of
from recorder.bot.replies import results
from recorder.bot.replies.confirmation import Confirmation
from recorder.errors import Conflict, InvalidInput
from recorder.store.reading import no_such_session

_OUTPUT = "--output"


# mypy cannot infer what discord.py's decorators of hybrid commands take: hence the ignores.
class EditingCommands(RecorderCommands):
    """The commands that copy and change recordings."""

    @RecorderCommands.record.command()  # type: ignore[arg-type]
    @app_commands.describe(filename="Ends with .txt, .md, .html, .json, .jsonl, .csv or .dce.json")
    async def save(self, context: Context, *, filename: str) -> None:
        """Save a copy of this channel's session under a file name of your choice."""
        self.require_control(context)
        await context.defer()
        session = await self.latest_session(context)
        path = await asyncio.to_thread(
            self.manager.save, session, unquoted(filename), now=context.message.created_at
        )
        shown = f"exports/{self.manager.export_file_name(unquoted(filename))}"
        await self.reply(context, results.saved(session, shown, path.stat().st_size))

    @RecorderCommands.record.command()  # type: ignore[arg-type]
    @app_commands.describe(tag="The name of the tag")
    async def tag(self, context: Context, *, tag: str) -> None:
        """Tag the last message, or the one that you reply to, so that you find it again."""
        reference = context.message.reference
        await self.tag_message(context, tag, reference.message_id if reference else None)

    async def tag_message(self, context: Context, tag: str, message_id: int | None) -> None:
        """Tag a message of the running session; ``None`` is the last one."""
        session = await self.running_session(context)
        tag_added = await self.manager.tag(
            session, unquoted(tag), now=discord.utils.utcnow(), message_id=message_id
        )
        await self.reply(context, results.tagged(tag_added))

    @RecorderCommands.record.command()  # type: ignore[arg-type]
    @app_commands.describe(name="The session's name", tag="The tag's name")
    async def untag(self, context: Context, name: str, *, tag: str) -> None:
        """Remove a tag from a session."""
        self.require_control(context)
        session = await self.controlled_session(context, name)
        await self.manager.untag(session, unquoted(tag), now=discord.utils.utcnow())
        await self.reply(context, results.untagged(session, unquoted(tag)))

    @RecorderCommands.record.command()  # type: ignore[arg-type]
    @app_commands.describe(
        sessions="The names of two or more sessions; a name of several words needs quotes",
        output="The name of the new session",
    )
    async def merge(self, context: Context, sessions: str, *, output: str) -> None:
        """Merge sessions into a new one: a b --output name."""
        self.require_control(context)
        if context.interaction is None:
            sessions, output = _split_output(typed_arguments(context))
        sources = [await self.session(context, name) for name in _words(sessions)]
        await self.defer(context)
        merged = await self.manager.merge(
            sources,
            unquoted(output),
            channel_of(context.channel),
            user_id=str(context.author.id),
            now=context.message.created_at,
        )
        await self.reply(context, results.merged(sources, merged))

    @RecorderCommands.record.command()  # type: ignore[arg-type]
    @app_commands.describe(name="The session's name")
    async def delete(self, context: Context, *, name: str) -> None:
        """Delete a session for good, after a confirmation."""
        self.require_control(context)
        session = await self.controlled_session(context, unquoted(name))
        if session.status != "stopped":
            raise Conflict(f"{session.name} is still running. Stop it first with `record stop`.")

        async def delete(user: AnyUser) -> str:
            if not (
                await self.may_control_sessions(context, [session], user)
                and await self.only_readable([session], user, context.guild)
            ):
                raise no_such_session(session.name)
            return results.deleted(await self.manager.delete(session))

        view = Confirmation(context.author, "Delete", delete)
        view.message = await self.reply(context, results.confirm_delete(session), view=view)

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


def _split_output(text: str) -> tuple[str, str]:
    """Split the arguments of ``merge`` into the names and the output."""
    names, option, output = text.rpartition(_OUTPUT)
    if not option or not output.strip():
        raise InvalidInput("Give the sessions and the new name: `record merge a b --output c`.")
    return names, output


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        raise InvalidInput("A quotation mark is not closed. Close it, or leave it out.") from None
