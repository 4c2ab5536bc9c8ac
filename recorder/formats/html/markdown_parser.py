"""A parser of Discord's Markdown, in linear time and with limited depth for any text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from recorder.formats.html.markdown_nodes import (
    Code,
    CodeBlock,
    Command,
    Emoji,
    Heading,
    Link,
    List,
    Mention,
    Node,
    Nodes,
    Quote,
    Style,
    Styled,
    Timestamp,
)

_DEEPEST_LIST = 10

# Text without any of these is plain, as in most messages.
_SPECIAL = re.compile(
    r"[\\*_~|`\[<]|://|@(?:everyone|here)|^ *+(?:#{1,3}|>{1,3}|-#?|\d{1,9}\.) ",
    re.IGNORECASE | re.MULTILINE,
)
_TOKEN = re.compile(
    r"(?P<shrug>¯\\_\(ツ\)_/¯)"
    r"|\\(?P<escaped>[!-/:-@\[-`{-~])"
    r"|(?P<ticks>`+)"
    r"|(?P<run>\*+|_+|~~|\|\|)"
    r"|<(?P<angled>@[!&]?\d{1,20}|\#\d{1,20}|a?:\w{1,64}:\d{1,20}|/[^<>\n:]{1,100}:\d{1,20}"
    r"|t:-?\d{1,14}(?::[tTdDfFR])?|https?://[^\s<>]+)>"
    # The label of a link may contain brackets, its address parentheses.
    r"|\[(?P<label>(?:[^\[\]\\]|\\.|\[[^\[\]]*+\])++)\]\(<?(?P<target>https?://"
    r"[^\s()<>]*+(?:\([^\s()<>]*+\)[^\s()<>]*+)*+)>?(?:[ ]\"[^\"\n]*+\")?\)"
    r"|(?P<url>https?://[^\s<>]+)"
    r"|(?P<everyone>@(?:everyone|here))",
    re.IGNORECASE | re.DOTALL,
)
_LANGUAGE = re.compile(r"([\w+.#-]{1,40})\n")
_HEADING = re.compile(r"(#{1,3}|-#) +(\S.*)")
_ITEM = re.compile(r"( *+)(?:[-*]|(\d{1,9})\.) +(\S.*)")
_LISTED = re.compile(r" *+(?:[-*]|\d{1,9}\.) +\S|  ")
_QUOTED = re.compile(r">(?: |$)", re.MULTILINE)
_TICKS = {1: re.compile("(?<!`)`(?!`)"), 2: re.compile("(?<!`)``(?!`)")}
_PUNCTUATION = ".,:;!?\"'"
_STYLES: dict[str, Style] = {
    "**": "bold",
    "*": "italic",
    "_": "italic",
    "__": "underline",
    "~~": "strike",
    "||": "spoiler",
}


def parse(text: str) -> Nodes:
    """Return the nodes of a message's text."""
    if not _SPECIAL.search(text):
        return (text,) if text else ()
    return tuple(_blocks(text, quoted=False))


def _blocks(text: str, quoted: bool) -> Iterator[Node]:
    """Yield headings, quotes and lists, which are whole lines, and the text between them."""
    start = position = 0  # the text between them belongs to no block
    while position < len(text):
        end = _line_end(text, position)
        blocks, after = _block(text, position, end, quoted)
        if blocks:
            yield from _inline(text[start:position].removesuffix("\n"))
            yield from blocks
            start = position = after
        else:
            position = _behind_fences(text, position, end) + 1
    yield from _inline(text[start:])


def _block(text: str, position: int, end: int, quoted: bool) -> tuple[Nodes, int]:
    """Return the block that begins with this line, and the position behind it."""
    line = text[position:end]
    if line.startswith(">>> ") and not quoted:
        return (Quote(tuple(_blocks(text[position + 4 :], quoted=True))),), len(text)
    if line.startswith("> ") and not quoted:
        lines, after = _lines(text, position, _QUOTED)
        return (Quote(tuple(_blocks("\n".join(line[2:] for line in lines), quoted=True))),), after
    if heading := _HEADING.match(line):
        level = 0 if heading[1] == "-#" else len(heading[1])
        return (Heading(level, _inline(heading[2].rstrip())),), end + 1
    if _ITEM.match(line):
        lines, after = _lines(text, position, _LISTED)
        return _lists(lines), after
    return (), position


