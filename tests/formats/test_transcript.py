"""The HTML transcript: Discord's Markdown, the page, and its policy."""

import asyncio
import base64
import hashlib
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.recordings import NOW, UTC_ZONE, record, said
from support.transcripts import Balanced, exported, page, recorded

from recorder import SessionRecorder
from recorder.formats.exported_session import ExportedSession
from recorder.formats.html.kept_files import LARGEST_IMAGE, KeptFiles
from recorder.formats.html.markdown_html import markdown
from recorder.formats.html.page import render
from recorder.models import Deletion, Gap, Interval, Json, RecordedMessage, Tag
from recorder.store.reading import Reader

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def html(text: str, **names: str) -> str:
    return str(markdown(text, UTC_ZONE, {"<@5>": "@Jonas", "<#7>": "#general", **names}))


LONGER = {
    "- a\n  more\n- ```\n  x\n    y\n  ```": (
        "<ul><li>a\nmore</li><li><pre><code>x\n  y</code></pre></li></ul>"
    ),
    "||a ```x``` b||": ('<span class="spoiler" tabindex="0">a <pre><code>x</code></pre> b</span>'),
    "@everyone <@9> <@&9> <#9> </ask me:1>": (
        '<span class="mention" title="@everyone">@everyone</span> '
        '<span class="mention" title="&lt;@9&gt;">@unknown-user</span> '
        '<span class="mention" title="&lt;@&amp;9&gt;">@unknown-role</span> '
        '<span class="mention" title="&lt;#9&gt;">#unknown-channel</span> '
        '<span class="mention">/ask me</span>'
    ),
}


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
        ("#no heading\n#### neither", "#no heading\n#### neither"),
        ("-# small", "<small>small</small>"),
        ("3. a\n4. b\n- c", '<ol start="3"><li>a</li><li>b</li></ol><ul><li>c</li></ul>'),
        ("- a\n  more\n- ```\n  x\n    y\n  ```", None),
        ("> a\n> - b\nc", "<blockquote>a<ul><li>b</li></ul></blockquote>c"),
        (">>> a\n> b\n# c", "<blockquote>a\n&gt; b<h3>c</h3></blockquote>"),
        ("```\n# a\n> b\n**c**\n```d", "<pre><code># a\n&gt; b\n**c**</code></pre>d"),
        ("a ```x``` b", "a <pre><code>x</code></pre> b"),
        ("||a ```x``` b||", None),
        ("**a *b** c*", "<b>a *b</b> c*"),
        ("**a\nb**", "<b>a\nb</b>"),
        ("__init__ ****", "<u>init</u> ****"),
        ("¯\\_(ツ)_/¯", "¯\\_(ツ)_/¯"),
        ("@everyone <@9> <@&9> <#9> </ask me:1>", None),
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
def test_markdown_is_shown_as_discord_does(text: str, expected: str | None) -> None:
    assert html(text) == (LONGER[text] if expected is None else expected)


def test_code_links_spoilers_and_times() -> None:
    code = html("```py\nx = '<b>'\n```")
    assert 'data-language="py"' in code and "x = &#39;&lt;b&gt;&#39;" in code
    assert 'class="spoiler"' in html("||secret||")
    link = html("[docs](https://example.org/a?b=1&c=2)")
    assert 'href="https://example.org/a?b=1&amp;c=2"' in link and ">docs</a>" in link
    assert "noopener" in link
    assert 'href="https://example.org/x"' in html("see https://example.org/x.")
    assert "2025" in html("<t:1762616700:D>")


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("see https://a.example/b_(c)_d, or (https://a.example/x).", "b_(c)_d x"),
        ("**https://a.example/x** ||https://a.example/y||", "x y"),
        ("_https://a.example/a_b_ <https://a.example/z>", "a_b z"),
        ("[a [b] **c**](https://a.example/x_(y)) [d](<https://a.example/z>)", "x_(y) z"),
        ("`https://a.example/x` \\[a](ftp://a.example)", ""),
        ("[https://a.example/safe](https://a.example/evil)", "evil"),
    ],
)
def test_links_end_where_people_see_their_end(text: str, urls: str) -> None:
    found = Balanced()
    found.feed_all(html(text))
    links = [attributes["href"] for tag, attributes in found.found if tag == "a"]
    assert links == [f"https://a.example/{url}" for url in urls.split()]


