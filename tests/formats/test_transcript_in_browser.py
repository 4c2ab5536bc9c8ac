"""The HTML transcript in Chromium: no foreign script runs, and its own functions work."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from support.recordings import NOW, said
from support.transcripts import Balanced, page, recorded

from recorder.models import Gap, Json, RecordedMessage, Tag

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here"),
]

HIT = "document.title='hit'"
ATTACKS = (
    f"<script>{HIT}</script>",
    f'<img src=x onerror="{HIT}">',
    f'\'"><svg onload="{HIT}">',
    f"[a](javascript:{HIT}) <javascript:{HIT}>",
    f"javascript:{HIT}",
    "{{ 7*7 }}{% raw %}",
    f"</style></title></textarea>--><script>{HIT}</script>",
    f"```</code></pre><script>{HIT}</script>```",
    f'```"onmouseover={HIT}//\ncode```',
    f'\u202eevil\u2066\x00<b onclick="{HIT}">',
    f'https://x.example/"onmouseover="{HIT}',
    f"||<p onclick={HIT}>|| **<i>** > <!--",
    f"`<img src=x onerror={HIT}>` [<img src=x onerror={HIT}>](https://x.example)",
    f"```\n<img src=x onerror={HIT}>\n```\n- <img src=x onerror={HIT}>",
    f"# <img src=x onerror={HIT}>\n> <img src=x onerror={HIT}>",
)


def hostile() -> list[RecordedMessage]:
    """Return messages with an attack in every field."""
    found: list[RecordedMessage] = []
    for number, attack in enumerate(ATTACKS):
        thing: dict[str, Json] = {
            "name": attack,
            "url": attack,
            "title": attack,
            "content": attack,
            "description": attack,
        }
        embed: dict[str, Json] = {
            **thing,
            "color": attack,
            "timestamp": attack,
            "provider": thing,
            "author": thing,
            "footer": {"text": attack},
            "fields": [{"name": attack, "value": attack}],
            "image": thing,
            "thumbnail": thing,
        }
        winner: dict[str, Json] = {"name": "victor_answer_text", "value": attack}
        extra: dict[str, Json] = {
            "display_name": attack,
            "webhook_id": attack,
            "reply_to": str(1000 + number),
            "mentions": {"<@5>": attack},
            "files": [{**thing, "content_type": "image/png"}],
            "embeds": [embed, {"type": "poll_result", "fields": [winner]}],
            "components": [thing],
            "stickers": [thing],
            "poll": {"question": attack, "answers": [attack], "expires": attack},
            "forwarded": {"content": attack, "attachments": [attack], "embeds": [embed]},
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
        for kind in ("user_message", "bot_response", "system_message"):
            shown = RecordedMessage(len(found) + 1, replace(message, type=kind))
            found.append(replace(shown, tags=(attack,), reactions={attack: 1}))
    return found


TOUCH_ALL = """
for (const element of document.querySelectorAll("body *:not(a)"))
  for (const kind of ["mouseover", "mouseenter", "focus", "click"])
    element.dispatchEvent(new MouseEvent(kind, {bubbles: true, cancelable: true}));
