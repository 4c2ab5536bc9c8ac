"""The cog that a host bot loads: it builds the recorder's parts, opens and closes them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import discord
from discord.ext import commands

from recorder.bot.commands.context_menus import ContextMenuCommands
from recorder.bot.commands.finding import FindingCommands
from recorder.bot.commands.heavy import HeavyWork
from recorder.bot.commands.privacy import ConsentCommands
from recorder.bot.housekeeping import Housekeeper
from recorder.bot.listening.auto_sessions import AutoRecorder
from recorder.bot.listening.availability import Availability
from recorder.bot.listening.backfill import Backfill
from recorder.bot.listening.day_rotation import Connection, DayRotation
from recorder.bot.listening.deletions import DeletionEraser
from recorder.bot.listening.downloads import Downloader
from recorder.bot.listening.event_order import EventOrder
from recorder.bot.listening.gap_filling import GapFiller
from recorder.bot.listening.holds import Holds
from recorder.bot.listening.listener import Listener
from recorder.bot.listening.message_changes import ChangeListener
from recorder.bot.listening.sent_messages import OwnMessages
from recorder.bot.recovery import Recovery
from recorder.bot.replies import notices
from recorder.bot.replies.opt_out_button import OptOutView
from recorder.bot.sealer import Sealer
from recorder.models import Annotation
from recorder.recording.gap_log import GapLog
from recorder.recording.session_manager import SessionManager
from recorder.recording.session_recorder import SessionRecorder
from recorder.search.searcher import Searcher
from recorder.settings import Settings

log = logging.getLogger(__name__)


class Recorder(ContextMenuCommands, FindingCommands, ConsentCommands):
    """Records conversations and finds them again."""

    def __init__(self, bot: commands.Bot, settings: Settings) -> None:
        super().__init__()
        self.bot = bot
        self.settings = settings
        self.recorder = SessionRecorder(settings.data, attachment_limit=settings.attachment_limit)
        self.manager = SessionManager(self.recorder, settings.timezone)
        self.heavy = HeavyWork()
        self.kept_exports = {}
        self.searcher = Searcher(self.manager.reader, settings.timezone)
        self.own_messages = OwnMessages(self.manager)
        self.holds = Holds()
        connection, gap_log = Connection(), GapLog(self.recorder)
        rotation = DayRotation(self.manager, gap_log, settings.timezone, connection)
        self.auto_recorder = AutoRecorder(
            bot, self.manager, rotation, self.holds, self.announce_recording
        )
        self.downloader = Downloader(bot, self.recorder, settings.attachment_limit)
        self.recorder.on_downloads_due = self.downloader.wake
        self.deletion_eraser = DeletionEraser(self.recorder, self.manager)
        self.housekeeper = Housekeeper(self.recorder, self.manager, settings.export_days)
        self.sealer = Sealer(self.recorder, settings)
        self.event_order = EventOrder(self.recorder, self.holds)
        self.message_listener = Listener(
            bot, self, self.recorder, self.auto_recorder, self.own_messages, self.event_order
        )
        self.change_listener = ChangeListener(
            bot,
            self.recorder,
            self.event_order,
            on_deletion=self.deletion_eraser.erase if settings.erase_deleted else None,
        )
        self.backfill = Backfill(
            bot,
            self.recorder,
            self.auto_recorder,
            self.message_listener,
            self.announce,
            self.deletion_eraser.erase if settings.erase_deleted else self.deletion_eraser.record,
            self.event_order,
        )
        self.availability = Availability(
            bot,
            self.recorder,
            self.manager,
            self.auto_recorder,
            self.backfill,
            self.holds,
            self.announce,
            self.announce_recording,
        )
        self.holds.on_begun = self.availability.look_at
        self.gap_filler = GapFiller(
            bot, self.recorder, self.backfill, self.availability, self.auto_recorder, connection
        )
        self._opt_out_view: OptOutView | None = None
        self.recovery = Recovery(
            bot,
            self.recorder,
            on_stopped=partial(self._announce_everywhere, notices.RECORDING_FAILED),
            on_recovered=self._recovered,
        )
        self.recorder.on_failure = self.recovery.start

    async def cog_load(self) -> None:
        """Open the data folder, and continue the running sessions."""
        await self.sealer.check()
        await self.recorder.open()
        await self.auto_recorder.open()
        await self.gap_filler.open()
        self.downloader.open()
        self.housekeeper.open()
        self.sealer.open()
        self._opt_out_view = OptOutView(self.opt_out_by_button)
        self.bot.add_view(self._opt_out_view)
        self.add_context_menus()
        # Registered listeners cost less per event than methods of a cog.
        for listener, event in self._listeners():
            self.bot.add_listener(listener, event)
        if not self.bot.intents.message_content:
            log.warning(
                "The message content intent is off: recordings will lack what people write. "
                "Switch it on in Discord's developer portal and in the bot's intents."
            )

    async def cog_unload(self) -> None:
        """Write the queue and close the data folder; sessions continue at the next start."""
        for listener, event in self._listeners():
            self.bot.remove_listener(listener, event)
        self.remove_context_menus()
        if self._opt_out_view is not None:
            self._opt_out_view.stop()
        await self.own_messages.close()
        await self.recovery.close()
        self.auto_recorder.close()
        await self.availability.close()
        await self.gap_filler.close()
        await self.downloader.close()
        self.housekeeper.close()
        await self.sealer.close()
        self.heavy.close()
        self.searcher.close()
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

    def _listeners(self) -> tuple[tuple[Callable[..., Coroutine[Any, Any, None]], str], ...]:
        """Return the gateway listeners: raw events include messages that are not in the cache."""
        return (
            (self.message_listener.on_message, "on_message"),
            (self.message_listener.on_raw_message_edit, "on_raw_message_edit"),
            (self.change_listener.on_raw_message_delete, "on_raw_message_delete"),
            (self.change_listener.on_raw_bulk_message_delete, "on_raw_bulk_message_delete"),
            (self.change_listener.on_raw_reaction, "on_raw_reaction_add"),
            (self.change_listener.on_raw_reaction, "on_raw_reaction_remove"),
            (self.change_listener.on_raw_reaction_clear, "on_raw_reaction_clear"),
            (self.change_listener.on_raw_reaction_clear, "on_raw_reaction_clear_emoji"),
            (self.gap_filler.on_disconnect, "on_disconnect"),
            (self.gap_filler.on_ready, "on_ready"),
            (self.gap_filler.on_resumed, "on_resumed"),
            (self.gap_filler.on_guild_unavailable, "on_guild_unavailable"),
            (self.gap_filler.on_guild_available, "on_guild_available"),
            *self.availability.listeners(),
        )

    async def _recovered(self) -> None:
        """Continue recording: note the gap, fill it, and announce it."""
        await GapLog(self.recorder).begin("recording stopped", None, now=discord.utils.utcnow())
        self.downloader.open()
        await self._announce_everywhere(notices.RECORDING_RECOVERED)
        await self.gap_filler.on_ready()

    async def _announce_everywhere(self, text: str) -> None:
        for channel_id in self.recorder.channels:
            channel = self.bot.get_channel(int(channel_id))
            if isinstance(channel, discord.abc.Messageable):
                await self.announce(channel, text)
