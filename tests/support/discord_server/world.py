"""The whole truth, with the commands that users invoke and the answers that they get."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from . import payloads
from .conversation import Conversation
from .model import Channel, Flag, Json, Message, Role, User
from .permissions import in_channel

_COMMAND, _COMPONENT, _AUTOCOMPLETE, _MODAL = 2, 3, 4, 5
_TO_ACKNOWLEDGE, _TO_FOLLOW_UP = timedelta(seconds=3), timedelta(minutes=15)


@dataclass(eq=False, slots=True)
class Interaction:
    """A slash command, a button or the like; what the bot answered, and what the user sees."""

    id: int
    token: str
    type: int
    user: User
    channel: Channel
    created_at: datetime
    message: Message | None = None  # whose button was pressed
    acknowledged: bool = False
    original: Message | None = None
    followups: list[Message] = field(default_factory=list)
    choices: list[Json] = field(default_factory=list)  # of an autocompletion
    modal: Json | None = None

    @property
    def answers(self) -> list[str]:
        """The texts that the user sees."""
        shown = [self.original] if self.original else []
        return [message.content for message in (*shown, *self.followups)]


class World(Conversation):
    """A Discord with one bot in it.

    Each method changes the truth and sends the bot the events that Discord would send it.
    Permissions of users are not enforced: what they do happened. Those of the bot are, in REST.
    """

    def __init__(self, now: datetime = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)) -> None:
        super().__init__(now)
        self.commands: list[Json] = []
        self.interactions: dict[str, Interaction] = {}  # by token

    # what users do

    def slash(self, user: User, channel: Channel, command: str, **options: Any) -> Interaction:
        """Invoke a slash command, such as ``record start``, that the bot has synced."""
        return self._interact(_COMMAND, user, channel, self._command(command, options))

    def menu(self, user: User, message: Message, name: str) -> Interaction:
        """Choose an entry of the menu of a message, that the bot has synced."""
        entry = next(c for c in self.commands if c["name"] == name and c.get("type") == 3)
        shown = {str(message.id): payloads.message(message, self.bot)}
        data: Json = {"id": entry["id"], "name": name, "type": 3, "target_id": str(message.id)}
        data["resolved"] = {"messages": shown}
        return self._interact(_COMMAND, user, message.channel, data)

    def autocomplete(
        self, user: User, channel: Channel, command: str, focused: str, **options: Any
    ) -> Interaction:
        """Type in the option `focused` of a slash command; the bot offers `choices`."""
        data = self._command(command, options)
        level = data["options"]
        while level and "options" in level[0]:
            level = level[0]["options"]
        for option in level:
            if option["name"] == focused:
                option["focused"] = True
        return self._interact(_AUTOCOMPLETE, user, channel, data)

    def press(self, user: User, message: Message, custom_id: str, *values: str) -> Interaction:
        """Press a button, or choose values in a select menu."""
        data: Json = {"custom_id": custom_id, "component_type": 3 if values else 2}
        data |= {"values": list(values)} if values else {}
        return self._interact(_COMPONENT, user, message.channel, data, message)

    def submit(self, opened: Interaction, **values: str) -> Interaction:
        """Fill in a modal that the bot opened."""
        assert opened.modal is not None
        data = {"custom_id": opened.modal["custom_id"], "components": []}
        for row in opened.modal["components"]:
            inner = row["components"][0] if "components" in row else row["component"]
            entry = {"type": inner["type"], "custom_id": inner["custom_id"], "id": 1}
            entry["value"] = values.get(inner["custom_id"], "")
            key = {"components": [entry]} if "components" in row else {"component": entry}
            data["components"].append({"type": row["type"], "id": 1, **key})
        return self._interact(_MODAL, opened.user, opened.channel, data, opened.message)

    def _command(self, path: str, options: Json) -> Json:
        first, *others = path.split()
        root = next(c for c in self.commands if c["name"] == first and c.get("type", 1) == 1)
        data: Json = {"id": root["id"], "name": first, "type": 1, "resolved": {}, "options": []}
        node, level = root, data
        for word in others:
            node = next(o for o in node["options"] if o["name"] == word)
            level["options"] = [{"name": word, "type": node["type"], "options": []}]
            level = level["options"][0]
        known = {o["name"]: o["type"] for o in node.get("options", [])}
        for name, value in options.items():
            is_thing = hasattr(value, "id")
            if is_thing:
                self._resolve(data["resolved"], value)
            sent = str(value.id) if is_thing else value
            level["options"].append({"name": name, "type": known[name], "value": sent})
        return data

    def _resolve(self, resolved: Json, value: User | Role | Channel) -> None:
        id = str(value.id)
        if isinstance(value, Channel):
            data = payloads.channel(value, self.bot) | {"permissions": "0"}
            resolved.setdefault("channels", {})[id] = data
        elif isinstance(value, Role):
            resolved.setdefault("roles", {})[id] = payloads.role(value)
        else:
            resolved.setdefault("users", {})[id] = payloads.user(value)

    def _interact(
        self, type: int, user: User, channel: Channel, data: Json, message: Message | None = None
    ) -> Interaction:
        id = self.snowflake()
        it = Interaction(id, f"interaction-{id}", type, user, channel, self.now, message)
        self.interactions[it.token] = it
        event: Json = {
            "id": str(id),
            "application_id": str(self.bot.id),
            "type": type,
            "token": it.token,
            "version": 1,
            "data": data,
            **payloads.channel_keys(channel),
            "channel": payloads.channel(channel, self.bot) | {"permissions": "0"},
            "app_permissions": str(in_channel(channel, self.bot)),
            "locale": "en-US",
            "entitlements": [],
            "authorizing_integration_owners": {},
            "context": 0 if channel.guild else 1,
            "attachment_size_limit": 10 * 1024 * 1024,
        }
        if channel.guild is None:
            event["user"] = payloads.user(user)
        else:
            member = payloads.member(channel.guild.members[user.id])
            event["member"] = member | {"permissions": str(in_channel(channel, user))}
            event["guild_locale"] = "en-US"
            event["guild"] = {"id": str(channel.guild.id), "locale": "en-US", "features": []}
        if message is not None:
            event["message"] = payloads.message(message, self.bot)
        if channel.guild is None or channel.guild.available:
            self.outlet("INTERACTION_CREATE", event)
        return it

    # what the bot answers

    def expired(self, it: Interaction) -> bool:
        limit = _TO_FOLLOW_UP if it.acknowledged else _TO_ACKNOWLEDGE
        return self.now - it.created_at > limit

    def respond(self, it: Interaction, type: int, data: Json, files: dict[str, bytes]) -> None:
        """Take the first answer: 4 a message, 5 later, 7 an edit, 8 choices, 9 a modal."""
        it.acknowledged = True
        if type == 4:
            it.original = self._answer(it, data, files)
        elif type == 5:
            flags = data.get("flags", 0) | Flag.LOADING
            it.original = self._answer(it, {"flags": flags}, {})
        elif type in (6, 7):
            it.original = it.message
            if type == 7 and it.message is not None:
                self.rewrite(it.message, data, files)
        elif type == 8:
            it.choices = data["choices"]
        elif type == 9:
            it.modal = data

    def follow_up(self, it: Interaction, data: Json, files: dict[str, bytes]) -> Message:
        """Take a further message; the first after a deferral is the deferred answer itself."""
        if it.original and payloads.is_loading(it.original):
            self.rewrite(it.original, data, files)
            return it.original
        message = self._answer(it, data, files)
        it.followups.append(message)
        return message

    def rewrite(self, message: Message, data: Json, files: dict[str, bytes]) -> None:
        """Edit a message as the body of a PATCH says; what was deferred is no edit then."""
        empty: Json = {"content": "", "embeds": [], "components": []}
        changes = {name: data[name] or empty[name] for name in empty if name in data}
        if "attachments" in data or files:
            kept = {str(a["id"]) for a in data.get("attachments", [])}
            old = [a for a in message.attachments if a["id"] in kept]
            new = [self._attach(message.channel, name, file) for name, file in files.items()]
            changes["attachments"] = old + new
        if payloads.is_loading(message):
            self.change(message, flags=message.flags & ~Flag.LOADING, **changes)
        else:
            self.edit(message, **changes)

    def _answer(self, it: Interaction, data: Json, files: dict[str, bytes]) -> Message:
        replied_to = it.original or it.message
        details: Json = {"type": 20} if replied_to is None else {}
        if replied_to is not None and not replied_to.is_ephemeral:
            details["reply_to"] = replied_to
        return self.say(
            self.bot,
            it.channel,
            data.get("content") or "",
            files=files,
            embeds=data.get("embeds") or [],
            components=data.get("components") or [],
            flags=data.get("flags") or 0,
            webhook_id=self.bot.id,
            application_id=self.bot.id,
            interaction={
                "id": str(it.id),
                "type": it.type,
                "user": payloads.user(it.user),
                "authorizing_integration_owners": {},
            },
            **details,
        )
