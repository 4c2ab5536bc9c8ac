"""Steps that send, edit and delete messages."""

from __future__ import annotations

from support.discord_server import poll
from support.discord_server.model import Flag

from .acting import Acting, pick, short, title

EMOJI = ("👍", "🎉", "blob:77")


class Speech(Acting):
    """What is said, and what happens to it."""

    def say(self, a: int, b: int) -> None:
        channel, user = pick(self.scene.spoken_in(), a), pick(self.scene.people, b)
        if channel is self.scene.dm:
            user = self.scene.alice
        message = self.world.say(user, channel, self.text())
        self.note(f"{user.name} says {message.content} in {title(channel)}")

    def flood(self, a: int, b: int) -> None:
        """Say more than a page of the history holds."""
        channel, count = pick(self.in_guilds(), a), 101 + b
        self.note(f"bob says {count} messages in {title(channel)}")
        for _ in range(count):
            self.world.say(self.scene.bob, channel, self.text())

    def say_as_robot(self, a: int, b: int) -> None:
        channel = pick(self.in_guilds(), a)
        text = f"!record start {self.text()}" if b % 3 == 0 else self.text()
        self.world.say(self.scene.robot, channel, text)
        self.note(f"robot says {text} in {title(channel)}")

    def say_as_webhook(self, a: int, b: int) -> None:
        channel = pick(self.in_guilds(), a)
        message = self.world.webhook_say(channel, "CI", self.text())
        self.note(f"webhook says {message.content} in {title(channel)}")

    def defer_as_robot(self, a: int, b: int) -> None:
        channel = pick(self.in_guilds(), a)
        self.world.say(self.scene.robot, channel, flags=int(Flag.LOADING))
        self.note(f"robot is thinking in {title(channel)}")

    def finish_as_robot(self, a: int, b: int) -> None:
        waiting = [
            m
            for m in self.scene.messages(by_users=True)
            if m.flags & Flag.LOADING and m.author is self.scene.robot
        ]
        if waiting:
            message, text = pick(waiting, a), self.text()
            self.world.change(message, flags=message.flags & ~Flag.LOADING, content=text)
            self.note(f"robot has thought {text} in {title(message.channel)}")

    def ask_host(self, a: int, b: int) -> None:
        channel = pick(self.scene.spoken_in(), a)
        self.number += 1
        self.world.say(self.scene.alice, channel, f"!ai {self.number}")
        self.note(f"alice asks !ai {self.number} in {title(channel)}")

    def ask_host_slowly(self, a: int, b: int) -> None:
        channel = pick(self.scene.spoken_in(), a)
        self.number += 1
        if self.world.commands:
            self.world.slash(self.scene.alice, channel, "ask", number=self.number)
            self.note(f"alice asks /ask {self.number} in {title(channel)}")

    def ask_by_poll(self, a: int, b: int) -> None:
        channel = pick(self.in_guilds(), a)
        self.world.say(self.scene.bob, channel, poll=poll(None if b % 2 else "Lunch?", "yes"))
        self.note(f"bob asks by a poll in {title(channel)}")

    # what happens to messages

    def edit(self, a: int, b: int) -> None:
        messages = [m for m in self.scene.messages(by_users=True) if not m.flags & Flag.LOADING]
        messages = [m for m in messages if m.content and not m.content.startswith("!")]
        if messages:
            message, text = pick(messages, a), self.text()
            self.note(f"{message.content} in {title(message.channel)} is edited to {text}")
            self.world.edit(message, text)

    def edit_twice(self, a: int, b: int) -> None:
        self.edit(a, b)
        self.edit(a, b)

    def edit_command(self, a: int, b: int) -> None:
        commands = [
            m
            for m in self.scene.messages(by_users=True)
            if m.content.startswith("!record ") and not m.author.bot
        ]
        if commands:
            message, text = pick(commands, a), self.text()
            self.note(f"{message.content} in {title(message.channel)} is edited to {text}")
            self.world.edit(message, text)

    def delete(self, a: int, b: int) -> None:
        if messages := self.scene.messages(by_users=b % 4 != 0):
            message = pick(messages, a)
            self.note(f"{short(message)} in {title(message.channel)} is deleted")
            self.world.delete(message)

    def bulk_delete(self, a: int, b: int) -> None:
        channel = pick(self.in_guilds(), a)
        messages = list(channel.messages.values())[-2 - b % 3 :]
        if len(messages) > 1:
            self.note(f"{', '.join(map(short, messages))} in {title(channel)} are deleted")
            self.world.bulk_delete(channel, messages)

    def take_back(self, a: int, b: int) -> None:
        """Delete a message in the instant in which it is sent and edited."""
        channel = pick(self.in_guilds(), a)
        message = self.world.say(self.scene.bob, channel, self.text())
        self.note(f"bob takes {message.content} in {title(channel)} back")
        self.world.edit(message, self.text())
        self.world.delete(message)

    def react(self, a: int, b: int) -> None:
        if messages := self.scene.messages():
            message, user = pick(messages, a), pick(self.scene.people, b)
            emoji = EMOJI[b % len(EMOJI)]
            if user.id in message.reactions.get(emoji, {}):
                self.world.unreact(user, message, emoji)
            else:
                self.world.react(user, message, emoji)
            self.note(f"{user.name} reacts {emoji} to {short(message)}")

    def clear_reactions(self, a: int, b: int) -> None:
        if messages := [m for m in self.scene.messages() if m.reactions]:
            self.world.clear_reactions(pick(messages, a), None if b % 2 else EMOJI[b % 3])

    def pin(self, a: int, b: int) -> None:
        if messages := self.scene.messages(by_users=True):
            self.world.pin(self.scene.staff, pick(messages, a))
            self.note(f"staff pins {short(pick(messages, a))}")
