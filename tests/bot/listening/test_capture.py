"""Messages arrive through the gateway and discord.py's own parser, and are captured there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import discord
import pytest
from discord.ext import commands
from simcord import ChannelHandle, Env, GuildHandle, MemberActor
from simcord.backend import serializers
from simcord.backend.models import MessageSticker, Poll, PollAnswer
from simcord.enums import ChannelType

from recorder.bot.listening.capture import capture, channel_of
from recorder.models import Channel, Message
from recorder.record import jsonl

ORDINARY = {
    "default",
    "reply",
    "chat_input_command",
    "context_menu_command",
    "thread_starter_message",
}


@pytest.fixture
def received(bot: commands.Bot) -> list[Message]:
    """The messages that a gateway listener captured; their JSONL lines are complete."""
    messages: list[Message] = []

    async def on_message(message: discord.Message) -> None:
        captured = capture(message)
        assert jsonl.decode(jsonl.encode(captured)) == replace(captured, parent_id=None)
        messages.append(captured)

    bot.add_listener(on_message)
    return messages


class Gateway:
    """Sends what SimCord has no way to say, as Discord would send it."""

    def __init__(self, env: Env, channel: ChannelHandle, author: MemberActor) -> None:
        self._env = env
        self._channel = channel
        self._author = author

    def payload(self, **fields: Any) -> dict[str, Any]:
        stored = self._env.backend.create_message(
            self._channel.id, self._author.id, "?", broadcast=False
        )
        return {**serializers.message_payload(self._env.backend, stored), "content": "", **fields}

    async def send(self, **fields: Any) -> None:
        self._env.backend.emit("MESSAGE_CREATE", self.payload(**fields))
        await self._env.settle(idle=0.001)


@pytest.fixture
async def gateway(env: Env, channel: ChannelHandle, bob: MemberActor) -> Gateway:
    return Gateway(env, channel, bob)


async def say(env: Env, channel: ChannelHandle, **what: Any) -> None:
    """The bot itself sends a message."""
    target = env.bot.get_channel(channel.id)
    assert isinstance(target, discord.TextChannel)
    await target.send(**what)
    await env.settle(idle=0.001)


def media(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "value": text, "inline": False}


async def test_text(
    env: Env, channel: ChannelHandle, bob: MemberActor, received: list[Message]
) -> None:
    await env.advance_time(3600)
    sent = await bob.send(channel, "hello")
    assert received == [
        Message(
            timestamp=env.now(),
            author="bob",
            author_id=str(bob.id),
            content="hello",
            type="user_message",
            message_id=sent.id,
            channel_id=str(channel.id),
        )
    ]
    assert received[0].timestamp.tzinfo is UTC


async def test_names(
    env: Env,
    guild: GuildHandle,
    channel: ChannelHandle,
    alice: MemberActor,
    received: list[Message],
) -> None:
    known_here = guild.add_member(env.create_user("carol", global_name="Carol"), nick="CC")
    await alice.send(channel, "a")
    await known_here.send(channel, "b")
    assert [(m.author, m.speaker) for m in received] == [
        ("alice", "Alice Liddell"),
        ("carol", "CC"),
    ]


async def test_reply(channel: ChannelHandle, bob: MemberActor, received: list[Message]) -> None:
    question = await bob.send(channel, "why?")
    await bob.send(channel, "because", reply_to=question)
    assert (received[1].type, received[1].content) == ("user_message", "because")
    assert received[1].extra == {"reply_to": str(question.id)}


async def test_attachments(
    channel: ChannelHandle, bob: MemberActor, received: list[Message]
) -> None:
    sent = await bob.send(channel, attachments=[("plan.txt", b"12345"), ("b.bin", b"")])
    assert received[0].attachments == tuple(attachment.url for attachment in sent.attachments)
    assert received[0].extra["files"] == [
        {"name": file.filename, "size": file.size, "content_type": file.content_type}
        for file in sent.attachments
    ]
    assert received[0].text == "[file: plan.txt]\n[file: b.bin]"


async def test_voice_message(gateway: Gateway, received: list[Message]) -> None:
    voice = {
        "id": "9",
        "filename": "voice-message.ogg",
        "title": "What I said",
        "size": 1234,
        "url": "https://cdn.discordapp.com/attachments/1/9/voice-message.ogg",
        "proxy_url": "https://media.discordapp.net/attachments/1/9/voice-message.ogg",
        "content_type": "audio/ogg",
        "description": "a humming",
        "duration_secs": 2.5,
        "waveform": "AAAA",
    }
    await gateway.send(attachments=[voice], flags=1 << 13)
    assert received[0].attachments == (voice["url"],)
    assert received[0].extra["files"] == [
        {
            "name": "voice-message.ogg",
            "size": 1234,
            "content_type": "audio/ogg",
            "title": "What I said",
            "description": "a humming",
            "duration_seconds": 2.5,
        }
    ]


async def test_webhook_with_embed(
    guild: GuildHandle, channel: ChannelHandle, bob: MemberActor, received: list[Message]
) -> None:
    webhook = guild.create_webhook(channel, "CI")
    embed = discord.Embed(
        title="Build 7",
        description=f"by {bob.mention}",
        colour=0xFF0000,
        timestamp=datetime.now(UTC),
    )
    embed.set_author(name="runner").set_footer(text="took 3 s")
    embed.add_field(name="Result", value="green")
    await webhook.send("done", username="GitHub", embed=embed)
    assert (received[0].author, received[0].type) == ("GitHub", "bot_response")
    assert received[0].extra == {
        "webhook_id": str(webhook.id),
        "mentions": {f"<@{bob.id}>": "@bob"},
        "embeds": [embed.to_dict()],
    }
    assert received[0].text == "done\nrunner\nBuild 7\nby @bob\nResult\ngreen\ntook 3 s"


async def test_a_webhook_without_the_mark_of_a_bot(
    gateway: Gateway, received: list[Message]
) -> None:
    author = {"id": "77", "username": "CI", "discriminator": "0000", "avatar": None}
    await gateway.send(content="done", author=author, webhook_id="77")
    assert (received[0].author, received[0].type) == ("CI", "bot_response")


async def test_what_is_captured_does_not_change(
    env: Env, channel: ChannelHandle, bot: commands.Bot, received: list[Message]
) -> None:
    async def change(message: discord.Message) -> None:
        message.embeds[0].set_field_at(0, name="Result", value="red")
        message.embeds[0].set_footer(text="changed")

    bot.add_listener(change, "on_message")
    embed = discord.Embed(title="Build").add_field(name="Result", value="green")
    await say(env, channel, embed=embed)
    assert received[0].text == "Build\nResult\ngreen"


async def test_answers_of_bots(
    env: Env, channel: ChannelHandle, bot: commands.Bot, robot: MemberActor, received: list[Message]
) -> None:
    await robot.send(channel, "beep")
    await say(env, channel, content="my own words")
    assert [(m.author_id, m.type) for m in received] == [
        (str(robot.id), "bot_response"),
        (str(bot.user.id if bot.user else 0), "bot_response"),
    ]


async def test_answer_to_a_slash_command(
    gateway: Gateway, robot: MemberActor, received: list[Message]
) -> None:
    await gateway.send(
        type=20,
        content="42",
        author={"id": str(robot.id), "username": "robot", "discriminator": "0", "bot": True}
        | {"avatar": None},
        webhook_id="77",
        application_id="77",
    )
    assert (received[0].type, received[0].content, received[0].extra) == ("bot_response", "42", {})


def used(user: MemberActor, **further: Any) -> dict[str, Any]:
    """Return the metadata of the use of a command."""
    about = {"id": str(user.id), "username": user.name, "discriminator": "0", "avatar": None}
    return {"id": "12", "type": 2, "user": about, **further}


async def test_the_command_that_is_answered_and_its_user(
    gateway: Gateway, alice: MemberActor, received: list[Message]
) -> None:
    metadata = used(alice)
    named = {"id": "12", "type": 2, "name": "ai ask", "user": metadata["user"]}
    await gateway.send(content="42", interaction_metadata=metadata, interaction=named)
    ann = {"user": "alice", "user_id": str(alice.id)}
    assert received[0].extra["interaction"] == {"id": "12", "command": "/ai ask", **ann}
    assert received[0].used_command == "alice used /ai ask"
    menu = metadata | {"target_message_id": "7"}
    await gateway.send(interaction_metadata=menu, interaction=named | {"name": "Sum up"})
    assert received[1].extra["interaction"] == {"id": "12", "command": "Sum up", **ann}
    pressed = metadata | {"type": 3, "interacted_message_id": "7"}
    await gateway.send(interaction_metadata=pressed)
    assert received[2].extra["interaction"] == {"id": "12", **ann}
    assert received[2].used_command == "asked by alice"


async def test_stickers(
    env: Env, guild: GuildHandle, channel: ChannelHandle, bob: MemberActor, received: list[Message]
) -> None:
    sticker = guild.create_sticker("wave")
    item = MessageSticker(sticker.id, "wave", 1, guild.id)
    env.backend.create_message(channel.id, bob.id, "", stickers=[item])
    await env.settle(idle=0.001)
    url = f"https://cdn.discordapp.com/stickers/{sticker.id}.png"
    assert received[0].extra == {"stickers": [{"id": str(sticker.id), "name": "wave", "url": url}]}
    assert received[0].text == "[sticker: wave]"


async def test_poll(
    env: Env, channel: ChannelHandle, bob: MemberActor, received: list[Message]
) -> None:
    answers = [PollAnswer(1, "Käsespätzle", "🧀"), PollAnswer(2, "salad")]
    poll = Poll("Lunch?", answers, expiry="2026-01-02T00:00:00+00:00")
    env.backend.create_message(channel.id, bob.id, "", poll=poll)
    await env.settle(idle=0.001)
    assert received[0].extra == {
        "poll": {
            "question": "Lunch?",
            "answers": ["🧀 Käsespätzle", "salad"],
            "expires": "2026-01-02T00:00:00+00:00",
        }
    }
    assert received[0].text == "Poll: Lunch?\n- 🧀 Käsespätzle\n- salad"


async def test_end_of_a_poll(gateway: Gateway, received: list[Message]) -> None:
    fields = [media("poll_question_text", "Lunch?"), media("victor_answer_text", "salad")]
    embed = {"type": "poll_result", "fields": [*fields, media("total_votes", "3")]}
    await gateway.send(type=46, embeds=[embed])
    assert (received[0].type, received[0].extra["event"]) == ("system_message", "poll_result")
    assert received[0].text == "bob's poll Lunch? has closed.\nWinner: salad"


async def test_forward(
    guild: GuildHandle, channel: ChannelHandle, bob: MemberActor, received: list[Message]
) -> None:
    elsewhere = guild.create_text_channel("elsewhere")
    source = await bob.send(elsewhere, f"look, {bob.mention}", attachments=[("plan.txt", b"12345")])
    await bob.forward(source, channel)
    forwarded = received[1]
    assert (forwarded.content, forwarded.attachments) == ("", ())
    assert list(forwarded.extra) == ["mentions", "forwarded"]
    snapshot = forwarded.extra["forwarded"]
    assert isinstance(snapshot, dict)
    assert list(snapshot) == [
        *("content", "attachments", "files", "timestamp", "message_id", "author_id")
    ]
    assert (snapshot["message_id"], snapshot["author_id"]) == (str(source.id), str(bob.id))
    assert snapshot["attachments"] == [source.attachments[0].url]
    assert snapshot["timestamp"] == source.created_at.isoformat()
    assert forwarded.text == "Forwarded: look, @bob\n[file: plan.txt]"


async def test_pin(channel: ChannelHandle, moderator: MemberActor, received: list[Message]) -> None:
    sent = await moderator.send(channel, "rules")
    await moderator.set_pinned(sent, True)
    assert (received[1].type, received[1].content) == (
        "system_message",
        "mod pinned a message to this channel.",
    )
    assert received[1].extra == {
        "reply_to": str(sent.id),
        "event": "pins_add",
        "raw_content": "pinned a message to this channel.",
    }


async def test_thread_creation(
    env: Env, channel: ChannelHandle, bob: MemberActor, received: list[Message]
) -> None:
    thread = env.backend.create_thread(channel.id, "OAuth2", bob.id)
    await env.settle(idle=0.001)
    assert received[0].channel_id == str(channel.id) != str(thread.id)
    assert (received[0].type, received[0].content, received[0].extra) == (
        "system_message",
        "bob started a thread: **OAuth2**. See all **threads**.",
        {"event": "thread_created", "raw_content": "OAuth2"},
    )


async def test_a_bot_that_joins_is_an_event_too(
    env: Env, channel: ChannelHandle, robot: MemberActor, received: list[Message]
) -> None:
    await Gateway(env, channel, robot).send(type=7)
    assert (received[0].type, received[0].extra) == ("system_message", {"event": "new_member"})
    assert "robot" in received[0].content


async def test_every_event_has_words(gateway: Gateway, received: list[Message]) -> None:
    """Also where Discord leaves out what discord.py counts on."""
    kinds = [kind for kind in discord.MessageType if kind.name not in ORDINARY]
    for kind in kinds:
        await gateway.send(type=kind.value)
    assert [(m.type, m.extra["event"]) for m in received] == [
        ("system_message", kind.name) for kind in kinds
    ]
    assert [m.extra["event"] for m in received if not m.content.strip()] == []


async def test_an_event_of_the_future(gateway: Gateway, received: list[Message]) -> None:
    await gateway.send(type=250, content="moved the server to the moon")
    assert (received[0].type, received[0].content) == (
        "system_message",
        "moved the server to the moon",
    )
    assert received[0].extra == {"event": "unknown_250"}


async def test_an_event_that_discord_py_cannot_read(
    gateway: Gateway, received: list[Message]
) -> None:
    await gateway.send(type=36, content="until soon")
    assert (received[0].type, received[0].content) == ("system_message", "until soon")
    assert received[0].extra == {"event": "guild_incident_alert_mode_enabled"}


async def test_words_of_discord_itself(
    env: Env, guild: GuildHandle, channel: ChannelHandle, received: list[Message]
) -> None:
    await guild.add_member(env.create_user("Discord", system=True)).send(channel, "News")
    assert (received[0].type, received[0].content, received[0].extra) == (
        "system_message",
        "News",
        {},
    )


async def test_threads(
    env: Env, guild: GuildHandle, channel: ChannelHandle, bob: MemberActor, received: list[Message]
) -> None:
    """A message in a private thread does not belong to the channel's session."""
    public = env.backend.create_thread(channel.id, "open", bob.id, broadcast=False)
    private = env.backend.create_thread(
        channel.id, "closed", bob.id, type=ChannelType.PRIVATE_THREAD, broadcast=False
    )
    forum = guild.create_forum_channel("questions")
    post = env.backend.create_thread(forum.id, "How?", bob.id, broadcast=False)
    for thread in (public, private, post):
        env.backend.announce_thread_create(thread)
        env.backend.create_message(thread.id, bob.id, "hi")
        await env.settle(idle=0.001)
    assert [(m.channel_id, m.parent_id) for m in received] == [
        (str(public.id), str(channel.id)),
        (str(private.id), None),
        (str(post.id), None),  # a post has a session of its own
    ]


