"""What the bot says: the specification's words, with times that each reader sees as their own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from discord.ext import commands

from recorder.bot.replies.escaping import one_line, plain
from recorder.formatting import duration, gap_outcome, plural, reactions, relative_day, size
from recorder.models import AutoRecording, Gap, RecordedMessage, Session, Tag
from recorder.store.consent import RecordedOfUser

SESSIONS_A_PAGE = 10
MESSAGES_A_PAGE = 5
_SHOWN_TEXT = 280
_SHOWN_NAME = 40
_SHOWN_REACTIONS = 60
_MOST_TAGS = 1_500
_MOST_SOURCES = 15
_MOST_GAPS = 10

# How our own messages begin, so that they are known again in a channel's history.
OPENINGS = (
    *(
        "🔴 **Recording Started",
        "🔴 **Resumed Session",
        "🔴 Auto-recording",
        "🔴 New session started",
    ),
    *("⏹️ **Recording Stopped", "⏸️ **Recording Paused", "🛑 **Recording stopped"),
    *("💾 **Session Saved", "📚 **Saved Sessions", "📖 **Loading Session", "📄 **Exporting"),
    *("📄 The export", "🗑️ ", "🏷️ ", "🔗 **Merging", "🔍 ", "📊 **Session Stats"),
    *("🎙️ **Session Recording", "⚪ Auto-recording", "❌ ", "🔒 ", "⏳ ", "🙈 ", "🙉 "),
)

# A command of ours in an error's sentence.
_COMMAND = re.compile(r"`record([^`]*)`")

FAILED = (
    "🛑 **Recording stopped: it could not be written any more.**\n"
    "What was acknowledged is kept. Who runs this bot finds the reason in its log; "
    "recording goes on when it is started again."
)
UNEXPECTED = "❌ Something went wrong; nothing was changed. The reason is in the bot's log."
AUTO_ON = (
    "🔴 Auto-recording enabled\n"
    "All conversations will be recorded automatically\n"
    "Sessions created per-day"
)
AUTO_OFF = "⚪ Auto-recording disabled\nNothing is recorded automatically any more"
BY_DIRECT_MESSAGE = "What not everybody here may read, I answer by direct message."
DELETED_BY_DIRECT_MESSAGE = (
    "🔒 What was deleted is for those who manage messages: I answer by direct message."
)
PRIVACY_BY_DIRECT_MESSAGE = "🙈 What is kept of you I tell you by direct message."
FORBIDDEN = "❌ Discord does not let me do that here. Check my rights in this channel."
NO_TEXTS = (
    "⚠️ I cannot read the text of messages: the message content intent is switched off for "
    "this bot. Who runs it switches it on in Discord's developer portal."
)


def started(session: Session, prefix: str, earlier: int = 0) -> str:
    """The notice to everybody in the channel.

    Parameters
    ----------
    earlier
        How many messages were said before, and were recorded from the history.
    """
    before = f"{plural(earlier, 'message')} from before recorded too\n" if earlier else ""
    return (
        "🔴 **Recording Started**\n\n"
        f"Session: {plain(session.name)}\n"
        f"File: {plain(session.file_path)}\n"
        f"Time: {clock(session.started_at)}\n\n"
        f"{before}All messages will be recorded\n"
        f"Stop: {prefix}record stop\n"
        f"Do not record me: {prefix}record optout"
    )


def stopped(session: Session, now: datetime, prefix: str) -> str:
    """What was recorded, and how to see it."""
    return (
        "⏹️ **Recording Stopped**\n\n"
        f"Session: {plain(session.name)}\n"
        f"Duration: {duration(session.duration(now))}\n"
        f"Messages: {session.message_count}\n"
        f"Size: {size(session.byte_size)}\n\n"
        f"Saved: {plain(session.file_path)}\n"
        f"Load: {prefix}record load {plain(_quoted(session.name))}\n"
        f"Head: {session.head}"
    )


def paused(session: Session, prefix: str) -> str:
    """The notice that nothing is recorded for now."""
    return (
        "⏸️ **Recording Paused**\n\n"
        f"Session: {plain(session.name)}\n"
        f"Messages: {session.message_count}\n\n"
        "Nothing is recorded until it is resumed\n"
        f"Resume: {prefix}record resume"
    )


def resumed(session: Session, now: datetime) -> str:
    """The notice that recording goes on."""
    return (
        f"🔴 **Resumed Session: {plain(session.name)}**\n\n"
        f"Original: {date_and_clock(session.started_at)}\n"
        f"Resumed: {date_and_clock(now)}\n\n"
        f"Messages before pause: {session.message_count}\n"
        "All new messages will be appended"
    )


def opted_out(changed: bool, prefix: str) -> str:
    """That somebody is not recorded any more."""
    first = "You are not recorded here from now on" if changed else "You are not recorded here"
    return (
        f"🙈 **{first}**\n\n"
        "Recordings show that somebody who opted out said something, but neither who nor what\n"
        f"What was recorded before: {prefix}record privacy\n"
        f"Be recorded again: {prefix}record optin"
    )


def opted_in(changed: bool, prefix: str) -> str:
    """That somebody is recorded again."""
    first = "You are recorded here again" if changed else "You are recorded here already"
    return f"🙉 **{first}**\n\nOpt out: {prefix}record optout"


def privacy(
    kept: RecordedOfUser, since: datetime | None, user_id: str, contact: str | None, prefix: str
) -> str:
    """What is kept of somebody, where, and how to have it erased."""
    messages = plural(kept.messages, "message")
    if since:
        state = f"You opted out {date_and_clock(since)}: nothing of you is recorded since then"
        change = f"Be recorded again: {prefix}record optin"
    else:
        state = "What you say in a channel that is being recorded is recorded"
        change = f"Be recorded no more: {prefix}record optout"
    return (
        "🙈 **Your privacy here**\n\n"
        f"{messages} of yours in {plural(kept.sessions, 'recording')} that you may read\n"
        "Kept of each: its text, attachments and edits, your name and id, its time and place; "
        "a deleted message stays on record, hidden from all but those who manage messages\n"
        "Where: in a database and text files on the computer that this bot runs on\n\n"
        f"{state}\n{change}\n"
        f"Have it erased: ask {plain(contact or 'who runs this bot')} to run "
        f"`recorder erase --user {user_id}`"
    )


def was_away(gaps: Sequence[Gap]) -> str:
    """The notice that something was missed, and what became of it."""
    lines = [
        f"{clock(gap.started_at)} to {clock(gap.ended_at or gap.started_at)} "
        + plain(gap_outcome(gap))
        for gap in gaps[-_MOST_GAPS:]
    ]
    return "⏳ **I was away**\n\n" + "\n".join(lines)


def saved(session: Session, path: str, byte_size: int) -> str:
    """Where the copy lies."""
    return (
        "💾 **Session Saved**\n\n"
        f"Session: {plain(session.name)}\n"
        f"Messages: {session.message_count}\n"
        f"Size: {size(byte_size)}\n\n"
        f"Saved: {plain(path)}"
    )


def listed(
    sessions: Sequence[Session], page: int, now: datetime, timezone: ZoneInfo, prefix: str
) -> str:
    """One page of the sessions that the reader may see, with the total of all."""
    if not sessions:
        return (
            f"📚 **Saved Sessions**\n\nNothing has been recorded here yet.\n"
            f"Begin: {prefix}record start <name>"
        )
    first = page * SESSIONS_A_PAGE
    marks = {"active": " 🔴", "paused": " ⏸️", "stopped": ""}
    lines = [
        f"{number}. {plain(session.name)} ({duration(session.duration(now))}, "
        f"{session.message_count} msgs) - {relative_day(session.started_at, now, timezone)}"
        f"{marks[session.status]}"
        for number, session in enumerate(sessions[first : first + SESSIONS_A_PAGE], first + 1)
    ]
    messages = sum(session.message_count for session in sessions)
    return (
        "📚 **Saved Sessions**\n\n"
        + "\n".join(lines)
        + f"\n\nTotal: {plural(len(sessions), 'session')}, {plural(messages, 'message')}\n"
        + f"Load: {prefix}record load <name>"
    )


def loaded(
    session: Session,
    first: int,
    messages: Iterable[RecordedMessage],
    gaps: Sequence[Gap],
    now: datetime,
    prefix: str,
) -> str:
    """The head of a session and some of its messages, from the one with index `first` on."""
    lines = [message_line(message) for message in messages]
    if first == 1:
        title = f"First {plural(len(lines), 'message')}" if lines else "No messages yet"
    else:
        title = f"Messages {first}-{first + len(lines) - 1} of {session.message_count}"
    return (
        f"📖 **Loading Session: {plain(session.name)}**\n\n"
        f"Date: {date_and_clock(session.started_at)}\n"
        f"Duration: {duration(session.duration(now))}\n"
        f"Messages: {session.message_count}\n{_gaps(gaps)}\n"
        f"**{title}{':' if lines else ''}**\n\n" + "\n".join(lines) + "\n\n"
        f"View full: {prefix}record export {plain(_quoted(session.name))} md"
    )


def _gaps(gaps: Sequence[Gap]) -> str:
    if not gaps:
        return ""
    newest = gaps[-1]
    further = f", and {len(gaps) - 1} before" if len(gaps) > 1 else ""
    return f"Gap: {date_and_clock(newest.started_at)} {plain(gap_outcome(newest))}{further}\n"


def gone_to(session: Session, tag: Tag, messages: Sequence[RecordedMessage], prefix: str) -> str:
    """The messages around a tagged one, which is marked, and a link to it in Discord."""
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
        + f"\n\n{jump}View full: {prefix}record export {plain(_quoted(session.name))} md"
    )


def message_link(guild_id: str | None, channel_id: str | None, message_id: int | None) -> str:
    """Where a message stands in Discord; empty when that is not known."""
    if channel_id is None or message_id is None:
        return ""
    return f"https://discord.com/channels/{guild_id or '@me'}/{channel_id}/{message_id}"


def tagged(tag: Tag) -> str:
    """The notice that a moment was tagged."""
    return (
        f"🏷️ Tag added: {plain(tag.name)}\n"
        f"Timestamp: {clock(tag.timestamp)}\n"
        "Easy to find this moment later"
    )


def untagged(session: Session, name: str) -> str:
    """The notice that a tag is gone."""
    return f"🏷️ Tag removed: {plain(name)} from {plain(session.name)}"


def tags(session: Session, found: Sequence[Tag], prefix: str) -> str:
    """The tags of a session, as many as a message holds."""
    name = plain(_quoted(session.name))
    if not found:
        return (
            f"🏷️ There are no tags in {plain(session.name)} yet.\nAdd one: {prefix}record tag <tag>"
        )
    lines = [f"- {plain(tag.name)} ({clock(tag.timestamp)})" for tag in found]
    text, shown = "", 0
    while shown < len(lines) and len(text) + len(lines[shown]) < _MOST_TAGS:
        text += f"{lines[shown]}\n"
        shown += 1
    more = f"and {len(lines) - shown} more\n" if shown < len(lines) else ""
    example = plain(_quoted(found[0].name))
    return f"🏷️ **Tags in session:**\n{text}{more}\nJump to: {prefix}record goto {name} {example}"


def merged(sources: Sequence[Session], session: Session) -> str:
    """What was put together."""
    lines = [
        f"{plain(source.name)}: {plural(source.message_count, 'message')}"
        for source in sources[:_MOST_SOURCES]
    ]
    if len(sources) > _MOST_SOURCES:
        lines.append(f"and {len(sources) - _MOST_SOURCES} more")
    return (
        "🔗 **Merging Sessions...**\n\n" + "\n".join(lines) + "\n\n"
        f"✅ Merged to: {plain(session.name)} ({plural(session.message_count, 'message')})\n"
        "Chronologically sorted"
    )


def auto_begun(session: Session, now: datetime) -> str:
    """The notice that the session of the day began, or goes on."""
    day = session.name.removeprefix("auto_")
    begun = f"New session started: {plain(day)}"
    title = f"Auto-recording goes on: {plain(session.name)}" if session.message_count else begun
    return f"🔴 {title}\nFile: {plain(session.file_path)}\nDo not record me: /record optout"


def auto_status(place: AutoRecording | None, in_guild: bool) -> str:
    """Whether auto-recording is on."""
    if place is None:
        return "⚪ Auto-recording is off here\nSwitch it on: `record auto on`"
    everywhere = in_guild and place.place_id == place.guild_id
    where = "all channels of this server" if everywhere else "this channel"
    return f"🔴 Auto-recording is on in {where}"


def auto_not_on(known: AutoRecording | None, where: str) -> str:
    """Why it cannot be switched off as it was said."""
    if known is None:
        return "Auto-recording is not on here."
    if where:
        return "Auto-recording is on in this channel alone. Say `record auto off`."
    return "Auto-recording is on in the whole server. Say `record auto off server`."


def message_line(recorded: RecordedMessage) -> str:
    """A message on one line, harmless wherever it is shown."""
    message = recorded.message
    if recorded.deleted_at is not None:
        text = "*(deleted)*"
    else:
        marks = "".join(f" *({mark})*" for mark in recorded.marks)
        text = f"{one_line(message.text, _SHOWN_TEXT)}{marks}"
        if recorded.reactions:
            text += f" [{one_line(reactions(recorded.reactions), _SHOWN_REACTIONS)}]"
    return f"[{clock(message.timestamp)}] {one_line(message.speaker, _SHOWN_NAME)}: {text}"


def too_large(path: str, byte_size: int, limit: int) -> str:
    """Where an export lies that Discord does not take."""
    return (
        f"📄 The export is too large for Discord here ({size(byte_size)}, the limit is "
        f"{size(limit)}, zipped too). It lies on the recorder's host, in its data folder: "
        f"{plain(path)}"
    )


def really_delete(session: Session) -> str:
    """The question before a session is gone for good."""
    return (
        f"🗑️ Delete **{plain(session.name)}** with its {plural(session.message_count, 'message')} "
        "for good? This cannot be undone."
    )


def deleted(session: Session) -> str:
    """The notice that a session is gone."""
    return (
        f"🗑️ **Session Deleted**\n\nSession: {plain(session.name)}\n"
        f"Messages: {session.message_count}"
    )


def refused(sentence: str, prefix: str) -> str:
    """Why something was not done; our commands in it as they are typed here."""
    parts = [plain(part) for part in _COMMAND.split(sentence)]
    parts[1::2] = [f"**{prefix}record{rest}**" for rest in parts[1::2]]
    return "❌ " + "".join(parts)


def wrong_use(command: commands.Command[Any, ..., Any] | None, prefix: str) -> str:
    """How a command is to be used."""
    if command is None:
        return f"❌ I do not understand that. See {prefix}record help"
    return (
        f"❌ Use it like this: {prefix}{command.qualified_name} {command.signature}\n"
        f"See {prefix}record help"
    )


def help_text(prefix: str) -> str:
    """How to use it."""
    lines = [
        ("start <name>", "record this channel from now on"),
        ("stop", "stop the recording"),
        ("pause", "record nothing for a while"),
        ("resume [name]", "go on after a pause, or with a stopped session"),
        ("auto on|off|status", "record every day by itself"),
        ("optout, optin", "have nothing, or all, of you recorded here"),
        ("privacy", "what is kept of you, and how to have it erased"),
        ("save <filename>", "save a copy: .txt, .md, .json, .jsonl, .csv, .dce.json"),
        ("list", "the sessions that everybody here may see"),
        ("load <name>", "replay a session"),
        ("search <name|all> <query>", "find messages"),
        ("stats [name]", "who, when, which commands and topics"),
        ("export <name> <format>", "a file: txt, md, html, json, jsonl, csv, dce"),
        ("tag <tag>", "mark this moment, or the message you reply to"),
        ("tags <name>", "the marked moments of a session"),
        ("goto <name> <tag>", "see a marked moment again"),
        ("untag <name> <tag>", "remove a mark"),
        ("merge <a> <b> --output <c>", "put sessions together"),
        ("delete <name>", "delete a session for good"),
    ]
    width = max(len(usage) for usage, _ in lines)
    commands = "\n".join(f"{prefix}record {usage:<{width}}  {what}" for usage, what in lines)
    return (
        "🎙️ **Session Recording**\n"
        f"```\n{commands}\n```"
        'A name of several words stands in quotes: "my session". '
        "Starting, stopping, saving and deleting need the right to manage messages. "
        "What not everybody in a channel may see is shown to you alone."
    )


def clock(time: datetime) -> str:
    """A time of day, as each reader's own Discord shows it."""
    return f"<t:{int(time.timestamp())}:t>"


def date_and_clock(time: datetime) -> str:
    """A date and time, as each reader's own Discord shows it."""
    return f"<t:{int(time.timestamp())}:f>"


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name
