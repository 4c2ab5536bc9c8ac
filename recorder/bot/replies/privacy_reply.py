"""The replies to `record optout`, `optin` and `privacy`."""

from __future__ import annotations

from datetime import datetime

from recorder.bot.replies.discord_time import date_and_clock
from recorder.bot.replies.escaping import plain
from recorder.formatting import plural
from recorder.store.consent import RecordedOfUser

PRIVACY_BY_DIRECT_MESSAGE = "🙈 I reply by direct message with what is stored about you."


def opted_out(changed: bool, prefix: str) -> str:
    """Return the reply to `optout`; `changed` is false if they had opted out before."""
    first = "You are not recorded here from now on" if changed else "You are not recorded here"
    return (
        f"🙈 **{first}**\n\n"
        "Recordings show that a member who opted out wrote a message, but neither who nor what\n"
        f"Earlier recordings: {prefix}record privacy\n"
        f"Be recorded again: {prefix}record optin"
    )


def opted_in(changed: bool, prefix: str) -> str:
    """Return the reply to `optin`; `changed` is false if they had not opted out."""
    first = "You are recorded here again" if changed else "You are recorded here already"
    return f"🙉 **{first}**\n\nOpt out: {prefix}record optout"


def privacy(
    kept: RecordedOfUser, since: datetime | None, user_id: str, contact: str | None, prefix: str
) -> str:
    """Return what is stored about a user, where, and how to have it erased.

    Parameters
    ----------
    since
        The time at which the user opted out, ``None`` if they did not.
    contact
        The person to ask for an erasure.
    """
    if since:
        state = f"You opted out {date_and_clock(since)}: nothing of you is recorded since then"
        change = f"Be recorded again: {prefix}record optin"
    else:
        state = "Your messages in channels that are being recorded are recorded"
        change = f"Opt out: {prefix}record optout"
    return (
        "🙈 **Your privacy here**\n\n"
        f"{plural(kept.messages, 'message')} of yours in {plural(kept.sessions, 'recording')}\n"
        f"{_further(kept)}"
        "Stored for each: its text, attachments and edits, your name and id, its time and "
        "channel; a deleted message stays stored, shown only to those who manage messages\n"
        "Where: in a database and text files on the computer that this bot runs on\n\n"
        f"{state}\n{change}\n"
        f"Erase it: ask {plain(contact or 'the operator of this bot')} to run "
        f"`recorder erase --user {user_id}`"
    )


def _further(kept: RecordedOfUser) -> str:
    """Return a line with everything that is stored besides the messages."""
    parts = (
        (kept.edits, "edit of them", "edits of them"),
        (kept.files, "attached file", "attached files"),
        (kept.tags, "tag on them", "tags on them"),
        (kept.commands, "answer to your slash commands", "answers to your slash commands"),
        (kept.reactions, "reaction of yours", "reactions of yours"),
        (kept.mentions, "mention of you by others", "mentions of you by others"),
        (kept.forwards, "forward of your words", "forwards of your words"),
        (kept.started, "recording that you started", "recordings that you started"),
        (kept.auto, "auto-recording that you switched on", "auto-recordings that you switched on"),
    )
    counts = ", ".join(plural(count, one, many) for count, one, many in parts if count)
    return f"Also: {counts}\n" if counts else ""
