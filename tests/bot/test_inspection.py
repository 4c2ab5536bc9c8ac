"""``recorder doctor`` checks the permissions of the bot in Discord."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import discord
import pytest
from aiohttp import web
from click.testing import CliRunner
from discord.ext import commands
from simcord import ChannelHandle, Env, GuildHandle, MemberActor
from simcord.backend.models import Overwrite
from simcord.enums import OverwriteType
from support.recordings import NOW, UTC_ZONE

from recorder import Channel, SessionManager, SessionRecorder
from recorder.bot.inspection import inspect, look
from recorder.care.diagnosis import Finding, Scope, recorded_scopes
from recorder.cli import main
from recorder.models import AutoRecording


async def check(bot: commands.Bot, guild_id: int, channel_id: int | None) -> Finding:
    scope = Scope('"x"', str(guild_id), None if channel_id is None else str(channel_id))
    *_, finding = await look(bot, [scope])
    assert finding.what == 'permissions for "x"'
    assert bool(finding.hint) is (finding.state != "good")
    return finding


async def deny(env: Env, channel: ChannelHandle, **denied: bool) -> None:
    rights = discord.Permissions(**denied).value
    bot_id = env.backend.bot_user.id
    env.backend.set_overwrite(channel.id, Overwrite(bot_id, OverwriteType.MEMBER, 0, rights))
    await env.settle(idle=0.001)


async def test_permissions_of_the_bot_in_a_channel(
    bot: commands.Bot, env: Env, guild: GuildHandle, channel: ChannelHandle, alice: MemberActor
) -> None:
    finding = await check(bot, guild.id, channel.id)
    assert (finding.state, finding.value) == (
        "good",
        "has all that it needs in #development in Workshop",
    )
    thread = env.backend.create_thread(channel.id, "open", alice.id).id
    await deny(env, channel, attach_files=True, send_messages=True)
    finding = await check(bot, guild.id, channel.id)
    assert finding.state == "bad"
    assert finding.value == "lacks send messages, attach files in #development in Workshop"
    assert (await check(bot, guild.id, thread)).value == "lacks attach files in #open in Workshop"
    await deny(env, channel, read_message_history=True)
    assert "lacks read message history" in (await check(bot, guild.id, channel.id)).value
    await deny(env, channel, view_channel=True)
    assert "lacks view channel" in (await check(bot, guild.id, channel.id)).value


async def test_channels_that_the_bot_is_not_in(
    bot: commands.Bot, env: Env, guild: GuildHandle, channel: ChannelHandle
) -> None:
    assert (await check(bot, guild.id, None)).state == "good"
    assert "is not in the server 4242" in (await check(bot, 4242, channel.id)).value
    assert "was deleted" in (await check(bot, guild.id, 4242)).value
    *_, direct = await look(bot, [Scope('"dm"', None, "5")])
    assert direct.state == "good"


async def test_running_sessions_and_auto_recording_are_looked_at(tmp_path: Path) -> None:
    async with SessionRecorder(tmp_path) as recorder:
        manager = SessionManager(recorder, UTC_ZONE)
        for number in ("71", "72", "73"):
            channel = Channel(number, "c", "1")
            await manager.start(f"session {number}", channel, user_id="5", now=NOW)
        await manager.pause("72", now=NOW)
        await manager.stop("73", now=NOW)
        for auto in (AutoRecording("74", "1", "5"), AutoRecording("1", "1", "5")):
            await manager.switch_auto(auto, True, now=NOW)
        places = {(place.guild_id, place.channel_id) for place in recorded_scopes(tmp_path)}
    assert places == {("1", "71"), ("1", "72"), ("1", "74"), ("1", None)}


@pytest.fixture
async def discord_server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[dict[str, object]]:
    """Discord's REST API over HTTP as far as it is asked; the flags of the bot can be set."""
    user = {"id": "42", "username": "Keeper", "discriminator": "0", "avatar": None, "bot": True}
    application: dict[str, object] = {
        "id": "42",
        "name": "Keeper",
        "icon": None,
        "description": "",
        "summary": "",
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "owner": user,
        "flags": 1 << 19,
        "team": None,
        "bot": user,
    }

    async def answer(request: web.Request) -> web.Response:
        known = {"/users/@me": user, "/oauth2/applications/@me": application}
        status, data = 200, known.get(request.path)
        if request.headers["Authorization"] != "Bot right":
            status, data = 401, {"message": "401: Unauthorized", "code": 0}
        elif data is None:
            status, data = 404, {"message": "Unknown Guild", "code": 10004}
        headers = {"Content-Type": "application/json"}  # discord.py takes no charset behind it
        return web.Response(status=status, body=json.dumps(data).encode(), headers=headers)

    server = web.Application()
    server.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    monkeypatch.setattr(discord.http.Route, "BASE", f"http://{host}:{port}")
    yield application
    await runner.cleanup()


async def test_the_token_and_the_intent(discord_server: dict[str, object]) -> None:
    bot, intent, place = await asyncio.to_thread(inspect, "right", [Scope('"x"', "1", "2")])
    assert bot == Finding("bot", "good", "Keeper")
    assert intent == Finding("message content intent", "good", "is on")
    assert "is not in the server 1" in place.value
    discord_server["flags"] = 0
    _, intent = await asyncio.to_thread(inspect, "right", [])
    assert intent.state == "bad" and "developer portal" in intent.hint
    (refused,) = await asyncio.to_thread(inspect, "wrong", [])
    assert refused.state == "bad" and "does not accept the token" in refused.value
    assert "wrong" not in f"{refused.value} {refused.hint}"


def test_discord_out_of_reach_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discord.http.Route, "BASE", "http://127.0.0.1:9")
    (finding,) = inspect("right", [])
    assert finding.state == "note" and "cannot be reached" in finding.value


async def test_doctor_asks_discord_if_there_is_a_token(
    discord_server: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with SessionRecorder(tmp_path) as recorder:
        manager = SessionManager(recorder, UTC_ZONE)
        await manager.start("review", Channel("7", "c", "1"), user_id="5", now=NOW)
    monkeypatch.setenv("DISCORD_TOKEN", "right")
    command = ["--data", str(tmp_path), "doctor", "--json"]
    result = await asyncio.to_thread(CliRunner().invoke, main, command)
    findings = {finding["what"]: finding for finding in json.loads(result.stdout)}
    assert findings["message content intent"]["state"] == "good"
    assert findings['permissions for "review"']["state"] == "bad"
    assert result.exit_code == 1
    monkeypatch.delenv("DISCORD_TOKEN")
    result = await asyncio.to_thread(CliRunner().invoke, main, command)
    findings = {finding["what"]: finding for finding in json.loads(result.stdout)}
    assert "message content intent" not in findings
    assert findings["token"]["state"] == "note" and "permissions" in findings["token"]["hint"]
