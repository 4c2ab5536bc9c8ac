"""The cog that a host bot loads: it builds the recorder's parts, opens and closes them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import discord
from discord.ext import commands

from recorder.bot.commands.editing import EditingCommands
from recorder.bot.commands.finding import FindingCommands
from recorder.bot.commands.privacy import ConsentCommands
from recorder.bot.commands.recording import RecordingCommands
from recorder.bot.listening.auto_sessions import AutoRecorder
from recorder.bot.listening.deletions import DeletionEraser
from recorder.bot.listening.downloads import Downloader
from recorder.bot.listening.gap_filling import GapFiller
from recorder.bot.listening.listener import Listener
from recorder.bot.replies import notices
from recorder.errors import StorageError
from recorder.models import Annotation
from recorder.recording.session_manager import SessionManager
from recorder.recording.session_recorder import SessionRecorder
from recorder.search.searcher import Searcher
from recorder.settings import Settings

log = logging.getLogger(__name__)


class Recorder(RecordingCommands, FindingCommands, EditingCommands, ConsentCommands):
    """Records conversations and finds them again."""

    def __init__(self, bot: commands.Bot, settings: Settings) -> None:
        super().__init__()
        self.bot = bot
        self.settings = settings
        self.recorder = SessionRecorder(settings.data, attachment_limit=settings.attachment_limit)
        self.recorder.on_failure = self._failed
        self.manager = SessionManager(self.recorder, settings.timezone)
        self.searcher = Searcher(self.manager.reader, settings.timezone)
        self.auto_recorder = AutoRecorder(bot, self.manager, settings.timezone, self.announce)
        self.downloader = Downloader(bot, self.recorder, settings.attachment_limit)
        self.deletion_eraser = DeletionEraser(self.recorder, self.manager)
        self.message_listener = Listener(
            bot,
            self,
            self.recorder,
            self.auto_recorder,
            on_attachments=self.downloader.wake,
            on_deletion=self.deletion_eraser.erase if settings.erase_deleted else None,
        )
        self.gap_filler = GapFiller(bot, self.recorder, self.message_listener, self.announce)
        self._announcing: asyncio.Task[None] | None = None

    async def cog_load(self) -> None:
        """Open the data folder and go on with what was running."""
        await self.recorder.open()
        await self.auto_recorder.open()
        await self.gap_filler.open()
        self.downloader.open()
        self.deletion_eraser.open()
        # As listeners of their own they cost less than as methods of a cog.
        for hear, event in self._heard():
            self.bot.add_listener(hear, event)
        if not self.bot.intents.message_content:
            log.warning(
                "The message content intent is off: recordings will lack what people write. "
                "Switch it on in Discord's developer portal and in the bot's intents."
            )

    async def cog_unload(self) -> None:
        """Write all that waits; sessions go on at the next start."""
        for hear, event in self._heard():
            self.bot.remove_listener(hear, event)
        self.auto_recorder.close()
        await self.gap_filler.close()
        await self.downloader.close()
        self.deletion_eraser.close()
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

    def _heard(self) -> tuple[tuple[Callable[..., Coroutine[Any, Any, None]], str], ...]:
        """The raw events too, since messages that are not in the bot's cache change as well."""
        return (
            (self.message_listener.hear, "on_message"),
            (self.message_listener.hear_edit, "on_raw_message_edit"),
            (self.message_listener.hear_deletion, "on_raw_message_delete"),
            (self.message_listener.hear_deletions, "on_raw_bulk_message_delete"),
            (self.message_listener.hear_reaction, "on_raw_reaction_add"),
            (self.message_listener.hear_reaction, "on_raw_reaction_remove"),
            (self.message_listener.hear_clearing, "on_raw_reaction_clear"),
            (self.message_listener.hear_clearing, "on_raw_reaction_clear_emoji"),
            (self.gap_filler.hear_disconnect, "on_disconnect"),
            (self.gap_filler.hear_ready, "on_ready"),
            (self.gap_filler.hear_resumed, "on_resumed"),
        )

    def _failed(self, error: StorageError) -> None:
        """Tell every channel that was being recorded that it is no more."""
        self._announcing = asyncio.create_task(self._announce_failure())

    async def _announce_failure(self) -> None:
        for channel_id in self.recorder.channels:
            channel = self.bot.get_channel(int(channel_id))
            if isinstance(channel, discord.abc.Messageable):
                await self.announce(channel, notices.RECORDING_FAILED)
