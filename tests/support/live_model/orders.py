"""Steps that give the recorder commands, with and without the right to."""

from __future__ import annotations

from typing import Any

from support.discord_server import Channel, User

from .acting import Acting, pick, short, title

_COMMANDS = (
    "start",
    "resume",
    "start",
    "pause",
    "auto on",
    "start",
    "stop",
    "resume named",
    "auto on server",
    "auto off",
    "auto off server",
    "list",
)


class Orders(Acting):
    """Commands of the recorder, as prefix and as slash commands."""

    def command(self, a: int, b: int) -> None:
        self._command(self.scene.staff, a, b, may=True)

    def start_since(self, a: int, b: int) -> None:
        """Start a session with what was said before."""
        channel = pick(self.scene.spoken_in(), b)
        user = self.scene.staff if channel.guild else self.scene.alice
        self.started.append(name := f"s-{self.text()}")
        position = self.world.snowflake()
        self.coverage.command(channel, "start", position, whole_guild=False)
        self.coverage.reach_back(channel, name, position)
        as_slash = a % 2 == 0 and bool(self.world.commands)
        since = "2h" if as_slash else "since:2h"
        self._give(user, channel, "record start", {"name": name, "since": since}, as_slash)

    def command_without_right(self, a: int, b: int) -> None:
        self._command(self.scene.bob, a, b, may=False)

    def _command(self, user: User, a: int, b: int, *, may: bool) -> None:
        channel = pick(self.scene.spoken_in(), b)
        if channel.guild is None:
            user, may = self.scene.alice, True
        verb, *words = pick(_COMMANDS, a).split()
        options: dict[str, Any] = {}
        if verb == "start":
            options = {"name": f"s-{self.text()}"}
            self.started.append(options["name"])
        elif verb == "auto":
            options = {"switch": words[0], **({"where": words[1]} if words[1:] else {})}
        elif words and self.started:
            options = {"name": pick(self.started, self.number)}
        as_slash = (a + b) % 3 == 0 and bool(self.world.commands)
        if may:
            self.coverage.command(
                channel, verb, self.world.snowflake(), whole_guild="where" in options
            )
        self._give(user, channel, f"record {verb}", options, as_slash)

    def consent(self, a: int, b: int) -> None:
        """Opt out, or in again."""
        channel = pick(self.scene.spoken_in(), b)
        user = self.scene.alice if channel.guild is None else pick(self.scene.people, a // 2)
        verb = "optin" if a % 2 else "optout"
        self.consents.command(scope_id(channel), user.id, self.world.snowflake())
        as_slash = (a + b) % 3 == 0 and bool(self.world.commands)
        self._give(user, channel, f"record {verb}", {}, as_slash)

    def press_opt_out(self, a: int, b: int) -> None:
        """Press the button under a notice, perhaps of a bot that ended since."""
        notices = [
            message
            for message in self.scene.messages()
            if message.author is self.world.bot and "recorder:optout" in str(message.components)
        ]
        if notices:
            notice = pick(notices, a)
            in_guild = notice.channel.guild is not None
            user = pick(self.scene.people, b) if in_guild else self.scene.alice
            self.consents.command(scope_id(notice.channel), user.id, self.world.snowflake())
            self.world.press(user, notice, "recorder:optout")
            self.note(f"{user.name} presses the button under {short(notice)}")

    def record_from_here(self, a: int, b: int) -> None:
        """Choose the first message of a new session; a form opens, to be filled in later."""
        messages = self.scene.messages(by_users=True)
        if messages and any(c.get("type") == 3 for c in self.world.commands):
            message = pick(messages, a)
            user = self.scene.staff if message.channel.guild else self.scene.alice
            self.forms.append(self.world.menu(user, message, "Record from here"))
            self.note(f"{user.name} records from {short(message)} in {title(message.channel)} on")

    def fill_in_form(self, a: int, b: int) -> None:
        opened = [form for form in self.forms if form.modal is not None]
        if opened and self.scene.exists(opened[-1].channel):
            form, name = opened[-1], f"s-{self.text()}"
            self.forms.clear()
            self.started.append(name)
            position = self.world.snowflake()
            self.coverage.command(form.channel, "start", position, whole_guild=False)
            self.coverage.reach_back(form.channel, name, position)
            self.world.submit(form, name=name)
            self.note(f"{form.user.name} fills in {name}")

    def _give(
        self, user: User, channel: Channel, command: str, options: dict[str, Any], as_slash: bool
    ) -> None:
        typed = " ".join((command, *options.values()))
        if as_slash:
            self.world.slash(user, channel, command, **options)
        else:
            self.world.say(user, channel, f"!{typed}")
        self.note(f"{user.name} gives {'/' if as_slash else '!'}{typed} in {title(channel)}")


def scope_id(channel: Channel) -> int:
    """Return the id of the guild, or of the DM channel, for which an opt-out holds."""
    return channel.guild.id if channel.guild else channel.id
