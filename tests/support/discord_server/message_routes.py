"""The routes of messages, reactions, pins, interactions and webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from . import payloads
from .model import Channel, Json, Kind, Message, Thread, newest_first
from .permissions import may
from .rest import DiscordError, Request, route, unknown
from .world import Interaction

_UNSPEAKABLE = (Kind.CATEGORY, Kind.FORUM, Kind.MEDIA)
_TWO_WEEKS = timedelta(days=14)


@route("GET", "/channels/{channel}/messages")
def get_history(request: Request) -> list[Json]:
    """Return a page of the history, the newest first; after an id, the messages that follow it."""
    channel, query = request.channel, request.query
    if channel.kind in _UNSPEAKABLE:
        raise DiscordError(400, 50008, "Cannot send messages in a non-text channel")
    limit = request.limit(50, 100)
    if not may(channel, request.me, "read_message_history"):
        return []
    messages = list(channel.messages.values())
    if "before" in query:
        messages = [m for m in messages if m.id < int(query["before"])][-limit:]
    elif "after" in query:
        messages = [m for m in messages if m.id > int(query["after"])][:limit]
    elif "around" in query:
        middle, half = int(query["around"]), limit // 2
        earlier = [m for m in messages if m.id < middle][-half:]
        messages = earlier + [m for m in messages if m.id >= middle][: half + 1]
    else:
        messages = messages[-limit:]
    return [payloads.message(message, request.me) for message in newest_first(messages)]


@route("GET", "/channels/{channel}/messages/pins")
def get_pins(request: Request) -> Json:
    request.require(request.channel, "read_message_history")
    pinned = [(m.pinned_at, m) for m in request.channel.messages.values() if m.pinned_at]
    if before := request.query.get("before"):
        pinned = [(at, m) for at, m in pinned if at < datetime.fromisoformat(before)]
    pinned.sort(key=lambda pin: pin[0], reverse=True)
    limit = request.limit(50, 50)
    items = [
        {"pinned_at": payloads.iso(at), "message": payloads.message(message, request.me)}
        for at, message in pinned[:limit]
    ]
    return {"items": items, "has_more": len(pinned) > limit}


@route("PUT", "/channels/{channel}/messages/pins/{message}")
def pin(request: Request) -> None:
    request.require(request.channel, "pin_messages")
    request.world.pin(request.me, request.message)


@route("DELETE", "/channels/{channel}/messages/pins/{message}")
def unpin(request: Request) -> None:
    request.require(request.channel, "pin_messages")
    request.world.unpin(request.message)


@route("POST", "/channels/{channel}/messages/bulk-delete")
def bulk_delete(request: Request) -> None:
    channel, ids = request.channel, [int(id) for id in request.body["messages"]]
    request.require(channel, "manage_messages")
    messages = [channel.messages[id] for id in ids if id in channel.messages]
    if not 2 <= len(ids) <= 100:
        raise DiscordError(400, 50016, "Provided too few or too many messages to delete.")
    if any(request.world.now - m.timestamp > _TWO_WEEKS for m in messages):
        raise DiscordError(400, 50034, "You can only bulk delete messages under 14 days old.")
    request.world.bulk_delete(channel, messages)


@route("GET", "/channels/{channel}/messages/{message}")
def get_message(request: Request) -> Json:
    request.require(request.channel, "read_message_history")
    return payloads.message(request.message, request.me)


@route("POST", "/channels/{channel}/messages")
def create_message(request: Request) -> Json:
    channel, body = request.channel, request.body
    if channel.kind in _UNSPEAKABLE:
        raise DiscordError(400, 50008, "Cannot send messages in a non-text channel")
    _require_sending(request, channel)
    _check(body, request.files)
    details: Json = {name: body[name] for name in ("embeds", "components") if body.get(name)}
    details["flags"] = body.get("flags") or 0
    if poll := body.get("poll"):
        answers = [{**a, "answer_id": n} for n, a in enumerate(poll["answers"], start=1)]
        details["poll"] = {**poll, "answers": answers}
    if reference := body.get("message_reference"):
        request.require(channel, "read_message_history")
        source = channel.messages.get(int(reference["message_id"]))
        if source is not None:
            details["forward" if reference.get("type") == 1 else "reply_to"] = source
        elif reference.get("fail_if_not_exists", True):
            raise DiscordError(400, 50035, "Invalid Form Body")
    ping = body.get("allowed_mentions", {}).get("replied_user", True)
    message = request.world.say(
        request.me,
        channel,
        body.get("content") or "",
        files=request.files,
        pings_replied=ping,
        **details,
    )
    return payloads.message(message, request.me) | {"nonce": body.get("nonce")}


@route("PATCH", "/channels/{channel}/messages/{message}")
def edit_message(request: Request) -> Json:
    message = request.message
    if message.author is not request.me:
        raise DiscordError(403, 50005, "Cannot edit a message authored by another user")
    _require_open(message.channel)
    request.world.rewrite(message, request.body, request.files)
    return payloads.message(message, request.me)


@route("DELETE", "/channels/{channel}/messages/{message}")
def delete_message(request: Request) -> None:
    message = request.message
    if message.author is not request.me:
        request.require(message.channel, "manage_messages")
    request.world.delete(message)


def _require_sending(request: Request, channel: Channel) -> None:
    if isinstance(channel, Thread):
        request.require(channel, "send_messages_in_threads")
        if channel.locked:
            request.require(channel, "manage_threads")
    else:
        request.require(channel, "send_messages")
    if request.files:
        request.require(channel, "attach_files")
    if request.body.get("embeds"):
        request.require(channel, "embed_links")


def _require_open(channel: Channel) -> None:
    if isinstance(channel, Thread) and channel.archived:
        raise DiscordError(400, 50083, "Thread is archived")


def _check(body: Json, files: dict[str, bytes]) -> None:
    if len(body.get("content") or "") > 2000 or len(body.get("embeds") or []) > 10:
        raise DiscordError(400, 50035, "Invalid Form Body")
    carriers = "content embeds components sticker_ids poll".split()
    is_forward = (body.get("message_reference") or {}).get("type") == 1
    if not (files or is_forward or any(body.get(name) for name in carriers)):
        raise DiscordError(400, 50006, "Cannot send an empty message")


# reactions


@route("PUT", "/channels/{channel}/messages/{message}/reactions/{emoji}/@me")
def react(request: Request) -> None:
    message, emoji = request.message, request.args["emoji"]
    request.require(message.channel, "read_message_history")
    if emoji not in message.reactions:
        request.require(message.channel, "add_reactions")
    _require_open(message.channel)
    request.world.react(request.me, message, emoji)


@route("DELETE", "/channels/{channel}/messages/{message}/reactions/{emoji}/{user}")
def unreact(request: Request) -> None:
    if request.user is not request.me:
        request.require(request.channel, "manage_messages")
    request.world.unreact(request.user, request.message, request.args["emoji"])


@route("DELETE", "/channels/{channel}/messages/{message}/reactions/{emoji}")
@route("DELETE", "/channels/{channel}/messages/{message}/reactions")
def clear_reactions(request: Request) -> None:
    request.require(request.channel, "manage_messages")
    request.world.clear_reactions(request.message, request.args.get("emoji"))


@route("GET", "/channels/{channel}/messages/{message}/reactions/{emoji}")
def get_reactions(request: Request) -> list[Json]:
    request.require(request.channel, "read_message_history")
    after, limit = int(request.query.get("after", 0)), request.limit(25, 100)
    users = request.message.reactions.get(request.args["emoji"], {})
    return [payloads.user(user) for id, user in sorted(users.items()) if id > after][:limit]


# interactions and webhooks


@route("POST", "/interactions/{id}/{token}/callback")
def respond(request: Request) -> Json | None:
    it = request.world.interactions.get(request.args["token"])
    if it is None or (not it.acknowledged and request.world.expired(it)):
        raise unknown("interaction")
    if it.acknowledged:
        raise DiscordError(400, 40060, "Interaction has already been acknowledged.")
    kind, data = request.body["type"], request.body.get("data") or {}
    if kind == 4:
        _check(data, request.files)
    request.world.respond(it, kind, data, request.files)
    if "with_response" not in request.query:
        return None
    about: Json = {"id": str(it.id), "type": it.type}
    if it.original is None:
        return {"interaction": about, "resource": {"type": kind}}
    about["response_message_id"] = str(it.original.id)
    about["response_message_loading"] = payloads.is_loading(it.original)
    about["response_message_ephemeral"] = it.original.is_ephemeral
    shown = payloads.message(it.original, request.me)
    return {"interaction": about, "resource": {"type": kind, "message": shown}}


def _interaction(request: Request) -> Interaction:
    it = request.world.interactions.get(request.args["token"])
    if it is None or not it.acknowledged:
        raise unknown("webhook")
    if request.world.expired(it):
        raise DiscordError(401, 50027, "Invalid Webhook Token")
    return it


def _answer_of(request: Request) -> Message:
    it, id = _interaction(request), request.args["message"]
    answers: Sequence[Message] = [m for m in (it.original, *it.followups) if m is not None]
    for message in answers:
        is_wanted = message is it.original if id == "@original" else str(message.id) == id
        if is_wanted and (message.is_ephemeral or not message.is_deleted):
            return message
    raise unknown("message")


@route("POST", "/webhooks/{webhook}/{token}")
def follow_up(request: Request) -> Json:
    _check(request.body, request.files)
    if request.args["token"] in request.world.interactions:
        it = _interaction(request)
        message = request.world.follow_up(it, request.body, request.files)
    else:
        raise unknown("webhook")
    return payloads.message(message, request.me)


@route("GET", "/webhooks/{webhook}/{token}/messages/{message}")
def get_answer(request: Request) -> Json:
    return payloads.message(_answer_of(request), request.me)


@route("PATCH", "/webhooks/{webhook}/{token}/messages/{message}")
def edit_answer(request: Request) -> Json:
    message = _answer_of(request)
    request.world.rewrite(message, request.body, request.files)
    return payloads.message(message, request.me)


@route("DELETE", "/webhooks/{webhook}/{token}/messages/{message}")
def delete_answer(request: Request) -> None:
    it, message = _interaction(request), _answer_of(request)
    request.world.delete(message)
    if message is it.original:
        it.original = None
    else:
        it.followups.remove(message)
