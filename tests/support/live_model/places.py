"""Steps that create, change and delete channels and threads."""

from __future__ import annotations

from support.discord_server import Channel
from support.discord_server.model import Kind

from .acting import Acting, pick, title


class Places(Acting):
    """What happens to channels and threads."""

    def start_thread(self, a: int, b: int) -> None:
        if parents := self.scene.parents():
            channel = pick(parents, a)
            messages = [m for m in channel.messages.values() if m.thread is None and m.type == 0]
            starter = messages[-1] if b % 2 and messages else None
            name = f"thread-{self.text()}"
            self.world.start_thread(self.scene.alice, channel, name, message=starter)
            self.note(f"alice starts {name} in {title(channel)}")

    def start_private_thread(self, a: int, b: int) -> None:
        if parents := [c for c in self.scene.parents() if c.kind is Kind.TEXT]:
            name = f"private-{self.text()}"
            thread = self.world.start_thread(self.scene.staff, pick(parents, a), name, private=True)
            if b % 2:
                self.world.join_thread(thread, self.world.bot)
            self.note(f"staff starts {name} in {title(thread.home)}")

    def post(self, a: int, b: int) -> None:
        if forums := self.scene.forums():
            forum, text = pick(forums, a), self.text()
            self.world.post(self.scene.bob, forum, f"post-{text}", text)
            self.note(f"bob posts {text} in {title(forum)}")

    def let_bot_join(self, a: int, b: int) -> None:
        if threads := [t for t in self.scene.threads() if t.private]:
            thread = pick(threads, a)
            leaves = b % 3 == 2
            self.doubt(lambda channel: channel is thread)
            change = self.world.leave_thread if leaves else self.world.join_thread
            change(thread, self.world.bot)
            self.note(f"the bot {'leaves' if leaves else 'joins'} {title(thread)}")

    def archive(self, a: int, b: int) -> None:
        if threads := [t for t in self.scene.threads() if not t.archived]:
            thread = pick(threads, a)
            self.world.archive(thread)
            self.note(f"{title(thread)} is archived")

    def unarchive(self, a: int, b: int) -> None:
        if threads := [t for t in self.scene.threads() if t.archived]:
            self.world.unarchive(pick(threads, a))
            self.note(f"{title(pick(threads, a))} is unarchived")

    def rename(self, a: int, b: int) -> None:
        channel = pick(self.in_guilds(), a)
        self.world.rename(channel, f"{channel.name[:12]}-{self.text()}", self.scene.staff)
        self.note(f"{title(channel)} is renamed")

    def delete_thread(self, a: int, b: int) -> None:
        if threads := self.scene.threads():
            self._delete_channel(pick(threads, a))

    def delete_channel(self, a: int, b: int) -> None:
        channels = self.scene.channels()
        if len(channels) > 3:
            self._delete_channel(pick(channels, a))

    def _delete_channel(self, channel: Channel) -> None:
        self.note(f"{title(channel)} is deleted")
        self.doubt(lambda c: c is channel or c.home is channel)
        self.world.delete_channel(channel)

    def create_channel(self, a: int, b: int) -> None:
        guild, kind = pick(self.scene.guilds, a), pick(("text", "news", "voice", "forum"), b)
        channel = self.world.create_channel(guild, f"{kind}-{self.text()}", kind)
        self.note(f"{title(channel)} is created")
