"""Commands that find recordings again: list, load, goto, tags, export."""

from __future__ import annotations

import asyncio
import tempfile
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import discord
from discord import app_commands
from discord.ext import commands

from recorder.bot.access.audience import Audience
from recorder.bot.access.viewer import Channels
from recorder.bot.commands.base import Answering, Context, prefix_of, unquoted
from recorder.bot.replies import replies, search_reply, stats_reply
from recorder.errors import InvalidInput, NotFound
from recorder.formats.session_exporter import FORMATS
from recorder.models import Session
from recorder.record.names import export_name
from recorder.search.searcher import Found, Searcher
from recorder.settings import Settings
from recorder.stats.pictures import activity_picture, are_available
from recorder.stats.session_analyzer import SessionAnalyzer

_A_PAGE = replies.MESSAGES_A_PAGE


# mypy cannot infer what discord.py's decorators of hybrid commands take: hence the ignores.
class FindingCommands(Answering):
    """Find recordings again."""

    def __init__(self, bot: commands.Bot, settings: Settings) -> None:
        super().__init__(bot, settings)
        self.searcher = Searcher(self.manager.reader, settings.timezone)

    @Answering.record.command(name="list")  # type: ignore[arg-type]
    async def list_(self, context: Context) -> None:
        """List the sessions that everybody here may see."""
        now, prefix = context.message.created_at, prefix_of(context)

        async def page(index: int) -> str:
            sessions = await self.readable_sessions(context)
            last = _pages(len(sessions), replies.SESSIONS_A_PAGE) - 1
            return replies.listed(sessions, min(index, last), now, self.settings.timezone, prefix)

        async def allowed(interaction: discord.Interaction) -> bool:
            return interaction.user.id == context.author.id  # the list is theirs alone

        count = len(await self.readable_sessions(context))
        await self.page(context, page, _pages(count, replies.SESSIONS_A_PAGE), allowed)

    @Answering.record.command()  # type: ignore[arg-type]
    @app_commands.describe(name="The session's name")
    async def load(self, context: Context, *, name: str) -> None:
        """Replay a session."""
        now, prefix = context.message.created_at, prefix_of(context)
        session = await self.session(context, unquoted(name))

        async def page(index: int) -> str:
            current = await asyncio.to_thread(self.manager.reader.session, session.id)
            first = index * _A_PAGE + 1
            messages = await asyncio.to_thread(
                lambda: list(self.manager.load(current, first, _A_PAGE))
            )
            gaps = await asyncio.to_thread(self.manager.reader.gaps, current)
            return replies.loaded(current, first, messages, gaps, now, prefix)

        count = _pages(session.message_count, _A_PAGE)
        await self.page(context, page, count, self._may_turn(context, session))

    @Answering.record.command()  # type: ignore[arg-type]
    @app_commands.describe(
        name="The session's name, or all",
        query='Words, "a phrase", from:name, before:2025-11-08, has:link, -not, a OR b',
    )
    async def search(self, context: Context, name: str, *, query: str) -> None:
        """Find messages in a session, or in all that everybody here may see."""
        everywhere = name.lower() == "all"
        if everywhere:
            sessions = await self.readable_sessions(context)
        else:
            sessions = [await self.session(context, name)]
        wanted = search_reply.wanted(query)
        deleted_too = await self._finds_deleted(context, sessions, wanted.asks_for_deleted)
        now, title = context.message.created_at, "all sessions" if everywhere else sessions[0].name
        await self.defer(context)

        def find(index: int) -> Found:
            return self.searcher.search(
                wanted.query,
                sessions,
                now=now,
                sort=wanted.sort,
                fts=wanted.fts,
                limit=search_reply.HITS_A_PAGE,
                offset=index * search_reply.HITS_A_PAGE,
                deleted_too=deleted_too,
            )

        async def page(index: int) -> str:
            found = await asyncio.to_thread(find, index)
            return search_reply.found(title, found, index, everywhere)

        async def allowed(interaction: discord.Interaction) -> bool:
            return await self.who_presses_may(context, sessions, interaction) and (
                not deleted_too or await self.controls(context, sessions, interaction.user)
            )

        total = (await asyncio.to_thread(find, 0)).total
        await self.page(context, page, _pages(total, search_reply.HITS_A_PAGE), allowed)

    @Answering.record.command()  # type: ignore[arg-type]
    @app_commands.describe(name="The session's name; without one, all that everybody here may see")
    async def stats(self, context: Context, *, name: str | None = None) -> None:
        """Show who said how much and when, and what about."""
        if name is None:
            sessions, title = await self.readable_sessions(context), "all sessions"
        else:
            session = await self.session(context, unquoted(name))
            sessions, title = [session], session.name
        await self.defer(context)
        now, reader = context.message.created_at, self.manager.reader
        found = await asyncio.to_thread(SessionAnalyzer(reader).analyze, sessions, now)
        picture = None
        if found.messages and are_available() and context.bot_permissions.attach_files:
            picture = await asyncio.to_thread(
                activity_picture, reader, sessions, title, now, self.settings.timezone
            )
        await self.say(context, stats_reply.stats(title, found), file=stats_reply.file(picture))

    @Answering.record.command()  # type: ignore[arg-type]
    @app_commands.describe(name="The session's name", tag="The tag's name")
    async def goto(self, context: Context, name: str, *, tag: str) -> None:
        """Show the moment that somebody tagged, with what was said around it."""
        session = await self.session(context, name)
        wanted = unquoted(tag).casefold()
        tags = await asyncio.to_thread(self.manager.reader.tags, session)
        found = next((tag for tag in tags if tag.name.casefold() == wanted), None)
        if found is None:
            raise NotFound(f'There is no tag "{wanted}" in {session.name}. See `record tags`.')
        # Pages are laid so that the tagged message stands in the middle of one.
        shift = (found.message_index - 1 - _A_PAGE // 2) % _A_PAGE
        first_page = 1 if shift else 0

        async def page(index: int) -> str:
            first = (index - first_page) * _A_PAGE + shift + 1
            begin = max(first, 1)
            messages = await asyncio.to_thread(
                lambda: list(self.manager.load(session, begin, first + _A_PAGE - begin))
            )
            return replies.gone_to(session, found, messages, prefix_of(context))

        count = first_page + _pages(session.message_count - shift, _A_PAGE)
        index = max(found.message_index - 1 - _A_PAGE // 2 - shift, -shift) // _A_PAGE + first_page
        await self.page(context, page, count, self._may_turn(context, session), max(index, 0))

    @Answering.record.command()  # type: ignore[arg-type]
    @app_commands.describe(name="The session's name; without one, the session that runs here")
    async def tags(self, context: Context, *, name: str | None = None) -> None:
        """List the tagged moments of a session."""
        if name is not None:
            session = await self.session(context, unquoted(name))
        else:
            session = await self.latest(context)
        tags = await asyncio.to_thread(self.manager.reader.tags, session)
        await self.say(context, replies.tags(session, tags, prefix_of(context)))

    @Answering.record.command()  # type: ignore[arg-type]
    @app_commands.describe(
        name="The session's name",
        format="txt, md, html, json, jsonl, csv, or dce for DiscordChatExporter's JSON",
    )
    async def export(self, context: Context, name: str, format: str = "md") -> None:
        """Get a session as a file."""
        session = await self.session(context, name)
        format = self.manager.exporter.check_format(format)
        if FORMATS[format].is_record:
            if not await self.controls(context, [session]):
                raise InvalidInput(
                    "The JSONL holds what was deleted, too: it is for those who may manage "
                    "messages. Choose another format."
                )
            if not await self._only_managers_see(context, [session]):
                await self.answer_privately(context, replies.DELETED_BY_DIRECT_MESSAGE)
        await self.defer(context)
        limit = self._file_limit(context)
        now = context.message.created_at
        with tempfile.TemporaryDirectory(prefix="recorder-") as folder:
            path = Path(folder) / export_name(session.name, FORMATS[format].suffix)
            await asyncio.to_thread(self.manager.exporter.export, session, format, path, now)
            if path.stat().st_size > limit:
                path = await asyncio.to_thread(_zipped, path)
            if path.stat().st_size <= limit:
                title = f"📄 **Exporting to {FORMATS[format].title}...**"
                await self.say(context, title, file=discord.File(path))
                return
        saved = await asyncio.to_thread(self.manager.save_free, session, format, now=now)
        await self.say(context, replies.too_large(self.shown(saved), saved.stat().st_size, limit))

    def _may_turn(
        self, context: Context, session: Session
    ) -> Callable[[discord.Interaction], Awaitable[bool]]:
        async def allowed(interaction: discord.Interaction) -> bool:
            return await self.who_presses_may(context, [session], interaction)

        return allowed

    async def _finds_deleted(
        self, context: Context, sessions: list[Session], asks_for_deleted: bool
    ) -> bool:
        """Whether a search finds what was deleted: only where those alone see it who may."""
        if not await self.controls(context, sessions):
            return False
        if asks_for_deleted and not await self._only_managers_see(context, sessions):
            await self.answer_privately(context, replies.DELETED_BY_DIRECT_MESSAGE)
        return await self._only_managers_see(context, sessions)

    async def _only_managers_see(self, context: Context, sessions: list[Session]) -> bool:
        """Whether nobody sees the answer but those who may manage messages in all channels."""
        if self.is_private(context):
            return True
        channels = await asyncio.to_thread(self.manager.reader.channels, sessions)
        audience = Audience(context.channel, Channels(context.guild))
        return await audience.manages_messages({id for held in channels.values() for id in held})

    def _file_limit(self, context: Context) -> int:
        by_direct_message = self.is_private(context) and context.interaction is None
        if context.guild is None or by_direct_message:
            return discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
        return int(context.guild.filesize_limit)

    @load.autocomplete("name")
    @search.autocomplete("name")
    @stats.autocomplete("name")
    @tags.autocomplete("name")
    @goto.autocomplete("name")
    @export.autocomplete("name")
    async def _complete_name(
        self, interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        return await self.complete_session(interaction, current)

    @goto.autocomplete("tag")
    async def _complete_tag(
        self, interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        return await self.complete_tag(interaction, current)

    @export.autocomplete("format")
    async def _complete_format(
        self, interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        return [
            app_commands.Choice(name=FORMATS[format].title, value=format)
            for format in FORMATS
            if current.lower() in format
        ]


def _pages(count: int, a_page: int) -> int:
    return max(1, -(-count // a_page))


def _zipped(path: Path) -> Path:
    archive = path.with_name(f"{path.name}.zip")
    archive.touch(0o600)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.write(path, path.name)
    return archive
