"""The pictures of the README, taken from a conversation that is played as in ``scripts/demo``.

Run it by ``scripts/pictures``. The conversation, its times and the page sizes are fixed, so that
a picture changes when what it shows has changed.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import click
import discord
import simcord
from PIL import Image

from recorder.bot import Recorder
from recorder.bot.demo import host_bot
from recorder.settings import Settings
from scripts.browser import Browser, NoBrowser, browser

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
LARGEST_BYTES = 150_000
COLORS = 128

NARROW, MIDDLE, WIDE = 500, 600, 820  # CSS pixels; on GitHub, a WIDE one fills a row, others half
TALK_HEIGHT = 770  # at least, so that pictures side by side end at one line
SESSION = "oauth-implementation"
START = datetime(2026, 1, 14, 15, 45, tzinfo=UTC)

# Minutes to wait, who writes, what.
TALK = (
    (0, "STRYK", f"!record start {SESSION}"),
    (1, "STRYK", "!ai How do I implement OAuth2?"),
    (2, "mira", "The redirect has to be https, the provider refuses anything else"),
    (0, "mira", "!record tag https-only"),
    (3, "jonas", "Which provider do we begin with?"),
    (1, "mira", "The one of our customers, they ask for it every week"),
    (4, "STRYK", "!ai Show me the code for token refresh"),
    (3, "jonas", "I would put that behind a lock, two requests refresh at once 🙈"),
    (2, "mira", "And store the new refresh token before the old one is dropped"),
    (2, "STRYK", "!run python refresh.py"),
    (6, "jonas", "Works here, but not behind the proxy"),
    (1, "STRYK", "What does the log say?"),
    (2, "jonas", "`invalid_grant`, after an hour"),
    (3, "jonas", "!ai What if the refresh token has expired?"),
    (4, "mira", "So we log them out, and say why"),
    (1, "STRYK", "The clocks of both servers differ by a minute, too"),
    (5, "STRYK", "!run python refresh.py"),
    (1, "mira", "Token refresh works! ✓"),
    (0, "mira", "!record tag found-solution"),
    (12, "jonas", "Tests are green, I open the pull request"),
    (3, "mira", "Reviewed, two small things"),
    (4, "jonas", "Done 👍"),
    (2, "STRYK", "Then that is it, thank you both"),
    (1, "STRYK", "!record stop"),
)
FINDING = (
    (1, "mira", f"!record search {SESSION} invalid_grant"),
    (0, "jonas", f"!record load {SESSION}"),
)

# Leaves of SimCord's page some messages, and nothing else.
ONLY_MESSAGES = """
    document.head.insertAdjacentHTML('beforeend', `<style>
        [data-workbench], .channel-header, .history-button, .channel-composer,
        .timeline-day-divider, .channel-message:not(%s) { display: none !important }
        html, body, body * { animation: none !important; transition: none !important }
        body, #preview-shell, #preview-workspace, #preview-stage, #preview-app,
        .channel-layout, .channel-timeline {
            display: block !important; position: static !important; overflow: visible !important;
            width: auto !important; height: auto !important; min-height: 0 !important;
            padding: 0 !important; margin: 0 !important; border: 0 !important }
        #channel-message-list { padding: 12px 0 16px !important }
    </style>`)
"""
# Its buttons can be pressed again once it has seen that its size has changed.
SETTLED = """
    document.querySelector('.channel-message') &&
    document.querySelector('#action-status').textContent === 'Viewport updated' &&
    !document.querySelector('.component-button[aria-disabled="true"]:not(:disabled)')
"""
# The lowest edge of the elements that end above a limit.
BOTTOM = """
    Math.max(...Array.from(document.querySelectorAll('%s'))
        .map(element => element.getBoundingClientRect().bottom).filter(edge => edge < %d))
