"""The lines of others without a user: what an erasure leaves of a line that names them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TypeVar

from recorder.models import Edit, Json, Message

ANONYMOUS_ID = "0"
"""The id of an erased user."""
ANONYMOUS = "erased"
"""The name of an erased user."""
Line = TypeVar("Line", Message, Edit)

_SHORTEST_ID = 15  # digits of an id that no other number is taken for


def without_user(
    line: Line, user_id: str, names: Collection[str], now: str, *, shown: str = ANONYMOUS
) -> Line:
    """Return a message or edit of another user without the id and the names of a user.

    It is the same line if it has none. What its author wrote stays, except for mentions.

    Parameters
    ----------
    names
        All known names of the user.
    now
        The time of the erasure, which is added to the line.
    shown
        What stands for the names.
    """
    redaction = _Redaction(user_id, names, shown)
    content = redaction.text(line.content)
    extra = {key: redaction.value(value) for key, value in line.extra.items()}
    if "event" in line.extra:  # Discord's own text names people
        content = redaction.event_text(content, line.extra.get("mentions"))
    if isinstance(dce := extra.get("dce"), dict):
        extra["dce"] = redaction.imported(dce)
    if (content, extra) == (line.content, dict(line.extra)):
        return line
    return replace(line, content=content, extra={**extra, "redacted_at": now})


def is_redacted(extra: Mapping[str, Json]) -> bool:
    """Return whether a user was removed from a line."""
    return isinstance(extra.get("redacted_at"), str)


class _Redaction:
    def __init__(self, user_id: str, names: Collection[str], shown: str) -> None:
        self._id = user_id
        self._is_unique = len(user_id) >= _SHORTEST_ID
        self._names = names
        self._shown = shown
        escaped = re.escape(user_id)
        self._token = re.compile(rf"<@!?{escaped}>")
        self._link = re.compile(rf"(/(?:avatars|users)/){escaped}\b")

    def text(self, text: str) -> str:
        """Return a text without mentions of the user, and without links to them."""
        if self._id not in text:
            return text
        return self._link.sub(rf"\g<1>{ANONYMOUS_ID}", self._token.sub(f"<@{ANONYMOUS_ID}>", text))

    def value(self, value: Json) -> Json:
        """Return a value of a line without the user."""
        if self._is_unique and str(value) == self._id:
            return ANONYMOUS_ID
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return self._object(value) if isinstance(value, dict) else value

    def _object(self, value: dict[str, Json]) -> Json:
        if value.get("author_id") == self._id:  # a forwarded message
            return {"content": f"[{self._shown}]"}
        if value.get("user_id") == self._id:  # the use of a command
            return {**value, "user": self._shown, "user_id": ANONYMOUS_ID}
        if str(value.get("id")) == self._id:
            return {"id": ANONYMOUS_ID, "name": self._shown}
        if any(isinstance(v, str) and self._link.search(v) for v in value.values()):
            return {key: self._shown for key in value if key in ("name", "text", "title")}
        return dict(map(self._entry, value, value.values()))

    def _entry(self, key: str, value: Json) -> tuple[str, Json]:
        if self._token.fullmatch(key):
            return f"<@{ANONYMOUS_ID}>", f"@{self._shown}"
        if self._is_unique and key == self._id:
            return ANONYMOUS_ID, self._shown
        return key, self.value(value)

    def event_text(self, content: str, mentions: Json) -> str:
        """Return the text of a system message without the name that it has of the user."""
        for token, name in (mentions if isinstance(mentions, dict) else {}).items():
            if self._token.fullmatch(token) and isinstance(name, str) and len(name) > 1:
                pattern = rf"(?<!\w){re.escape(name.removeprefix('@'))}(?!\w)"
                content = re.sub(pattern, self._shown, content)
        return content

    def imported(self, dce: dict[str, Json]) -> Json:
        """Return what an import keeps without the name of a channel of direct messages."""
        export = dce.get("export")
        channel = export.get("channel") if isinstance(export, dict) else None
        if not isinstance(export, dict) or not isinstance(channel, dict):
            return dce
        if channel.get("name") not in self._names or "Direct" not in str(channel.get("type")):
            return dce
        return {**dce, "export": {**export, "channel": {**channel, "name": self._shown}}}
