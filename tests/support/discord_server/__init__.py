"""A small Discord to which discord.py connects over loopback, and whose truth a test knows."""

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
