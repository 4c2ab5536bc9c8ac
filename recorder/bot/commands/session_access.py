"""The sessions that a command may use: those that its author, and its audience, may read."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

import discord
from discord import app_commands

from recorder.bot.access.audience import Audience
from recorder.bot.access.viewer import AnyUser, Channels, Viewer, may_control
from recorder.bot.commands.context import Context, guild_id_of, prefix_of
from recorder.bot.commands.replying import Replying
from recorder.bot.listening.capture import parent_id_of
from recorder.bot.replies import refusals
from recorder.errors import Conflict, InvalidInput, NotFound, StorageError
from recorder.models import Session
from recorder.recording.session_manager import SessionManager
from recorder.recording.session_recorder import SessionRecorder
from recorder.settings import Settings
from recorder.store.reading import no_such_session

_MOST_CHOICES = 25  # Discord's limit
_MOST_CANDIDATES = 200
_COMPLETION_SECONDS = 60.0


class SessionAccess(Replying):
    """The part of the cog that looks up sessions and checks permissions."""

    settings: Settings
    recorder: SessionRecorder
    manager: SessionManager

    def __init__(self) -> None:
        super().__init__()
        self._viewers: dict[tuple[int, int | None], tuple[float, Viewer]] = {}

    async def session(self, context: Context, name: str) -> Session:
        """Return the session with this name.

        If not everyone in the channel may read it, all replies become private, and the channel
        sees the same as for a session that does not exist.

        Raises
        ------
        NotFound
            There is none, or the author may not read it.
        """
        await self.flush()
        missing = _missing(context, name)
        viewer = Viewer(context.author, context.guild)
        session, channel_ids = await self._named(viewer, name, str(context.channel.id))
        if session is None:
            await viewer.even_out()
            raise missing
        audience = Audience(context.channel, viewer.channels)
        if not await audience.may_read(channel_ids):
            await self.make_private(context, refusals.refusal(str(missing), prefix_of(context)))
        return session

    async def controlled_session(self, context: Context, name: str) -> Session:
        """Return the session with this name, for a command that changes it.

        Raises
        ------
        NotFound
            As in :meth:`session`.
        InvalidInput
            The author may not control recordings of all its channels.
        """
        session = await self.session(context, name)
        if not await self.may_control_sessions(context, [session]):
            raise InvalidInput(
                "This needs the Manage Messages permission in every channel that "
                f"{session.name} was recorded in."
            )
        return session

    async def announceable_session(self, context: Context, name: str) -> Session:
        """Return the session with this name, for a command whose notice everyone sees.

        Raises
        ------
        NotFound, InvalidInput
            As in :meth:`controlled_session`.
        Conflict
            Not everyone in the channel may read the session; only the author sees this error.
        """
        session = await self.controlled_session(context, name)
        if self.is_private(context):
            raise Conflict(
                f"Not everyone in that channel may read {session.name}, and all of them would be "
                "notified of it. Resume it in a channel where they may, or start a new one."
            )
        return session

    async def readable_sessions(self, context: Context) -> list[Session]:
        """Return the sessions that everyone who sees the reply may read, newest first.

        Sessions that only the author may read are left out in a channel: a longer or a private
        reply would disclose to the others that they exist.
        """
        sessions = await self._all_sessions(context)
        channel = self._reply_channel(context)
        return await self.only_readable(sessions, context.author, context.guild, channel)

    async def running_session(self, context: Context) -> Session:
        """Return the session that is active or paused in the channel.

        Raises
        ------
        Conflict
            There is none.
        """
        session = await self.session_here(context)
        if session is None:
            raise _nothing("Nothing is being recorded")
        return session

    async def session_here(self, context: Context) -> Session | None:
        """Return the session that is active or paused in the channel.

        In a public thread it may be that of its channel. Everyone here saw its notice, so that
        it is for all of them, whichever other channels it covers.
        """
        await self.flush()
        for channel_id in _session_channels(context.channel):
            running = await asyncio.to_thread(self.manager.reader.running, channel_id)
            if running is not None:
                return running
        return None

    async def latest_session(self, context: Context) -> Session:
        """Return the session that is running in the channel, or the last one.

        Raises
        ------
        Conflict
            There is none.
        """
        sessions = await self._channel_sessions(context)
        readable = await self.only_readable(
            sessions, context.author, context.guild, context.channel
        )
        if not readable:
            raise _nothing("Nothing has been recorded")
        return readable[0]

    async def only_readable(
        self,
        sessions: list[Session],
        user: AnyUser,
        guild: discord.Guild | None,
        reply_channel: discord.abc.MessageableChannel | None = None,
    ) -> list[Session]:
        """Return those of `sessions` that the user, and everyone who sees the reply, may read.

        Parameters
        ----------
        reply_channel
            The channel of the reply; ``None`` if only the user sees it.
        """
        channels = await asyncio.to_thread(self.manager.reader.channels, sessions)
        viewer = Viewer(user, guild)
        audience = Audience(reply_channel, viewer.channels)
        allowed = {
            ids: await viewer.may_read(ids) and await audience.may_read(ids)
            for ids in set(channels.values())
        }
        return [session for session in sessions if allowed[channels[session.id]]]

    def require_control(self, context: Context) -> None:
        """Require that the author may start, stop and change recordings of this channel.

        Raises
        ------
        InvalidInput
            They may not.
        """
        role = self.settings.role
        if not may_control(context.author, context.channel, role):
            or_role = f", or the role {role}" if role else ""
            raise InvalidInput(
                f"This needs the Manage Messages permission in this channel{or_role}."
            )

    async def may_control_sessions(
        self, context: Context, sessions: list[Session], user: AnyUser | None = None
    ) -> bool:
        """Return whether a user may change `sessions` and see deleted messages in them.

        Parameters
        ----------
        user
            A user who pressed a button of the reply; by default the author of the command.
        """
        channels = await asyncio.to_thread(self.manager.reader.channels, sessions)
        viewer, role = Viewer(user or context.author, context.guild), self.settings.role
        return all([await viewer.may_control(ids, role) for ids in set(channels.values())])

    async def only_managers_see(self, context: Context, sessions: list[Session]) -> bool:
        """Return whether everyone who sees the reply may manage messages in all channels."""
        if self.is_private(context):
            return True
        channels = await asyncio.to_thread(self.manager.reader.channels, sessions)
        audience = Audience(context.channel, Channels(context.guild))
        return await audience.manages_messages({id for ids in channels.values() for id in ids})

    def page_check(
        self, context: Context, sessions: list[Session]
    ) -> Callable[[discord.Interaction], Awaitable[bool]]:
        """Return a check whether a user may turn the pages of a reply about `sessions`."""

        async def may_turn(interaction: discord.Interaction) -> bool:
            readable = await self.only_readable(
                sessions, interaction.user, context.guild, self._reply_channel(context)
            )
            return len(readable) == len(sessions)

        return may_turn

    async def flush(self) -> None:
        """Commit the messages that were sent before the command, so that it sees them."""
        with contextlib.suppress(StorageError):  # what was recorded before can still be read
            await self.recorder.flush()

    async def complete_session(
        self, interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        """Return the names of readable sessions that contain the typed text."""
        guild_id, channel_id = guild_id_of(interaction.guild), str(interaction.channel_id)
        viewer = await self._completion_viewer(interaction)
        sessions = await asyncio.to_thread(
            self.manager.reader.matching, current, guild_id, channel_id, _MOST_CANDIDATES
        )
        channels = await asyncio.to_thread(self.manager.reader.channels, sessions)
        readable = [each for each in sessions if await viewer.may_read(channels[each.id])]
        return [
            app_commands.Choice(name=session.name, value=session.name)
            for session in readable[:_MOST_CHOICES]
        ]

    async def complete_tag(
        self, interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        """Return the tags that contain the typed text, of the session that was named before."""
        name = str(getattr(interaction.namespace, "name", ""))
        viewer = await self._completion_viewer(interaction)
        session, _ = await self._named(viewer, name, str(interaction.channel_id))
        if session is None:
            return []
        tags = await asyncio.to_thread(self.manager.reader.tags, session)
        return [
            app_commands.Choice(name=tag.name, value=tag.name)
            for tag in tags
            if current.casefold() in tag.name.casefold()
        ][:_MOST_CHOICES]

    async def _named(
        self, viewer: Viewer, name: str, channel_id: str
    ) -> tuple[Session | None, tuple[str, ...]]:
        """Return the session of this name if the user may read it, and its channels.

        For one that does not exist, the database does the same as for one that may not be read.
        """
        guild_id = guild_id_of(viewer.channels.guild)
        reader = self.manager.reader
        session = await asyncio.to_thread(reader.named, name, guild_id, channel_id)
        channel_ids = await asyncio.to_thread(reader.channels_of, session.id if session else "")
        if session is not None and await viewer.may_read(channel_ids):
            return session, channel_ids
        return None, ()

    async def _completion_viewer(self, interaction: discord.Interaction) -> Viewer:
        """Return a viewer that knows all channels of the sessions here, for a minute.

        The requests for them do not depend on the typed text, and are not repeated for each key.
        """
        key = (interaction.user.id, interaction.guild_id or interaction.channel_id)
        now = time.monotonic()
        self._viewers = {k: entry for k, entry in self._viewers.items() if entry[0] > now}
        if key not in self._viewers:
            viewer = Viewer(interaction.user, interaction.guild)
            guild_id, channel_id = guild_id_of(interaction.guild), str(interaction.channel_id)
            sessions = await asyncio.to_thread(self.manager.list, guild_id, channel_id)
            channels = await asyncio.to_thread(self.manager.reader.channels, sessions)
            for channel_ids in set(channels.values()):
                await viewer.may_read(channel_ids)
            self._viewers[key] = now + _COMPLETION_SECONDS, viewer
        return self._viewers[key][1]

    async def _all_sessions(self, context: Context) -> list[Session]:
        """Return the sessions of the guild or DM channel, newest first, permissions unchecked."""
        await self.flush()
        guild_id, channel_id = guild_id_of(context.guild), str(context.channel.id)
        return await asyncio.to_thread(self.manager.list, guild_id, channel_id)

    async def _channel_sessions(self, context: Context) -> list[Session]:
        """Return the sessions of the channel, in a public thread also of its parent channel."""
        channel_ids = _session_channels(context.channel)
        return [s for s in await self._all_sessions(context) if s.channel_id in channel_ids]

    def _reply_channel(self, context: Context) -> discord.abc.MessageableChannel | None:
        return None if self.is_private(context) else context.channel


def _session_channels(channel: discord.abc.MessageableChannel) -> tuple[str, ...]:
    """Return the channels whose session may cover a channel: its own, and a thread's parent."""
    parent_id = parent_id_of(channel)
    return (str(channel.id),) if parent_id is None else (str(channel.id), str(parent_id))


def _nothing(sentence: str) -> Conflict:
    return Conflict(f"{sentence} in this channel yet. Begin with `record start <name>`.")


def _missing(context: Context, name: str) -> NotFound:
    """Return the error for a session that does not exist or is not readable, in equal words."""
    sentence = str(no_such_session(name))
    if context.guild is not None and context.interaction is None:
        sentence += f" {refusals.BY_DIRECT_MESSAGE}"
    return NotFound(sentence)
