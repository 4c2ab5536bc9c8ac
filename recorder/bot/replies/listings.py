"""Pages of sessions, messages and tags: the replies to `list`, `load`, `goto` and `tags`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from recorder.bot.replies.discord_time import clock, date_and_clock
from recorder.bot.replies.escaping import argument, one_line, plain
from recorder.formatting import duration, gap_outcome, plural, reactions, relative_day
from recorder.models import Gap, RecordedMessage, Session, Tag

SESSIONS_PER_PAGE = 10
MESSAGES_PER_PAGE = 5
_LONGEST_TEXT = 280
_LONGEST_NAME = 40
_LONGEST_REACTIONS = 60
_LONGEST_COMMAND = 80
_LONGEST_TAG_LIST = 1_500
_STATUS_MARKS = {"active": " 🔴", "paused": " ⏸️", "stopped": ""}


def page_count(items: int, per_page: int) -> int:
    """Return the number of pages, at least 1."""
    return max(1, -(-items // per_page))


def session_list(
    sessions: Sequence[Session], page: int, now: datetime, timezone: ZoneInfo, prefix: str
) -> str:
    """Return a page of a list of sessions, with the totals of the whole list."""
    if not sessions:
        return (
            "📚 **Saved Sessions**\n\nNothing has been recorded here yet.\n"
            f"Start: {prefix}record start <name>"
        )
    first = page * SESSIONS_PER_PAGE
    lines = [
        f"{number}. {plain(session.name)} ({duration(session.duration(now))}, "
        f"{session.message_count} msgs) - {relative_day(session.started_at, now, timezone)}"
        f"{_STATUS_MARKS[session.status]}"
        for number, session in enumerate(sessions[first : first + SESSIONS_PER_PAGE], first + 1)
    ]
    messages = sum(session.message_count for session in sessions)
    return (
        "📚 **Saved Sessions**\n\n"
        + "\n".join(lines)
        + f"\n\nTotal: {plural(len(sessions), 'session')}, {plural(messages, 'message')}\n"
        + f"Load: {prefix}record load <name>"
    )


def message_page(
    session: Session,
    first: int,
    messages: Sequence[RecordedMessage],
    gaps: Sequence[Gap],
    now: datetime,
    prefix: str,
) -> str:
    """Return the head of a session and a page of its messages, from index `first` on."""
    lines = [message_line(message) for message in messages]
    if first == 1:
        title = f"First {plural(len(lines), 'message')}" if lines else "No messages yet"
    else:
        title = f"Messages {first}-{first + len(lines) - 1} of {session.message_count}"
    return (
        f"📖 **Loading Session: {plain(session.name)}**\n\n"
        f"Date: {date_and_clock(session.started_at)}\n"
        f"Duration: {duration(session.duration(now))}\n"
        f"Messages: {session.message_count}\n{_newest_gap(gaps)}\n"
        f"**{title}{':' if lines else ''}**\n\n" + "\n".join(lines) + "\n\n"
        f"View full: {prefix}record export {argument(session.name)} md"
    )


def _newest_gap(gaps: Sequence[Gap]) -> str:
    if not gaps:
        return ""
    newest = gaps[-1]
    others = f", and {len(gaps) - 1} earlier" if len(gaps) > 1 else ""
    return f"Gap: {date_and_clock(newest.started_at)} {plain(gap_outcome(newest))}{others}\n"


def tagged_messages(
    session: Session, tag: Tag, messages: Sequence[RecordedMessage], prefix: str
) -> str:
    """Return the messages around a tagged one, which is marked and linked."""
    lines, link = [], ""
    for recorded in messages:
        line = message_line(recorded)
        if recorded.message_index == tag.message_index:
            line = f"➡️ {line}"
            message = recorded.message
            link = message_link(session.guild_id, message.channel_id, message.message_id)
        lines.append(line)
    jump = f"Jump: <{link}>\n" if link else ""
    return (
        f"🏷️ **{plain(tag.name)}** in {plain(session.name)}, {date_and_clock(tag.timestamp)}\n\n"
        + "\n".join(lines)
        + f"\n\n{jump}View full: {prefix}record export {argument(session.name)} md"
    )


def tag_list(session: Session, tags: Sequence[Tag], prefix: str) -> str:
    """Return the tags of a session, as many as fit into a message."""
    if not tags:
        return (
            f"🏷️ There are no tags in {plain(session.name)} yet.\nAdd one: {prefix}record tag <tag>"
        )
    lines = [f"- {plain(tag.name)} ({clock(tag.timestamp)})" for tag in tags]
    text, shown = "", 0
    while shown < len(lines) and len(text) + len(lines[shown]) < _LONGEST_TAG_LIST:
        text += f"{lines[shown]}\n"
        shown += 1
    more = f"and {len(lines) - shown} more\n" if shown < len(lines) else ""
    example = f"{argument(session.name)} {argument(tags[0].name)}"
    return f"🏷️ **Tags in session:**\n{text}{more}\nJump to: {prefix}record goto {example}"


def message_line(recorded: RecordedMessage) -> str:
    """Return a message on one line, with its time, author and marks."""
    message = recorded.message
    if recorded.deleted_at is not None:
        text = "*(deleted)*"
    else:
        marks = "".join(f" *({mark})*" for mark in recorded.marks)
        if message.used_command:
            marks += f" *({one_line(message.used_command, _LONGEST_COMMAND)})*"
        text = f"{one_line(message.text, _LONGEST_TEXT)}{marks}"
        if recorded.reactions:
            text += f" [{one_line(reactions(recorded.reactions), _LONGEST_REACTIONS)}]"
    return f"[{clock(message.timestamp)}] {one_line(message.speaker, _LONGEST_NAME)}: {text}"


def message_link(guild_id: str | None, channel_id: str | None, message_id: int | None) -> str:
    """Return the link to a message in Discord; empty if its ids are unknown."""
    if channel_id is None or message_id is None:
        return ""
    return f"https://discord.com/channels/{guild_id or '@me'}/{channel_id}/{message_id}"
