"""Exports of a session: text, Markdown, JSON, and its JSONL lines.

Nothing that was said in a recording can forge a part of its export: a message never looks
like another message, a heading or a date.
"""

from __future__ import annotations

import errno
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

from recorder.errors import Conflict, InvalidInput, StorageError
from recorder.formatting import clock, date_and_clock, duration, local_time
from recorder.models import Json, Message, RecordedMessage, Session
from recorder.store.reading import Reader

FORMATS = ("txt", "md", "json", "jsonl")

_RULE = "=" * 37
_REMEMBERED_SPEAKERS = 1_000
_NO_HARD_LINKS = (errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode

# Control characters that are no white space: in a terminal they could write over other lines.
_CONTROLS = r"\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f"
_IN_TEXT = re.compile(f"[{_CONTROLS}]")
# In names also what turns the direction of writing or cannot be seen.
_IN_NAMES = re.compile(f"[{_CONTROLS}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")

_FENCE = re.compile(r"`{3,}")
_LANGUAGE = re.compile(r"[\w+.#-]*\n")
_IN_MARKDOWN_NAMES = re.compile(r"[\\`*\[\]<>~#]|&(?=#?\w{1,32};)|(?<![^\W_])_|_(?![^\W_])")
# From left to right as a Markdown parser reads: what stays as it is, then what gets a backslash.
_INLINE = re.compile(
    r"\\[!-/:-@\[-`{-~]"  # has its backslash
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


@dataclass(frozen=True, slots=True)
class _Entry:
    """A message as txt and md show it; ``day`` when it is the first of another day."""

    day: date | None
    clock: str
    speaker: str
    reply: str | None
    message: Message
    text: str
    tags: tuple[str, ...]


class SessionExporter:
    """Writes a session out for people and for other programs.

    Parameters
    ----------
    reader
        Where the sessions are read.
    timezone
        For all times in the exports, and for where a day ends.
    """

    def __init__(self, reader: Reader, timezone: ZoneInfo) -> None:
        self._reader = reader
        self._timezone = timezone

    @staticmethod
    def check_format(format: str) -> str:
        """The name of a format as :data:`FORMATS` has it.

        Raises
        ------
        InvalidInput
            There is no such format.
        """
        if format.lower() in FORMATS:
            return format.lower()
        raise InvalidInput(
            f'There is no export format "{_one_line(format)[:40]}". '
            f"Choose one of {', '.join(FORMATS)}."
        )

    def render(self, session: Session, format: str, now: datetime) -> Iterator[str]:
        """The export piece by piece; memory does not grow with the session.

        Parameters
        ----------
        format
            One of :data:`FORMATS`.
        now
            Up to when the duration of a session that still runs is counted.

        Raises
        ------
        InvalidInput
            There is no such format.
        """
        renderers: dict[str, Callable[[Session, datetime], Iterator[str]]] = {
            "txt": self._txt,
            "md": self._md,
            "json": self._json,
            "jsonl": self._jsonl,
        }
        return renderers[self.check_format(format)](session, now)

    def export(
        self, session: Session, format: str, path: Path, now: datetime, overwrite: bool = False
    ) -> int:
        """Write the export to `path`, readable by its owner alone, whole or not at all.

        Returns
        -------
        int
            Its size in bytes.

        Raises
        ------
        InvalidInput
            There is no such format.
        Conflict
            There is a file already, and `overwrite` is not set.
        StorageError
            The file cannot be written.
        """
        pieces = self.render(session, format, now)
        if not overwrite and os.path.lexists(path):
            raise _exists(path)
        temporary: Path | None = None
        try:
            descriptor, name = tempfile.mkstemp(prefix=".export-", dir=path.parent)
            temporary = Path(name)
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
                file.writelines(pieces)
                file.flush()
                os.fsync(descriptor)
                written = os.fstat(descriptor).st_size
            _put_in_place(temporary, path, overwrite)
        except FileExistsError:
            raise _exists(path) from None
        except OSError as error:
            raise StorageError(
                f"The export {path} cannot be written ({error.strerror}). "
                "Choose a folder that exists, has space, and that this user may write to."
            ) from error
        finally:
            if temporary is not None:
                temporary.unlink(missing_ok=True)
        return written

    def _txt(self, session: Session, now: datetime) -> Iterator[str]:
        yield f"{_RULE}\nSession: {_one_line(session.name)}\n"
        yield "".join(f"{key}: {value}\n" for key, value in self._facts(session, now))
        yield f"{_RULE}\n\n"
        for entry in self._entries(session):
            if entry.day is not None:
                yield f"\n--- {entry.day} ---\n\n"
            yield _txt_message(entry)

    def _md(self, session: Session, now: datetime) -> Iterator[str]:
        yield f"# Session: {_markdown_name(session.name)}\n"
        yield "".join(f"**{key}:** {value}\n" for key, value in self._facts(session, now))
        yield "\n---\n\n## Conversation\n"
        for entry in self._entries(session):
            if entry.day is not None:
                yield f"\n## {entry.day}\n"
            yield f"\n{_markdown_message(entry)}\n"

    def _json(self, session: Session, now: datetime) -> Iterator[str]:
        yield (
            "{\n"
            f'  "session": {_encode(session.name)},\n'
            f'  "date": "{local_time(session.started_at, self._timezone).isoformat()}",\n'
            f'  "duration_seconds": {_seconds(session, now)},\n'
            '  "messages": ['
        )
        separator = "\n"
        for recorded in self._messages(session):
            yield separator + _json_message(recorded, self._timezone)
            separator = ",\n"
        yield "]\n}\n" if separator == "\n" else "\n  ]\n}\n"

    def _jsonl(self, session: Session, now: datetime) -> Iterator[str]:
        for line in self._reader.lines(session.id):
            yield f"{line}\n"

    def _facts(self, session: Session, now: datetime) -> tuple[tuple[str, str], ...]:
        return (
            ("Date", date_and_clock(session.started_at, self._timezone)),
            ("Duration", duration(_seconds(session, now))),
            ("Messages", str(session.message_count)),
        )

    def _messages(self, session: Session) -> Iterator[RecordedMessage]:
        """As many messages as the header says, also when more come in meanwhile."""
        for recorded in self._reader.messages(session.id, last=session.message_count):
            yield recorded if recorded.deleted_at is None else _without_text(recorded)

    def _entries(self, session: Session) -> Iterator[_Entry]:
        day = local_time(session.started_at, self._timezone).date()
        speakers: dict[str, str] = {}
        for recorded in self._messages(session):
            message = recorded.message
            previous, day = day, local_time(message.timestamp, self._timezone).date()
            answered = message.extra.get("reply_to")
            yield _Entry(
                day=None if day == previous else day,
                clock=clock(message.timestamp, self._timezone),
                speaker=message.speaker,
                reply=None if answered is None else speakers.get(str(answered), ""),
                message=message,
                text=message.text + (" (edited)" if recorded.edited_at else ""),
                tags=tuple(_one_line(tag) for tag in recorded.tags),
            )
            if message.message_id is not None:
                speakers[str(message.message_id)] = message.speaker
                if len(speakers) > _REMEMBERED_SPEAKERS:
                    del speakers[next(iter(speakers))]


def _without_text(recorded: RecordedMessage) -> RecordedMessage:
    """A message that was deleted in Discord: that it was there, and no more."""
    message = recorded.message
    kept = {key: value for key, value in message.extra.items() if key == "display_name"}
    shown = replace(message, content="(deleted)", attachments=(), extra=kept)
    return replace(recorded, message=shown, edited_at=None)


def _exists(path: Path) -> Conflict:
    return Conflict(f"{path} exists already. Choose another name, or remove it first.")


def _put_in_place(temporary: Path, path: Path, overwrite: bool) -> None:
    """Give the finished file its name; another file of that name stays as it is."""
    if not overwrite:
        try:
            os.link(temporary, path)
            return
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    temporary.replace(path)


def _seconds(session: Session, now: datetime) -> int:
    return round(session.duration(now))


def _one_line(name: str) -> str:
    """A name that can neither end its line nor turn it around."""
    return " ".join(_IN_NAMES.sub("", name).split()) or "(no name)"


def _lines(text: str) -> list[str]:
    """The lines of a text, at everything that some program takes for a line's end."""
    return [_IN_TEXT.sub("", line) for line in text.splitlines()]


def _reply(name: str) -> str:
    return f"(reply to {name})" if name else "(reply)"


def _urls(message: Message) -> list[str]:
    """Where the files are that came with the message, or with the one that it forwards."""
    forwarded = message.extra.get("forwarded")
    further = forwarded.get("attachments") if isinstance(forwarded, dict) else None
    urls = [*message.attachments, *(further if isinstance(further, list) else [])]
    return [_one_line(str(url)) for url in urls]


def _txt_message(entry: _Entry) -> str:
    """`[3:45 PM] NAME: text`; only a message's first line stands at the left edge."""
    name = _one_line(entry.speaker)
    if entry.message.type == "system_message":
        start = f"[{entry.clock}] *"
    else:
        # "* " marks what Discord says itself.
        start = f"[{entry.clock}] {'*' + name[2:] if name.startswith('* ') else name}:"
    if entry.reply is not None:
        start += f" {_reply(entry.reply and _one_line(entry.reply))}"
    first, *further = [*_lines(entry.text), *_urls(entry.message)] or [""]
    further += [f"🏷️ {tag}" for tag in entry.tags]
    lines = [f"{start} {first}", *(f"    {line}" for line in further)]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _markdown_message(entry: _Entry) -> str:
    message = entry.message
    name = _markdown_name(entry.speaker)
    if message.type == "system_message":
        name = f"*{name}*"
    blocks = [
        "" if entry.reply is None else f"*{_reply(entry.reply and _markdown_name(entry.reply))}*",
        _markdown_text("\n".join(_lines(entry.text))),
        "  \n".join(_markdown_url(url) for url in _urls(message)),
        "" if message.model is None else f"*Model: {_markdown_name(message.model)}*",
        "  \n".join(f"🏷️ {_markdown_name(tag)}" for tag in entry.tags),
    ]
    text = "\n\n".join(block for block in blocks if block)
    return f"### {entry.clock} - {name}\n{text}".rstrip("\n")


def _markdown_name(name: str) -> str:
    return _IN_MARKDOWN_NAMES.sub(r"\\\g<0>", _one_line(name))


def _markdown_url(url: str) -> str:
    if re.match("https?://", url, re.IGNORECASE):
        quoted = quote(url, safe="%:/?#[]@!$&'()*+,;=~")
        return f"<{quoted}>"
    return _markdown_lines(url)


def _markdown_text(text: str) -> str:
    """Code blocks on lines of their own, as Discord shows them; the rest made harmless."""
    blocks: list[str] = []
    start = position = 0
    while fence := _FENCE.search(text, position):
        end = text.find(fence[0], fence.end())
        if end < 0 and not text[text.rfind("\n", 0, fence.start()) + 1 : fence.start()].strip():
            end = len(text)  # left open
        code = text[fence.end() : end] if end >= 0 else ""
        if not code.strip():
            position = fence.end() if end < 0 else end + len(fence[0])
            continue
        if not _LANGUAGE.match(code):
            code = f"\n{code}"
        blocks.append(_markdown_lines(text[start : fence.start()].removesuffix("\n")))
        blocks.append(fence[0] + code.removesuffix("\n") + f"\n{fence[0]}")
        start = position = min(end + len(fence[0]), len(text))
        if text.startswith("\n", start):
            start += 1
    blocks.append(_markdown_lines(text[start:]))
    return "\n".join(block for block in blocks if block.strip())


def _markdown_lines(text: str) -> str:
    """Lines outside of code: no structure, no HTML, no links but http(s)."""
    lines = [_markdown_line(line) for line in text.split("\n")]
    for number, following in enumerate(lines[1:]):
        if lines[number] and following:
            lines[number] += "  "  # in Markdown a line ends only so
    return "\n".join(lines)


def _markdown_line(line: str) -> str:
    escaped = _INLINE.sub(_escape, line.rstrip())
    structure = _STRUCTURE.match(escaped)
    if structure is None:
        return escaped
    return f"{escaped[: structure.end()]}\\{escaped[structure.end() :]}"


def _escape(match: re.Match[str]) -> str:
    if match.lastgroup != "escape":
        return match[0]
    return "".join(f"\\{character}" for character in match[0])


def _json_message(recorded: RecordedMessage, timezone: ZoneInfo) -> str:
    message = recorded.message
    # The indentation is laid around values from the C encoder: json's own is slow.
    data: dict[str, Json] = {
        "timestamp": local_time(message.timestamp, timezone).isoformat(),
        "author": message.author,
        "content": message.content,
        "type": message.type,
        "author_id": message.author_id,
    }
    if message.model is not None:
        data["model"] = message.model
    if message.attachments:
        data["attachments"] = list(message.attachments)
    if message.message_id is not None:
        data["message_id"] = str(message.message_id)
    if message.channel_id is not None:
        data["channel_id"] = message.channel_id
    if message.extra:
        data.update(message.extra)
    if recorded.deleted_at is not None:
        data["deleted_at"] = local_time(recorded.deleted_at, timezone).isoformat()
    if recorded.tags:
        data["tags"] = list(recorded.tags)
    fields = ",\n".join([f"      {_encode(key)}: {_encode(value)}" for key, value in data.items()])
    return f"    {{\n{fields}\n    }}"
