"""Commands that start and stop recordings: start, stop, pause, resume, auto."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from recorder.bot.commands.base import RecorderCommands
from recorder.bot.commands.context import (
    Context,
    guild_id_of,
    prefix_of,
    typed_arguments,
    unquoted,
)
from recorder.bot.listening.auto_sessions import AutoRecorder
from recorder.bot.listening.capture import channel_of
from recorder.bot.listening.history import earlier_messages
from recorder.bot.replies import notices
from recorder.bot.replies.opt_out_button import opt_out_button
from recorder.errors import Conflict, InvalidInput
from recorder.models import AutoRecording, Message

_SINCE = "since:"


# mypy cannot infer what discord.py's decorators of hybrid commands take: hence the ignores.
class RecordingCommands(RecorderCommands):
    """The commands that start and stop recordings."""

    bot: commands.Bot
    auto_recorder: AutoRecorder

    @RecorderCommands.record.command()  # type: ignore[arg-type]
    @app_commands.describe(
        name="The name of the new session",
        since="Record earlier messages too: 2h, 3d, or a message link",
    )
    async def start(self, context: Context, name: str, *, since: str | None = None) -> None:
        """Start recording this channel."""
        if context.interaction is None:
            name, since = _split_since(typed_arguments(context))
        await self.start_recording(context, name, since)

    async def start_recording(self, context: Context, name: str, since: str | None) -> None:
        """Start recording the channel, and notify everyone in it.

        Parameters
        ----------
        since
            Messages from then on are recorded too; as in :func:`earlier_messages`.
        """
        self.require_control(context)
        _require_notice(context)
        now = context.message.created_at
        earlier = [] if since is None else await self._earlier_messages(context, since)
        starting = self.manager.begin(
            unquoted(name),
            channel_of(context.channel),
            user_id=str(context.author.id),
            now=earlier[0].timestamp if earlier else now,
        )
        for message in earlier:
            self.recorder.post(message)
        session = await starting
        notice = notices.started(session, prefix_of(context), len(earlier))
        if not self.bot.intents.message_content:
            notice += f"\n\n{notices.NO_MESSAGE_CONTENT}"
        await self.reply(context, notice, view=opt_out_button())

    @RecorderCommands.record.command()  # type: ignore[arg-type]
    async def stop(self, context: Context) -> None:
        """Stop the recording."""
        self.require_control(context)
        now, channel_id = context.message.created_at, str(context.channel.id)
        await self.flush()
        running = self.manager.reader.running(channel_id)
        if running is not None and running.is_auto:
            raise Conflict(
                "This channel is recorded automatically. Switch that off with `record auto off`."
            )
        session = await self.manager.stop(channel_id, now=now)
        await self.reply(context, notices.stopped(session, now, prefix_of(context)))

    @RecorderCommands.record.command()  # type: ignore[arg-type]
    async def pause(self, context: Context) -> None:
        """Pause the recording: nothing is recorded until you resume it."""
        self.require_control(context)
        now = context.message.created_at
        session = await self.manager.pause(str(context.channel.id), now=now)
        await self.reply(context, notices.paused(session, prefix_of(context)))

    @RecorderCommands.record.command()  # type: ignore[arg-type]
    @app_commands.describe(name="A stopped session to continue in this channel")
    async def resume(self, context: Context, *, name: str | None = None) -> None:
        """Resume a paused recording, or continue a stopped session."""
        self.require_control(context)
        now = context.message.created_at
        if name is None:
            session = await self.manager.resume(str(context.channel.id), now=now)
        else:
            _require_notice(context)
            stopped = await self.announceable_session(context, unquoted(name))
            channel = channel_of(context.channel)
            if stopped.status == "paused" and stopped.channel_id == channel.id:
                session = await self.manager.resume(channel.id, now=now)
            else:
                session = await self.manager.reopen(stopped, channel, now=now)
        await self.reply(context, notices.resumed(session, now), view=opt_out_button())

    @RecorderCommands.record.command()  # type: ignore[arg-type]
    @app_commands.describe(
        switch="on, off or status", where="server: all channels that the bot can view"
    )
    async def auto(self, context: Context, switch: str = "status", where: str = "") -> None:
        """Record every day automatically: on, off or status; `on server` for all channels."""
        self.require_control(context)
        scope = self._auto_scope(context, where)
        now = context.message.created_at
        if switch.lower() == "status":
            current = self.auto_recorder.recording_of(context.channel)
            await self.reply(context, notices.auto_status(current, context.guild is not None))
        elif switch.lower() == "on":
            _require_notice(context)
            await self.auto_recorder.switch(scope, True, now)
            await self.reply(context, notices.AUTO_ON)
            self.auto_recorder.begin(context.channel, now)
        elif switch.lower() == "off":
            current = self.auto_recorder.recording_of(context.channel)
            if current is None or current.place_id != scope.place_id:
                raise _not_switched_on(current, where)
            await self.auto_recorder.switch(scope, False, now)
            await self.reply(context, notices.AUTO_OFF)
        else:
            raise InvalidInput("Use `record auto on`, `record auto off` or `record auto status`.")

    def _auto_scope(self, context: Context, where: str) -> AutoRecording:
        """Return the channel or the guild to switch auto-recording on or off for."""
        guild, user_id = context.guild, str(context.author.id)
        if not where:
            return AutoRecording(str(context.channel.id), guild_id_of(guild), user_id)
        if where.lower() != "server" or guild is None:
            raise InvalidInput("Use `record auto on` for this channel, or `record auto on server`.")
        author = context.author
        if not (isinstance(author, discord.Member) and author.guild_permissions.manage_guild):
            raise InvalidInput("Recording a whole server needs the Manage Server permission.")
        return AutoRecording(str(guild.id), str(guild.id), user_id)

    async def _earlier_messages(self, context: Context, since: str) -> list[Message]:
        """Return the messages of the channel since then, to be recorded first."""
        await self.defer(context)
        return await earlier_messages(
            context.channel,
            since,
            context.message,
            self.message_listener.is_left_out,
            context.message.created_at,
        )


def _split_since(text: str) -> tuple[str, str | None]:
    """Split the arguments of ``start``; the name needs no quotes."""
    name, option, since = text.rpartition(f" {_SINCE}")
    return (name, since) if option else (text, None)


def _not_switched_on(current: AutoRecording | None, where: str) -> Conflict:
    if current is None:
        return Conflict("Auto-recording is not on here.")
    if where:
        return Conflict("Auto-recording is on in this channel only. Use `record auto off`.")
    return Conflict("Auto-recording is on in the whole server. Use `record auto off server`.")


def _require_notice(context: Context) -> None:
    """Require that the bot can send the notice that everyone in the channel must see.

    Raises
    ------
    InvalidInput
        It cannot.
    """
    guild = context.guild
    if guild is None:
        return
    permissions = context.channel.permissions_for(guild.me)
    in_thread = isinstance(context.channel, discord.Thread)
    if not (permissions.send_messages_in_threads if in_thread else permissions.send_messages):
        raise InvalidInput(
            "I cannot send messages in that channel, so nobody would be notified of the "
            "recording. Nothing is recorded. Give me the Send Messages permission there."
        )
