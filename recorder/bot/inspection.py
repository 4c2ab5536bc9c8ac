"""Asking Discord what the bot is allowed, without running it: for ``recorder doctor``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TypeAlias

import discord

from recorder.care.diagnosis import Finding, Scope

_SECONDS = 30
_NEEDED = ("view_channel", "read_message_history", "send_messages", "attach_files")

_Known: TypeAlias = dict[str, tuple[discord.Guild, discord.Member] | None]


def inspect(token: str, places: Iterable[Scope]) -> list[Finding]:
    """Look at the bot's intents, and at its permissions where it records.

    Only reads, and gives up after half a minute.
    """
    return asyncio.run(_inspect(token, places))


async def _inspect(token: str, places: Iterable[Scope]) -> list[Finding]:
    client = discord.Client(intents=discord.Intents.none())
    try:
        async with asyncio.timeout(_SECONDS):
            await client.login(token)
            return await look(client, places)
    except discord.LoginFailure:
        hint = "Copy the bot's token again from Discord's developer portal, page Bot."
        return [Finding("Discord", "bad", "does not accept the token in DISCORD_TOKEN", hint)]
    except (discord.DiscordException, OSError, TimeoutError) as error:
        reason = str(error) or "no answer"
        return [Finding("Discord", "note", f"could not be asked ({reason})", "Try again later.")]
    finally:
        await client.close()


async def look(client: discord.Client, places: Iterable[Scope]) -> list[Finding]:
    """What Discord says of a client that is logged in.

    Raises
    ------
    discord.HTTPException
        Discord could not be asked.
    """
    flags = (await client.application_info()).flags
    has_texts = flags.gateway_message_content or flags.gateway_message_content_limited
    findings = [
        Finding("bot", "good", str(client.user)),
        Finding("message content intent", "good", "is on")
        if has_texts
        else Finding(
            "message content intent",
            "bad",
            "is off: messages arrive without their text",
            "Switch it on in Discord's developer portal: page Bot, Privileged Gateway Intents.",
        ),
    ]
    known: _Known = {}
    return findings + [await _place(client, place, known) for place in places]


async def _place(client: discord.Client, place: Scope, known: _Known) -> Finding:
    if place.guild_id is None:
        return Finding(f"permissions for {place.name}", "good", "a direct message needs none")
    if place.guild_id not in known:
        known[place.guild_id] = await _guild(client, int(place.guild_id))
    found = known[place.guild_id]
    what, missing = f"permissions for {place.name}", ["view_channel"]
    if found is None:
        hint = "Invite it again, or stop this recording."
        return Finding(what, "bad", f"the bot is not in the server {place.guild_id}", hint)
    guild, member = found
    try:
        missing, where = await _missing(guild, member, place)
    except discord.NotFound:
        return Finding(what, "bad", "the channel was deleted", "Stop this recording.")
    except discord.Forbidden:
        where = f"the channel {place.channel_id} in {guild.name}"
    if not missing:
        return Finding(what, "good", f"has all it needs in {where}")
    names = ", ".join(name.replace("_", " ") for name in missing)
    hint = "Give them to the bot's role in the settings of the channel or the server."
    return Finding(what, "bad", f"lacks {names} in {where}", hint)


async def _guild(
    client: discord.Client, guild_id: int
) -> tuple[discord.Guild, discord.Member] | None:
    if client.user is None:
        raise discord.ClientException("The client is not logged in.")
    try:
        guild = await client.fetch_guild(guild_id, with_counts=False)
        return guild, await guild.fetch_member(client.user.id)
    except (discord.NotFound, discord.Forbidden):
        return None


async def _missing(
    guild: discord.Guild, member: discord.Member, place: Scope
) -> tuple[list[str], str]:
    """The permissions that the bot lacks, and the name of where."""
    needed = list(_NEEDED)
    if place.channel_id is None:
        allowed, where = member.guild_permissions, guild.name
    else:
        channel = await guild.fetch_channel(int(place.channel_id))
        where = f"#{channel.name} in {guild.name}"
        if isinstance(channel, discord.Thread):
            needed[needed.index("send_messages")] = "send_messages_in_threads"
            channel = await guild.fetch_channel(channel.parent_id)
            if isinstance(channel, discord.Thread):
                raise TypeError("a thread has no threads")
        allowed = channel.permissions_for(member)
    return [name for name in needed if not getattr(allowed, name)], where
