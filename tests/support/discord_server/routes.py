"""The routes of the application, of guilds, channels and threads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from . import payloads
from .model import Channel, Json, Kind, Message, Thread
from .permissions import can_view
from .rest import NO_ACCESS, DiscordError, Request, route, unknown


@route("GET", "/gateway/bot")
def gateway(request: Request) -> Json:
    url = request.world.url.replace("http", "ws", 1) + "/gateway"
    limit = {"total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": 1}
    return {"url": url, "shards": 1, "session_start_limit": limit}


@route("GET", "/users/{user}")
def get_user(request: Request) -> Json:
    return payloads.user(request.user)


@route("GET", "/oauth2/applications/@me")
@route("GET", "/applications/@me")
def application(request: Request) -> Json:
    me = request.me
    owner = next(iter(request.world.users.values()))
    data = {"id": str(me.id), "name": me.name, "icon": None, "description": "", "summary": ""}
    flags = {"bot_public": True, "bot_require_code_grant": False, "flags": 1 << 19}
    return {**data, **flags, "verify_key": "", "owner": payloads.user(owner)}


@route("GET", "/applications/{application}/commands")
def get_commands(request: Request) -> list[Json]:
    return request.world.commands


@route("PUT", "/applications/{application}/commands")
@route("PUT", "/applications/{application}/guilds/{guild}/commands")
def sync_commands(request: Request) -> list[Json]:
    world = request.world
    commands: Any = request.body
    keys = {"application_id": str(world.bot.id), "version": "1"}
    world.commands = [{**c, "id": str(world.snowflake()), **keys} for c in commands]
    shown = "default_member_permissions"
    known = {"description": ""}  # of a context menu, which has none
    return [{**known, **c, shown: c.get(shown) and str(c[shown])} for c in world.commands]


@route("POST", "/users/@me/channels")
def create_dm(request: Request) -> Json:
    user = request.world.users.get(int(request.body["recipient_id"]))
    if user is None:
        raise unknown("user")
    return payloads.channel(request.world.dm(user), request.me)


# guilds


@route("GET", "/guilds/{guild}")
def get_guild(request: Request) -> Json:
    return payloads.guild(request.guild)


@route("GET", "/guilds/{guild}/channels")
def get_channels(request: Request) -> list[Json]:
    channels = request.guild.channels.values()
    seen = [c for c in channels if not payloads.is_obfuscated(c, request.me)]
    return [payloads.channel(channel, request.me) for channel in seen]


@route("GET", "/guilds/{guild}/roles")
def get_roles(request: Request) -> list[Json]:
    return [payloads.role(role) for role in request.guild.roles.values()]


@route("GET", "/guilds/{guild}/members")
def get_members(request: Request) -> list[Json]:
    after, limit = int(request.query.get("after", 0)), request.limit(1, 1000)
    members = [m for id, m in sorted(request.guild.members.items()) if id > after]
    return [payloads.member(member) for member in members[:limit]]


@route("GET", "/guilds/{guild}/members/{user}")
def get_member(request: Request) -> Json:
    member = request.guild.members.get(request.user.id)
    if member is None:
        raise unknown("member")
    return payloads.member(member)


@route("GET", "/guilds/{guild}/threads/active")
def get_active_threads(request: Request) -> Json:
    return _listed(request, payloads.active_threads(request.guild, request.me))


# channels


@route("GET", "/channels/{channel}")
def get_channel(request: Request) -> Json:
    return payloads.channel(request.channel, request.me)


@route("PATCH", "/channels/{channel}")
def edit_channel(request: Request) -> Json:
    channel, body, world = request.channel, request.body, request.world
    if isinstance(channel, Thread):
        if channel.owner is not request.me or "locked" in body:
            request.require(channel, "manage_threads")
        if channel.archived and body.get("archived") is not False:
            raise DiscordError(400, 50083, "Thread is archived")
        if body.get("archived") or body.get("locked"):
            world.archive(channel, locked=body.get("locked", channel.locked))
        elif body.get("archived") is False:
            world.unarchive(channel)
    else:
        request.require(channel, "manage_channels")
    if "name" in body:
        world.rename(channel, body["name"], request.me)
    return payloads.channel(channel, request.me)


@route("DELETE", "/channels/{channel}")
def delete_channel(request: Request) -> Json:
    channel = request.channel
    is_thread = isinstance(channel, Thread)
    request.require(channel, "manage_threads" if is_thread else "manage_channels")
    data = payloads.channel(channel, request.me)
    request.world.delete_channel(channel)
    return data


@route("POST", "/channels/{channel}/typing")
def type_(request: Request) -> None:
    request.require(request.channel, "send_messages")


# threads


@route("POST", "/channels/{channel}/threads")
def start_thread(request: Request) -> Json:
    channel, body, world = request.channel, request.body, request.world
    if channel.kind in (Kind.FORUM, Kind.MEDIA):
        request.require(channel, "send_messages")
        text = body["message"].get("content") or ""
        thread = world.post(request.me, channel, body["name"], text, files=request.files)
        first = payloads.message(thread.messages[thread.id], request.me)
        return payloads.thread(thread, request.me) | {"message": first}
    private = body.get("type") == Kind.PRIVATE_THREAD
    request.require(channel, f"create_{'private' if private else 'public'}_threads")
    thread = world.start_thread(request.me, channel, body["name"], private=private)
    return payloads.thread(thread, request.me)


@route("POST", "/channels/{channel}/messages/{message}/threads")
def start_thread_at(request: Request) -> Json:
    request.require(request.channel, "create_public_threads")
    message: Message = request.message
    if message.thread is not None:
        raise DiscordError(400, 160004, "A thread has already been created for this message")
    name = request.body["name"]
    thread = request.world.start_thread(request.me, request.channel, name, message=message)
    return payloads.thread(thread, request.me)


@route("GET", "/channels/{channel}/threads/archived/public")
def get_archived_public(request: Request) -> Json:
    return _archived(request, lambda thread: not thread.private)


@route("GET", "/channels/{channel}/threads/archived/private")
def get_archived_private(request: Request) -> Json:
    request.require(request.channel, "manage_threads")
    return _archived(request, lambda thread: thread.private)


@route("GET", "/channels/{channel}/users/@me/threads/archived/private")
def get_archived_joined(request: Request) -> Json:
    threads = _threads(request, lambda t: t.private and request.me.id in t.members)
    before = int(request.query.get("before", 1 << 63))
    threads = sorted((t for t in threads if t.id < before), key=lambda t: -t.id)
    limit = request.limit(50, 100)
    return _listed(request, threads[:limit], has_more=len(threads) > limit)


@route("GET", "/channels/{channel}/thread-members")
def get_thread_members(request: Request) -> list[Json]:
    return [payloads.thread_member(request.thread, id) for id in request.thread.members]


@route("GET", "/channels/{channel}/thread-members/{user}")
def get_thread_member(request: Request) -> Json:
    if request.user.id not in request.thread.members:
        raise unknown("member")
    return payloads.thread_member(request.thread, request.user.id)


@route("PUT", "/channels/{channel}/thread-members/{user}")
def add_thread_member(request: Request) -> None:
    _require_open(request.thread)
    request.world.join_thread(request.thread, request.user)


@route("DELETE", "/channels/{channel}/thread-members/{user}")
def remove_thread_member(request: Request) -> None:
    _require_open(request.thread)
    if request.user is not request.me:
        request.require(request.thread, "manage_threads")
    request.world.leave_thread(request.thread, request.user)


def _require_open(thread: Thread) -> None:
    if thread.archived:
        raise DiscordError(400, 50083, "Thread is archived")


def _threads(request: Request, wanted: Callable[[Thread], bool]) -> list[Thread]:
    channel: Channel = request.channel
    assert channel.guild is not None
    request.require(channel, "read_message_history")
    threads = channel.guild.threads.values()
    return [t for t in threads if t.parent is channel and t.archived and wanted(t)]


def _archived(request: Request, wanted: Callable[[Thread], bool]) -> Json:
    """Return a page of archived threads, the last archived first."""
    threads, limit = _threads(request, wanted), request.limit(50, 100)
    if limit < 2:
        raise DiscordError(400, 50035, "Invalid Form Body")
    if before := request.query.get("before"):
        time = datetime.fromisoformat(before)
        threads = [t for t in threads if t.archived_at and t.archived_at < time]
    threads.sort(key=lambda thread: payloads.iso(thread.archived_at) or "", reverse=True)
    return _listed(request, threads[:limit], has_more=len(threads) > limit)


def _listed(request: Request, threads: list[Thread], **more: bool) -> Json:
    me = request.me
    if any(not can_view(thread, me) for thread in threads):
        raise DiscordError(*NO_ACCESS)
    joined = [payloads.thread_member(t, me.id) for t in threads if me.id in t.members]
    return {"threads": [payloads.thread(t, me) for t in threads], "members": joined, **more}
