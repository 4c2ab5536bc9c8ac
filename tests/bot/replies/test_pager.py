"""Pages that are turned with real buttons."""

from __future__ import annotations

import asyncio
from typing import Any

import discord
import pytest
from discord.ext import commands
from simcord import ChannelHandle, Env, MemberActor, SetupError
from simcord.backend import serializers
from simcord.interactions import base_payload

from recorder.bot.replies import pager
from recorder.bot.replies.pager import Pager
from recorder.errors import NotFound


class Book:
    """A message with pages, and what was asked about them."""

    def __init__(self, env: Env, channel: ChannelHandle) -> None:
        self.fetched: list[int] = []
        self.asked: list[int] = []
        self.may_see = True
        self.gone = False
        self.delay = 0.0
        self._env = env
        self._channel = channel

    async def page(self, index: int, _: int) -> str:
        self.fetched.append(index)
        await asyncio.sleep(self.delay)
        if self.gone:
            raise NotFound("There is no session *notes*.")
        return f"page {index} @everyone"

    async def allowed(self, interaction: discord.Interaction) -> bool:
        self.asked.append(interaction.user.id)
        return self.may_see

    async def open(self, reader: MemberActor, page_count: int) -> discord.Message:
        await reader.send(self._channel, f"!read {page_count}")
        message = self._channel.last_message
        assert message is not None
        assert message.content == "page 0 @everyone"
        return message

    @property
    def stored(self) -> Any:
        """The message as Discord has it."""
        message = self._channel.last_message
        assert message is not None
        return self._env.backend.get_message(self._channel.id, message.id)

    @property
    def content(self) -> str:
        return str(self.stored.content)

    @property
    def buttons(self) -> list[str]:
        """Their labels; in brackets where they cannot be pressed."""
        rows = self.stored.components
        return [
            f"[{button['label']}]" if button["disabled"] else button["label"]
            for row in rows
            for button in row["components"]
        ]


@pytest.fixture
def book(env: Env, bot: commands.Bot, channel: ChannelHandle) -> Book:
    """What the command `read` of the bot opens."""
    book = Book(env, channel)

    @bot.hybrid_command()  # type: ignore[arg-type]
    async def read(context: commands.Context[commands.Bot], page_count: int) -> None:
        view = Pager(book.page, page_count, book.allowed)
        view.message = await context.send(await book.page(0, 0), view=view)

    return book


async def test_pages_are_turned_and_fetched_one_by_one(alice: MemberActor, book: Book) -> None:
    message = await book.open(alice, 3)
    assert book.buttons == ["[Previous]", "[1 / 3]", "Next"]
    await alice.click(message, label="Next")
    assert (book.content, book.buttons) == ("page 1 @everyone", ["Previous", "[2 / 3]", "Next"])
    await alice.click(message, label="Next")
    assert (book.content, book.buttons) == ("page 2 @everyone", ["Previous", "[3 / 3]", "[Next]"])
    with pytest.raises(SetupError, match="disabled"):
        await alice.click(message, label="Next")
    await alice.click(message, label="Previous")
    assert book.content == "page 1 @everyone"
    assert book.fetched == [0, 1, 2, 1]


async def test_many_pages_have_more_buttons(alice: MemberActor, book: Book) -> None:
    await book.open(alice, 5)
    assert book.buttons == ["[Previous]", "[1 / 5]", "Next"]
    message = await book.open(alice, 6)
    assert book.buttons == ["[First]", "[Previous]", "[1 / 6]", "Next", "Last"]
    await alice.click(message, label="Last")
    assert book.buttons == ["First", "Previous", "[6 / 6]", "[Next]", "[Last]"]
    await alice.click(message, label="First")
    assert book.buttons == ["[First]", "[Previous]", "[1 / 6]", "Next", "Last"]
    assert book.fetched == [0, 0, 5, 0]


async def test_nobody_is_pinged(alice: MemberActor, moderator: MemberActor, book: Book) -> None:
    message = await book.open(alice, 2)
    await moderator.click(message, label="Next")
    policy = book.stored.allowed_mentions
    assert (policy.everyone, policy.users, policy.roles) == (False, frozenset(), frozenset())


