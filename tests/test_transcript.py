"""The HTML transcript: Discord's Markdown, the page, and that nothing foreign runs in it."""

import asyncio
import base64
import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import record
from soundness import NOW, UTC_ZONE, said

from recorder.models import Gap, Interval, Json, Message, RecordedMessage, Tag
from recorder.transcript import Transcript, render
from recorder.transcript.html import markdown

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def html(text: str, **names: str) -> str:
    return str(markdown(text, UTC_ZONE, {"<@5>": "@Jonas", "<#7>": "#general", **names}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**bold** *it* _it_", "<b>bold</b> <i>it</i> <i>it</i>"),
        ("__under__ ~~gone~~", "<u>under</u> <s>gone</s>"),
        ("***both***", "<b><i>both</i></b>"),
        ("snake_case_name 2 * 3 * 4", "snake_case_name 2 * 3 * 4"),
        (r"\*plain\*", "*plain*"),
        ("`a *b*` ``x ` y``", "<code>a *b*</code> <code>x ` y</code>"),
        ("# One\n## Two\n### Three", "<h3>One</h3><h4>Two</h4><h5>Three</h5>"),
        ("-# small", "<small>small</small>"),
        ("- a\n  - b\n- c", "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>"),
        ("> quoted\nnot", "<blockquote>quoted</blockquote>not"),
        ("<@5>", '<span class="mention" title="&lt;@5&gt;">@Jonas</span>'),
        ("<#7>", '<span class="mention" title="&lt;#7&gt;">#general</span>'),
        ("<a:party:123>", '<span class="emoji">:party:</span>'),
        ("a < b & c > d", "a &lt; b &amp; c &gt; d"),
        ("unclosed ** and ` and ||", "unclosed ** and ` and ||"),
        ("", ""),
    ],
)  # fmt: skip
def test_markdown_is_shown_as_discord_does(text: str, expected: str) -> None:
    assert html(text) == expected


def test_code_links_spoilers_and_times() -> None:
    code = html("```py\nx = '<b>'\n```")
    assert 'data-language="py"' in code and "x = &#39;&lt;b&gt;&#39;" in code
    assert 'class="spoiler"' in html("||secret||")
    link = html("[docs](https://example.org/a?b=1&c=2)")
    assert 'href="https://example.org/a?b=1&amp;c=2"' in link and ">docs</a>" in link
    assert "noopener" in link
    assert 'href="https://example.org/x"' in html("see https://example.org/x.")
    assert "2025" in html("<t:1762616700:D>")


@pytest.mark.parametrize("scheme", ["javascript:alert(1)", "data:text/html,x", "//x.example"])
def test_nothing_but_web_links_is_a_link(scheme: str) -> None:
    assert "<a " not in html(f"[click]({scheme}) <{scheme}> {scheme}")


@pytest.mark.parametrize("sign", ["> ", "*_", *"* _ ** || ~~ ` - [ ]( < <@ ``` # \\".split()])
def test_hostile_markdown_costs_no_more_than_its_length(sign: str) -> None:
    # Quadratic time would take minutes, and end in the time limit of a test.
    for text in (sign * 40_000, f"{sign}a " * 20_000, f"{sign}\n" * 20_000):
        assert html(text) is not None


@given(st.text(alphabet="*_~|`<>[]()@#:/\\ \n-ab1h", max_size=120))
def test_any_text_gives_well_formed_html(text: str) -> None:
    Balanced().feed_all(html(text))


VOID = {"meta", "input", "img", "br"}


