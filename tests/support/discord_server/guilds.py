"""Guilds, members, channels and permissions, and the events that changes of them cause."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from . import payloads
from .model import Channel, Guild, Json, Kind, Member, Role, Thread, User
from .permissions import EVERYONE, bits, can_view, overwritten

_EPOCH = datetime(2015, 1, 1, tzinfo=UTC)
_KINDS = {kind.name.lower(): kind for kind in Kind}

Outlet = Callable[[str, Json], None]


class Guilds:
    """The part of the world without threads and messages.

    Attributes
    ----------
    now
        The time; it stands still but for `step`.
    step
        How much time each new id takes, so that no two messages are of one moment.
    outlet
        Receives each event that the bot may see; the gateway sets it.
    """

    def __init__(self, now: datetime = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)) -> None:
        self.now = now
        self.step = timedelta(milliseconds=1)
        self.outlet: Outlet = lambda name, data: None
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}  # and threads, and DMs
        self.users: dict[int, User] = {}
        self.webhooks: dict[str, int] = {}  # ids by name
        self.files: dict[str, bytes] = {}  # what attachments hold, by the path of their URL
        self.url = ""  # of the server
        self.cdn_url = ""  # where attachments seem to lie; by default on the server
        self._last_id = 0
        self.bot = self.create_user("recorder-bot", bot=True)
        self.token = "token-of-the-bot"

    def snowflake(self) -> int:
        """Return a new id of this moment; ids always grow."""
        self.now += self.step
        milliseconds = (self.now - _EPOCH) // timedelta(milliseconds=1)
        self._last_id = max(self._last_id + 1, milliseconds << 22)
        return self._last_id

    def advance(self, **span: float) -> None:
        """Let time pass, given as for `timedelta`."""
        self.now += timedelta(**span)

    def emit(self, name: str, data: Json, scope: Channel | Guild | None = None) -> None:
        """Send the bot an event, if it may see the channel or is in the guild."""
        guild = scope.guild if isinstance(scope, Channel) else scope
        if guild is not None and (not guild.available or self.bot.id not in guild.members):
            return
        if isinstance(scope, Channel) and not can_view(scope, self.bot):
            return
        self.outlet(name, data)

    # guilds, roles and members

    def create_user(self, name: str, *, bot: bool = False, global_name: str | None = None) -> User:
        user = User(self.snowflake(), name, global_name, bot)
        self.users[user.id] = user
        return user

    def create_guild(self, name: str, *, with_bot: bool = True, owner: User | None = None) -> Guild:
        owner = owner or self.create_user(f"owner of {name}")
        guild = Guild(self.snowflake(), name, owner)
        guild.roles[guild.id] = Role(guild.id, guild, "@everyone", EVERYONE, 0)
        guild.members[owner.id] = Member(owner, guild, self.now)
        self.guilds[guild.id] = guild
        if with_bot:
            self.add_member(guild, self.bot)
        return guild

    def guilds_of_bot(self) -> list[Guild]:
        return [guild for guild in self.guilds.values() if self.bot.id in guild.members]

    def add_member(self, guild: Guild, user: User, *roles: Role, nick: str | None = None) -> Member:
        member = Member(user, guild, self.now, list(roles), nick)
        guild.members[user.id] = member
        if user is self.bot:
            self.outlet("GUILD_CREATE", self.guild_create(guild, joined=True))
        else:
            self.emit("GUILD_MEMBER_ADD", self._of(guild, payloads.member(member)), guild)
        return member

    def remove_member(self, guild: Guild, user: User) -> None:
        """Kick a member, or let them leave; also the bot."""
        if user is self.bot:
            self.emit("GUILD_DELETE", {"id": str(guild.id)}, guild)
        for thread in guild.threads.values():
            thread.members.pop(user.id, None)
        del guild.members[user.id]
        self.emit("GUILD_MEMBER_REMOVE", self._of(guild, {"user": payloads.user(user)}), guild)

    def edit_member(
        self, guild: Guild, user: User, *, roles: list[Role] | None = None, nick: str | None = ""
    ) -> None:
        """Change the roles or the nickname of a member."""
        member = guild.members[user.id]
        with self._changing_access(guild):
            member.roles = member.roles if roles is None else roles
            member.nick = member.nick if nick == "" else nick
            self.emit("GUILD_MEMBER_UPDATE", self._of(guild, payloads.member(member)), guild)

    def create_role(self, guild: Guild, name: str, *permissions: str) -> Role:
        role = Role(self.snowflake(), guild, name, bits(*permissions), len(guild.roles))
        guild.roles[role.id] = role
        self.emit("GUILD_ROLE_CREATE", self._of(guild, {"role": payloads.role(role)}), guild)
        return role

    def edit_role(self, role: Role, **changes: bool) -> None:
        """Grant or take permissions of a role; of ``guild.everyone`` too."""
        with self._changing_access(role.guild):
            for name, value in changes.items():
                bit = bits(name)
                role.permissions = role.permissions & ~bit | (bit if value else 0)
            data = self._of(role.guild, {"role": payloads.role(role)})
            self.emit("GUILD_ROLE_UPDATE", data, role.guild)

    def set_available(self, guild: Guild, available: bool) -> None:
        """Begin or end an outage of a guild."""
        if available and not guild.available:
            guild.available = True
            if self.bot.id in guild.members:
                self.outlet("GUILD_CREATE", self.guild_create(guild))
        elif guild.available and not available:
            self.emit("GUILD_DELETE", {"id": str(guild.id), "unavailable": True}, guild)
            guild.available = False

    def guild_create(self, guild: Guild, *, joined: bool = False) -> Json:
        return payloads.guild_create(guild, self.bot, joined=joined)

    # channels

    def create_channel(
        self, guild: Guild, name: str, kind: str = "text", *, parent: Channel | None = None
    ) -> Channel:
        """Create a channel of the kind text, voice, category, news, stage, forum or media."""
        channel = Channel(self.snowflake(), _KINDS[kind], name, guild, parent)
        channel.position = len(guild.channels)
        channel.overwrites = dict(parent.overwrites) if parent else {}
        guild.channels[channel.id] = self.channels[channel.id] = channel
        self.emit("CHANNEL_CREATE", payloads.channel(channel, self.bot), guild)
        return channel

    def edit_channel(self, channel: Channel, **changes: Any) -> None:
        """Change a channel or a thread: its name, its topic or any other field."""
        for name, value in changes.items():
            setattr(channel, name, value)
        self._emit_update(channel)

    def delete_channel(self, channel: Channel) -> None:
        """Delete a channel with its threads, or a thread."""
        assert channel.guild is not None
        if isinstance(channel, Thread):
            keys = {"guild_id": str(channel.guild.id), "parent_id": str(channel.home.id)}
            data = {"id": str(channel.id), "type": int(channel.kind), **keys}
            self.emit("THREAD_DELETE", data, channel)
            del channel.guild.threads[channel.id]
        else:
            for thread in [t for t in channel.guild.threads.values() if t.parent is channel]:
                del channel.guild.threads[thread.id]
                del self.channels[thread.id]
            for child in channel.guild.channels.values():
                child.parent = None if child.parent is channel else child.parent
            data = payloads.channel(channel, self.bot)
            del channel.guild.channels[channel.id]
            self.emit("CHANNEL_DELETE", data, channel.guild)
        del self.channels[channel.id]

    def overwrite(self, channel: Channel, target: Role | User, **changes: bool | None) -> None:
        """Allow, deny or leave open permissions of a role or a member in a channel."""
        assert channel.guild is not None
        with self._changing_access(channel.guild, but=channel):
            channel.overwrites[target.id] = overwritten(channel, target, changes)
            if channel.overwrites[target.id] == (0, 0):
                del channel.overwrites[target.id]
            self._emit_update(channel)

    def dm(self, user: User) -> Channel:
        """Return the DM channel of the bot with a user."""
        for channel in self.channels.values():
            if channel.recipient is user:
                return channel
        channel = Channel(self.snowflake(), Kind.DM, recipient=user)
        self.channels[channel.id] = channel
        return channel

    def _emit_update(self, channel: Channel) -> None:
        data, thread = payloads.channel(channel, self.bot), isinstance(channel, Thread)
        name = "THREAD_UPDATE" if thread else "CHANNEL_UPDATE"
        self.emit(name, data, channel if thread else channel.guild)

    @contextmanager
    def _changing_access(self, guild: Guild, but: Channel | None = None) -> Iterator[None]:
        """Send what follows when the bot gains or loses the view of channels."""

        def visible() -> tuple[set[int], set[int]]:
            if self.bot.id not in guild.members:
                return set(), set()
            channels = guild.channels.values()
            named = {c.id for c in channels if not payloads.is_obfuscated(c, self.bot)}
            return named, {c.id for c in channels if can_view(c, self.bot)}

        named, viewed = visible()
        yield
        named_now, viewed_now = visible()
        for id in sorted(named ^ named_now):
            if guild.channels[id] is not but:
                self._emit_update(guild.channels[id])
        if gained := viewed_now - viewed:
            threads = [t for t in payloads.active_threads(guild, self.bot) if t.home.id in gained]
            data = {
                "channel_ids": [str(id) for id in sorted(gained)],
                "threads": [payloads.thread(t, self.bot) for t in threads],
                "members": [
                    payloads.thread_member(t, self.bot.id)
                    for t in threads
                    if self.bot.id in t.members
                ],
            }
            self.emit("THREAD_LIST_SYNC", self._of(guild, data), guild)

    @staticmethod
    def _of(guild: Guild, data: Json) -> Json:
        return {"guild_id": str(guild.id), **data}
