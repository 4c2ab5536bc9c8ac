"""Commands that read recordings: list, load, search, stats, goto, tags, export."""

from __future__ import annotations

import asyncio
import tempfile
import zipfile
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias

import discord
from discord import app_commands

from recorder.bot.commands.base import RecorderCommands
from recorder.bot.commands.context import Context, prefix_of, unquoted
from recorder.bot.commands.heavy import HeavyWork
from recorder.bot.replies import listings, refusals, results, search_reply, stats_reply
from recorder.bot.replies.listings import MESSAGES_PER_PAGE, page_count
from recorder.errors import InvalidInput
from recorder.formats.session_exporter import FORMATS
from recorder.models import Gap, Session, Tag
from recorder.record.names import export_name
from recorder.search.searcher import Searcher, SearchResult
from recorder.stats.pictures import activity_picture, are_available
from recorder.stats.session_analyzer import SessionAnalyzer, Statistics
from recorder.store.export_index import TEMPORARY
from recorder.store.time_limit import check_limit

_BLOCK = 1 << 20  # bytes

ExportState: TypeAlias = tuple[Session, str, int, tuple[tuple[Tag, ...], tuple[Gap, ...]]]
"""An export: the session, the format, the upload limit, and what it shows besides the lines."""


# mypy cannot infer what discord.py's decorators of hybrid commands take: hence the ignores.
class FindingCommands(RecorderCommands):
    """The commands that read recordings."""

    searcher: Searcher
    heavy: HeavyWork
    kept_exports: dict[ExportState, tuple[Path, int]]

    @RecorderCommands.record.command(name="list")  # type: ignore[arg-type]
    async def list_(self, context: Context) -> None:
        """List the sessions that everyone here may read."""
        now, prefix = context.message.created_at, prefix_of(context)

        def page(sessions: list[Session], index: int) -> str:
            last = page_count(len(sessions), listings.SESSIONS_PER_PAGE) - 1
            timezone = self.settings.timezone
            return listings.session_list(sessions, min(index, last), now, timezone, prefix)

        async def fetch_page(index: int, _: int) -> str:
            return page(await self.readable_sessions(context), index)

        async def may_turn(interaction: discord.Interaction) -> bool:
            return interaction.user.id == context.author.id  # others have lists of their own

        sessions = await self.readable_sessions(context)
        count = page_count(len(sessions), listings.SESSIONS_PER_PAGE)
        await self.reply_in_pages(context, page(sessions, 0), count, fetch_page, may_turn)

    @RecorderCommands.record.command()  # type: ignore[arg-type]
    @app_commands.describe(name="The session's name")
    async def load(self, context: Context, *, name: str) -> None:
        """Replay a session."""
        now, prefix = context.message.created_at, prefix_of(context)
        session = await self.session(context, unquoted(name))

        def page(index: int) -> str:
            current = self.manager.reader.session(session.id)
            first = index * MESSAGES_PER_PAGE + 1
            messages = list(self.manager.load(current, first, MESSAGES_PER_PAGE))
            gaps = self.manager.reader.gaps(current)
            return listings.message_page(current, first, messages, gaps, now, prefix)

        count = page_count(session.message_count, MESSAGES_PER_PAGE)
        await self._answer_in_pages(context, page, count, self.page_check(context, [session]))

    @RecorderCommands.record.command()  # type: ignore[arg-type]
    @app_commands.describe(
        name="The session's name, or all",
        query='Words, "a phrase", from:name, before:2025-11-08, has:link, -not, a OR b',
    )
    async def search(self, context: Context, name: str, *, query: str) -> None:
        """Find messages in a session, or in all that everyone here may read."""
        all_sessions = name.lower() == "all"
        if all_sessions:
            sessions = await self.readable_sessions(context)
        else:
            sessions = [await self.session(context, name)]
        request = search_reply.parse(query)
        deleted_too = await self._search_deleted(context, sessions, request.asks_for_deleted)
        now = context.message.created_at
        title = "all sessions" if all_sessions else sessions[0].name
        may_read = self.page_check(context, sessions)

        def search(index: int) -> SearchResult:
            return self.searcher.search(
                request.query,
                sessions,
                now=now,
                sort=request.sort,
                fts=request.fts,
                limit=search_reply.HITS_PER_PAGE,
                offset=index * search_reply.HITS_PER_PAGE,
                include_deleted=deleted_too,
            )

        async def fetch_page(index: int, user_id: int) -> str:
            result = await self.heavy.answer(user_id, partial(search, index))
            return search_reply.hits(title, result, index, all_sessions)

        async def may_turn(interaction: discord.Interaction) -> bool:
            return await may_read(interaction) and (
                not deleted_too
                or await self.may_control_sessions(context, sessions, interaction.user)
            )

        with self.heavy.question(context.author.id):
            await self.defer(context)
            result = await self.heavy.run(search, 0)
        text = search_reply.hits(title, result, 0, all_sessions)
        count = page_count(result.total, search_reply.HITS_PER_PAGE)
        await self.reply_in_pages(context, text, count, fetch_page, may_turn)

    @RecorderCommands.record.command()  # type: ignore[arg-type]
    @app_commands.describe(name="The session's name; by default all that everyone here may read")
    async def stats(self, context: Context, *, name: str | None = None) -> None:
        """Show statistics: authors, times, commands and topics."""
        if name is None:
            sessions, title = await self.readable_sessions(context), "all sessions"
        else:
            session = await self.session(context, unquoted(name))
            sessions, title = [session], session.name
        with self.heavy.question(context.author.id):
            await self.defer(context)
            now, reader = context.message.created_at, self.manager.reader
            takes_files = are_available() and context.bot_permissions.attach_files

            def analyze() -> tuple[Statistics, bytes | None]:
                statistics = SessionAnalyzer(reader).analyze(sessions, now)
                if not (statistics.messages and takes_files):
                    return statistics, None
                timezone = self.settings.timezone
                return statistics, activity_picture(reader, sessions, title, now, timezone)

            statistics, picture = await self.heavy.run(analyze)
        text = stats_reply.stats(title, statistics)
        await self.reply(context, text, file=stats_reply.file(picture))

    @RecorderCommands.record.command()  # type: ignore[arg-type]
    @app_commands.describe(name="The session's name", tag="The tag's name")
    async def goto(self, context: Context, name: str, *, tag: str) -> None:
        """Show a tagged message with the messages around it."""
        session = await self.session(context, name)
        target = await asyncio.to_thread(self.manager.reader.tag, session, unquoted(tag))
        # The pages are shifted so that the tagged message is in the middle of one.
        begin = target.message_index - 1 - MESSAGES_PER_PAGE // 2
        shift = begin % MESSAGES_PER_PAGE
        shifted_pages = 1 if shift else 0

        def page(index: int) -> str:
            first = (index - shifted_pages) * MESSAGES_PER_PAGE + shift + 1
            start = max(first, 1)
            messages = list(self.manager.load(session, start, first + MESSAGES_PER_PAGE - start))
            return listings.tagged_messages(session, target, messages, prefix_of(context))

        count = shifted_pages + page_count(session.message_count - shift, MESSAGES_PER_PAGE)
        index = max(max(begin - shift, -shift) // MESSAGES_PER_PAGE + shifted_pages, 0)
        may_turn = self.page_check(context, [session])
        await self._answer_in_pages(context, page, count, may_turn, index)

    @RecorderCommands.record.command()  # type: ignore[arg-type]
    @app_commands.describe(name="The session's name; by default this channel's session")
    async def tags(self, context: Context, *, name: str | None = None) -> None:
        """List the tags of a session."""
        if name is not None:
            session = await self.session(context, unquoted(name))
        else:
            session = await self.session_here(context) or await self.latest_session(context)
        tags = await asyncio.to_thread(self.manager.reader.tags, session)
        await self.reply(context, listings.tag_list(session, tags, prefix_of(context)))

    @RecorderCommands.record.command()  # type: ignore[arg-type]
    @app_commands.describe(
        name="The session's name",
        format="txt, md, html, json, jsonl, csv, or dce for DiscordChatExporter's JSON",
    )
    async def export(self, context: Context, name: str, format: str = "md") -> None:
        """Export a session as a file."""
        session = await self.session(context, name)
        format = self.manager.exporter.check_format(format)
        if FORMATS[format].is_record:
            if not await self.may_control_sessions(context, [session]):
                raise InvalidInput(
                    "The JSONL includes deleted messages, so it needs the Manage Messages "
                    "permission. Choose another format."
                )
            if not await self.only_managers_see(context, [session]):
                await self.make_private(context, refusals.DELETED_BY_DIRECT_MESSAGE)
        with self.heavy.question(context.author.id):
            await self.defer(context)
            limit = self._file_limit(context)
            now = context.message.created_at
            state = (session, format, limit, await asyncio.to_thread(self._shown_with, session))
            kept, size = self.kept_exports.get(state, (None, 0))
            if kept is not None and kept.exists():
                await self.reply(context, self._too_large(session, format, size, limit))
                return
            exports = self.manager.reader.folder / "exports"  # where an erasure reaches it
            with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=exports) as folder:
                path = Path(folder) / export_name(session.name, FORMATS[format].suffix)

                def write() -> tuple[int, Path, Path | None]:
                    size = self.manager.exporter.export(session, format, path, now)
                    attached = path if size <= limit else zip_file(path)
                    if attached.stat().st_size <= limit:
                        return size, attached, None
                    return size, path, self.manager.keep_export(session, format, path)

                size, attached, kept = await self.heavy.run(write)
                if kept is None:
                    text = results.exported(FORMATS[format].title)
                    await self.reply(context, text, file=discord.File(attached))
                    return
        if session.status == "stopped":  # the duration of others changes
            self.kept_exports[state] = kept, size
        await self.reply(context, self._too_large(session, format, size, limit))

    async def _answer_in_pages(
        self,
        context: Context,
        page: Callable[[int], str],
        count: int,
        may_turn: Callable[[discord.Interaction], Awaitable[bool]],
        index: int = 0,
    ) -> None:
        """Reply with pages of messages, which are read in a moment unless a session is large."""

        async def fetch_page(number: int, user_id: int) -> str:
            return await self.heavy.answer(user_id, partial(page, number))

        defer = partial(self.defer, context)
        text = await self.heavy.answer(context.author.id, partial(page, index), defer)
        await self.reply_in_pages(context, text, count, fetch_page, may_turn, index)

    def _shown_with(self, session: Session) -> tuple[tuple[Tag, ...], tuple[Gap, ...]]:
        """Return what an export shows besides the lines."""
        reader = self.manager.reader
        return tuple(reader.tags(session)), tuple(reader.gaps(session))

    @staticmethod
    def _too_large(session: Session, format: str, size: int, limit: int) -> str:
        # Without the number of the real file, which would tell of files of other guilds.
        name = export_name(session.name, FORMATS[format].suffix)
        return results.export_too_large(f"exports/{name}", size, limit)

    async def _search_deleted(
        self, context: Context, sessions: list[Session], asks_for_deleted: bool
    ) -> bool:
        """Return whether a search includes deleted messages.

        It does if only members who manage messages see the reply, which is made private if
        the query asks for deleted messages.
        """
        if not await self.may_control_sessions(context, sessions):
            return False
        if await self.only_managers_see(context, sessions):
            return True
        if asks_for_deleted:
            await self.make_private(context, refusals.DELETED_BY_DIRECT_MESSAGE)
        return asks_for_deleted

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


def zip_file(path: Path) -> Path:
    """Compress a file into a ZIP archive beside it, readable by its owner alone."""
    archive = path.with_name(f"{path.name}.zip")
    archive.touch(0o600)
    entry = zipfile.ZipInfo.from_file(path, path.name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    with (
        zipfile.ZipFile(archive, "w") as file,
        path.open("rb") as source,
        file.open(entry, "w") as target,
    ):
        while block := source.read(_BLOCK):
            check_limit()
            target.write(block)
    return archive
