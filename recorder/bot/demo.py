"""The demo: a scripted conversation, recorded by the bot in a simulated Discord.

The bot is a host bot with its own commands and the recorder as an extension; SimCord simulates
Discord within this process. The output is what the members of the channel would see.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import discord
import simcord
from discord.ext import commands

from recorder.bot.cog import Recorder
from recorder.care.verification import verify
from recorder.errors import InvalidInput
from recorder.formatting import clock, date_and_clock
from recorder.settings import Settings
from recorder.store.reading import Reader

Print = Callable[[str], object]

_MODEL = "claude-3-5-sonnet"
_MARKER = ".recorder-demo"
_TIME = re.compile(r"<t:(\d+):([tf])>")

_ANSWERS = {
    "how do i implement oauth2?": (
        "OAuth2 is an authorization framework. Three steps:\n"
        "1. send the user to the provider\n2. take the code from the redirect\n"
        "3. exchange it for an access token and a refresh token"
    ),
    "show me the code for token refresh": (
        "Here's a token refresh implementation:\n```python\n"
        "def refresh(session, token):\n"
        "    answer = session.post(TOKEN_URL, data={\n"
        '        "grant_type": "refresh_token",\n'
        '        "refresh_token": token.refresh,\n'
        "    })\n"
        "    answer.raise_for_status()\n"
        "    return Token(**answer.json())\n```"
    ),
    "what if the refresh token has expired?": (
        "Then the provider answers `invalid_grant`: log the user out and begin again. "
        "Do not retry, some providers lock the account."
    ),
}

# Minutes to wait, author (None for a remark of the narrator), text.
_SCRIPT: tuple[tuple[int, str | None, str], ...] = (
    (0, None, "STRYK starts a recording. Everyone in the channel sees the notice."),
    (0, "STRYK", "!record start oauth-implementation"),
    (1, "STRYK", "!ai How do I implement OAuth2?"),
    (2, "mira", "The redirect has to be https, the provider refuses anything else"),
    (1, "STRYK", "!ai Show me the code for token refresh"),
    (3, "jonas", "I would put that behind a lock, two requests refresh at once 🙈"),
    (1, "STRYK", "!run python refresh.py"),
    (1, None, "A break: messages are not recorded now."),
    (0, "STRYK", "!record pause"),
    (4, "mira", "Lunch? The new place has Käsespätzle."),
    (20, "STRYK", "!record resume"),
    (1, "jonas", "!ai What if the refresh token has expired?"),
    (2, "mira", "Token refresh works! ✓"),
    (0, "mira", "!record tag found-solution"),
    (1, None, "The recording stops; now it can be listed, replayed, searched and exported."),
    (0, "STRYK", "!record stop"),
    (1, "STRYK", "!record list"),
    (0, "jonas", "!record load oauth-implementation"),
    (0, "mira", '!record search oauth-implementation "token refresh"'),
    (0, "STRYK", "!record stats oauth-implementation"),
    (0, "jonas", "!record goto oauth-implementation found-solution"),
    (0, "mira", "!record export oauth-implementation md"),
    (0, "STRYK", "!record save oauth-notes.txt"),
    (0, "STRYK", "!record save oauth-transcript.html"),
    (0, "jonas", "!record privacy"),
    (5, None, "The conversation goes on, and turns out to be worth recording too."),
    (1, "jonas", "One more thing: the clocks of both servers differ by a minute"),
    (2, "mira", "Then the token expires before we refresh it"),
    (1, "STRYK", "!record start oauth-clocks since:10m"),
    (1, "mira", "Refresh the token a minute earlier"),
    (0, "STRYK", "!record stop"),
    (0, "STRYK", "!record merge oauth-implementation oauth-clocks --output oauth-complete"),
    (0, None, "Auto-recording starts a session every day."),
    (0, "STRYK", "!record auto on"),
    (0, "STRYK", "!record auto off"),
    (0, None, "An error says what is wrong and what to do."),
    (0, "STRYK", "!record start ../../etc/passwd"),
    (0, "STRYK", "!record start OAuth-Implementation"),
    (0, "STRYK", "!record stop"),
)


def run(folder: Path, *, web: bool, port: int, output: Print) -> None:
    """Play the demo into `folder`.

    Parameters
    ----------
    web
        Keep serving a page on which the user can write to the bot.
    port
        The port of the page, on the loopback interface.
    output
        Prints a line.

    Raises
    ------
    InvalidInput
        The folder has files that the demo did not write, or the port cannot be used.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARKER).exists():
        raise InvalidInput(
            f"{folder} is not empty, and not written by the demo. Choose another with --folder."
        )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / _MARKER).touch()
    asyncio.run(_Demo(folder, output).play(web=web, port=port))


