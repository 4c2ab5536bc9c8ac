"""A small Discord to which discord.py connects over loopback, and whose truth a test knows.

    async with serving() as server:
        world = server.world
        guild = world.create_guild("Workshop")
        channel = world.create_channel(guild, "development")
        alice = world.create_user("alice")
        world.add_member(guild, alice)
        async with server.connected(bot):
            world.say(alice, channel, "hello")
            await server.settle()

The world is the truth; `server.gateway` and `server.faults` come between it and the bot.
"""

from .conversation import poll
from .model import Channel, Guild, Member, Message, Role, Thread, User
from .server import DiscordServer, serving
from .world import Interaction, World

__all__ = [
    "Channel",
    "DiscordServer",
    "Guild",
    "Interaction",
    "Member",
    "Message",
    "Role",
    "Thread",
    "User",
    "World",
    "poll",
    "serving",
]