async def test_each_press_is_checked(alice: MemberActor, bob: MemberActor, book: Book) -> None:
    message = await book.open(alice, 3)
    await alice.click(message, label="Next")
    book.may_see = False
    result = await bob.click(message, label="Next")
    assert result.response is not None
    assert result.ephemeral
    assert result.response.content == (
        "You cannot turn these pages: not everyone here may read them."
    )
    assert book.asked == [alice.id, bob.id]
    assert book.fetched == [0, 1]
    assert book.content == "page 1 @everyone"


async def test_what_is_on_the_pages_is_gone(alice: MemberActor, book: Book) -> None:
    message = await book.open(alice, 3)
    book.gone = True
    result = await alice.click(message, label="Next")
    assert result.response is not None
    assert result.ephemeral
    assert result.response.content == r"❌ There is no session \*notes\*."
    book.gone = False
    await alice.click(message, label="Next")
    assert book.content == "page 1 @everyone"


async def test_two_quick_presses_are_two_pages(
    env: Env, channel: ChannelHandle, alice: MemberActor, book: Book
) -> None:
    await book.open(alice, 3)
    assert channel.guild is not None
    shown = book.stored
    for _ in range(2):
        record, payload = base_payload(
            env.backend,
            type=3,
            channel_id=channel.id,
            guild_id=channel.guild.id,
            user_id=alice.id,
            data={
                "custom_id": shown.components[0]["components"][2]["custom_id"],
                "component_type": 2,
            },
        )
        record.source_message_id = shown.id
        message = serializers.message_payload(env.backend, shown)
        env.backend.emit("INTERACTION_CREATE", {**payload, "message": dict(message)})
    await env.settle(idle=0.001)
    assert book.content == "page 2 @everyone"
    assert book.fetched == [0, 1, 2]


async def test_the_buttons_go_away(env: Env, alice: MemberActor, book: Book) -> None:
    """Ten minutes after the last press."""
    message = await book.open(alice, 2)
    await env.advance_time(590)
    await alice.click(message, label="Next")
    await env.advance_time(590)
    assert book.buttons != []
    await env.advance_time(20)
    assert (book.buttons, book.content) == ([], "page 1 @everyone")


async def test_the_buttons_go_away_though_nobody_pressed(
    env: Env, alice: MemberActor, book: Book
) -> None:
    await book.open(alice, 2)
    await env.advance_time(601)
    assert book.buttons == []


async def test_a_deleted_message_has_no_buttons_to_remove(
    env: Env, alice: MemberActor, book: Book
) -> None:
    """Discord's refusal is no error."""
    pressed = await book.open(alice, 2)
    await alice.click(pressed, label="Next")
    other = await book.open(alice, 2)
    for message in (pressed, other):
        await message.delete()
    await env.advance_time(601)
    assert env.errors == []


async def test_an_answer_to_a_slash_command(
    env: Env, bot: commands.Bot, channel: ChannelHandle, alice: MemberActor, book: Book
) -> None:
    """It can be edited for a quarter of an hour only, except by the presses."""
    await bot.tree.sync()
    result = await alice.slash(channel, "read", page_count=2)
    assert result.response is not None
    for label in ("Next", "Previous", "Next"):
        await env.advance_time(500)
        await alice.click(result.response, label=label)
    assert book.content == "page 1 @everyone"
    await env.advance_time(601)
    assert book.buttons == []


@pytest.mark.parametrize("gone", [False, True])
async def test_a_page_that_takes_long_is_shown_later(
    alice: MemberActor, book: Book, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    """Discord waits for three seconds."""
    message = await book.open(alice, 3)
    monkeypatch.setattr(pager, "_DEFER_AFTER", 0.01)
    book.gone, book.delay = gone, 0.1
    pressed = await alice.click(message, label="Next")
    assert pressed.acknowledged
    if gone:
        assert [answer.content for answer in pressed.followups] == [
            "❌ There is no session \\*notes\\*."
        ]
        assert pressed.followups[0].ephemeral
        assert book.content == "page 0 @everyone"
    else:
        assert book.content == "page 1 @everyone"
        assert book.buttons == ["Previous", "[2 / 3]", "Next"]