async def test_first_message_of_a_thread(
    channel: ChannelHandle,
    alice: MemberActor,
    bob: MemberActor,
    gateway: Gateway,
    received: list[Message],
) -> None:
    """Alice wrote it, although Bob, who started the thread, is the author for Discord."""
    source = await alice.send(channel, f"Hi {bob.mention}", attachments=[("plan.txt", b"1")])
    stored = gateway._env.backend.get_message(channel.id, source.id)
    await gateway.send(
        type=21,
        message_reference={"channel_id": str(channel.id), "message_id": str(source.id)},
        referenced_message=serializers.message_payload(gateway._env.backend, stored),
    )
    assert (received[1].type, received[1].content) == ("user_message", source.content)
    assert received[1].text == "Hi @bob\n[file: plan.txt]"
    assert received[1].attachments == received[0].attachments
    assert (received[1].author_id, received[1].speaker) == (str(alice.id), "Alice Liddell")
    assert received[1].extra["starts_thread"] is True


async def test_first_message_of_a_thread_that_was_deleted(
    gateway: Gateway, received: list[Message]
) -> None:
    reference = {"channel_id": "1", "message_id": "2"}
    await gateway.send(
        type=21, message_reference=reference, referenced_message=None, content="words of whom?"
    )
    assert (received[0].type, received[0].content, received[0].extra) == (
        "user_message",
        "",
        {"reply_to": "2"},
    )


