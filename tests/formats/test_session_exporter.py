"""Exports to the letter of the specification, which no message can forge."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import resource
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from support.conversations import NOW, START, Conversation, message, session

from recorder.errors import Conflict, InvalidInput, StorageError
from recorder.formats.session_exporter import FORMATS, SessionExporter
from recorder.models import (
    Channel,
    Json,
    Message,
)
from recorder.record import jsonl
from recorder.recording.session_manager import SessionManager
from recorder.recording.session_recorder import SessionRecorder
from recorder.store.reading import Reader

CLOCK = r"\d{1,2}:\d\d [AP]M"


def rendered(
    format: str, messages: Sequence[Message], zone: str = "UTC", name: str = "oauth-implementation"
) -> str:
    exporter = SessionExporter(Conversation(lambda: messages), ZoneInfo(zone))
    return "".join(exporter.render(session(len(messages), name), format, NOW))


def body(format: str, *messages: Message, zone: str = "UTC") -> str:
    """Return the text behind the header."""
    end = {"txt": f"{'=' * 37}\n\n", "md": "## Conversation\n"}[format]
    return rendered(format, messages, zone).rpartition(end)[2]


EXAMPLE = (
    message("!ai How do I implement OAuth2?"),
    message("OAuth2 is an authorization framework...", 1, "Bot", "bot_response"),
    message("!ai Show me the code for token refresh", 3),
    message("```python\nrefresh(token)\n```", 4, "Bot", "bot_response"),
)


def test_text_is_as_the_specification_shows_it() -> None:
    assert rendered("txt", EXAMPLE) == (
        "=====================================\n"
        "Session: oauth-implementation\n"
        "Date: 2025-11-08 3:45 PM\n"
        "Duration: 1h 23m\n"
        "Messages: 4\n"
        "=====================================\n"
        "\n"
        "[3:45 PM] STRYK: !ai How do I implement OAuth2?\n"
        "[3:46 PM] Bot: OAuth2 is an authorization framework...\n"
        "[3:48 PM] STRYK: !ai Show me the code for token refresh\n"
        "[3:49 PM] Bot: ```python\n"
        "    refresh(token)\n"
        "    ```\n"
    )


def test_markdown_is_as_the_specification_shows_it() -> None:
    assert rendered("md", EXAMPLE) == (
        "# Session: oauth-implementation\n"
        "**Date:** 2025-11-08 3:45 PM\n"
        "**Duration:** 1h 23m\n"
        "**Messages:** 4\n"
        "\n"
        "---\n"
        "\n"
        "## Conversation\n"
        "\n"
        "### 3:45 PM - STRYK\n"
        "!ai How do I implement OAuth2?\n"
        "\n"
        "### 3:46 PM - Bot\n"
        "OAuth2 is an authorization framework...\n"
        "\n"
        "### 3:48 PM - STRYK\n"
        "!ai Show me the code for token refresh\n"
        "\n"
        "### 3:49 PM - Bot\n"
        "```python\n"
        "refresh(token)\n"
        "```\n"
    )


def test_json_is_as_the_specification_shows_it() -> None:
    bot = replace(
        EXAMPLE[1],
        author_id="bot",
        model="claude-3-5-sonnet",
        attachments=("https://cdn.example/a.png", "https://cdn.example/b.png"),
        message_id=1234567890123456789,
        channel_id="70",
        extra={"display_name": "Bot", "reply_to": "12", "embeds": [{"title": "Ü"}]},
    )
    assert rendered("json", [EXAMPLE[0], bot], "Europe/Berlin") == (
        "{\n"
        '  "session": "oauth-implementation",\n'
        '  "date": "2025-11-08T16:45:00+01:00",\n'
        '  "duration_seconds": 4980,\n'
        '  "messages": [\n'
        "    {\n"
        '      "timestamp": "2025-11-08T16:45:00+01:00",\n'
        '      "author": "STRYK",\n'
        '      "content": "!ai How do I implement OAuth2?",\n'
        '      "type": "user_message",\n'
        '      "author_id": "123"\n'
        "    },\n"
        "    {\n"
        '      "timestamp": "2025-11-08T16:46:00+01:00",\n'
        '      "author": "Bot",\n'
        '      "content": "OAuth2 is an authorization framework...",\n'
        '      "type": "bot_response",\n'
        '      "author_id": "bot",\n'
        '      "model": "claude-3-5-sonnet",\n'
        '      "attachments": ["https://cdn.example/a.png", "https://cdn.example/b.png"],\n'
        '      "message_id": "1234567890123456789",\n'
        '      "channel_id": "70",\n'
        '      "display_name": "Bot",\n'
        '      "reply_to": "12",\n'
        '      "embeds": [{"title": "Ü"}]\n'
        "    }\n"
        "  ]\n"
        "}\n"
    )


def test_jsonl_is_the_lines() -> None:
    assert rendered("jsonl", EXAMPLE) == "".join(f"{jsonl.encode(m)}\n" for m in EXAMPLE)


@pytest.mark.parametrize("format", FORMATS)
def test_a_session_without_messages(format: str) -> None:
    text = rendered(format, [])
    if format in ("json", "dce"):
        assert json.loads(text)["messages"] == []
    elif format == "csv":
        assert len(text.splitlines()) == 1
    else:
        ends = {
            "txt": f"Messages: 0\n{'=' * 37}\n\n",
            "md": "## Conversation\n",
            "html": "</html>",
            "jsonl": "",
        }
        assert text.endswith(ends[format])


def test_a_running_session_shows_as_many_messages_as_its_header_says() -> None:
    exporter = SessionExporter(Conversation(lambda: EXAMPLE), ZoneInfo("UTC"))
    data = json.loads("".join(exporter.render(session(2), "json", NOW)))
    assert [m["author"] for m in data["messages"]] == ["STRYK", "Bot"]


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    exporter = SessionExporter(Conversation(lambda: EXAMPLE), ZoneInfo("UTC"))
    with pytest.raises(InvalidInput, match=r'"pdf".*txt, md, html, json, jsonl, csv, dce'):
        exporter.render(session(4), "pdf", NOW)


def test_another_day_is_announced() -> None:
    late = [message("evening", 434), message("night", 435), message("later", 436)]
    assert body("txt", *late, zone="Europe/Berlin") == (
        "[11:59 PM] STRYK: evening\n"
        "\n--- 2025-11-09 ---\n\n"
        "[12:00 AM] STRYK: night\n"
        "[12:01 AM] STRYK: later\n"
    )
    assert body("md", *late, zone="Europe/Berlin") == (
        "\n### 11:59 PM - STRYK\nevening\n"
        "\n## 2025-11-09\n"
        "\n### 12:00 AM - STRYK\nnight\n"
        "\n### 12:01 AM - STRYK\nlater\n"
    )


def test_replies_name_who_is_answered_where_that_is_known() -> None:
    question = message("Why?", message_id=5, extra={"display_name": "Stryk *"})
    answer = message("So.", 1, "Bot", "bot_response", extra={"reply_to": "5"})
    lost = message("And?", 2, extra={"reply_to": "4"})
    assert body("txt", question, answer, lost) == (
        "[3:45 PM] Stryk *: Why?\n"
        "[3:46 PM] Bot: (reply to Stryk *) So.\n"
        "[3:47 PM] STRYK: (reply) And?\n"
    )
    assert body("md", question, answer, lost) == (
        "\n### 3:45 PM - Stryk \\*\nWhy?\n"
        "\n### 3:46 PM - Bot\n*(reply to Stryk \\*)*\n\nSo.\n"
        "\n### 3:47 PM - STRYK\n*(reply)*\n\nAnd?\n"
    )


def test_only_recent_speakers_are_remembered() -> None:
    many = [message("x", message_id=i) for i in range(1, 1_002)]
    replies = [message("y", extra={"reply_to": str(i)}) for i in (1, 2)]
    assert body("txt", *many, *replies).splitlines()[-2:] == [
        "[3:45 PM] STRYK: (reply) y",
        "[3:45 PM] STRYK: (reply to STRYK) y",
    ]


def test_all_that_was_captured_is_readable() -> None:
    full = message(
        "Hi <@55>",
        author="Bot",
        type="bot_response",
        model="claude_3*",
        attachments=("https://cdn.example/a b.png?x=1&y=(2)", "javascript:alert(1)"),
        extra={
            "mentions": {"<@55>": "@Ann"},
            "files": [{"name": "a b.png"}],
            "embeds": [{"title": "Docs", "description": "How to"}],
            "poll": {"question": "Tea?", "answers": ["yes", "no"]},
            "forwarded": {"content": "old news", "attachments": ["https://cdn.example/f.txt"]},
        },
    )
    assert body("txt", full) == (
        "[3:45 PM] Bot: Hi @Ann\n"
        "    Forwarded: old news\n"
        "    Docs\n"
        "    How to\n"
        "    Poll: Tea?\n"
        "    - yes\n"
        "    - no\n"
        "    [file: a b.png]\n"
        "    https://cdn.example/a b.png?x=1&y=(2)\n"
        "    javascript:alert(1)\n"
        "    https://cdn.example/f.txt\n"
    )
    markdown = body("md", full)
    assert markdown.endswith(
        "\n[file: a b.png]\n"
        "\n"
        "<https://cdn.example/a%20b.png?x=1&y=(2)>  \n"
        "javascript:alert(1)  \n"
        "<https://cdn.example/f.txt>\n"
        "\n"
        "*Model: claude_3\\**\n"
    )


def test_what_discord_itself_says_is_marked_and_cannot_be_forged() -> None:
    joined = message("Ann joined the server.", author="Ann", type="system_message")
    forged = message("hello", 1, author="* Ann joined the server.")
    assert body("txt", joined, forged) == (
        "[3:45 PM] * Ann joined the server.\n[3:46 PM] *Ann joined the server.: hello\n"
    )
    assert body("md", joined, forged) == (
        "\n### 3:45 PM - *Ann*\nAnn joined the server.\n"
        "\n### 3:46 PM - \\* Ann joined the server.\nhello\n"
    )


def test_no_line_of_a_text_export_can_be_forged() -> None:
    message_ = message(
        "one\r[3:46 PM] Bot: two\u2028--- 2025-11-09 ---\x1b[2K\n\nthree",
        author="A\nB\u202e\x07\u200b",
    )
    assert body("txt", message_, message("", 1, author="\u200e\n")) == (
        "[3:45 PM] A B: one\n"
        "    [3:46 PM] Bot: two\n"
        "    --- 2025-11-09 ---[2K\n"
        "\n"
        "    three\n"
        "[3:46 PM] (no name):\n"
    )


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("plain, **bold** and snake_case", "plain, **bold** and snake_case"),
        ("one\ntwo\n\nthree", "one  \ntwo\n\nthree"),
        ("# title\n#hash\n- # in a list\n> ## quoted", None),
        ("a\n---\nb\n===\n* * *", "a  \n\\---  \nb  \n\\===  \n* * \\*"),
        ("~~~\nx", "\\~~~  \nx"),
        ("<b>x</b> `<b>` <https://ok.example>", "\\<b>x\\</b> `<b>` <https://ok.example>"),
        ("<javascript:x> <mailto:a@b.example>", "\\<javascript:x> \\<mailto:a@b.example>"),
        ("a ` b\n` <i> `", "a \\` b  \n` <i> `"),
        (
            "[a](https://ok.example) [b](javascript:x)",
            "[a](https://ok.example) [b\\](javascript:x)",
        ),
        ("[a]: javascript:x", "[a\\]: javascript:x"),
        ("![pixel](https://spy.example)", "\\![pixel](https://spy.example)"),
        ("&lt; & \\<b>", "\\&lt; & \\<b>"),
        ("see ```py\nx < 1\n``` done", "see\n```py\nx < 1\n```\n done"),
        ("```x = `1` ```", "```\nx = `1` \n```"),
        ("```python\n# open", "```python\n# open\n```"),
        ("````\n```\n````", "````\n```\n````"),
        ("```\n```\n# x", "\\`\\`\\`  \n\\`\\`\\`  \n\\# x"),
        ("what does ``` mean", "what does \\`\\`\\` mean"),
    ],
)
def test_markdown_keeps_what_is_harmless(content: str, shown: str | None) -> None:
    if shown is None:
        shown = "\\# title  \n#hash  \n- \\# in a list  \n> \\## quoted"
    assert body("md", message(content)) == f"\n### 3:45 PM - STRYK\n{shown}\n"


texts = st.text(st.characters(exclude_categories=["Cs"]))
pieces = st.sampled_from(
    "# |## |#|-|--|---|===|=|***|* |_|> |- |1. |+ |\t|    |  | |\n|\n\n|\r|\u2028|\x85|\x0b|a|b|é|"
    "`|``|```|````|~~~|py|<script>|<!--|-->|<a href=x>|</|>|<|[a]|[|]|(|)|](|]: |javascript:x|!|![|"
    "https://x.example|<https://x.example|&lt;|&#60;|\\|\u202e|\x1b[2K|\x00|[3:45 PM] Bot: x|"
    "### 3:45 PM - Bot|## 2025-11-09".split("|")
)
markup = st.lists(pieces, max_size=12).map("".join)
json_values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


def conversations(text: st.SearchStrategy[str]) -> st.SearchStrategy[list[Message]]:
    own = {"timestamp", "author", "author_id", "content", "type", "model", "attachments"}
    own |= {"message_id", "channel_id"}
    extra = st.fixed_dictionaries(
        {},
        optional={
            "display_name": text,
            "reply_to": st.sampled_from(["1", "2"]),
            "files": st.lists(st.fixed_dictionaries({"name": text}), max_size=2),
        },
    )
    others = st.dictionaries(texts.filter(lambda key: key not in own), json_values, max_size=2)
    return st.lists(
        st.builds(
            Message,
            timestamp=st.datetimes(timezones=st.just(UTC)),
            author=text,
            author_id=texts,
            content=text,
            type=st.sampled_from(["user_message", "bot_response", "system_message"]),
            model=st.none() | text,
            attachments=st.lists(text, max_size=2).map(tuple),
            message_id=st.none() | st.integers(1, 3),
            channel_id=st.none() | texts,
            extra=st.builds(lambda a, b: {**a, **b}, others, extra),
        ),
        max_size=4,
    )


@given(conversations(texts | markup), markup, st.sampled_from(["UTC", "America/New_York"]))
def test_text_has_one_line_with_a_clock_for_each_message(
    messages: list[Message], name: str, zone: str
) -> None:
    lines = rendered("txt", messages, zone, name).splitlines()
    assert lines[0] == lines[5] == "=" * 37
    assert sum(bool(re.match(rf"\[{CLOCK}\] ", line)) for line in lines) == len(messages)
    others = [line for line in lines[6:] if not re.match(rf"\[{CLOCK}\] ", line)]
    days = [line for line in others if re.fullmatch(r"--- \d{1,4}-\d\d-\d\d ---", line)]
    assert all(line == "" or line.startswith("    ") for line in others if line not in days)
    assert len(days) <= len(messages)


def inline(tokens: Sequence[Token]) -> list[Token]:
    return list(chain(tokens, *(token.children or [] for token in tokens)))


@given(conversations(markup | texts), markup, st.sampled_from(["UTC", "Asia/Tokyo"]))
@example([message("- a\n\n  # b\n1. x\n   ---"), message("> a\n> ---")], "# a\n- b", "UTC")
@example([message("<x\n`>` `"), message("[a\n]: javascript:x"), message("[a]")], "[a]", "UTC")
def test_a_markdown_parser_sees_the_headings_of_messages_and_no_others(
    messages: list[Message], name: str, zone: str
) -> None:
    page = rendered("md", messages, zone, name)
    assert page.splitlines() == page.split("\n")[:-1]
    tokens = inline(MarkdownIt("commonmark").parse(page))
    headings = [token.tag for token in tokens if token.type == "heading_open"]
    assert headings.count("h3") == len(messages)
    assert headings.count("h1") == 1
    assert set(headings) <= {"h1", "h2", "h3"}
    days = [line for line in page.split("\n") if re.fullmatch(r"## \d{1,4}-\d\d-\d\d", line)]
    assert headings.count("h2") <= 1 + len(days)
    kinds = [token.type for token in tokens]
    assert kinds.count("hr") == 1
    assert not {"html_block", "html_inline", "image"} & set(kinds)
    for token in tokens:
        if token.type == "link_open":
            assert re.match("https?://", str(token.attrs["href"]), re.IGNORECASE)


def answer(user: str = "ann", command: Json = "/ai ask") -> Message:
    """Return the answer to a slash command."""
    used: Json = {"id": "12", "command": command, "user": user, "user_id": "5"}
    return message("It is 42", 1, "Bot", "bot_response", extra={"interaction": used})


def test_an_answer_names_the_command_and_its_user() -> None:
    assert body("txt", answer()) == "[3:46 PM] Bot: (ann used /ai ask) It is 42\n"
    assert body("md", answer()) == "\n### 3:46 PM - Bot\n*(ann used /ai ask)*\n\nIt is 42\n"
    assert '<span class="reply">ann used /ai ask</span>' in rendered("html", [answer()])
    (row,) = rows(answer())
    assert (row["command"], row["command_user"], row["content"]) == ("/ai ask", "ann", "It is 42")
    kept = json.loads(rendered("json", [answer()]))["messages"][0]["interaction"]
    assert kept == {"id": "12", "command": "/ai ask", "user": "ann", "user_id": "5"}
    exported = json.loads(rendered("dce", [answer()]))["messages"][0]["interaction"]
    assert (exported["id"], exported["name"]) == ("12", "ai ask")
    assert (exported["user"]["name"], exported["user"]["id"]) == ("ann", "5")


def test_an_answer_to_a_button_names_its_user() -> None:
    used: Json = {"id": "12", "user": "ann", "user_id": "5"}
    pressed = message("gone", 1, "Bot", "bot_response", extra={"interaction": used})
    assert body("txt", pressed) == "[3:46 PM] Bot: (asked by ann) gone\n"
    assert "interaction" not in json.loads(rendered("dce", [pressed]))["messages"][0]


def test_the_user_of_a_command_cannot_forge_a_line() -> None:
    forged = answer("ann\n[3:47 PM] boss:", "/x*\n# y")
    assert body("txt", forged).count("\n") == 1
    assert body("md", forged).splitlines()[2] == r"*(ann \[3:47 PM\] boss: used /x\* \# y)*"
    assert "<i>" not in rendered("html", [answer("<i>")])


QUOTINGS: tuple[Literal[0, 3], ...] = (csv.QUOTE_MINIMAL, csv.QUOTE_NONE)


def rows(*messages: Message) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(rendered("csv", messages), newline="")))


def test_csv_has_a_row_a_message() -> None:
    full = message(
        'one, "two"\nthree <@5>',
        model="claude",
        attachments=("https://a", "https://b"),
        message_id=1234567890123456789,
        channel_id="70",
        extra={"reply_to": "12", "mentions": {"<@5>": "@Ann"}, "embeds": [{"title": "Docs"}]},
    )
    assert rendered("csv", [full], "Europe/Berlin").startswith(
        "message_index,timestamp,author,author_id,type,content,model,attachments,reply_to,"
        "edited_at,deleted_at,tags,message_id,channel_id,command,command_user\r\n"
        "1,2025-11-08T16:45:00+01:00,STRYK,"
    )
    assert rows(full) == [
        {
            "message_index": "1",
            "timestamp": "2025-11-08T15:45:00+00:00",
            "author": "STRYK",
            "author_id": "123",
            "type": "user_message",
            "content": 'one, "two"\nthree @Ann\nDocs',
            "model": "claude",
            "attachments": "https://a\nhttps://b",
            "reply_to": "12",
            "edited_at": "",
            "deleted_at": "",
            "tags": "",
            "message_id": "1234567890123456789",
            "channel_id": "70",
            "command": "",
            "command_user": "",
        }
    ]


@given(
    conversations(
        texts
        | st.sampled_from(
            [f"{a}{b}" for a in ("", "x;", 'x;"', "x\t", "x\n") for b in "=+-@＝\t\r"]
        ).flatmap(lambda start: texts.map(start.__add__))
    )
)
def test_csv_is_read_back_and_no_cell_is_a_formula(messages: list[Message]) -> None:
    found = rows(*messages)
    assert [row["message_index"] for row in found] == [str(i + 1) for i in range(len(messages))]
    for row, each in zip(found, messages, strict=True):
        assert row["content"].replace("'", "") == each.text.replace("'", "")
        assert row["author"].replace("'", "") == each.author.replace("'", "")
        for cell in row.values():
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    for delimiter, quoting in itertools.product(";\t", QUOTINGS):
        file = io.StringIO(rendered("csv", messages), newline="")
        for cells in csv.reader(file, delimiter=delimiter, quoting=quoting):
            assert not any(cell.lstrip('"').startswith(tuple("=+-@＝")) for cell in cells)


@pytest.mark.parametrize("text", ["a;b", "a,b", 'a"b', "a\nb", "a\tb", " a", "a\r"])
def test_csv_quotes_what_any_spreadsheet_separates(text: str) -> None:
    quoted = text.replace('"', '""')
    assert f',user_message,"{quoted}",' in rendered("csv", [message(text)])


@given(conversations(texts), texts)
def test_json_says_what_the_messages_say(messages: list[Message], name: str) -> None:
    data = json.loads(rendered("json", messages, "Asia/Kolkata", name))
    assert data["session"] == name
    assert data["duration_seconds"] == 4980
    assert datetime.fromisoformat(data["date"]) == START
    assert [jsonl.decode(json.dumps(each)) for each in data["messages"]] == messages
    first_keys = ["timestamp", "author", "content", "type"]
    assert all(list(each)[:4] == first_keys for each in data["messages"])


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_memory_does_not_grow_with_the_session(format: str) -> None:
    count = 10_000

    def source() -> Iterator[Message]:
        for number in range(count):
            yield message("a line of talk", message_id=number, extra={"reply_to": "1"})

    exporter = SessionExporter(Conversation(source), ZoneInfo("UTC"))
    rendered(format, EXAMPLE)  # what is loaded once is not counted
    tracemalloc.start()
    try:
        size = sum(len(piece) for piece in exporter.render(session(count), format, NOW))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size > 40 * count
    assert peak < max(400_000, size / 4)


async def test_a_recording_is_exported_from_the_database(tmp_path: Path) -> None:
    channel = Channel("70", "general", "7")
    async with SessionRecorder(tmp_path) as recorder:
        manager = SessionManager(recorder, ZoneInfo("UTC"))
        await manager.start("oauth-implementation", channel, user_id="123", now=START)
        for number, each in enumerate(EXAMPLE, 1):
            await recorder.record(replace(each, message_id=number, channel_id="70"))
        stopped = await manager.stop("70", now=START + timedelta(seconds=4980))
    exporter = SessionExporter(Reader(tmp_path), ZoneInfo("UTC"))
    for format in FORMATS:
        size = exporter.export(stopped, format, tmp_path / f"export.{format}", NOW)
        assert size == (tmp_path / f"export.{format}").stat().st_size
    for format in ("txt", "md"):
        assert (tmp_path / f"export.{format}").read_text() == rendered(format, EXAMPLE)
    assert len(json.loads((tmp_path / "export.json").read_text())["messages"]) == 4
    assert (tmp_path / "export.jsonl").read_bytes() == (tmp_path / stopped.file_path).read_bytes()


def exporter_of_example() -> SessionExporter:
    return SessionExporter(Conversation(lambda: EXAMPLE), ZoneInfo("UTC"))


def test_an_export_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "export.txt"
    written = exporter_of_example().export(session(4), "txt", path, NOW)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text(encoding="utf-8") == rendered("txt", EXAMPLE)
    assert written == path.stat().st_size
    assert list(tmp_path.iterdir()) == [path]


def test_an_existing_file_is_kept_unless_told_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "export.txt"
    path.write_text("mine")
    with pytest.raises(Conflict, match="exists already"):
        exporter_of_example().export(session(4), "txt", path, NOW)
    assert path.read_text() == "mine"
    exporter_of_example().export(session(4), "txt", path, NOW, overwrite=True)
    assert path.read_text() == rendered("txt", EXAMPLE)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("hard_links", [True, False])
def test_a_file_that_appears_meanwhile_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hard_links: bool
) -> None:
    path = tmp_path / "export.txt"

    def source() -> Iterator[Message]:
        yield EXAMPLE[0]
        path.write_text("mine")

    if not hard_links:
        monkeypatch.setattr("os.link", _no_hard_links)
    exporter = SessionExporter(Conversation(source), ZoneInfo("UTC"))
    with pytest.raises(Conflict, match="exists already"):
        exporter.export(session(4), "txt", path, NOW)
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


def _no_hard_links(source: Path, target: Path) -> None:
    raise PermissionError(1, "Operation not permitted")  # as FAT answers


def test_a_file_system_without_hard_links_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.link", _no_hard_links)
    path = tmp_path / "export.txt"
    exporter_of_example().export(session(4), "txt", path, NOW)
    assert path.read_text() == rendered("txt", EXAMPLE)
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file or directory"):
        exporter_of_example().export(session(4), "txt", tmp_path / "no" / "export.txt", NOW)


def test_a_failing_reader_leaves_no_file(tmp_path: Path) -> None:
    def source() -> Iterator[Message]:
        yield EXAMPLE[0]
        raise StorageError("The database is gone.")

    exporter = SessionExporter(Conversation(source), ZoneInfo("UTC"))
    with pytest.raises(StorageError, match="is gone"):
        exporter.export(session(4), "json", tmp_path / "export.json", NOW)
    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from zoneinfo import ZoneInfo
from recorder.errors import StorageError
from recorder.formats.session_exporter import SessionExporter
from support.conversations import NOW, Conversation, message, session
exporter = SessionExporter(Conversation(lambda: [message("x" * 100)] * 1000), ZoneInfo("UTC"))
try:
    exporter.export(session(1000), "txt", Path(sys.argv[1]) / "export.txt", NOW)
except StorageError as error:
    print(error)
"""


def test_a_full_disk_leaves_no_partial_file(tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    result = subprocess.run(
        [sys.executable, "-B", "-c", FULL_DISK, tmp_path, Path(__file__).parents[1]],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "cannot be written (File too large)" in result.stdout
    assert result.stderr == ""
    assert list(tmp_path.iterdir()) == []
