"""Two guilds with people and channels of every type, and what a step may choose from."""

from __future__ import annotations

from support.discord_server import Channel, Guild, Message, Thread, User
from support.discord_server.model import Kind
from support.discord_server.permissions import can_view, may

from .truth import ObservedWorld

_SPOKEN_IN = (Kind.TEXT, Kind.NEWS, Kind.VOICE)
_PEOPLE = ("staff", "alice", "bob", "robot")


class Scene:
    """Who and what is there at the beginning, and in which order steps find it.

    Attributes
    ----------
    staff
        A user who may control recordings everywhere; alice and bob may not.
    robot
        Another bot.
    """

    def __init__(self, world: ObservedWorld) -> None:
        self.world = world
        self.staff, self.alice, self.bob, self.robot = (
            world.create_user(name, bot=name == "robot") for name in _PEOPLE
        )
        self.guilds: list[Guild] = []
        for name in ("Workshop", "Library"):
            guild = world.create_guild(name, owner=world.create_user(f"owner-of-{name}"))
            role = world.create_role(guild, "Staff", "manage_messages", "manage_guild")
            for user in (self.alice, self.bob, self.robot):
                world.add_member(guild, user)
            world.add_member(guild, self.staff, role)
            self.guilds.append(guild)
        first, second = self.guilds
        for kind, name in (
            ("text", "development"),
            ("news", "news"),
            ("voice", "lounge"),
            ("forum", "help"),
            ("media", "pictures"),
        ):
            world.create_channel(first, name, kind)
        world.create_channel(second, "reading")
        self.dm = world.dm(self.alice)

    @property
    def people(self) -> list[User]:
        return [self.alice, self.bob, self.staff]

    def channels(self) -> list[Channel]:
        """Return the channels of both guilds, threads aside."""
        return [channel for guild in self.guilds for channel in guild.channels.values()]

    def threads(self) -> list[Thread]:
        return [thread for guild in self.guilds for thread in guild.threads.values()]

    def spoken_in(self) -> list[Channel]:
        """Return the channels and threads in which messages can be sent."""
        channels = [c for c in self.channels() if c.kind in _SPOKEN_IN]
        return [*channels[:1], *self.threads(), *channels[1:], self.dm]

    def parents(self) -> list[Channel]:
        return [c for c in self.channels() if c.kind in (Kind.TEXT, Kind.NEWS)]

    def forums(self) -> list[Channel]:
        return [c for c in self.channels() if c.kind in (Kind.FORUM, Kind.MEDIA)]

    def messages(self, *, by_users: bool = False) -> list[Message]:
        """Return the messages that are there, the newest first."""
        sent = reversed(self.world.sent.values())
        messages = [s for s in sent if not s.message.is_deleted and self.exists(s.message.channel)]
        if by_users:
            messages = [s for s in messages if not s.is_by(self.world.bot) and s.is_plain]
        return [s.message for s in messages[:40]]

    def exists(self, channel: Channel) -> bool:
        return self.world.channels.get(channel.id) is channel

    def is_there(self, channel: Channel) -> bool:
        """Return whether the bot is in the guild of a channel that exists."""
        guild = channel.guild
        return self.exists(channel) and (guild is None or self.world.bot.id in guild.members)

    def permits(self, channel: Channel) -> bool:
        """Return whether the bot may view a channel, read its history and send messages."""
        if channel.guild is None:
            return True
        bot = self.world.bot
        send = "send_messages_in_threads" if isinstance(channel, Thread) else "send_messages"
        return self.is_there(channel) and may(channel, bot, "read_message_history", send)

    def readable(self, channel: Channel) -> bool:
        """Return whether the bot can read the history of a channel now."""
        if channel.guild is None:
            return True
        bot = self.world.bot
        return (
            self.is_there(channel)
            and channel.guild.available
            and can_view(channel, bot)
            and may(channel, bot, "read_message_history")
        )
