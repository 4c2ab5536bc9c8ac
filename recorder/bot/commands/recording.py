"""Commands that begin and end recordings: start, stop, pause, resume, auto."""

from __future__ import annotations

import contextlib

import discord
from discord import app_commands

from recorder.bot.commands.base import Answering, Context, prefix_of, typed, unquoted
from recorder.bot.listening.capture import channel_of
from recorder.bot.listening.history import earlier_messages
from recorder.bot.replies import replies
from recorder.errors import Conflict, InvalidInput, StorageError
from recorder.models import AutoRecording, Message

_SINCE = "since:"


# mypy cannot infer what discord.py's decorators of hybrid commands take: hence the ignores.
class RecordingCommands(Answering):
    """Begin and end recordings."""

    @Answering.record.command()  # type: ignore[arg-type]
    @app_commands.describe(
        name="What the session is called",
        since="Record what was said before, too: 2h, 3d, or a message link",
    )
    async def start(self, context: Context, name: str, *, since: str | None = None) -> None:
        """Start recording this channel."""
        self.require_control(context)
        _require_voice(context)
        if context.interaction is None:
            name, since = _name_and_since(typed(context))
        now = context.message.created_at
        earlier = [] if since is None else await self._earlier(context, since)
        starting = self.manager.begin(
            unquoted(name),
            channel_of(context.channel),
            user_id=str(context.author.id),
            now=earlier[0].timestamp if earlier else now,
        )
        for message in earlier:
            self.recorder.post(message)
        session = await starting
        notice = replies.started(session, prefix_of(context), len(earlier))
        if not self.bot.intents.message_content:
            notice += f"\n\n{replies.NO_TEXTS}"
        await self.say(context, notice)

    @Answering.record.command()  # type: ignore[arg-type]
    async def stop(self, context: Context) -> None:
        """Stop the recording."""
        self.require_control(context)
        now, channel_id = context.message.created_at, str(context.channel.id)
        with contextlib.suppress(StorageError):
            await self.recorder.flush()
        running = self.manager.reader.running(channel_id)
        if running is not None and running.is_auto:
            raise Conflict(
                "This channel is recorded automatically. Switch that off with `record auto off`."
            )
        session = await self.manager.stop(channel_id, now=now)
        await self.say(context, replies.stopped(session, now, prefix_of(context)))

    @Answering.record.command()  # type: ignore[arg-type]
    async def pause(self, context: Context) -> None:
        """Record nothing until it is resumed."""
        self.require_control(context)
        now = context.message.created_at
        session = await self.manager.pause(str(context.channel.id), now=now)
        await self.say(context, replies.paused(session, prefix_of(context)))

    @Answering.record.command()  # type: ignore[arg-type]
    @app_commands.describe(name="A stopped session that shall go on in this channel")
    async def resume(self, context: Context, *, name: str | None = None) -> None:
        """Go on after a pause, or go on with a stopped session."""
        self.require_control(context)
        now = context.message.created_at
        if name is None:
            session = await self.manager.resume(str(context.channel.id), now=now)
        else:
            _require_voice(context)
            stopped = await self.shared_session(context, unquoted(name))
            channel = channel_of(context.channel)
            if stopped.status == "paused" and stopped.channel_id == channel.id:
                session = await self.manager.resume(channel.id, now=now)
            else:
                session = await self.manager.reopen(stopped, channel, now=now)
        await self.say(context, replies.resumed(session, now))

    @Answering.record.command()  # type: ignore[arg-type]
    @app_commands.describe(
        switch="on, off or status", where="server: all channels that the bot can see"
    )
    async def auto(self, context: Context, switch: str = "status", where: str = "") -> None:
        """Record every day by itself: on, off, or status; `on server` for all channels."""
        self.require_control(context)
        place = self._place(context, where)
        now = context.message.created_at
        if switch.lower() == "status":
            on = self.auto_recorder.recording_of(context.channel)
            await self.say(context, replies.auto_status(on, context.guild is not None))
        elif switch.lower() == "on":
            _require_voice(context)
            await self.auto_recorder.switch(place, True, now)
            await self.say(context, replies.AUTO_ON)
            self.auto_recorder.begin(context.channel, now)
        elif switch.lower() == "off":
            known = self.auto_recorder.recording_of(context.channel)
            if known is None or (known.place_id != place.place_id):
                raise Conflict(replies.auto_not_on(known, where))
            await self.auto_recorder.switch(place, False, now)
            await self.say(context, replies.AUTO_OFF)
        else:
            raise InvalidInput("Say `record auto on`, `record auto off` or `record auto status`.")

    def _place(self, context: Context, where: str) -> AutoRecording:
        guild, user_id = context.guild, str(context.author.id)
        if not where:
            guild_id = str(guild.id) if guild else None
            return AutoRecording(str(context.channel.id), guild_id, user_id)
        if where.lower() != "server" or guild is None:
            raise InvalidInput("Say `record auto on` for this channel, or `record auto on server`.")
        author = context.author
        if not (isinstance(author, discord.Member) and author.guild_permissions.manage_guild):
            raise InvalidInput("Recording a whole server needs the right to manage the server.")
        return AutoRecording(str(guild.id), str(guild.id), user_id)

    async def _earlier(self, context: Context, since: str) -> list[Message]:
        """What was said before, to be recorded first."""
        await context.defer()
        return await earlier_messages(
            context.channel,
            since,
            context.message,
            self.message_listener.is_left_out,
            context.message.created_at,
        )


def _name_and_since(text: str) -> tuple[str, str | None]:
    """Take apart what was typed after ``start``: a name needs no quotes."""
    name, found, since = text.rpartition(f" {_SINCE}")
    return (name, since) if found else (text, None)


def _require_voice(context: Context) -> None:
    """A recording begins only where everybody can be told of it."""
    guild = context.guild
    if guild is None:
        return
    permissions = context.channel.permissions_for(guild.me)
    in_thread = isinstance(context.channel, discord.Thread)
    if not (permissions.send_messages_in_threads if in_thread else permissions.send_messages):
        raise InvalidInput(
            "I may not write in that channel, so nobody would be told of the recording. "
            "Nothing is recorded. Give me the right to send messages there."
        )
