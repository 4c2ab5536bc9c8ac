"""Checks of the bot's intents and permissions, for ``recorder doctor``; the bot does not run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TypeAlias

import discord

from recorder.care.diagnosis import Finding, Scope

_SECONDS = 30
_NEEDED = ("view_channel", "read_message_history", "send_messages", "attach_files")

_Guilds: TypeAlias = dict[str, tuple[discord.Guild, discord.Member] | None]


def inspect(token: str, scopes: Iterable[Scope]) -> list[Finding]:
    """Check the bot's intents, and its permissions in the channels that it records.

    Reads only, and gives up after 30 seconds.
    """
    return asyncio.run(_inspect(token, scopes))


async def _inspect(token: str, scopes: Iterable[Scope]) -> list[Finding]:
    client = discord.Client(intents=discord.Intents.none())
    try:
        async with asyncio.timeout(_SECONDS):
            await client.login(token)
            return await look(client, scopes)
    except discord.LoginFailure:
        hint = "Copy the bot's token again from Discord's developer portal, page Bot."
        return [Finding("Discord", "bad", "does not accept the token in DISCORD_TOKEN", hint)]
    except (discord.DiscordException, OSError, TimeoutError) as error:
        reason = str(error) or "timeout"
        return [Finding("Discord", "note", f"cannot be reached ({reason})", "Try again later.")]
    finally:
        await client.close()


async def look(client: discord.Client, scopes: Iterable[Scope]) -> list[Finding]:
    """Check the intents and permissions of a client that is logged in.

    Raises
    ------
    discord.HTTPException
        A request to Discord failed.
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
    guilds: _Guilds = {}
    return findings + [await _check_permissions(client, scope, guilds) for scope in scopes]


async def _check_permissions(client: discord.Client, scope: Scope, guilds: _Guilds) -> Finding:
    what = f"permissions for {scope.name}"
    if scope.guild_id is None:
        return Finding(what, "good", "a direct message needs none")
    if scope.guild_id not in guilds:
        guilds[scope.guild_id] = await _fetch_guild(client, int(scope.guild_id))
    membership = guilds[scope.guild_id]
    if membership is None:
        hint = "Invite it again, or stop this recording."
        return Finding(what, "bad", f"the bot is not in the server {scope.guild_id}", hint)
    guild, member = membership
    try:
        missing, where = await _missing_permissions(guild, member, scope)
    except discord.NotFound:
        return Finding(what, "bad", "the channel was deleted", "Stop this recording.")
    except discord.Forbidden:
        missing, where = ["view_channel"], f"the channel {scope.channel_id} in {guild.name}"
    if not missing:
        return Finding(what, "good", f"has all that it needs in {where}")
    names = ", ".join(name.replace("_", " ") for name in missing)
    hint = "Grant them to the bot's role in the settings of the channel or the server."
    return Finding(what, "bad", f"lacks {names} in {where}", hint)


async def _fetch_guild(
    client: discord.Client, guild_id: int
) -> tuple[discord.Guild, discord.Member] | None:
    if client.user is None:
        raise discord.ClientException("The client is not logged in.")
    try:
        guild = await client.fetch_guild(guild_id, with_counts=False)
        return guild, await guild.fetch_member(client.user.id)
    except (discord.NotFound, discord.Forbidden):
        return None


async def _missing_permissions(
    guild: discord.Guild, member: discord.Member, scope: Scope
) -> tuple[list[str], str]:
    """Return the permissions that the bot lacks, and the name of the channel or guild."""
    needed = list(_NEEDED)
    if scope.channel_id is None:
        allowed, where = member.guild_permissions, guild.name
    else:
        channel = await guild.fetch_channel(int(scope.channel_id))
        where = f"#{channel.name} in {guild.name}"
        if isinstance(channel, discord.Thread):
            needed[needed.index("send_messages")] = "send_messages_in_threads"
            channel = await guild.fetch_channel(channel.parent_id)
            if isinstance(channel, discord.Thread):
                raise TypeError("a thread has no threads")
        allowed = channel.permissions_for(member)
    return [name for name in needed if not getattr(allowed, name)], where
