"""The commands ``record …``, as prefix and as slash commands."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from recorder.bot import replies
from recorder.bot.access import Reader, may_control, may_read
from recorder.bot.capture import channel_of
from recorder.bot.confirmation import Confirmation
from recorder.bot.listener import Listener
from recorder.bot.pager import Pager
from recorder.errors import Conflict, InvalidInput, RecorderError, StorageError
from recorder.models import Annotation, Session
from recorder.names import export_name
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


# mypy cannot infer what discord.py's decorators of hybrid commands take: hence the ignores.
class Recorder(commands.Cog):
    """Records conversations and finds them again."""

    def __init__(self, bot: commands.Bot, settings: Settings) -> None:
        self.bot = bot
        self.settings = settings
        self.recorder = SessionRecorder(settings.data)
        self.recorder.on_failure = self._failed
        self.manager = SessionManager(self.recorder, settings.timezone)
        self._listener = Listener(bot, self, self.recorder)
        self._announcing: asyncio.Task[None] | None = None

    async def cog_load(self) -> None:
        """Open the data folder and go on with what was running."""
        await self.recorder.open()
        self.bot.add_listener(self._listener.hear, "on_message")
        self.bot.add_listener(self._listener.hear_edit, "on_raw_message_edit")
        if not self.bot.intents.message_content:
            log.warning(
                "The message content intent is off: recordings will lack what people write. "
                "Switch it on in Discord's developer portal and in the bot's intents."
            )

    async def cog_unload(self) -> None:
        """Write all that waits; sessions go on at the next start."""
        self.bot.remove_listener(self._listener.hear, "on_message")
        self.bot.remove_listener(self._listener.hear_edit, "on_raw_message_edit")
        await self.recorder.close()

    def annotate(self, message: discord.Message | discord.PartialMessage, *, model: str) -> None:
        """Name the AI model of a reply, before or after it was recorded.

        Parameters
        ----------
        message
            The reply, as ``channel.send`` returns it.
        model
            The model's name, such as ``"claude-3-5-sonnet"``.
        """
        self.recorder.annotate(
            Annotation(discord.utils.utcnow(), str(message.channel.id), message.id, model)
        )

    @commands.hybrid_group(name="record", fallback="help", invoke_without_command=True)  # type: ignore[arg-type]
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
    async def record(self, context: Context) -> None:
        """Show how to record conversations."""
        if context.view.read_rest().strip() not in ("", "help"):
            raise InvalidInput("There is no such command. See `record help`.")
        await self._say(context, replies.help_text(_prefix(context)))

    @record.command()  # type: ignore[arg-type]
    @app_commands.describe(name="What the session is called")
    async def start(self, context: Context, *, name: str) -> None:
        """Start recording this channel."""
        self._require_control(context)
        _require_voice(context)
        session = await self.manager.start(
            _unquoted(name),
            channel_of(context.channel),
            user_id=str(context.author.id),
            now=context.message.created_at,
        )
        notice = replies.started(session, _prefix(context))
        if not self.bot.intents.message_content:
            notice += f"\n\n{replies.NO_TEXTS}"
        await self._say(context, notice)

    @record.command()  # type: ignore[arg-type]
    async def stop(self, context: Context) -> None:
        """Stop the recording."""
        self._require_control(context)
        now = context.message.created_at
        session = await self.manager.stop(str(context.channel.id), now=now)
        await self._say(context, replies.stopped(session, now, _prefix(context)))

    @record.command()  # type: ignore[arg-type]
    async def pause(self, context: Context) -> None:
        """Record nothing until it is resumed."""
        self._require_control(context)
        now = context.message.created_at
        session = await self.manager.pause(str(context.channel.id), now=now)
        await self._say(context, replies.paused(session, _prefix(context)))

    @record.command()  # type: ignore[arg-type]
    async def resume(self, context: Context) -> None:
        """Go on after a pause."""
        self._require_control(context)
        now = context.message.created_at
        session = await self.manager.resume(str(context.channel.id), now=now)
        await self._say(context, replies.resumed(session, now))

    @record.command()  # type: ignore[arg-type]
    @app_commands.describe(filename="With .txt, .md, .json or .jsonl behind")
    async def save(self, context: Context, *, filename: str) -> None:
        """Save a copy of this channel's session under a name of your own."""
        self._require_control(context)
        await context.defer()
        session = await self._latest(context)
        path = await asyncio.to_thread(
            self.manager.save, session, _unquoted(filename), now=context.message.created_at
        )
        await self._say(context, replies.saved(session, self._shown(path), path.stat().st_size))

    @record.command(name="list")  # type: ignore[arg-type]
    async def list_(self, context: Context) -> None:
        """List the sessions that you may see."""
        now, prefix = context.message.created_at, _prefix(context)

        async def page(index: int) -> str:
            sessions = await self._readable_sessions(context)
            last = _pages(len(sessions), replies.SESSIONS_A_PAGE) - 1
            return replies.listed(sessions, min(index, last), now, self.settings.timezone, prefix)

        async def allowed(interaction: discord.Interaction) -> bool:
            return interaction.user.id == context.author.id  # the list is theirs alone

        count = len(await self._readable_sessions(context))
        await self._page(context, page, _pages(count, replies.SESSIONS_A_PAGE), allowed)

    @record.command()  # type: ignore[arg-type]
    @app_commands.describe(name="The session's name")
    async def load(self, context: Context, *, name: str) -> None:
        """Replay a session."""
        now, prefix = context.message.created_at, _prefix(context)
        name = _unquoted(name)

        async def page(index: int) -> str:
            session = await asyncio.to_thread(self._named, context, name)
            first = index * replies.MESSAGES_A_PAGE + 1
            messages = await asyncio.to_thread(
                lambda: list(self.manager.load(session, first, replies.MESSAGES_A_PAGE))
            )
            return replies.loaded(session, index, messages, now, prefix)

        session = await self._session(context, name)

        async def allowed(interaction: discord.Interaction) -> bool:
            return await may_read(interaction.user, context.guild, await self._channels(session))

        count = _pages(session.message_count, replies.MESSAGES_A_PAGE)
        await self._page(context, page, count, allowed)

    @record.command()  # type: ignore[arg-type]
    @app_commands.describe(name="The session's name", format="txt, md, json or jsonl")
    async def export(self, context: Context, name: str, format: str = "md") -> None:
        """Get a session as a file."""
        session = await self._session(context, name)
        format = self.manager.exporter.check_format(format)
        await context.defer()
        limit = _file_limit(context)
        with tempfile.TemporaryDirectory(prefix="recorder-") as folder:
            path = Path(folder) / export_name(session.name, format)
            now = context.message.created_at
            await asyncio.to_thread(self.manager.exporter.export, session, format, path, now)
            if path.stat().st_size > limit:
                path = await asyncio.to_thread(_zipped, path)
            if path.stat().st_size <= limit:
                title = f"📄 **Exporting to {replies.FORMAT_NAMES[format]}...**"
                await self._say(context, title, file=discord.File(path))
                return
        saved = await asyncio.to_thread(
            self.manager.save_free, session, format, now=context.message.created_at
        )
        await self._say(context, replies.too_large(self._shown(saved), saved.stat().st_size, limit))

    @record.command()  # type: ignore[arg-type]
    @app_commands.describe(name="The session's name")
    async def delete(self, context: Context, *, name: str) -> None:
        """Delete a session for good, after asking once more."""
        self._require_control(context)
        session = await self._session(context, _unquoted(name))
        if session.status != "stopped":
            raise Conflict(f"{session.name} is still running. Stop it first with `record stop`.")

        async def confirmed() -> str:
            self._require_control(context)
            await self._session(context, session.name)
            return replies.deleted(await self.manager.delete(session))

        view = Confirmation(context.author, "Delete", confirmed)
        view.message = await self._say(context, replies.really_delete(session), view=view)

    async def cog_before_invoke(self, context: Context) -> None:
        """Leave the answers to slash commands out of recordings."""
        if context.interaction is not None:
            self._listener.leave_out_interaction(context.interaction)

    async def cog_command_error(self, context: Context, error: Exception) -> None:
        """Say in a sentence what is wrong and what to do."""
        cause: BaseException = error
        while isinstance(cause, _WRAPPERS):
            cause = cause.original
        if isinstance(cause, StorageError):
            log.error("%s", cause)
            text = replies.FAILED
        elif isinstance(cause, RecorderError):
            text = replies.refused(str(cause), _prefix(context))
        elif isinstance(cause, commands.UserInputError):
            text = replies.wrong_use(context.command, _prefix(context))
        elif isinstance(cause, commands.CommandError):
            text = replies.refused(str(cause), _prefix(context))
        elif isinstance(cause, discord.Forbidden):
            text = replies.FORBIDDEN
        else:
            log.error("The command %s failed", context.command, exc_info=cause)
            text = replies.UNEXPECTED
        await self._say_somehow(context, text)

    async def _say(self, context: Context, text: str, **options: Any) -> discord.Message:
        """Answer without pinging anybody, and without recording the answer."""
        self._listener.leave_out_reply(context.channel.id, text)
        return await context.send(text, allowed_mentions=discord.AllowedMentions.none(), **options)

    async def _say_somehow(self, context: Context, text: str) -> None:
        """Answer with an error; privately where the channel does not let us."""
        try:
            await self._say(context, text, ephemeral=True)
        except discord.Forbidden:
            with contextlib.suppress(discord.HTTPException):
                await context.author.send(text)

    async def _page(
        self,
        context: Context,
        page: Callable[[int], Awaitable[str]],
        count: int,
        allowed: Callable[[discord.Interaction], Awaitable[bool]],
    ) -> None:
        """Answer with the first page, and buttons when there are more."""
        if count == 1:
            await self._say(context, await page(0))
            return
        view = Pager(page, count, allowed)
        view.message = await self._say(context, await page(0), view=view)

    def _require_control(self, context: Context) -> None:
        if not may_control(context.author, context.channel, self.settings.role):
            also = f" or the role {self.settings.role}" if self.settings.role else ""
            raise InvalidInput(f"This needs the right to manage messages in this channel{also}.")

    async def _all_said(self) -> None:
        """What was said before a question belongs to its answer."""
        with contextlib.suppress(StorageError):  # what was recorded can be read still
            await self.recorder.flush()

    def _named(self, context: Context, name: str) -> Session:
        guild_id = str(context.guild.id) if context.guild else None
        return self.manager.reader.named(name, guild_id, str(context.channel.id))

    async def _channels(self, session: Session) -> tuple[str, ...]:
        return (await asyncio.to_thread(self.manager.reader.channels, [session]))[session.id]

    async def _session(self, context: Context, name: str) -> Session:
        """The session of this name, if whoever asks may read it."""
        await self._all_said()
        session = await asyncio.to_thread(self._named, context, name)
        if not await may_read(context.author, context.guild, await self._channels(session)):
            raise no_such_session(name)
        return session

    async def _readable_sessions(self, context: Context) -> list[Session]:
        """The sessions here that whoever asks may read, the newest first."""
        await self._all_said()
        guild_id = str(context.guild.id) if context.guild else None
        sessions = await asyncio.to_thread(self.manager.list, guild_id, str(context.channel.id))
        channels = await asyncio.to_thread(self.manager.reader.channels, sessions)
        person = Reader(context.author, context.guild)
        allowed = {held: await person.may_read(held) for held in set(channels.values())}
        return [session for session in sessions if allowed[channels[session.id]]]

    async def _latest(self, context: Context) -> Session:
        """The channel's running session, else the one that ran there last."""
        for session in await self._readable_sessions(context):
            if session.channel_id == str(context.channel.id):
                return session
        raise Conflict(
            "Nothing has been recorded in this channel yet. Begin with `record start <name>`."
        )

    def _shown(self, path: Path) -> str:
        return path.relative_to(self.settings.data).as_posix()

    def _failed(self, error: StorageError) -> None:
        """Tell every channel that was being recorded that it is no more."""
        self._announcing = asyncio.create_task(self._announce_failure())

    async def _announce_failure(self) -> None:
        for channel_id in self.recorder.channels:
            channel = self.bot.get_channel(int(channel_id))
            if isinstance(channel, discord.abc.Messageable):
                with contextlib.suppress(discord.HTTPException):
                    await channel.send(replies.FAILED)


def _require_voice(context: Context) -> None:
    """A recording begins only where everybody can be told of it."""
    if (
        context.guild is not None
        and not context.channel.permissions_for(context.guild.me).send_messages
    ):
        raise InvalidInput(
            "I may not write in that channel, so nobody would be told of the recording. "
            "Nothing is recorded. Give me the right to send messages there."
        )


def _prefix(context: Context) -> str:
    return "/" if context.interaction is not None else context.clean_prefix


def _pages(count: int, a_page: int) -> int:
    return max(1, -(-count // a_page))


def _file_limit(context: Context) -> int:
    if context.guild is not None:
        return context.guild.filesize_limit
    return discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES


def _zipped(path: Path) -> Path:
    archive = path.with_name(f"{path.name}.zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.write(path, path.name)
    return archive


def _unquoted(text: str) -> str:
    """The text without the quotes that people put around it."""
    text = text.strip()
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1]:
        return text[1:-1].strip()
    return text
