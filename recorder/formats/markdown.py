"""Markdown in which no message can forge a heading, a link or HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

from recorder.formats.exported_session import ExportedSession
from recorder.formats.transcript_entries import (
    Entry,
    entries,
    facts,
    reply_note,
    safe_line,
    safe_lines,
    urls,
)

_FENCE = re.compile(r"`{3,}")
_LANGUAGE = re.compile(r"[\w+.#-]*\n")
_IN_MARKDOWN_NAMES = re.compile(r"[\\`*\[\]<>~#]|&(?=#?\w{1,32};)|(?<![^\W_])_|_(?![^\W_])")
# In a parser's order, from left to right: what stays unchanged, then what needs a backslash.
_INLINE = re.compile(
    r"\\[!-/:-@\[-`{-~]"  # already escaped
    r"|(?P<code>`++).+?(?<!`)(?P=code)(?!`)"
    r"|<https?://[^\s<>]*>"
    r"|\]\(<?https?://"
    r"|(?P<escape>`+|<|!(?=\[)|\](?=[(:])|&(?=#?\w{1,32};))",
    re.IGNORECASE,
)
# Headings, rules, underlines of headings and fences, also within quotes and lists.
_STRUCTURE = re.compile(
    r"((?:[ \t]*+(?:>|(?:[-+*]|\d{1,9}[.)])(?=[ \t])))*+[ \t]*+)"
    r"(?=#{1,6}(?:[ \t]|$)|~~~|([-_*=])(?:[ \t]*+\2)*+[ \t]*+$)"
)


def render(exported: ExportedSession) -> Iterator[str]:
    """Yield the session as Markdown, piece by piece."""
    yield f"# Session: {_name(exported.session.name)}\n"
    yield "".join(f"**{key}:** {value}\n" for key, value in facts(exported))
    yield "\n---\n\n## Conversation\n"
    for entry in entries(exported):
        if entry.day is not None:
            yield f"\n## {entry.day}\n"
        yield f"\n{_message(entry)}\n"


def _message(entry: Entry) -> str:
    message = entry.message
    name = _name(entry.speaker)
    if message.type == "system_message":
        name = f"*{name}*"
    blocks = [
        "" if entry.reply is None else f"*{reply_note(entry.reply and _name(entry.reply))}*",
        "" if entry.used_command is None else f"*({_name(entry.used_command)})*",
        _text("\n".join(safe_lines(entry.text))),
        "  \n".join(_url(url) for url in urls(message)),
        "  \n".join(f"Kept: `{path}`" for path in entry.kept_files),
        "" if message.model is None else f"*Model: {_name(message.model)}*",
        _name(entry.reactions) if entry.reactions else "",
        "  \n".join(f"🏷️ {_name(tag)}" for tag in entry.tags),
    ]
    text = "\n\n".join(block for block in blocks if block)
    return f"### {entry.clock} - {name}\n{text}".rstrip("\n")


def _name(name: str) -> str:
    return _IN_MARKDOWN_NAMES.sub(r"\\\g<0>", safe_line(name))


def _url(url: str) -> str:
    if re.match("https?://", url, re.IGNORECASE):
        quoted = quote(url, safe="%:/?#[]@!$&'()*+,;=~")
        return f"<{quoted}>"
    return _lines(url)


def _text(text: str) -> str:
    """Return a message's text with code blocks on lines of their own and the rest escaped."""
    blocks: list[str] = []
    start = position = 0
    while fence := _FENCE.search(text, position):
        end = text.find(fence[0], fence.end())
        if end < 0 and not text[text.rfind("\n", 0, fence.start()) + 1 : fence.start()].strip():
            end = len(text)  # an open fence: for a Markdown parser all the rest is code
        code = text[fence.end() : end] if end >= 0 else ""
        if not code.strip():
            position = fence.end() if end < 0 else end + len(fence[0])
            continue
        if not _LANGUAGE.match(code):
            code = f"\n{code}"
        blocks.append(_lines(text[start : fence.start()].removesuffix("\n")))
        blocks.append(fence[0] + code.removesuffix("\n") + f"\n{fence[0]}")
        start = position = min(end + len(fence[0]), len(text))
        if text.startswith("\n", start):
            start += 1
    blocks.append(_lines(text[start:]))
    return "\n".join(block for block in blocks if block.strip())


def _lines(text: str) -> str:
    """Return lines outside of code without structure, HTML and links other than http(s)."""
    lines = [_line(line) for line in text.split("\n")]
    for number, following in enumerate(lines[1:]):
        if lines[number] and following:
            lines[number] += "  "  # two spaces are Markdown's line break
    return "\n".join(lines)


def _line(line: str) -> str:
    escaped = _INLINE.sub(_escape, line.rstrip())
    structure = _STRUCTURE.match(escaped)
    if structure is None:
        return escaped
    return f"{escaped[: structure.end()]}\\{escaped[structure.end() :]}"


def _escape(match: re.Match[str]) -> str:
    if match.lastgroup != "escape":
        return match[0]
    return "".join(f"\\{character}" for character in match[0])