"""


class Conversation:
    """The channel in which the conversation is played."""

    def __init__(self, env: simcord.Env) -> None:
        self._env = env
        guild = env.create_guild(name="Workshop")
        staff = guild.create_role("Staff", permissions=discord.Permissions(manage_messages=True))
        self.channel = guild.create_text_channel("development")
        self.people = {
            "STRYK": guild.add_member(env.create_user("STRYK"), roles=[staff]),
            "mira": guild.add_member(env.create_user("mira")),
            "jonas": guild.add_member(env.create_user("jonas")),
        }

    async def play(self, script: tuple[tuple[int, str, str], ...]) -> None:
        """Let people write, and the bot answer."""
        for minutes, name, text in script:
            await self._env.advance_time(timedelta(minutes=minutes).total_seconds())
            await self.people[name].send(self.channel, text)

    async def picture(self, page: Browser, messages: slice) -> bytes:
        """Return a picture of some of the messages, as their readers see them."""
        chosen = ", ".join(
            f'[data-message-id="{message.id}"]' for message in self.channel.history()[messages]
        )
        viewers = list(self.people.values())
        async with self._env.preview(self.channel, viewers=viewers, layout="channel") as preview:
            await page.open(preview.url, width=NARROW, ready=SETTLED)
            await page.evaluate(ONLY_MESSAGES % chosen)
            await page.wait(SETTLED)
            bottom = await page.evaluate(BOTTOM % ("#channel-message-list", 1_600))
            return await page.picture(width=NARROW, height=max(round(bottom), TALK_HEIGHT))


@asynccontextmanager
async def conversation(folder: Path) -> AsyncIterator[Conversation]:
    """Start a bot with the recorder in a Discord of this process, and set its clock."""
    bot = host_bot()
    async with simcord.run(bot) as env:
        assert bot.user is not None
        await bot.user.edit(username="Helper")
        await env.advance_time((START - discord.utils.utcnow()).total_seconds())
        await bot.add_cog(Recorder(bot, Settings.from_environment({"RECORDER_DATA": str(folder)})))
        yield Conversation(env)


async def run(folder: Path, *arguments: str) -> None:
    """Run a command of the recorder."""
    process = await _start(folder, *arguments)
    _, errors = await process.communicate()
    if process.returncode != 0:
        raise click.ClickException(errors.decode())


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[str]:
    """Serve the recordings with Datasette, and yield the address."""
    process = await _start(folder, "serve", "--port", "0")
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        address = re.search(r"http://\S+", line)
        assert address is not None, line
        yield address[0]
    finally:
        process.terminate()
        await process.communicate()


async def _start(folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "recorder", "--data", str(folder), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def take(folder: Path) -> dict[str, bytes]:
    """Return all pictures by name."""
    pictures = {}
    async with browser() as page:
        async with conversation(folder) as talk:
            await talk.play(TALK)
            pictures["recording"] = await talk.picture(page, slice(0, 7))
            seen = len(talk.channel.history())
            await talk.play(FINDING)
            pictures["finding"] = await talk.picture(page, slice(seen, None))
        chart = folder / "chart.png"
        await run(folder, "stats", SESSION, "--png", str(chart))
        pictures["activity"] = chart.read_bytes()
        transcript = folder / "transcript.html"
        await run(folder, "export", SESSION, "html", "--output", str(transcript))
        await page.open(transcript.as_uri(), width=WIDE, ready="true")
        bottom = await page.evaluate(BOTTOM % ("article", 560))
        pictures["transcript"] = await page.picture(width=WIDE, height=round(bottom) + 12)
        async with served(folder) as address:
            await page.open(f"{address}recorder/busiest_quarters", width=MIDDLE, ready="true")
            bottom = await page.evaluate(BOTTOM % ("table.rows-and-columns tr", 800))
            pictures["datasette"] = await page.picture(width=MIDDLE, height=round(bottom) + 16)
    return pictures


def small(picture: bytes) -> bytes:
    """Return a PNG with a palette."""
    image = Image.open(BytesIO(picture)).convert("RGBA").convert("RGB")
    target = BytesIO()
    image.quantize(COLORS, dither=Image.Dither.NONE).save(target, "PNG", optimize=True)
    return target.getvalue()


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=PICTURES,
    help="Where to write them, in place of docs/pictures.",
)
def main(folder: Path) -> None:
    """Draw the pictures of the README; needs Chromium."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data:
        try:
            pictures = asyncio.run(take(Path(data) / "data"))
        except NoBrowser as error:
            raise click.ClickException(str(error)) from error
    for name, picture in pictures.items():
        path = folder / f"{name}.png"
        path.write_bytes(small(picture))
        click.echo(f"{path}: {path.stat().st_size:,} bytes")
        if path.stat().st_size > LARGEST_BYTES:
            raise click.ClickException(f"{path} is larger than {LARGEST_BYTES:,} bytes.")


if __name__ == "__main__":
    main()
