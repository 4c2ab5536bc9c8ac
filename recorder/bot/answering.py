"""What all our commands share: how they answer, who may use them, and what they speak of."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import discord
from discord import app_commands
from discord.ext import commands

from recorder.bot import replies
from recorder.bot.access import Reader, may_control, may_read
from recorder.bot.auto import AutoRecorder
from recorder.bot.listener import Listener
from recorder.bot.pager import Pager
from recorder.errors import Conflict, InvalidInput, RecorderError, StorageError
from recorder.models import Session
from recorder.session_manager import SessionManager
from recorder.session_recorder import SessionRecorder
from recorder.settings import Settings
from recorder.store.reading import no_such_session

log = logging.getLogger(__name__)

Context = commands.Context[Any]

# What discord.py wraps around an error of a command.
_WRAPPERS = (
    commands.CommandInvokeError,
    commands.HybridCommandError,
    app_commands.CommandInvokeError,
)
_QUOTES = {'"': '"', "“": "”", "'": "'", "«": "»", "„": "“"}
_CHOICES = 25  # what Discord shows while somebody types
_LOOKED_AT = 200


class Answering(commands.Cog):
    """The base of the cog: the command ``record`` itself, and ways to answer."""

    def __init__(self, bot: commands.Bot, settings: Settings) -> None:
        self.bot = bot
        self.settings = settings
        self.recorder = SessionRecorder(settings.data)
        self.manager = SessionManager(self.recorder, settings.timezone)
        self.auto_recorder = AutoRecorder(bot, self.manager, settings.timezone, self.announce)
        self.message_listener = Listener(bot, self, self.recorder, self.auto_recorder)

    @commands.hybrid_group(name="record", fallback="help", invoke_without_command=True)  # type: ignore[arg-type]
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
    async def record(self, context: Context) -> None:
        """Show how to record conversations."""
        if context.view.read_rest().strip() not in ("", "help"):
            raise InvalidInput("There is no such command. See `record help`.")
        await self.say(context, replies.help_text(prefix_of(context)))

    async def cog_before_invoke(self, context: Context) -> None:
        """Leave the answers to slash commands out of recordings."""
        if context.interaction is not None:
            self.message_listener.leave_out_interaction(context.interaction)

    async def cog_command_error(self, context: Context, error: Exception) -> None:
        """Say in a sentence what is wrong and what to do."""
        cause: BaseException = error
        while isinstance(cause, _WRAPPERS):
            cause = cause.original
        if isinstance(cause, StorageError):
            log.error("%s", cause)
            text = replies.FAILED
        elif isinstance(cause, RecorderError):
            text = replies.refused(str(cause), prefix_of(context))
        elif isinstance(cause, commands.UserInputError):
            text = replies.wrong_use(context.command, prefix_of(context))
        elif isinstance(cause, commands.CommandError):
            text = replies.refused(str(cause), prefix_of(context))
        elif isinstance(cause, discord.Forbidden):
            text = replies.FORBIDDEN
        else:
            log.error("The command %s failed", context.command, exc_info=cause)
            text = replies.UNEXPECTED
        await self._answer_somehow(context, text)

    async def say(self, context: Context, text: str, **options: Any) -> discord.Message:
        """Answer without pinging anybody, and without recording the answer."""
        self.message_listener.leave_out_reply(context.channel.id, text)
        options |= {"allowed_mentions": discord.AllowedMentions.none(), "suppress_embeds": True}
        return await context.send(text, **options)

    async def announce(self, channel: discord.abc.Messageable, text: str) -> None:
        """Say something in a channel that nobody asked for, as far as we may."""
        self.message_listener.leave_out_reply(cast(discord.TextChannel, channel).id, text)
        with contextlib.suppress(discord.HTTPException):
            await channel.send(text, allowed_mentions=discord.AllowedMentions.none())

    async def _answer_somehow(self, context: Context, text: str) -> None:
        """Answer with an error; privately where the channel does not let us."""
        try:
            await self.say(context, text, ephemeral=True)
        except discord.Forbidden:
            with contextlib.suppress(discord.HTTPException):
                await context.author.send(text)

    async def page(
        self,
        context: Context,
        page: Callable[[int], Awaitable[str]],
        count: int,
        allowed: Callable[[discord.Interaction], Awaitable[bool]],
        index: int = 0,
    ) -> None:
        """Answer with a page, and buttons when there are more."""
        if count == 1:
            await self.say(context, await page(0))
            return
        view = Pager(page, count, allowed, index)
        view.message = await self.say(context, await page(index), view=view)

    def may_control(self, context: Context) -> bool:
        """Whether somebody may start, stop and change recordings in this channel."""
        return may_control(context.author, context.channel, self.settings.role)

    def require_control(self, context: Context) -> None:
        """Refuse who may not start, stop or change recordings in this channel.

        Raises
        ------
        InvalidInput
            They may not.
        """
        if not self.may_control(context):
            also = f" or the role {self.settings.role}" if self.settings.role else ""
            raise InvalidInput(f"This needs the right to manage messages in this channel{also}.")

    async def all_said(self) -> None:
        """What was said before a question belongs to its answer."""
        with contextlib.suppress(StorageError):  # what was recorded can be read still
            await self.recorder.flush()

    def named(self, context: Context, name: str) -> Session:
        """The session of this name in the guild or DM channel; rights are not looked at."""
        guild_id = str(context.guild.id) if context.guild else None
        return self.manager.reader.named(name, guild_id, str(context.channel.id))

    async def channels_of(self, session: Session) -> tuple[str, ...]:
        """Every channel that a session holds messages of."""
        return (await asyncio.to_thread(self.manager.reader.channels, [session]))[session.id]

    async def session(self, context: Context, name: str) -> Session:
        """The session of this name, if whoever asks may read it."""
        await self.all_said()
        session = await asyncio.to_thread(self.named, context, name)
        if not await may_read(context.author, context.guild, await self.channels_of(session)):
            raise no_such_session(name)
        return session

    async def readable_sessions(self, context: Context) -> list[Session]:
        """The sessions here that whoever asks may read, the newest first."""
        await self.all_said()
        guild_id = str(context.guild.id) if context.guild else None
        sessions = await asyncio.to_thread(self.manager.list, guild_id, str(context.channel.id))
        return await self.only_readable(sessions, context.author, context.guild)

    async def latest(self, context: Context, *, running: bool = False) -> Session:
        """The channel's running session, else, unless one must run, the last that ran there."""
        channel = context.channel
        places = {str(channel.id)}
        if isinstance(channel, discord.Thread):
            places.add(str(channel.parent_id))
        for session in await self.readable_sessions(context):
            if session.channel_id in places and (session.status != "stopped" or not running):
                return session
        what = "Nothing is being recorded" if running else "Nothing has been recorded"
        raise Conflict(f"{what} in this channel yet. Begin with `record start <name>`.")

    async def complete_session(
        self, interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        """The names of sessions that begin with, or hold, what was typed; only readable ones."""
        guild, channel_id = interaction.guild, str(interaction.channel_id)
        sessions = await asyncio.to_thread(
            self.manager.reader.matching,
            current,
            str(guild.id) if guild else None,
            channel_id,
            _LOOKED_AT,
        )
        readable = await self.only_readable(sessions, interaction.user, guild)
        return [
            app_commands.Choice(name=session.name, value=session.name)
            for session in readable[:_CHOICES]
        ]

    async def complete_tag(
        self, interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        """The tags of the session whose name was typed before, if it is readable."""
        guild = interaction.guild
        name = str(getattr(interaction.namespace, "name", ""))
        try:
            session = await asyncio.to_thread(
                self.manager.reader.named,
                name,
                str(guild.id) if guild else None,
                str(interaction.channel_id),
            )
        except RecorderError:
            return []
        if not await self.only_readable([session], interaction.user, guild):
            return []
        tags = await asyncio.to_thread(self.manager.reader.tags, session)
        return [
            app_commands.Choice(name=tag.name, value=tag.name)
            for tag in tags
            if current.casefold() in tag.name.casefold()
        ][:_CHOICES]

    async def only_readable(
        self,
        sessions: list[Session],
        user: discord.User | discord.Member,
        guild: discord.Guild | None,
    ) -> list[Session]:
        """Those of `sessions` that somebody may read now."""
        channels = await asyncio.to_thread(self.manager.reader.channels, sessions)
        person = Reader(user, guild)
        allowed = {held: await person.may_read(held) for held in set(channels.values())}
        return [session for session in sessions if allowed[channels[session.id]]]

    def shown(self, path: Path) -> str:
        """A path as it is shown: within the data folder."""
        return path.relative_to(self.settings.data).as_posix()


def prefix_of(context: Context) -> str:
    """What our commands begin with, as they were called."""
    return "/" if context.interaction is not None else context.clean_prefix


def typed(context: Context) -> str:
    """What was typed after a prefix command, as it was typed."""
    return context.message.content.partition(str(context.invoked_with))[2].strip()


def unquoted(text: str) -> str:
    """The text without the quotes that people put around it."""
    text = text.strip()
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1]:
        return text[1:-1].strip()
    return text
