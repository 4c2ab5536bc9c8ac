"""Deletions in Discord: record them, or with RECORDER_ON_DELETE=erase erase the messages."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

import discord

from recorder.bot.listening import tasks
from recorder.errors import RecorderError, StorageError
from recorder.models import Deletion
from recorder.recording.session_manager import SessionManager
from recorder.recording.session_recorder import SessionRecorder


class DeletionEraser:
    """Records deletions, or erases the deleted messages at once."""

    def __init__(self, recorder: SessionRecorder, manager: SessionManager) -> None:
        self._recorder = recorder
        self._manager = manager

    def record(self, deletions: Sequence[Deletion]) -> None:
        """Record deletions, and keep the messages."""
        try:
            for deletion in deletions:
                self._recorder.change(deletion)
        except StorageError as error:
            tasks.log_failure("A deletion was not recorded", error)

    def erase(self, deletions: Sequence[Deletion]) -> None:
        """Record deletions and erase the messages; their order is fixed at once."""
        try:
            erasing = self._manager.erase_deleted(deletions, now=discord.utils.utcnow())
        except StorageError as error:
            tasks.log_failure("A deletion was not recorded", error)
            return
        tasks.run(self._finish(erasing), "erasing deleted messages")

    async def _finish(self, erasing: Awaitable[object]) -> None:
        try:
            await erasing
        except RecorderError as error:
            tasks.log_failure("Deleted messages were not erased", error)