def _lines(text: str, position: int, wanted: re.Pattern[str]) -> tuple[list[str], int]:
    """Return the lines from `position` on that match `wanted`, and the position behind them."""
    lines = []
    while position < len(text) and wanted.match(text, position):
        end = _line_end(text, position)
        lines.append(text[position:end])
        position = end + 1
    return lines, position


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def _behind_fences(text: str, position: int, end: int) -> int:
    """Return the end of a line, or of the last line of the blocks of code that begin in it."""
    while (position := text.find("```", position, end)) >= 0:
        position = _fence_end(text, position) or end
        end = max(end, _line_end(text, position))
    return end


def _fence_end(text: str, position: int) -> int | None:
    """Return the end of the block of code at `position`; ``None`` if it is open or empty."""
    end = text.find("```", position + 3)
    return end + 3 if end >= 0 and text[position + 3 : end].strip() else None


def _lists(lines: list[str]) -> Nodes:
    """Return the lists in these lines: of bullets and of numbers, deeper ones nested."""
    entries: list[_Entry] = []
    indents: list[int] = []
    for line in lines:
        item = _ITEM.match(line)
        if item is None:
            deep = " " * (indents[-1] + 2)  # code within an item keeps its own indentation
            entries[-1].lines.append(line[len(deep) :] if line.startswith(deep) else line.lstrip())
            continue
        indent = len(item[1])
        while indents and indent < indents[-1]:
            indents.pop()
        if not indents or (indent > indents[-1] and len(indents) < _DEEPEST_LIST):
            indents.append(indent)
        number = None if item[2] is None else int(item[2])
        entries.append(_Entry(len(indents), number, [item[3].rstrip()]))
    lists: list[Node] = []
    position = 0
    while position < len(entries):
        one, position = _list(entries, position)
        lists.append(one)
    return tuple(lists)


@dataclass(frozen=True, slots=True)
class _Entry:
    """An item of a list, not yet nested."""

    depth: int
    number: int | None
    lines: list[str]


def _list(entries: list[_Entry], position: int) -> tuple[List, int]:
    first = entries[position]
    items: list[Nodes] = []
    while position < len(entries) and (entry := entries[position]).depth >= first.depth:
        if entry.depth > first.depth:
            inner, position = _list(entries, position)
            items[-1] = (*items[-1], inner)
        elif (entry.number is None) == (first.number is None):
            items.append(_inline("\n".join(entry.lines)))
            position += 1
        else:
            break
    return List(first.number, tuple(items)), position


def _inline(text: str, linked: bool = True) -> Nodes:
    """Return the nodes of a paragraph; the label of a link (`linked` is false) has no links."""
    open = _Open()
    unclosed: set[int] = set()  # lengths of runs of backticks without a second one
    position = 0
    while token := _TOKEN.search(text, position):
        open.add(text[position : token.start()])
        position = token.end()
        kind = token.lastgroup
        if kind == "run":
            before = text[token.start() - 1 : token.start()]
            open.run(token[0], before, text[position : position + 1])
        elif kind == "ticks":
            position = _code(text, token, open, unclosed)
        elif kind == "url" and linked:
            url = open.cut(token[0])
            position = token.start() + len(url)
            open.add(Link(url, (url,)) if url[-1] != "/" or url.count("/") > 2 else url)
        else:
            open.add(_leaf(token, linked))
    open.add(text[position:])
    return open.finish()