@pytest.mark.parametrize(
    ("style", "shown"),
    [
        ("", "November 8, 2025 3:40 PM"),
        (":t", "3:40 PM"),
        (":T", "3:40:07 PM"),
        (":d", "2025-11-08"),
        (":D", "November 8, 2025"),
        (":F", "Saturday, November 8, 2025 3:40 PM"),
    ],
)
def test_timestamps_are_times_of_the_page(style: str, shown: str) -> None:
    assert f">{shown}</time>" in html(f"<t:1762616407{style}>")
    assert html(f"<t:99999999999999{style}>") == "Invalid date"


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
    parser = Balanced()
    parser.feed_all(html(text))
    assert {tag for tag, _ in parser.found} <= ALLOWED


ALLOWED = set("a b i u s span code pre small h3 h4 h5 blockquote ul ol li time".split())


def test_the_page_has_everything_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "attachments").mkdir()
    (tmp_path / "attachments" / "pic.png").write_bytes(PNG)
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
        kept_files={url: "attachments/pic.png"},
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


def test_a_long_conversation_is_rendered_piece_by_piece() -> None:
    taken = 0

    def messages() -> Iterable[RecordedMessage]:
        nonlocal taken
        for number in range(1, 100_000):
            taken += 1
            yield RecordedMessage(number, said(number, f"message {number}"))

    long = exported(messages(), timezone=ZoneInfo("Europe/Berlin"))
    first = "".join(islice(render(long), 40))
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


def test_a_reply_leads_far_back_and_gives_nothing_away(tmp_path: Path) -> None:
    secret = "# Plan\n**ship** ||the key is " + "x" * 300 + "||"
    answers = [said(2, "a", extra={"reply_to": "1001"}), said(3, "b", extra={"reply_to": "77"})]
    old = RecordedMessage(1, said(1, secret))
    text = page(recorded(said(1, secret), *answers))
    (lead,) = re.findall(r'<a class="reply" href="#m1">(.*?)</a>', text)
    assert lead.endswith("</b> Plan ship ▇▇▇")
    assert "a message that is not in this recording" in text
    many = [old, *(RecordedMessage(n, said(n, "x")) for n in range(2, 1_200))]
    late = RecordedMessage(1_200, said(1_200, "late", extra={"reply_to": "1001"}))
    text = page([*many, late], by_id={1001: old})
    assert f'href="#m1">{lead}</a>' in text


async def test_a_reply_finds_its_message_in_the_database(folder: Path) -> None:
    await record(folder, "plans", ["hello", "gone"])
    reader = Reader(folder)
    plans = ExportedSession(reader.find("plans"), reader, UTC_ZONE, NOW)
    found = plans.message("1001")
    assert found and found.message.content == "gone" and found.message_index == 2
    for unknown in ("9", "x", "", "٣", "1" * 30, "-1"):
        assert plans.message(unknown) is None
    async with SessionRecorder(folder) as recorder:
        recorder.change(Deletion(NOW, "71", 1001))
    gone = plans.message("1001")
    assert gone and gone.message.content == "(deleted)"


def test_kept_pictures_are_put_in_while_there_is_room(tmp_path: Path) -> None:
    kept = tmp_path / "data" / "attachments"
    kept.mkdir(parents=True)
    sizes = {"a": 1_000_000, "large": LARGEST_IMAGE + 1, **{f"b{n}": 1_000_000 for n in range(9)}}
    for name, size in sizes.items():
        (kept / name).write_bytes(PNG.ljust(size, b"\0"))
    (kept / "text").write_bytes(b"<svg onload=alert(1)>")
    (tmp_path / "outside.png").write_bytes(PNG)
    (kept / "link").symlink_to(tmp_path / "outside.png")
    names = {name: f"attachments/{name}" for name in (*sizes, "text", "link", "missing")}
    names["elsewhere"] = "../outside.png"
    url = "https://cdn.discordapp.com/attachments/1/2/"
    files = KeptFiles({url + name: path for name, path in names.items()}, tmp_path / "data")
    assert str(files.image(f"{url}a?ex=1")).startswith("data:image/png;base64,iVBOR")
    for name in ("large", "text", "link", "missing", "elsewhere", "unknown"):
        assert files.image(url + name) is None
    assert sum(files.image(f"{url}b{n}") is not None for n in range(9)) == 7
    assert files.link(f"{url}large?ex=1") == "../attachments/large"
    assert files.link(f"{url}elsewhere") is files.link(f"{url}unknown") is None


KEYS = (
    "display_name reply_to mentions files embeds components stickers poll forwarded event pinned"
).split()
json_values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "a", "//a:b]", "https://[a"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                "name url content title fields value color author image question".split()
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(KEYS), json_values))
def test_values_of_any_type_give_a_page(extra: dict[str, Json]) -> None:
    Balanced().feed_all(page(recorded(said(1, "x", extra=extra))).partition("<!doctype html>")[2])