class Balanced(HTMLParser):
    """Every element that begins ends too, in its order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag

    def feed_all(self, page: str) -> None:
        self.feed(page)
        self.close()
        assert not self.open


def recorded(*messages: Message) -> list[RecordedMessage]:
    return [RecordedMessage(index, message) for index, message in enumerate(messages, 1)]


def page(messages: Iterable[RecordedMessage], title: str = "plans", **further: object) -> str:
    transcript = Transcript(title, (("Messages", "3"),), messages, UTC_ZONE, **further)  # type: ignore[arg-type]
    return "".join(render(transcript))


def test_the_page_has_everything_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "pic.png").write_bytes(PNG)
    url = "https://cdn.discordapp.com/attachments/1/2/pic.png"
    first, second, third = recorded(
        said(1, "hello"),
        said(2, "world", attachments=(f"{url}?ex=1",), extra={"files": [{"name": "pic.png"}]}),
        said(4000, "answer", extra={"reply_to": "1001"}),
    )
    second = replace(second, edited_at=NOW, reactions={"👍": 2}, tags=("decision",))
    third = replace(third, deleted_at=NOW, message=replace(third.message, content="(deleted)"))
    text = page(
        [first, second, third],
        tags=[Tag("decision", NOW, 2)],
        intervals=[
            Interval(NOW, NOW + timedelta(seconds=60)),
            Interval(NOW + timedelta(seconds=3000), None),
        ],
        gaps=[Gap(NOW + timedelta(seconds=10), NOW + timedelta(seconds=20), "restart", 5)],
        kept_files={url: Path("pic.png")},
        folder=tmp_path,
    )
    parser = Balanced()
    parser.feed_all(text.partition("<!doctype html>")[2])
    ids = {attributes.get("id") for tag, attributes in parser.found if tag == "article"}
    assert ids == {"m1", "m2", "m3"}
    links = {attributes.get("href") for tag, attributes in parser.found if tag == "a"}
    assert {"#m1", "#m2"} <= links, "the reply and the tag lead to their messages"
    sources = [str(attributes.get("src")) for tag, attributes in parser.found if tag == "img"]
    assert [source.partition(",")[0] for source in sources] == ["data:image/png;base64"]
    for shown in (
        "Paused for 49m",
        "restart; 5 messages fetched",
        "(edited)",
        "Message deleted",
        "👍",
    ):
        assert shown in text
    assert text.count('class="group') == 2, "what is said in one breath stands below one name"


def test_the_page_allows_its_own_style_and_script_alone() -> None:
    text = page(recorded(said(1, "x")))
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    for tag in ("style", "script"):
        (source,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert not re.search(r'(?:src|href)="(?!#|data:)', text)


ATTACKS = (
    "<script>document.title='hit'</script>",
    "<img src=x onerror=\"document.title='hit'\">",
    '"><svg onload="document.title=\'hit\'">',
    "[a](javascript:document.title='hit')",
    "javascript:document.title='hit'",
    "{{ 7*7 }}{% raw %}",
    "</style><script>document.title='hit'</script>",
    "```</code></pre><script>document.title='hit'</script>",
    "\u202eevil\u2066<b onclick=alert(1)>",
    "https://x.example/\"onmouseover=\"document.title='hit'",
)


def hostile() -> list[RecordedMessage]:
    """Every field of a message holds an attack."""
    found: list[RecordedMessage] = []
    for number, attack in enumerate(ATTACKS):
        thing: dict[str, Json] = {"name": attack, "url": attack, "title": attack, "content": attack}
        extra: dict[str, Json] = {
            "display_name": attack,
            "webhook_id": attack,
            "reply_to": str(1000 + number),
            "mentions": {"<@5>": attack},
            "files": [{**thing, "content_type": "image/png", "description": attack}],
            "embeds": [
                {
                    **thing,
                    "description": attack,
                    "color": attack,
                    "author": thing,
                    "footer": {"text": attack},
                    "fields": [{"name": attack, "value": attack}],
                    "image": {"url": attack},
                }
            ],
            "components": [thing],
            "stickers": [thing],
            "poll": {"question": attack, "answers": [attack]},
            "forwarded": {"content": attack, "attachments": [attack], "embeds": [thing]},
            "event": attack,
        }
        message = said(
            number + 1,
            f"{attack} <@5> <:{attack}:1>",
            author=attack,
            author_id=attack,
            model=attack,
            attachments=(attack,),
            extra=extra,
        )
        kinds = ("user_message", "bot_response", "system_message")
        for kind in kinds:
            shown = RecordedMessage(len(found) + 1, replace(message, type=kind))  # type: ignore[arg-type]
            found.append(replace(shown, tags=(attack,), reactions={attack: 1}))
    return found


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_nothing_foreign_runs_in_a_browser(tmp_path: Path) -> None:
    text = page(
        hostile(),
        title=ATTACKS[0],
        tags=[Tag(attack, NOW, 1) for attack in ATTACKS],
        gaps=[Gap(NOW, NOW, attack, 1, attack) for attack in ATTACKS],
    )
    dom = dump(tmp_path, text)
    assert re.search(r"<title>([^<]*)", dom)[1].startswith("&lt;script&gt;")  # type: ignore[index]
    tags = [(tag, attributes) for tag, attributes in parse(dom) if tag not in ("style", "script")]
    assert not {"svg", "iframe", "object"} & {tag for tag, _ in tags}
    assert not [a for _, a in tags if any(name.startswith("on") for name in a)]
    assert all(str(a["href"]).startswith(("#", "http")) for _, a in tags if a.get("href"))
    assert all(str(a["src"]).startswith("data:image/") for _, a in tags if "src" in a)
    # The same attack in a page of no defence shows that it would have been seen.
    assert "<title>hit" in dump(tmp_path, f"<title>none</title>{ATTACKS[0]}")


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_the_script_of_the_page_runs(tmp_path: Path) -> None:
    dom = dump(tmp_path, page(recorded(said(1, "<t:1762616700:R>"))))
    (form,) = [attributes for tag, attributes in parse(dom) if tag == "form"]
    assert "hidden" not in form, "the search is there once the script has run"


def dump(folder: Path, text: str) -> str:
    """The page as a browser has it, after its scripts."""
    path = folder / "page.html"
    path.write_text(text, "utf-8")
    options = "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --dump-dom".split()
    profile = f"--user-data-dir={folder / 'profile'}"
    command = [str(CHROMIUM), *options, profile, "--virtual-time-budget=2000", path.as_uri()]
    shown = subprocess.run(command, check=True, capture_output=True, timeout=50)
    return shown.stdout.decode()


def parse(dom: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Balanced()
    parser.handle_endtag = lambda tag: None  # type: ignore[method-assign]
    parser.feed(dom)
    return parser.found


def test_a_long_conversation_is_rendered_piece_by_piece() -> None:
    taken = 0

    def messages() -> Iterable[RecordedMessage]:
        nonlocal taken
        for number in range(1, 100_000):
            taken += 1
            yield RecordedMessage(number, said(number, f"message {number}"))

    transcript = Transcript("long", (), messages(), ZoneInfo("Europe/Berlin"))
    first = "".join(islice(render(transcript), 40))
    assert "message 1" in first and taken < 10_000


def test_the_command_line_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(record(tmp_path / "data", "plans", ["**one**", "two"]))
    command = [sys.executable, "-m", "recorder", "--data", str(tmp_path / "data")]
    command += ["export", "plans", "html", "-o", "-"]
    done = subprocess.run(command, check=True, capture_output=True)
    assert b"<b>one</b>" in done.stdout and done.stdout.startswith(b"<!doctype html>")


def test_without_jinja2_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(record(tmp_path / "data", "plans", ["one"]))
    hide = "import sys; sys.modules['jinja2'] = None; from recorder.cli import main; main()"
    command = [sys.executable, "-c", hide, "--data", str(tmp_path / "data")]
    failed = subprocess.run([*command, "export", "plans", "html"], capture_output=True, check=False)
    assert failed.returncode == 2
    assert b"pip install 'discord-session-recorder[html]'" in failed.stderr
