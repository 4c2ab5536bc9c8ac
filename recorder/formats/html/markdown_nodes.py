"""The nodes of a parsed text in Discord's Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Style = Literal["bold", "italic", "underline", "strike", "spoiler"]


@dataclass(frozen=True, slots=True)
class Styled:
    """Text in a style."""

    style: Style
    children: Nodes


@dataclass(frozen=True, slots=True)
class Code:
    """Code within a line."""

    text: str


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """Lines of code; `language` is what follows the opening fence, if anything."""

    text: str
    language: str | None


@dataclass(frozen=True, slots=True)
class Link:
    """A link to http or https, with its address or another text as label."""

    url: str
    children: Nodes


@dataclass(frozen=True, slots=True)
class Mention:
    """A raw token such as ``<@42>``, or ``@everyone``."""

    token: str


@dataclass(frozen=True, slots=True)
class Emoji:
    """A custom emoji by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Command:
    """A slash command by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A time in seconds since 1970, and Discord's letter for its format."""

    seconds: int
    style: str


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of level 1 to 3, or small print with level 0."""

    level: int
    children: Nodes


@dataclass(frozen=True, slots=True)
class Quote:
    """Quoted lines."""

    children: Nodes


@dataclass(frozen=True, slots=True)
class List:
    """Items of a list; `start` is the first number, ``None`` for bullets."""

    start: int | None
    items: tuple[Nodes, ...]


Node: TypeAlias = (
    "str | Styled | Code | CodeBlock | Link | Mention | Emoji | Command | Timestamp | Heading"
    " | Quote | List"
)
Nodes: TypeAlias = "tuple[Node, ...]"
