"""Threads: who is in them, and whether they are archived."""

from __future__ import annotations

from . import payloads
from .guilds import Guilds
from .model import Channel, Json, Kind, Message, Thread, User
from .permissions import can_view


class Threads(Guilds):
    """The part of the world that opens, closes and fills threads."""

    def open_thread(
        self, channel: Channel, owner: User, name: str, kind: Kind, id: int | None = None
    ) -> Thread:
        """Create an empty thread and send what its creation sends; see `start_thread`."""
        assert channel.guild is not None
        thread = Thread(id or self.snowflake(), kind, name, channel.guild, channel, owner=owner)
        thread.created_at = thread.archived_at = self.now
        thread.members[owner.id] = self.now
        channel.guild.threads[thread.id] = self.channels[thread.id] = thread
        self.emit(
            "THREAD_CREATE", {**payloads.thread(thread, self.bot), "newly_created": True}, thread
        )
        return thread

    def join_thread(self, thread: Thread, *users: User) -> None:
        """Add users to a thread; the bot to a private one sees it from then on."""
        for user in users:
            if user.id in thread.members:
                continue
            saw = can_view(thread, self.bot)
            thread.members[user.id] = self.now
            if user is self.bot and not saw:
                self.emit("THREAD_CREATE", payloads.thread(thread, self.bot), thread)
            added = payloads.thread_member(thread, user.id)
            if thread.guild and (member := thread.guild.members.get(user.id)):
                added |= {"member": payloads.member(member), "presence": None}
            self.emit("THREAD_MEMBERS_UPDATE", self._members(thread, added_members=[added]), thread)

    def leave_thread(self, thread: Thread, user: User) -> None:
        """Remove a user from a thread; the bot learns it even where it sees no more."""
        if user.id in thread.members:
            joined = thread.members.pop(user.id)
            data = self._members(thread, removed_member_ids=[str(user.id)])
            if user is self.bot:
                thread.members[user.id] = joined
            self.emit("THREAD_MEMBERS_UPDATE", data, thread)
            thread.members.pop(user.id, None)

    def archive(self, thread: Thread, *, locked: bool = False) -> None:
        self.edit_channel(thread, archived=True, archived_at=self.now, locked=locked)

    def unarchive(self, thread: Thread) -> None:
        self.edit_channel(thread, archived=False, archived_at=self.now, locked=False)

    def _before_saying(self, channel: Channel, author: User) -> None:
        """Open an archived thread, and add to a thread who speaks in it."""
        if isinstance(channel, Thread):
            if channel.archived:
                self.unarchive(channel)
            if author.id in self.users:
                self.join_thread(channel, author)

    def _after_saying(self, message: Message) -> None:
        message.channel.last_message_id = message.id
        if isinstance(message.channel, Thread):
            message.channel.total_sent += 1

    @staticmethod
    def _members(thread: Thread, **changes: object) -> Json:
        assert thread.guild is not None
        keys = {"id": str(thread.id), "guild_id": str(thread.guild.id)}
        return {**keys, "member_count": min(50, len(thread.members)), **changes}