async def test_chat_of_a_voice_channel(
    guild: GuildHandle, bob: MemberActor, received: list[Message]
) -> None:
    voice = guild.create_voice_channel("talk")
    await bob.send(voice, "can you hear me?")
    assert (received[0].channel_id, received[0].parent_id) == (str(voice.id), None)


async def test_dm(bob: MemberActor, received: list[Message]) -> None:
    await bob.send_dm("psst <@1> <@&2> <#3>")
    assert received[0].channel_id == str(bob.user.dm_channel.id)
    assert (received[0].type, received[0].extra) == ("user_message", {})


async def test_a_channel_that_is_not_in_the_cache(
    env: Env, gateway: Gateway, received: list[Message]
) -> None:
    await gateway.send(channel_id="4711", content="from somewhere")
    assert (received[0].channel_id, received[0].parent_id) == ("4711", None)


async def test_edited_before_it_was_captured(
    env: Env, bot: commands.Bot, channel: ChannelHandle, bob: MemberActor
) -> None:
    sent = await bob.send(channel, "helo")
    await env.advance_time(60)
    await bob.edit(sent, "hello")
    target = bot.get_channel(channel.id)
    assert isinstance(target, discord.TextChannel)
    [message] = [capture(message) async for message in target.history()]
    assert message.content == "hello"
    assert message.extra == {"edited_timestamp": env.now().isoformat()}
    assert message.timestamp == sent.created_at < env.now()


