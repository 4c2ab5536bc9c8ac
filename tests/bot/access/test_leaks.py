"""No session leaks: what people of every kind see of sessions of every kind.

The whole table is played once, in one Discord; each of its cells is then a test.
``pytest tests/bot/access/test_leaks.py -k table -s`` prints it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import discord
import pytest
import simcord
from discord.ext import commands
from simcord.backend import serializers
from simcord.enums import ChannelType
from simcord.interactions import base_payload
from simcord.results import InteractionResult

from recorder.bot import Recorder
from recorder.bot.commands.base import RecorderCommands
from recorder.settings import Settings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),  # the first test plays the whole table
]

WAYS = ("prefix", "slash")
HERE, PRIVATELY, NOTHING = "here", "privately", "as if not there"

PEOPLE = ("member", "insider", "insider who moderates", "moderator", "manager", "stranger", "left")
KINDS = ("public", "private", "private thread", "deleted", "dm", "other guild", "merged")

# Who gets an answer, and where it is shown; all others get what they get for a free name.
# Members ask in the public channel, a stranger in another guild, who left in a DM.
SHOWN: dict[str, dict[str, str]] = {
    "public": dict.fromkeys(PEOPLE[:5], HERE),
    "private": dict.fromkeys(("insider", "insider who moderates"), PRIVATELY),
    "private thread": dict.fromkeys(("insider", "insider who moderates"), PRIVATELY),
    "deleted": {"manager": PRIVATELY},
    "dm": {"left": HERE},  # it is their own
    "other guild": {"stranger": HERE},
    "merged": dict.fromkeys(("insider", "insider who moderates"), PRIVATELY),
}

COMMANDS: dict[str, commands.Command[Any, ..., Any]] = {
    command.name: command
    for command in cast("set[commands.Command[Any, ..., Any]]", RecorderCommands.record.commands)
}
ABSENT = "absent-plans"
# What is given to a parameter that needs a value; a new command is in the table by itself.
VALUES = {
    "name": "{name}",
    "sessions": "{name} public-notes",
    "tag": "{kind}-tag",
    "query": "needle",
    "format": "md",
    "output": "fresh",
    "filename": "copy.txt",
}
OTHERS: dict[str, list[dict[str, str]]] = {
    "export": [{"format": "jsonl"}],
    "search": [{"query": "needle is:deleted"}],
}
CHANGING = ("delete", "merge", "resume", "untag")
NEEDS_RIGHT = "This needs the Manage Messages permission"


def calls(command: commands.Command[Any, ..., Any]) -> Iterator[dict[str, str]]:
    """The options that a command is called with: about a session, and about none."""
    parameters = command.clean_params
    about = next((name for name in ("name", "sessions") if name in parameters), None)
    needed = {name: VALUES[name] for name, p in parameters.items() if p.required}
    if about is None or not parameters[about].required:
        yield needed
    if about is not None:
        yield {about: VALUES[about], **needed}
        for others in OTHERS.get(command.name, []):
            yield {about: VALUES[about], **needed, **others}


# Only `start` is given a name that shall be free: that one is taken it has to say.
ABOUT_ONE = [
    (name, options)
    for name, command in sorted(COMMANDS.items())
    for options in calls(command)
    if {"name", "sessions"} & options.keys() and name != "start"
]
ABOUT_ALL = [("search", {"name": "all", "query": "needle"})] + [
    (name, options)
    for name, command in sorted(COMMANDS.items())
    for options in calls(command)
    if not {"name", "sessions"} & options.keys()
]


def call_id(command: str, options: dict[str, str]) -> str:
    return " ".join((command, *options.values())).replace("{name}", "NAME").replace("{kind}-", "")


@dataclass(frozen=True)
class Sight:
    """The visible parts of a reply: to everyone in the channel, and to its author alone."""

    public: str
    private: str

    def hiding(self, name: str) -> Sight:
        return Sight(self.public.replace(name, "NAME"), self.private.replace(name, "NAME"))


@dataclass
class Table:
    """All replies."""

    about_one: dict[tuple[str, str, str, str], tuple[Sight, Sight]] = field(default_factory=dict)
    about_all: dict[tuple[str, str, str], Sight] = field(default_factory=dict)
    starts: dict[tuple[str, str, str], Sight] = field(default_factory=dict)
    completed: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)
    pressed: dict[str, tuple[bool, str]] = field(default_factory=dict)
    logged: list[str] = field(default_factory=list)

    def outcome(self, person: str, kind: str, call: str, how: str) -> str:
        secret, absent = self.about_one[person, kind, call, how]
        if secret.public != absent.public:
            return HERE
        return NOTHING if secret.private == absent.private else PRIVATELY


class World:
    """A guild with all kinds of channels, people and sessions, and one elsewhere."""

    def __init__(self, env: simcord.Env, cog: Recorder) -> None:
        self.env, self.cog = env, cog
        self.guild = env.create_guild("Workshop")
        self.elsewhere = env.create_guild("Elsewhere")
        self.lobby = self.elsewhere.create_text_channel("lobby")
        self.public = self.guild.create_text_channel("public")
        insiders = self.guild.create_role("Insiders")
        right = discord.Permissions
        moderators = self.guild.create_role("Mods", permissions=right(manage_messages=True))
        managers = self.guild.create_role("Managers", permissions=right(manage_guild=True))
        me = self.guild.me
        assert me is not None
        seen, hidden = (discord.PermissionOverwrite(view_channel=view) for view in (True, False))
        self.private = self.guild.create_text_channel(
            "private",
            overwrites={self.guild.default_role: hidden, insiders: seen, me: seen},
        )
        self.doomed = self.guild.create_text_channel("doomed")
        roles = {
            "member": [],
            "insider": [insiders],
            "insider who moderates": [insiders, moderators],
            "moderator": [moderators],
            "manager": [managers],
            "left": [insiders, moderators],
        }
        self.people: dict[str, Any] = {
            person: self.guild.add_member(env.create_user(person.replace(" ", "-")), roles=given)
            for person, given in roles.items()
        }
        self.people["stranger"] = self.elsewhere.add_member(env.create_user("stranger"))
        boss = self.elsewhere.create_role("Boss", permissions=right(manage_messages=True))
        self.boss = self.elsewhere.add_member(env.create_user("boss"), roles=[boss])
        self.inside = self.people["insider who moderates"]
        self.seen: dict[int, set[int]] = {}

    async def settle(self) -> None:
        await self.env.settle(idle=0.001)

    async def say(self, channel_id: int, actor: Any, *texts: str) -> None:
        for text in texts:
            self.env.backend.create_message(channel_id, actor.id, text)
            await self.settle()

    async def record(
        self, channel_id: int, actor: Any, name: str, *, tag: str, length: int = 2
    ) -> None:
        """A session with a tag; one of its messages is deleted."""
        await self.say(channel_id, actor, f"!record start {name}")
        texts = [f"{tag} needle {number}" for number in range(1, length)]
        await self.say(channel_id, actor, *texts, f"{tag} rash needle", f"!record tag {tag}")
        rash = max(
            self.env.backend.messages[channel_id].values(), key=lambda m: "rash" in m.content
        )
        self.env.backend.delete_message(channel_id, rash.id)
        await self.settle()
        await self.say(channel_id, actor, "!record stop")

    async def build(self) -> None:
        backend, inside, left = self.env.backend, self.inside, self.people["left"]
        thread = backend.create_thread(
            self.public.id, "thread", inside.id, type=ChannelType.PRIVATE_THREAD, broadcast=False
        )
        backend.announce_thread_create(thread)
        for id in (backend.bot_user.id, self.people["insider"].id):
            backend.add_thread_member(thread.id, id)
        await self.settle()
        direct = left.user.dm_channel
        places = {
            "public": (self.public.id, inside),
            "private": (self.private.id, inside),
            "private thread": (thread.id, inside),
            "deleted": (self.doomed.id, inside),
            "dm": (direct.id, left),
            "other guild": (self.lobby.id, self.boss),
        }
        for kind, (channel_id, actor) in places.items():
            await self.record(channel_id, actor, name_of(kind), tag=f"{kind.replace(' ', '-')}-tag")
        await self.record(self.public.id, inside, "public-notes", tag="notes-tag")
        merge = f"!record merge {name_of('public')} {name_of('private')} --output merged-plans"
        await self.say(self.private.id, inside, merge)
        await self.record(self.private.id, inside, "private-long", tag="long-tag", length=7)
        await self.say(self.private.id, inside, "!record load private-long")
        self.pages = max(backend.messages[self.private.id].values(), key=lambda m: m.id)
        await self.say(self.public.id, left, "!record load private-long")
        self.direct_pages = max(backend.messages[direct.id].values(), key=lambda m: m.id)
        backend.delete_channel(self.doomed.id)
        self.guild.remove_member(left)
        await self.settle()

    def place_of(self, person: str) -> Any:
        if person == "left":
            return self.people["left"].user.dm_channel
        return self.lobby if person == "stranger" else self.public

    def new(self, channel: Any, viewer_id: int) -> tuple[str, str]:
        """Return the new messages of the bot in a channel: to all, and to one user alone."""
        messages = self.env.backend.messages.get(channel.id, {})
        known = self.seen.setdefault(channel.id, set())
        public: list[str] = []
        private: list[str] = []
        for id in sorted(messages.keys() - known):
            message = messages[id]
            if message.author_id == self.env.backend.bot_user.id:
                files = [f"[{file['filename']}]" for file in message.attachments]
                text = "\n".join((message.content, *files))
                (public if message.visible_to(None) else private).append(text)
                assert message.visible_to(None) or message.visible_to(viewer_id)
        known.update(messages)
        return "\n".join(public), "\n".join(private)

    async def ask(self, person: str, how: str, command: str, options: dict[str, str]) -> Sight:
        actor, channel = self.people[person], self.place_of(person)
        direct = getattr(actor, "user", actor).dm_channel
        for place in (channel, direct):
            self.new(place, actor.id)
        if how == "slash":
            if person == "left":
                await actor.user.slash(f"record {command}", **options)
            else:
                await actor.slash(channel, f"record {command}", **options)
        else:
            await self.say(channel.id, actor, f"!record {command} {typed(options)}")
        public, private = self.new(channel, actor.id)
        by_direct_message = "" if channel.id == direct.id else self.new(direct, actor.id)[0]
        sight = Sight(public, private + by_direct_message)
        if command in CHANGING and NEEDS_RIGHT not in sight.public + sight.private:
            await self.restore()
        return sight

    async def restore(self) -> None:
        """Undo the changes of a command, and let its buttons time out."""
        manager, now = self.cog.manager, self.env.now()
        await self.env.advance_time(200)
        for session in manager.reader.sessions():
            if session.status != "stopped" and session.channel_id is not None:
                await manager.stop(session.channel_id, now=now)
            if session.name == "fresh":
                await manager.delete(session)
            elif not manager.reader.tags(session):
                kind = session.name.removesuffix("-plans")
                await manager.tag(session, f"{kind}-tag", now=now, message_index=1)

    async def complete(self, person: str, command: str, option: str, **filled: str) -> list[str]:
        actor = self.people[person]
        if person == "left":
            choices = await actor.user.autocomplete(f"record {command}", option, "", **filled)
        else:
            place = self.place_of(person)
            choices = await actor.autocomplete(place, f"record {command}", option, "", **filled)
        return [choice["value"] for choice in choices]

    async def press(self, person: str) -> tuple[bool, str]:
        """Press a button of private-long; return whether it turned the page, and the error."""
        backend, actor, shown = self.env.backend, self.people[person], self.pages
        guild_id: int | None = self.guild.id
        if person == "left":
            shown, guild_id = self.direct_pages, None
        before = shown.content
        buttons = [button for row in shown.components for button in row["components"]]
        labels = ("Next", "Previous")
        able = [b for b in buttons if b["label"] in labels and not b["disabled"]]
        if not able:  # the pages were shown elsewhere
            return True, ""
        button = able[0]
        record, payload = base_payload(
            backend,
            type=3,
            channel_id=shown.channel_id,
            guild_id=guild_id,
            user_id=actor.id,
            data={"custom_id": button["custom_id"], "component_type": 2},
        )
        record.source_message_id = shown.id
        message = dict(serializers.message_payload(backend, shown))
        backend.emit("INTERACTION_CREATE", {**payload, "message": message})
        await self.settle()
        response = InteractionResult(self.env, record).response
        said = response.content if response is not None and response.ephemeral else ""
        now = backend.get_message(shown.channel_id, shown.id).content
        return now != before, said


def name_of(kind: str) -> str:
    return f"{kind.replace(' ', '-')}-plans"


def taken_names(person: str) -> list[str]:
    """Return the kinds of sessions whose names are taken where a person asks."""
    elsewhere = {"stranger": ["other guild"], "left": ["dm"]}
    return elsewhere.get(person, ["public", "private", "private thread", "deleted", "merged"])


def typed(options: dict[str, str]) -> str:
    """The options of a prefix command."""
    if "sessions" in options:
        return f"{options['sessions']} --output {options['output']}"
    return " ".join(options.values())


def filled(options: dict[str, str], name: str, kind: str) -> dict[str, str]:
    kind = kind.replace(" ", "-")
    return {key: value.format(name=name, kind=kind) for key, value in options.items()}


async def play(folder: Path) -> Table:
    intents = discord.Intents.default()
    intents.message_content = intents.members = True
    bot = commands.Bot("!", intents=intents, help_command=None)
    cog = Recorder(bot, Settings(folder, ZoneInfo("UTC")))

    @bot.event
    async def setup_hook() -> None:
        await bot.add_cog(cog)
        await bot.tree.sync()

    table = Table()
    async with simcord.run(bot, check_errors=False) as env:
        env._settle_internal = partial(env._settle_internal, idle=0.001)  # type: ignore[method-assign]
        with env.time_context():
            world = World(env, cog)
            await world.build()
            for person in (person for person in PEOPLE if person != "stranger"):
                table.pressed[person] = await world.press(person)
            await env.advance_time(700)  # no buttons are waited for any more
            for person in PEOPLE:
                await play_one(world, person, table)
            await bot.remove_cog("Recorder")
    return table


async def play_one(world: World, person: str, table: Table) -> None:
    for how in WAYS:
        for command, options in ABOUT_ONE:
            asked = filled(options, ABSENT, "public")
            absent = (await world.ask(person, how, command, asked)).hiding(ABSENT)
            for kind in KINDS:
                name = name_of(kind)
                seen = await world.ask(person, how, command, filled(options, name, kind))
                cell = (person, kind, call_id(command, options), how)
                table.about_one[cell] = (seen.hiding(name), absent)
        for command, options in ABOUT_ALL:
            seen = await world.ask(person, how, command, filled(options, ABSENT, "public"))
            table.about_all[person, call_id(command, options), how] = seen
        for kind in taken_names(person):
            name = name_of(kind)
            seen = await world.ask(person, how, "start", {"name": name})
            table.starts[person, kind, how] = seen.hiding(name)
    for command, option in COMPLETED:
        for kind in KINDS:
            given = {"name": name_of(kind)} if option == "tag" else {}
            offered = await world.complete(person, command, option, **given)
            table.completed[person, kind, f"{command} {option}"] = offered


COMPLETED = [
    (name, parameter.name)
    for name, command in sorted(COMMANDS.items())
    for parameter in command.app_command.parameters  # type: ignore[attr-defined]
    if parameter.autocomplete
]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    errors: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: errors.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    try:
        table = asyncio.run(play(tmp_path_factory.mktemp("leaks")))
    finally:
        logging.getLogger().removeHandler(handler)
    table.logged = errors
    return table


@pytest.mark.parametrize("call", [call_id(*call) for call in ABOUT_ONE])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("person", PEOPLE)
def test_about_one_session(table: Table, person: str, kind: str, call: str) -> None:
    for how in WAYS:
        cell = person, kind, call, how
        secret, absent = table.about_one[cell]
        outcome, may = table.outcome(*cell), SHOWN[kind].get(person, NOTHING)
        if NEEDS_RIGHT in absent.public + absent.private:
            may = NOTHING
        # What all may see, an error or something deleted, can still be for who asked alone.
        assert outcome == may or (may == HERE and outcome == PRIVATELY), (how, secret, absent)
        if call.startswith("resume") and outcome == PRIVATELY:  # all would be notified of it
            assert "would be notified of it" in secret.private


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("call", [call_id(*call) for call in ABOUT_ALL])
@pytest.mark.parametrize("person", PEOPLE)
def test_about_all_sessions(table: Table, person: str, call: str, how: str) -> None:
    """Only what all in the channel may read, and the same whoever of them asks."""
    sight = table.about_all[person, call, how]
    seen = sight.public + sight.private
    own = {"stranger": "other-guild", "left": "dm"}.get(person, "public")
    for kind in KINDS:
        word = kind.replace(" ", "-")
        assert word == own or (f"{word}-plans" not in seen and f"{word}-tag" not in seen)
    if call in ("list", "stats", "search all needle") and person in PEOPLE[:5]:
        assert sight == table.about_all["member", call, how]
        assert sight.public != "" and sight.private == ""


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("person", PEOPLE)
def test_a_taken_name_says_no_more_than_that(table: Table, person: str, how: str) -> None:
    """Names are unique in a guild: who may start recordings learns that one is taken."""
    answers = {table.starts[person, kind, how] for kind in taken_names(person)}
    assert len(answers) == 1
    answer = answers.pop()
    assert NEEDS_RIGHT in answer.public + answer.private or 'The name "NAME" is taken' in (
        answer.public + answer.private
    )


@pytest.mark.parametrize("call", [" ".join(completed) for completed in COMPLETED])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("person", PEOPLE)
def test_completion(table: Table, person: str, kind: str, call: str) -> None:
    """It is seen by who types alone: what they may read is offered."""
    offered = table.completed[person, kind, call]
    reads = person in SHOWN[kind]
    if call.endswith(" tag"):
        tags = ["public-tag", "private-tag"]
        if kind != "merged":
            tags = [f"{kind.replace(' ', '-')}-tag"]
        assert offered == (tags if reads else [])
    elif call.endswith(" name"):
        assert (name_of(kind) in offered) == reads


@pytest.mark.parametrize("person", [person for person in PEOPLE if person != "stranger"])
def test_pages_of_a_private_session(table: Table, person: str) -> None:
    """Turned by those alone who may read it; who left has pages in a direct message still."""
    turned, said = table.pressed[person]
    assert turned == (person in SHOWN["private"])
    assert turned or said.startswith("You cannot turn these pages")


def test_nothing_went_wrong(table: Table) -> None:
    assert table.logged == []


def test_the_table(table: Table) -> None:
    """Every command of the cog is in it; `-s` prints it."""
    in_it = {call.split()[0] for _, _, call, _ in table.about_one}
    in_it |= {call.split()[0] for _, call, _ in table.about_all} | {"start"}
    assert in_it == COMMANDS.keys()
    lines = [f"| | {' | '.join(PEOPLE)} |", f"| --- |{' --- |' * len(PEOPLE)}"]
    for kind in KINDS:
        cells = []
        for person in PEOPLE:
            results = [v for k, v in outcomes(table) if k[:2] == (person, kind)]
            ways = (HERE, PRIVATELY, NOTHING)
            cells.append(", ".join(f"{way} {results.count(way)}" for way in ways if way in results))
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    print("\n" + "\n".join(lines))


def outcomes(table: Table) -> list[tuple[tuple[str, str, str, str], str]]:
    return [(cell, table.outcome(*cell)) for cell in table.about_one]
