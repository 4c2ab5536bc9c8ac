"""Notices to everyone in a channel: recording started, stopped, paused, resumed or failed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import discord

from recorder.bot.replies.discord_time import clock, date_and_clock
from recorder.bot.replies.escaping import argument, plain
from recorder.formatting import duration, gap_outcome, plural, size
from recorder.models import AutoRecording, Gap, Session

Announce = Callable[[discord.abc.Messageable, str], Awaitable[discord.Message | None]]
"""Sends a notice to a channel; ``None`` when Discord refused it."""

_MOST_GAPS = 10

RECORDING_FAILED = (
    "🛑 **Recording stopped: messages can no longer be written.**\n"
    "All messages recorded before are kept. The reason is in the bot's log; "
    "I keep trying to continue."
)
RECORDING_RECOVERED = (
    "🔴 **Recording continues**\n"
    "Messages sent in the meantime are fetched from the history of the channel."
)
NO_MESSAGE_CONTENT = (
    "⚠️ I cannot read the text of messages: the message content intent is off for this bot. "
    "Its operator can switch it on in Discord's developer portal."
)
AUTO_ON = (
    "🔴 Auto-recording enabled\n"
    "All conversations will be recorded automatically\n"
    "Sessions created per-day"
)
AUTO_OFF = "⚪ Auto-recording disabled\nConversations are no longer recorded automatically"


def started(session: Session, prefix: str, earlier: int = 0) -> str:
    """Return the notice that a recording started.

    Parameters
    ----------
    earlier
        The number of messages that were recorded from the channel's history.
    """
    before = f"{plural(earlier, 'earlier message')} recorded too\n" if earlier else ""
    return (
        "🔴 **Recording Started**\n\n"
        f"Session: {plain(session.name)}\n"
        f"File: {plain(session.shown_path)}\n"
        f"Time: {clock(session.started_at)}\n\n"
        f"{before}All messages will be recorded\n"
        f"Stop: {prefix}record stop\n"
        f"Do not record me: {prefix}record optout"
    )


def stopped(session: Session, now: datetime, prefix: str) -> str:
    """Return the notice that a recording stopped, with its size and how to load it."""
    return (
        "⏹️ **Recording Stopped**\n\n"
        f"Session: {plain(session.name)}\n"
        f"Duration: {duration(session.duration(now))}\n"
        f"Messages: {session.message_count}\n"
        f"Size: {size(session.byte_size)}\n\n"
        f"Saved: {plain(session.shown_path)}\n"
        f"Load: {prefix}record load {argument(session.name)}\n"
        f"Head: {session.head}"
    )


def paused(session: Session, prefix: str) -> str:
    """Return the notice that a recording is paused."""
    return (
        "⏸️ **Recording Paused**\n\n"
        f"Session: {plain(session.name)}\n"
        f"Messages: {session.message_count}\n\n"
        "Nothing is recorded until the recording is resumed\n"
        f"Resume: {prefix}record resume"
    )


def suspended(session: Session, reason: str) -> str:
    """Return the notice that a recording is paused since the bot lacks a permission."""
    return (
        "⏸️ **Recording Paused**\n\n"
        f"Session: {plain(session.name)}\n"
        f"Reason: {plain(reason)}\n\n"
        "Nothing is recorded until that has changed"
    )


def resumed(session: Session, now: datetime) -> str:
    """Return the notice that a session is recorded again."""
    return (
        f"🔴 **Resumed Session: {plain(session.name)}**\n\n"
        f"Original: {date_and_clock(session.started_at)}\n"
        f"Resumed: {date_and_clock(now)}\n\n"
        f"Messages before pause: {session.message_count}\n"
        "All new messages will be appended"
    )


def auto_started(session: Session) -> str:
    """Return the notice that auto-recording started or continued the session of the day."""
    if session.message_count:
        title = f"Auto-recording continues: {plain(session.name)}"
    else:
        title = f"New session started: {plain(session.name.removeprefix('auto_'))}"
    return f"🔴 {title}\nFile: {plain(session.shown_path)}\nDo not record me: /record optout"


def auto_status(auto_recording: AutoRecording | None, in_guild: bool) -> str:
    """Return whether auto-recording is on, and for which channels."""
    if auto_recording is None:
        return "⚪ Auto-recording is off here\nSwitch it on: `record auto on`"
    whole_guild = in_guild and auto_recording.place_id == auto_recording.guild_id
    channels = "all channels of this server" if whole_guild else "this channel"
    return f"🔴 Auto-recording is on in {channels}"


def missed(gaps: Sequence[Gap]) -> str:
    """Return the notice that messages were missed, and whether they were fetched later."""
    lines = [
        f"{clock(gap.started_at)} to {clock(gap.ended_at or gap.started_at)} "
        + plain(gap_outcome(gap))
        for gap in gaps[-_MOST_GAPS:]
    ]
    return "⏳ **I was away**\n\n" + "\n".join(lines)