async def test_mentions(
    guild: GuildHandle,
    channel: ChannelHandle,
    alice: MemberActor,
    bob: MemberActor,
    received: list[Message],
) -> None:
    """People are named as they were seen; who is unknown keeps the token."""
    staff = guild.create_role("Staff")
    names = {
        f"<@{alice.id}>": "@Alice Liddell",
        f"<@!{bob.id}>": "@bob",
        f"<@&{staff.id}>": "@Staff",
        f"<@&{guild.id}>": "@everyone",
        f"<#{channel.id}>": "#development",
    }
    await bob.send(channel, " ".join([*names, f"<@{alice.id}>", "<@404>", "@here"]))
    assert received[0].extra == {"mentions": names}
    assert received[0].text == " ".join([*names.values(), "@Alice Liddell", "<@404>", "@here"])


async def test_mentions_in_a_dm(
    alice: MemberActor, bob: MemberActor, received: list[Message]
) -> None:
    """There no guild tells the name; the message does."""
    await bob.send_dm(f"ask {alice.mention}")
    assert received[0].text == "ask @Alice Liddell"


async def test_a_name_like_a_mention_stays_a_name(
    env: Env, guild: GuildHandle, channel: ChannelHandle, bob: MemberActor, received: list[Message]
) -> None:
    joker = guild.add_member(env.create_user("joker"), nick=f"<@{bob.id}>")
    await bob.send(channel, f"{joker.mention} {bob.mention}")
    assert received[0].text == f"@<@{bob.id}> @bob"


