"""Replies to commands that change recordings: `save`, `export`, `tag`, `merge`, `delete`."""

from __future__ import annotations

from collections.abc import Sequence

from recorder.bot.replies.discord_time import clock
from recorder.bot.replies.escaping import plain
from recorder.formatting import plural, size
from recorder.models import Session, Tag

_MOST_SOURCES = 15


def saved(session: Session, path: str, byte_size: int) -> str:
    """Return the reply to `save`, with the path of the copy."""
    return (
        "💾 **Session Saved**\n\n"
        f"Session: {plain(session.name)}\n"
        f"Messages: {session.message_count}\n"
        f"Size: {size(byte_size)}\n\n"
        f"Saved: {plain(path)}"
    )


def exported(format_title: str) -> str:
    """Return the text beside the file that `export` attaches."""
    return f"📄 **Exporting to {format_title}...**"


def export_too_large(path: str, byte_size: int, limit: int) -> str:
    """Return the reply to `export` when the file exceeds Discord's upload limit."""
    return (
        f"📄 The export is too large for Discord here ({size(byte_size)}; the limit is "
        f"{size(limit)}, which the ZIP file exceeds too). It is saved on the recorder's host, "
        f"in its data folder: {plain(path)}"
    )


def tagged(tag: Tag) -> str:
    """Return the reply to `tag`."""
    return (
        f"🏷️ Tag added: {plain(tag.name)}\n"
        f"Timestamp: {clock(tag.timestamp)}\n"
        "Easy to find this moment later"
    )


def untagged(session: Session, tag_name: str) -> str:
    """Return the reply to `untag`."""
    return f"🏷️ Tag removed: {plain(tag_name)} from {plain(session.name)}"


def merged(sources: Sequence[Session], session: Session) -> str:
    """Return the reply to `merge`, with the message counts of the sources."""
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


def confirm_delete(session: Session) -> str:
    """Return the question that `delete` asks first."""
    return (
        f"🗑️ Delete **{plain(session.name)}** with its {plural(session.message_count, 'message')} "
        "for good? This cannot be undone."
    )


def deleted(session: Session) -> str:
    """Return the reply to a confirmed `delete`."""
    return (
        f"🗑️ **Session Deleted**\n\nSession: {plain(session.name)}\n"
        f"Messages: {session.message_count}"
    )
