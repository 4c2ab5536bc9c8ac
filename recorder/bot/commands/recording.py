"""Commands that start and stop recordings: start, stop, pause, resume, auto."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any, cast

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
from recorder.bot.listening.availability import Availability
from recorder.bot.listening.capture import channel_of
from recorder.bot.listening.event_order import EventOrder
from recorder.bot.listening.history import earlier_messages
from recorder.bot.listening.holds import Holds
from recorder.bot.listening.listener import Listener
from recorder.bot.listening.obstacles import CANNOT_SEND
from recorder.bot.replies import notices
from recorder.errors import Conflict, InvalidInput
from recorder.models import AutoRecording, Message, Session

_SINCE = "since:"


# mypy cannot infer what discord.py's decorators of hybrid commands take: hence the ignores.
class RecordingCommands(RecorderCommands):
    """The commands that start and stop recordings."""

    bot: commands.Bot
    availability: Availability
    auto_recorder: AutoRecorder
    event_order: EventOrder
    holds: Holds
    message_listener: Listener

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
        """Start recording the channel, once everyone in it is notified.

        Parameters
        ----------
        since
            Messages from then on are recorded too; as in :func:`earlier_messages`.
        """
        self.require_control(context)
        self._require_recordable(context.channel)
        now = context.message.created_at
        async with self.holds.hold(context.channel.id) as hold:
            earlier = [] if since is None else await self._earlier_messages(context, since)
            goes_on = since is not None or await self._is_recording(context)
            draft = await self.manager.prepare(
                unquoted(name),
                channel_of(context.channel),
                user_id=str(context.author.id),
                now=now,
                since=earlier[0].timestamp if earlier else None,
            )
            text = notices.started(draft, prefix_of(context), len(earlier))
            if not self.bot.intents.message_content:
                text += f"\n\n{notices.NO_MESSAGE_CONTENT}"
            try:
                notice = await self._notify(context, text)
            except BaseException:
                await self.manager.discard(draft)
                # It goes on after the hold, if it is on here.
                asyncio.get_running_loop().call_soon(self.auto_recorder.begin, context.channel, now)
                raise
            hold.after = context.message.id if goes_on else notice.id
            begins = draft.started_at if goes_on else notice.created_at
            await self.manager.activate(draft, now=begins)
            for message in earlier:
                self.recorder.post(message)

    @RecorderCommands.record.command()  # type: ignore[arg-type]
    async def stop(self, context: Context) -> None:
        """Stop the recording."""
        self.require_control(context)
        now = await self._turn_of(context)
        running = await self.session_here(context)
        auto = self.auto_recorder.recording_of(context.channel)
        if running is not None and running.is_auto and auto is not None:
            if not _is_of_guild(auto):
                raise Conflict(
                    "This channel is recorded automatically. "
                    "Switch that off with `record auto off`."
                )
            self.auto_recorder.stopped(context.channel, now)
        session = await self.manager.stop(_channel_id(running, context), now=now)
        await self.reply(context, notices.stopped(session, now, prefix_of(context)))
        self.auto_recorder.begin(context.channel, now)

    @RecorderCommands.record.command()  # type: ignore[arg-type]
    async def pause(self, context: Context) -> None:
        """Pause the recording: nothing is recorded until you resume it."""
        self.require_control(context)
        now = await self._turn_of(context)
        running = await self.session_here(context)
        session = await self.manager.pause(_channel_id(running, context), now=now)
        await self.reply(context, notices.paused(session, prefix_of(context)))

    @RecorderCommands.record.command()  # type: ignore[arg-type]
    @app_commands.describe(name="A stopped session to continue in this channel")
    async def resume(self, context: Context, *, name: str | None = None) -> None:
        """Resume a paused recording, or continue a stopped session."""
        self.require_control(context)
        self._require_recordable(context.channel)
        if name is None:
            await self._resume(context, _channel_id(await self.session_here(context), context))
            return
        stopped = await self.announceable_session(context, unquoted(name))
        channel = channel_of(context.channel)
        if stopped.status == "paused" and stopped.channel_id == channel.id:
            await self._resume(context, channel.id)
            return
        now = context.message.created_at
        async with self.holds.hold(context.channel.id) as hold:
            goes_on = await self._is_recording(context)
            stopped = await self.manager.reopenable(stopped, channel)
            notice = await self._notify(context, notices.resumed(stopped, now))
            hold.after = context.message.id if goes_on else notice.id
            begins = now if goes_on else notice.created_at
            await self.manager.reopen(stopped, channel, now=begins)

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
            self._require_recordable(context.channel)
            await self.reply(context, notices.AUTO_ON)
            await self.auto_recorder.switch(scope, True, now)
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
            self.message_listener.left_out_of,
            context.message.created_at,
        )

    async def _resume(self, context: Context, channel_id: str) -> None:
        """Resume the paused session of a channel, once everyone there is notified."""
        async with self.holds.hold(int(channel_id)) as hold:
            paused = await self.manager.paused(channel_id)
            text = notices.resumed(paused, context.message.created_at)
            if channel_id == str(context.channel.id):
                notice = await self._notify(context, text)
            else:  # in a thread of that channel
                parent = cast("discord.TextChannel", cast("discord.Thread", context.channel).parent)
                self._require_recordable(parent)
                notice = await self._notify(parent, text)
                await self.reply(context, text)
            hold.after = notice.id
            await self.manager.resume(channel_id, now=notice.created_at)

    async def _turn_of(self, context: Context) -> datetime:
        """Wait for what came before a command, and return the time from which it holds."""
        await self.event_order.judged(context.channel)
        if await self.event_order.released(context.channel):  # a notice was sent meanwhile
            return discord.utils.utcnow()
        return context.message.created_at

    def _require_recordable(self, channel: discord.abc.MessageableChannel) -> None:
        """Require that the bot may record a channel, and announce it there.

        Raises
        ------
        InvalidInput
            It may not.
        """
        obstacle = self.availability.obstacle(channel)
        if obstacle == CANNOT_SEND:
            raise InvalidInput(
                "I cannot send messages in that channel, so nobody would be notified of the "
                "recording. Nothing is recorded. Give me the Send Messages permission there."
            )
        if obstacle is not None:
            raise InvalidInput(
                f"I cannot record that channel: {obstacle}. Nothing is recorded. Change that, and "
                "try again."
            )

    async def _notify(self, channel: Any, text: str) -> discord.Message:
        """Send the notice without which nothing may be recorded.

        Raises
        ------
        InvalidInput
            Discord refused it.
        """
        notice = await self.announce_recording(channel, text)
        if notice is None:
            raise InvalidInput(
                "Discord did not accept my notice to this channel, so nobody would know of the "
                "recording. Nothing is recorded. Try again, or check my permissions and AutoMod."
            )
        return notice

    async def _is_recording(self, context: Context) -> bool:
        """Return whether the channel is recorded already, which everyone was notified of."""
        channel_id = str(context.channel.id)
        return await asyncio.to_thread(self.manager.reader.is_recording, channel_id)


def _split_since(text: str) -> tuple[str, str | None]:
    """Split the arguments of ``start``; the name needs no quotes."""
    name, option, since = text.rpartition(f" {_SINCE}")
    return (name, since) if option else (text, None)


def _channel_id(running: Session | None, context: Context) -> str:
    """Return the channel of a running session, else that of the command."""
    return (running and running.channel_id) or str(context.channel.id)


def _is_of_guild(recording: AutoRecording) -> bool:
    return recording.place_id == recording.guild_id


def _not_switched_on(current: AutoRecording | None, where: str) -> Conflict:
    if current is None:
        return Conflict("Auto-recording is not on here.")
    if where:
        return Conflict("Auto-recording is on in this channel only. Use `record auto off`.")
    if not _is_of_guild(current):
        return Conflict("Auto-recording is on in the channel of this thread. Switch it off there.")
    return Conflict("Auto-recording is on in the whole server. Use `record auto off server`.")