async def test_emoji_and_commands(
    channel: ChannelHandle, bob: MemberActor, received: list[Message]
) -> None:
    raw = "<:blob:123> <a:dance:124> </record start:125> 🎉 a <b> c"
    await bob.send(channel, raw)
    assert received[0].content == raw
    assert received[0].text == ":blob: :dance: /record start 🎉 a <b> c"


async def test_layouts(
    env: Env, channel: ChannelHandle, bob: MemberActor, received: list[Message]
) -> None:
    view = discord.ui.LayoutView()
    view.add_item(discord.ui.TextDisplay("# Top"))
    button: discord.ui.Button[discord.ui.LayoutView] = discord.ui.Button(label="Press")
    section: discord.ui.Section[discord.ui.LayoutView] = discord.ui.Section(
        "inside", accessory=button
    )
    view.add_item(discord.ui.Container(section, discord.ui.TextDisplay(f"for {bob.mention}")))
    await say(env, channel, view=view)
    texts = ["# Top", "inside", f"for {bob.mention}"]
    assert received[0].extra["components"] == [{"content": text} for text in texts]
    assert received[0].text == "# Top\ninside\nfor @bob"


async def test_the_order_of_the_keys(
    env: Env, channel: ChannelHandle, alice: MemberActor, received: list[Message]
) -> None:
    sticker = {"id": "5", "name": "wave", "format_type": 1}
    file = {"id": "9", "filename": "a", "size": 1, "url": "https://a.b/a", "proxy_url": ""}
    await Gateway(env, channel, alice).send(
        type=9,
        content=f"3 {alice.mention}",
        webhook_id="6",
        message_reference={"channel_id": str(channel.id), "message_id": "2"},
        attachments=[file],
        embeds=[{"type": "rich", "title": "t"}],
        components=[{"type": 10, "content": "c"}],
        sticker_items=[sticker],
        poll={
            "question": {"text": "q"},
            "answers": [],
            "expiry": "2026-01-02T00:00:00+00:00",
        },
        edited_timestamp="2026-01-01T00:00:01+00:00",
    )
    assert " ".join(received[0].extra) == (
        "display_name webhook_id reply_to mentions files embeds components stickers poll "
        "event raw_content edited_timestamp"
    )


async def test_channels(
    env: Env, bot: commands.Bot, guild: GuildHandle, channel: ChannelHandle, bob: MemberActor
) -> None:
    thread = env.backend.create_thread(channel.id, "open", bob.id)
    await env.settle(idle=0.001)
    for id, name in ((channel.id, "development"), (thread.id, "open")):
        known = bot.get_channel(id)
        assert isinstance(known, discord.TextChannel | discord.Thread)
        assert channel_of(known) == Channel(str(id), name, str(guild.id))


async def test_dm_channels(env: Env, bot: commands.Bot, bob: MemberActor) -> None:
    places: list[Channel] = []

    async def on_message(message: discord.Message) -> None:
        places.append(channel_of(message.channel))

    bot.add_listener(on_message)
    await bob.send_dm("hi")
    member = bob.member
    assert member is not None
    id = str(bob.user.dm_channel.id)
    assert channel_of(await member.create_dm()) == Channel(id, "DM with bob", None)
    # A DM channel that only came with a message does not tell whose it is.
    assert places == [Channel(id, "DM with a user", None)]