class _Demo:
    def __init__(self, folder: Path, output: Print) -> None:
        self._settings = Settings.from_environment({"RECORDER_DATA": str(folder)})
        self._folder = folder
        self._print = output

    async def play(self, *, web: bool, port: int) -> None:
        bot = host_bot()

        @bot.event
        async def setup_hook() -> None:
            await bot.add_cog(Recorder(bot, self._settings))
            await bot.tree.sync()

        async with simcord.run(bot, check_errors=False) as env:
            try:
                await self._play_in(env, web=web, port=port)
            finally:
                await bot.remove_cog("Recorder")  # it closes the data folder
        self._print("")

    async def _play_in(self, env: simcord.Env, *, web: bool, port: int) -> None:
        guild = env.create_guild(name="Workshop")
        staff = guild.create_role("Staff", permissions=discord.Permissions(manage_messages=True))
        channel = guild.create_text_channel("development")
        members = {
            "STRYK": guild.add_member(env.create_user("STRYK"), roles=[staff]),
            "mira": guild.add_member(env.create_user("mira")),
            "jonas": guild.add_member(env.create_user("jonas")),
        }
        for minutes, name, text in _SCRIPT:
            await env.advance_time(timedelta(minutes=minutes).total_seconds())
            if name is None:
                self._print(f"\n— {text}")
                continue
            printed = len(channel.history())
            await members[name].send(channel, text)
            for message in channel.history()[printed:]:
                self._print_message(message)
        self._print_summary()
        if web:
            await self._serve_page(env, channel, list(members.values()), port)

    def _print_message(self, message: discord.Message) -> None:
        text = _TIME.sub(lambda t: _time_in_utc(int(t[1]), t[2]), message.content)
        lines = [*text.splitlines(), *(f"[attached: {a.filename}]" for a in message.attachments)]
        if message.components:
            lines.append("[buttons]")
        self._print(f"\n{message.author.display_name}: " + "\n    ".join(lines))

    def _print_summary(self) -> None:
        reader = Reader(self._folder)
        self._print(f"\n{'=' * 70}\nThe recordings are in {self._folder.absolute()}:")
        for session in reader.sessions():
            report = verify(reader, session, recording=True)
            state = "; ".join(report.faults) or "file and database are equal"
            self._print(f"  {session.file_path}: {session.message_count} messages, {state}")
        for path in sorted((self._folder / "exports").glob("[!.]*")):
            self._print(f"  exports/{path.name}: {path.stat().st_size} bytes")
        self._print("  recorder.db: the database, for SQL queries\n\nThe first lines of the file:")
        session = reader.sessions()[-1]
        for line in list(reader.lines(session.id))[:3]:
            self._print(f"  {line}")

    async def _serve_page(
        self,
        env: simcord.Env,
        channel: simcord.ChannelHandle,
        members: list[simcord.MemberActor],
        port: int,
    ) -> None:
        async with contextlib.AsyncExitStack() as stack:
            try:
                preview = await stack.enter_async_context(
                    env.preview(channel, viewers=members, layout="channel", port=port)
                )
            except simcord.SetupError as error:
                raise InvalidInput(
                    f"The page cannot be served ({error}). Choose another port with --port."
                ) from error
            self._print(
                f"\nOpen {preview.url} and write to the bot, for example !record start my-session. "
                "The files grow with every message. Stop it with Ctrl+C."
            )
            stop = asyncio.Event()
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                with contextlib.suppress(NotImplementedError):  # not on Windows; Ctrl+C works
                    loop.add_signal_handler(number, stop.set)
            await stop.wait()


def host_bot() -> commands.Bot:
    """Return a bot with the commands `!ai` and `!run`, which the demo uses."""
    intents = discord.Intents.default()
    intents.message_content = True
    intents.members = True
    bot = commands.Bot("!", intents=intents, help_command=None)

    @bot.command()
    async def ai(context: commands.Context[commands.Bot], *, question: str) -> None:
        answer = _ANSWERS.get(question.strip().lower(), "Good question. Let me think about it.")
        reply = await context.send(answer)
        cog = bot.get_cog("Recorder")
        if isinstance(cog, Recorder):
            cog.annotate(reply, model=_MODEL)

    @bot.command(name="run")
    async def run_(context: commands.Context[commands.Bot], *, code: str) -> None:
        await context.send("Output: Token refreshed successfully")

    return bot


def _time_in_utc(timestamp: int, style: str) -> str:
    """Return a time as Discord would show it to a user in UTC."""
    time, utc = datetime.fromtimestamp(timestamp, UTC), ZoneInfo("UTC")
    return clock(time, utc) if style == "t" else date_and_clock(time, utc)
