"""What all our commands share: how they answer, who may use them, and what they speak of."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast
from weakref import WeakSet

import discord
from discord import app_commands
from discord.ext import commands

from recorder.bot.access.audience import Audience
from recorder.bot.access.viewer import Person, Reader, may_control
from recorder.bot.listening.auto_sessions import AutoRecorder
from recorder.bot.listening.deletions import DeletionEraser
from recorder.bot.listening.downloads import Downloader
from recorder.bot.listening.listener import Listener
from recorder.bot.replies import replies
from recorder.bot.replies.pager import Pager
from recorder.errors import Conflict, InvalidInput, NotFound, RecorderError, StorageError
from recorder.models import Session
from recorder.recording.session_manager import SessionManager
from recorder.recording.session_recorder import SessionRecorder
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
_LONGEST_MESSAGE = 2_000


class Answering(commands.Cog):
    """The base of the cog: the command ``record`` itself, and ways to answer."""

    def __init__(self, bot: commands.Bot, settings: Settings) -> None:
        self.bot = bot
        self.settings = settings
        self.recorder = SessionRecorder(settings.data, attachment_limit=settings.attachment_limit)
        self.downloader = Downloader(bot, self.recorder, settings.attachment_limit)
        self.manager = SessionManager(self.recorder, settings.timezone)
        self.auto_recorder = AutoRecorder(bot, self.manager, settings.timezone, self.announce)
        self.deletion_eraser = DeletionEraser(self.recorder, self.manager)
        self.message_listener = Listener(
            bot,
            self,
            self.recorder,
            self.auto_recorder,
            on_deletion=self.deletion_eraser.erase if settings.erase_deleted else None,
        )
        self.recorder.on_downloads_due = self.downloader.wake
        self._private = WeakSet[Context]()

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
        if len(text) > _LONGEST_MESSAGE:
            text = f"{text[: _LONGEST_MESSAGE - 1]}…"
        options |= {"allowed_mentions": discord.AllowedMentions.none(), "suppress_embeds": True}
        private = self.is_private(context)
        if private and context.interaction is None:
            options.pop("ephemeral", None)
            direct = context.author.dm_channel or await context.author.create_dm()
            self.message_listener.leave_out_reply(direct.id, text)
            return await direct.send(text, **options)
        self.message_listener.leave_out_reply(context.channel.id, text)
        if private:
            options["ephemeral"] = True
        return await context.send(text, **options)

    def is_private(self, context: Context) -> bool:
        """Whether only who asked gets to see the answer."""
        return context in self._private

    async def answer_privately(self, context: Context, note: str) -> None:
        """From here on only who asked sees the answer, and any error.

        Parameters
        ----------
        note
            What the channel sees in its place, unless the question was a slash command, of which
            it sees nothing. It must give nothing away.
        """
        if not self.is_private(context):
            if context.interaction is None:
                with contextlib.suppress(discord.HTTPException):
                    await self.say(context, note)
            self._private.add(context)

    async def defer(self, context: Context) -> None:
        """Tell Discord that the answer to a slash command takes a while."""
        await context.defer(ephemeral=self.is_private(context))

    async def announce(self, channel: discord.abc.Messageable, text: str) -> None:
        """Say something in a channel that nobody asked for, as far as we may."""
        self.message_listener.leave_out_reply(cast(discord.TextChannel, channel).id, text)
        with contextlib.suppress(discord.HTTPException):
            await channel.send(text, allowed_mentions=discord.AllowedMentions.none())

    async def _answer_somehow(self, context: Context, text: str) -> None:
        """Answer with an error; privately where the channel does not let us."""
        try:
            await self.say(context, text, ephemeral=True)
        except discord.HTTPException as error:
            log.warning("An answer could not be given where it was asked for: %s", error)
            with contextlib.suppress(discord.HTTPException):
                await context.author.send(text, allowed_mentions=discord.AllowedMentions.none())

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

    async def controls(
        self, context: Context, sessions: list[Session], user: Person | None = None
    ) -> bool:
        """Whether somebody may change `sessions`, and see what was deleted in them.

        Parameters
        ----------
        user
            Who presses a button of the answer, if not who asked.
        """
        channels = await asyncio.to_thread(self.manager.reader.channels, sessions)
        person, role = Reader(user or context.author, context.guild), self.settings.role
        return all([await person.may_control(held, role) for held in set(channels.values())])

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

    async def session(self, context: Context, name: str) -> Session:
        """The session of this name, if whoever asks may read it.

        Where not everybody in the channel may, the answer is for who asked alone; the channel
        sees what it would see if there were no such session.
        """
        await self.all_said()
        missing = _missing(context, name)
        try:
            session = await asyncio.to_thread(self.named, context, name)
        except NotFound:
            raise missing from None
        held = (await asyncio.to_thread(self.manager.reader.channels, [session]))[session.id]
        person = Reader(context.author, context.guild)
        if not await person.may_read(held):
            raise missing
        if not await Audience(context.channel, person.channels).may_read(held):
            note = replies.refused(str(missing), prefix_of(context))
            await self.answer_privately(context, note)
        return session

    async def controlled_session(self, context: Context, name: str) -> Session:
        """As :meth:`session`, for what changes it.

        Raises
        ------
        InvalidInput
            They may not control recordings of all its channels.
        """
        session = await self.session(context, name)
        if not await self.controls(context, [session]):
            raise InvalidInput(
                "This needs the right to manage messages in every channel that "
                f"{session.name} was recorded in."
            )
        return session

    async def shared_session(self, context: Context, name: str) -> Session:
        """As :meth:`controlled_session`, for what everybody in the channel is told.

        Raises
        ------
        Conflict
            Not everybody there may read the session; only who asked gets to know.
        """
        session = await self.controlled_session(context, name)
        if self.is_private(context):
            raise Conflict(
                f"Not everybody in that channel may read {session.name}, and all of them would be "
                "told of it. Go on with it where they may, or start a new one."
            )
        return session

    async def readable_sessions(self, context: Context) -> list[Session]:
        """The sessions here that everybody may read who sees the answer, the newest first.

        In a channel not those of who asks alone: that an answer is longer, or private, would
        tell the others that there is something they may not see.
        """
        sessions = await self._sessions(context)
        shown_in = None if self.is_private(context) else context.channel
        return await self.only_readable(sessions, context.author, context.guild, shown_in)

    async def latest(self, context: Context, *, running: bool = False) -> Session:
        """The channel's running session, else, unless one must run, the last that ran there."""
        channel = context.channel
        places = {str(channel.id)}
        if isinstance(channel, discord.Thread):
            places.add(str(channel.parent_id))
        sessions = [
            session
            for session in await self._sessions(context)
            if session.channel_id in places and (session.status != "stopped" or not running)
        ]
        # Of what runs here, everybody was told.
        shown_in = None if running else channel
        readable = await self.only_readable(sessions, context.author, context.guild, shown_in)
        if readable:
            return readable[0]
        what = "Nothing is being recorded" if running else "Nothing has been recorded"
        raise Conflict(f"{what} in this channel yet. Begin with `record start <name>`.")

    async def _sessions(self, context: Context) -> list[Session]:
        """All sessions of the guild or DM channel, the newest first; rights are not looked at."""
        await self.all_said()
        guild_id = str(context.guild.id) if context.guild else None
        return await asyncio.to_thread(self.manager.list, guild_id, str(context.channel.id))

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
        shown_in: discord.abc.MessageableChannel | None = None,
    ) -> list[Session]:
        """Those of `sessions` that somebody may read now, and everybody who sees the answer.

        Parameters
        ----------
        shown_in
            The channel with the answer; ``None`` if nobody else sees it.
        """
        channels = await asyncio.to_thread(self.manager.reader.channels, sessions)
        person = Reader(user, guild)
        audience = Audience(shown_in, person.channels)
        allowed = {
            held: await person.may_read(held) and await audience.may_read(held)
            for held in set(channels.values())
        }
        return [session for session in sessions if allowed[channels[session.id]]]

    async def who_presses_may(
        self, context: Context, sessions: list[Session], interaction: discord.Interaction
    ) -> bool:
        """Whether somebody may turn the pages of an answer about `sessions`, where it stands."""
        shown_in = None if self.is_private(context) else context.channel
        readable = await self.only_readable(sessions, interaction.user, context.guild, shown_in)
        return len(readable) == len(sessions)

    def shown(self, path: Path) -> str:
        """A path as it is shown: within the data folder."""
        return path.relative_to(self.settings.data).as_posix()


def _missing(context: Context, name: str) -> NotFound:
    """What is said of a session that is not there, or that not everybody here may read."""
    sentence = str(no_such_session(name))
    if context.guild is not None and context.interaction is None:
        sentence += f" {replies.BY_DIRECT_MESSAGE}"
    return NotFound(sentence)


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