"""


def test_nothing_foreign_runs(tmp_path: Path) -> None:
    text = page(
        hostile(),
        title=ATTACKS[0],
        tags=[Tag(attack, NOW, 1) for attack in ATTACKS],
        gaps=[Gap(NOW, NOW, attack, 1, attack) for attack in ATTACKS],
    )
    # Without the policy, which would stop it once more.
    dom = dump(tmp_path, without_policy(text, TOUCH_ALL))
    assert re.search(r"<title>([^<]*)", dom)[1].startswith("&lt;script&gt;")  # type: ignore[index]
    elements = [(tag, a) for tag, a in parse(dom) if tag not in ("style", "script")]
    assert not {"svg", "iframe", "object", "textarea", "p"} & {tag for tag, _ in elements}
    assert not [tag for tag, a in elements if tag == "img" and a.get("src") == "x"]
    assert not [a for _, a in elements if any(name.startswith("on") for name in a)]
    assert all(re.match("#|https?://", str(a["href"])) for _, a in elements if "href" in a)
    assert all(str(a["src"]).startswith("data:image/") for _, a in elements if "src" in a)
    assert len([tag for tag, _ in elements if tag == "article"]) == 3 * len(ATTACKS)
    # The same attacks in a page of no defence show that they would have been seen.
    for attack in (ATTACKS[1], ATTACKS[6]):
        assert "<title>hit" in dump(tmp_path, f"<title>none</title>{attack}")


def test_the_policy_of_the_page_lets_no_other_script_run(tmp_path: Path) -> None:
    text = page(recorded(said(1, "<t:1762616700:R>")), title="plans")
    dom = dump(tmp_path, text.replace("</body>", f"{ATTACKS[0]}{ATTACKS[1]}</body>"))
    assert "<title>plans</title>" in dom
    (form,) = [attributes for tag, attributes in parse(dom) if tag == "form"]
    assert "hidden" not in form, "its own script has run"
    assert re.search(r"<time [^>]*>(?:[^<]* ago|last year)</time>", dom)


USE_ALL = """
const pause = (time) => new Promise((done) => setTimeout(done, time));
const seen = (selector) => getComputedStyle(document.querySelector(selector));
const box = document.querySelector("input"), output = document.querySelector("output");
const article = (number) => document.getElementById(`m${number}`);
const search = async (text) => {
  box.value = text;
  box.dispatchEvent(new Event("input"));
  await pause(300);
  return [output.textContent, ...Array.from(document.querySelectorAll(".hit"), (hit) => hit.id)];
};
const press = (key, shiftKey) => box.dispatchEvent(new KeyboardEvent("keydown", {key, shiftKey}));
const current = () => document.querySelector(".current")?.id;
(async () => {
  const done = {};
  done.hidden = seen(".spoiler").color;
  document.querySelector(".spoiler").click();
  done.shown = seen(".spoiler").color !== done.hidden;
  done.found = await search("CAFE");
  done.next = [current()];
  for (const back of [false, true]) {
    press("Enter", back);
    done.next.push(current());
  }
  done.by = await search('from:kay "number 7"');
  done.none = await search("PM");
  press("Escape");
  done.cleared = [output.textContent, current() ?? ""];
  const colours = [seen("body").backgroundColor];
  for (let time = 0; time < 2; time++) {
    document.querySelector(".theme").click();
    colours.push(seen("body").backgroundColor);
  }
  done.colours = [colours[0] === colours[2], colours[0] === colours[1]];
  document.querySelector("nav a").click();
  await pause(100);
  const { top } = article(990).getBoundingClientRect();
  done.jumped = [location.hash, top > 0 && top < innerHeight];
  document.title = JSON.stringify(done);
})();
"""


def test_search_spoilers_colours_and_jumps_work(tmp_path: Path) -> None:
    texts = ["||secret||", "un **Café** noir", "the cafe again"]
    texts += [f"number {number}" for number in range(3, 1_000)]
    messages = [said(n, text, author="kay" if n % 2 else "jo") for n, text in enumerate(texts, 1)]
    text = page(recorded(*messages), tags=[Tag("far", NOW, 990)])
    dom = dump(tmp_path, without_policy(text, USE_ALL), budget=10_000)
    done = json.loads(unescape(re.search(r"<title>([^<]*)", dom)[1]))  # type: ignore[index]
    assert done == {
        "hidden": "rgba(0, 0, 0, 0)",
        "shown": True,
        "found": ["1 of 2", "m2", "m3"],
        "next": ["m2", "m3", "m2"],
        "by": done["by"],
        "none": ["nothing found"],
        "cleared": ["", ""],
        "colours": [True, False],
        "jumped": ["#m990", True],
    }
    found = [int(hit[1:]) for hit in done["by"][1:]]
    assert found == [n for n, t in enumerate(texts, 1) if n % 2 and t.startswith("number 7")]


def without_policy(text: str, script: str) -> str:
    """Return the page with a script of the test instead of its policy."""
    start, policy, rest = text.partition('<meta http-equiv="Content-Security-Policy"')
    assert policy
    rest = rest.partition(">")[2]
    return f"{start}{rest.replace('</body>', f'<script>{script}</script></body>')}"


def dump(folder: Path, text: str, budget: int = 2_000) -> str:
    """Return the page after `budget` milliseconds of the browser's virtual time."""
    path = folder / "page.html"
    path.write_text(text, "utf-8")
    options = "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --dump-dom".split()
    profile = f"--user-data-dir={folder / 'profile'}"
    time = f"--virtual-time-budget={budget}"
    command = [str(CHROMIUM), *options, profile, time, path.as_uri()]
    return subprocess.run(command, check=True, capture_output=True, timeout=50).stdout.decode()


def parse(dom: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Balanced()
    parser.handle_endtag = lambda tag: None  # type: ignore[method-assign]
    parser.feed(dom)
    return parser.found