def _code(text: str, token: re.Match[str], open: _Open, unclosed: set[int]) -> int:
    """Add the code that backticks begin, and return the position behind it."""
    start, length = token.end(), len(token[0])
    if length >= 3:
        if (end := _fence_end(text, token.start())) is None:
            open.add(token[0])
            return start
        code = text[token.start() + 3 : end - 3]
        language = _LANGUAGE.match(code)
        if language and code[language.end() :].strip():
            code = code[language.end() :]
        else:
            language = None
        open.add(CodeBlock(code.strip("\n"), language and language[1]))
        return end + text.startswith("\n", end)
    closing = None if length in unclosed else _TICKS[length].search(text, start)
    if closing is None or not (code := text[start : closing.start()]).strip():
        if closing is None:
            unclosed.add(length)
        open.add(token[0])
        return start
    open.add(Code(code.strip() if length == 2 else code))
    return closing.end()


def _leaf(token: re.Match[str], linked: bool) -> Node:
    """Return the node of a token without children, such as a mention."""
    kind = token.lastgroup
    if kind == "escaped":
        return token["escaped"]
    if kind == "everyone":
        return Mention(token[0])
    if kind == "target" and linked:
        return Link(token["target"], _inline(token["label"], linked=False))
    return _angled(token["angled"], linked) if kind == "angled" else token[0]


def _angled(text: str, linked: bool) -> Node:
    """Return the node of a text in angle brackets."""
    sign, *further = text.split(":")
    if text[0] in "@#":
        return Mention(f"<{text}>")
    if text[0] == "/":
        return Command(f"/{sign[1:]}")
    if sign.lower() in ("", "a"):
        return Emoji(further[0])
    if sign.lower() == "t":
        return Timestamp(int(further[0]), further[1] if len(further) > 1 else "f")
    return Link(text, (text,)) if linked else f"<{text}>"


class _Open:
    """The nodes so far, and the open styles: each at most once, so that depth is limited."""

    def __init__(self) -> None:
        self._levels: list[tuple[str, list[Node]]] = [("", [])]

    def add(self, node: Node) -> None:
        """Add a node, unless it is empty text."""
        if node:
            self._levels[-1][1].append(node)

    def run(self, run: str, before: str, after: str) -> None:
        """Open or close the styles of a run of signs between these two characters."""
        sign = run[0]
        if len(run) == 3:
            inner = self._levels[-1][0] == sign
            markers = [sign, sign * 2] if inner else [sign * 2, sign]
        else:
            markers = [run]
        for marker in markers:
            self._marker(marker, before, after)

    def _marker(self, marker: str, before: str, after: str) -> None:
        style = _STYLES.get(marker)
        alone = style == "italic"
        within_word = marker == "_"
        if style is None:
            self.add(marker)
        elif any(open == marker for open, _ in self._levels):
            last, nodes = self._levels[-1]
            empty = last == marker and not nodes
            spaced = alone and (not before or before.isspace())
            if empty or spaced or (within_word and _in_word(after)):
                self.add(marker)
            else:
                self._collapse(marker)
                _, nodes = self._levels.pop()
                self.add(Styled(style, tuple(nodes)))
        elif alone and (not after or after.isspace() or (within_word and _in_word(before))):
            self.add(marker)
        else:
            self._levels.append((marker, []))

    def cut(self, url: str) -> str:
        """Return a bare link without the signs that close a style and the punctuation behind it."""
        markers = [marker for marker, _ in self._levels[1:]]
        for marker in markers:
            if marker in ("**", "||", "~~"):  # the others are common within links
                url = url.partition(marker)[0]
        url = _without_punctuation(url)
        for marker in reversed(markers):
            url = url.removesuffix(marker)
        return _without_punctuation(url)

    def finish(self) -> Nodes:
        """Return all nodes; the signs of open styles become text."""
        self._collapse("")
        return tuple(self._levels[0][1])

    def _collapse(self, marker: str) -> None:
        """Turn the styles opened since `marker` into text."""
        while self._levels[-1][0] != marker:
            opened, nodes = self._levels.pop()
            self._levels[-1][1].extend((opened, *nodes))


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _without_punctuation(url: str) -> str:
    unopened = url.count(")") - url.count("(")
    end = len(url)
    while url[end - 1] in _PUNCTUATION or (url[end - 1] == ")" and unopened > 0):
        unopened -= url[end - 1] == ")"
        end -= 1
    return url[:end]
