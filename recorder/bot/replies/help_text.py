"""The reply to `record help`."""

from __future__ import annotations

_COMMANDS = (
    ("start <name>", "record this channel from now on"),
    ("stop", "stop the recording"),
    ("pause", "pause the recording"),
    ("resume [name]", "resume it, or continue a stopped session"),
    ("auto on|off|status", "record automatically, a session per day"),
    ("optout, optin", "have your messages left out, or recorded again"),
    ("privacy", "what is stored about you, and how to erase it"),
    ("save <filename>", "save a copy: .txt, .md, .json, .jsonl, .csv, .dce.json"),
    ("list", "list the sessions that everyone here may read"),
    ("load <name>", "replay a session"),
    ("search <name|all> <query>", "find messages"),
    ("stats [name]", "authors, times, commands and topics"),
    ("export <name> <format>", "get a file: txt, md, html, json, jsonl, csv, dce"),
    ("tag <tag>", "tag the last message, or the one you reply to"),
    ("tags <name>", "list the tags of a session"),
    ("goto <name> <tag>", "show a tagged message again"),
    ("untag <name> <tag>", "remove a tag"),
    ("merge <a> <b> --output <c>", "merge sessions into a new one"),
    ("delete <name>", "delete a session for good"),
)


def help_text(prefix: str) -> str:
    """Return the list of commands."""
    width = max(len(usage) for usage, _ in _COMMANDS)
    lines = "\n".join(f"{prefix}record {usage:<{width}}  {what}" for usage, what in _COMMANDS)
    return (
        "🎙️ **Session Recording**\n"
        f"```\n{lines}\n```"
        'A name of several words needs quotes: "my session". '
        "Starting, stopping, saving and deleting need the Manage Messages permission. "
        "Replies that not everyone in the channel may read are shown to you alone."
    )
