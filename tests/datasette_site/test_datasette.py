"""`recorder serve`: the real server over HTTP, beside a recorder that writes."""

import asyncio
import html
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from support import search_world
from support.datasette_server import Site, serving
from support.recordings import NOW, message

from recorder import Channel, SessionManager, SessionRecorder
from recorder.datasette.questions import QUESTIONS
from recorder.datasette.server import is_loopback
from recorder.search.searcher import Searcher
from recorder.store.database import DATABASE_NAME
from recorder.store.read_only_sql import query
from recorder.store.reading import Reader

SHOWN = {
    *("messages", "recording_sessions", "session_tags", "session_gaps"),
    *("conversation", "sessions", "activity", "commands", "tagged_moments"),
}
REFUSED = {
    *("lines", "erased_lines", "file_removals", "opted_out", "sqlite_sequence"),
    *(f"messages_fts_{part}" for part in ("config", "data", "docsize", "idx")),
}
HOSTILE = "<script>alert(1)</script> \"quoted\" & 'so'"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world") / "data"
    asyncio.run(search_world.record(folder))
    return folder


@pytest.fixture(scope="module")
def site(world: Path) -> Iterator[Site]:
    with serving(world, "--host", "127.0.0.1") as opened:
        yield opened


def links(page: str) -> set[str]:
    return {html.unescape(link) for link in re.findall(r'href="([^"]*)"', page)}


def test_the_pages_that_people_want_are_offered_and_internals_are_not(site: Site) -> None:
    for page in (site.get("/"), site.get("/recorder")):
        offered = {link.removeprefix("/") for link in links(page)}
        assert {f"recorder/{name}" for name in SHOWN} <= offered
        assert not {f"recorder/{name}" for name in REFUSED} & offered
    tables = {row["name"] for row in site.rows("/recorder", sql="SELECT name FROM sqlite_master")}
    assert tables >= REFUSED
    for name in REFUSED:
        assert site.ask(f"/recorder/{name}")[0] == 403
        assert site.ask(f"/recorder/{name}.json")[0] == 403


def test_tables_and_columns_are_described_and_faceted(site: Site) -> None:
    page = site.get("/recorder/conversation")
    assert "Messages with the name of their session, their tags" in page
    assert "link to it in Discord" in page
    for facet in ("type", "author", "channel_id", "session"):
        assert f'data-column="{facet}"' in page
    first = re.search(r'<th class="col-(\w+)"', page)
    assert first and first[1] == "session"
    newest = site.rows("/recorder/conversation")[0]
    assert (newest["session"], newest["text"]) == ("secret", search_world.SECRET)


def test_messages_are_searched_on_their_pages(site: Site) -> None:
    for name in ("messages", "conversation"):
        found = {row["text"] for row in site.rows(f"/recorder/{name}", _search="panic")}
        assert found == {search_world.WORLD["apostrophe"]}


@pytest.mark.parametrize(
    "text",
    [
        "refresh token",
        "from:alice refresh",
        '"token refresh" OR disk',
        "refresh -token",
        "in:world has:code",
        "during:2025-11-03 C++",
        "tag:solution",
        "is:deleted",
        "刷新",
        "'; DROP TABLE messages; --",
        "",
    ],
)
def test_the_search_is_the_bots(site: Site, world: Path, text: str) -> None:
    rows = site.rows("/recorder/search", query=text)
    searcher = Searcher(Reader(world), ZoneInfo("UTC"))
    hits = searcher.search(text, None, now=search_world.NOW, limit=100).hits
    searcher.close()
    assert [(r["session_id"], r["message_index"]) for r in rows] == [
        (hit.session.id, hit.message.message_index) for hit in hits
    ]
    assert rows or not hits


def test_a_message_leads_to_its_place_in_the_transcript_and_in_discord(
    site: Site, world: Path
) -> None:
    session = Reader(world).find("world")
    channel = search_world.CHANNELS["world"].id
    place = f"/-/recorder/transcript/{session.id}?message=3#m3"
    for path in ("/recorder/conversation", "/recorder/messages", "/recorder/tagged_moments"):
        found = links(site.get(path))
        assert place in found
        assert f"https://discord.com/channels/1/{channel}/{search_world.FIRST_ID + 2}" in found
    assert place in links(site.get("/recorder/search", query="refresh"))
    assert f"/-/recorder/transcript/{session.id}" in links(site.get("/recorder/sessions"))
    page = site.get(f"/-/recorder/transcript/{session.id}", message="3")
    article = page.partition('<article id="m3"')[2].partition("</article>")[0]
    assert "Alice Liddell" in article and "refresh every token tonight" in article
    assert "solution-2" in article
    assert "(deleted)" not in article  # the operator sees deleted text, too
    assert html.escape(search_world.WORLD["apostrophe"]) in page
    for wrong in ("nothing", "%2e%2e", "x' OR 1=1 --".replace(" ", "%20")):
        assert site.ask(f"/-/recorder/transcript/{wrong}")[0] == 404


def test_a_query_of_somebody_else_makes_no_harmful_link(site: Site) -> None:
    sql = (
        "SELECT 'javascript:alert(1)' AS discord_url, '\"><script>' AS message_index, "
        "'javascript:alert(2)//' AS session_id"
    )
    page = site.get("/recorder", sql=sql)
    harmful = {link for link in links(page) if link.startswith("javascript:")}
    assert not harmful and '"><script>' not in page


def test_nothing_can_be_written_downloaded_or_attached(site: Site, world: Path) -> None:
    path = world / DATABASE_NAME
    before = path.read_bytes()
    for sql in (
        "DELETE FROM messages",
        "WITH a AS (SELECT 1) DELETE FROM messages",
        f"ATTACH '{world}/new.db' AS new",
        "PRAGMA journal_mode = DELETE",
        "SELECT load_extension('x')",
    ):
        assert site.ask_sql(sql)[0] == 400
    assert site.ask("/recorder.db")[0] == 403
    assert site.ask("/recorder/messages", b"text=x")[0] == 405
    assert path.read_bytes() == before
    assert not (world / "new.db").exists()


def test_a_query_that_takes_too_long_is_ended(site: Site) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    status, text = site.ask_sql(endless, _timelimit="100")
    assert status == 400 and "interrupted" in text.lower()


def test_a_page_of_somebody_else_cannot_ask_under_its_own_name(site: Site) -> None:
    assert site.ask("/", host="evil.example")[0] == 403
    assert site.ask("/", host="localhost:1")[0] == 200


@pytest.mark.parametrize("origin", ["cross-site", "same-site", "CROSS-SITE", ""])
def test_a_page_of_another_origin_cannot_measure_answers(site: Site, origin: str) -> None:
    for path in ("/", "/recorder/messages.json", "/-/static/app.css", "/-/recorder/transcript/x"):
        status, text = site.ask(path, Sec_Fetch_Site=origin)
        assert (status, text) == (403, "Another site may not read this one. Type its address.")
    for allowed in ("none", "same-origin"):
        assert site.ask("/", Sec_Fetch_Site=allowed)[0] == 200


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT length(zeroblob(100000000))",
        f"SELECT 'x' LIKE '{'%a' * 600}'",
        "SELECT zeroblob(16000000) FROM messages LIMIT 10",
        f"SELECT {'-' * 300}1",
        "WITH RECURSIVE n(i) AS (SELECT zeroblob(1000000) UNION ALL SELECT zeroblob(1000000) "
        "FROM n) SELECT length(group_concat(i)) FROM n",
    ],
)
def test_values_rows_and_memory_of_a_query_are_limited(site: Site, sql: str) -> None:
    assert site.ask_sql(sql)[0] == 400
    assert site.ask_sql("SELECT 1")[0] == 200


@pytest.mark.slow
def test_a_call_that_cannot_be_interrupted_holds_up_nothing(world: Path) -> None:
    """A single call of trim() compares every character with every other."""
    endless = (
        "SELECT length(trim(printf('%.*c', 15000000, 'x'), "
        "replace(hex(zeroblob(600000)), '0', 'y') || 'x'))"
    )
    with serving(world, end=signal.SIGTERM, end_code=-signal.SIGTERM) as site:
        begin = time.monotonic()
        status, text = site.ask_sql(endless)
        assert status == 400 and "interrupted" in text.lower()
        assert time.monotonic() - begin < 8
        assert site.ask_sql("SELECT 1")[0] == 200
        begin = time.monotonic()
    assert time.monotonic() - begin < 5


@pytest.mark.slow
def test_a_path_with_signs_of_urls_is_served(world: Path, tmp_path: Path) -> None:
    folder = tmp_path / "100%41 of? #1 & more"
    shutil.copytree(world, folder)
    with serving(folder) as site:
        assert site.rows("/recorder/messages")
        session = Reader(folder).find("world")
        assert "Alice" in site.get(f"/-/recorder/transcript/{session.id}")
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_the_questions_are_answered(site: Site, world: Path, question: object) -> None:
    assert isinstance(question, type(QUESTIONS[0]))
    answer = query(world, question.sql, seconds=10, limit=1_000)
    rows = site.rows(f"/recorder/{question.name}")
    assert [tuple(row.values()) for row in rows] == answer.rows


@pytest.mark.slow
async def test_what_is_recorded_meanwhile_is_seen_at_once(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    channel = Channel("71", "development", "1")
    session = await manager.start("live", channel, user_id="5", now=NOW)
    await recorder.record(message(0, "the very first", channel.id))
    with serving(recorder.folder) as site:

        async def see(number: int, text: str) -> None:
            counted = await asyncio.to_thread(site.rows, "/recorder/sessions")
            assert counted[0]["message_count"] == number
            for path, asked in (("conversation", "_search"), ("search", "query")):
                rows = await asyncio.to_thread(
                    site.rows, f"/recorder/{path}", **{asked: f'"{text}"'}
                )
                assert [row["text"] for row in rows] == [text], path

        stop = asyncio.Event()

        async def chatter() -> None:
            number = 10_000
            while not stop.is_set():
                await recorder.record(message(number, "noise", channel.id))
                number += 1

        await see(1, "the very first")
        for number in range(2, 6):
            await recorder.record(message(number, f"word{number} word", channel.id))
            await see(number, f"word{number} word")
        asked = replace(message(6, HOSTILE, channel.id), author=HOSTILE)
        await recorder.record(asked)
        await recorder.record(
            replace(
                message(9, "!answer me", channel.id),
                timestamp=NOW + timedelta(seconds=9),
            )
        )
        page = await asyncio.to_thread(site.get, f"/-/recorder/transcript/{session.id}")
        assert HOSTILE not in page and html.escape(HOSTILE) in html.escape(html.unescape(page))
        commands = await asyncio.to_thread(site.rows, "/recorder/commands")
        assert [row["command"] for row in commands] == ["!answer"]
        writing = asyncio.create_task(chatter())
        for _ in range(3):
            for path in ("/recorder/conversation", "/recorder/activity", "/recorder/messages"):
                await asyncio.to_thread(site.rows, path, _search="noise")
        stop.set()
        await writing


@pytest.mark.slow
async def test_a_transcript_is_shown_page_by_page(
    recorder: SessionRecorder, manager: SessionManager
) -> None:
    channel = Channel("71", "development", "1")
    session = await manager.start("long", channel, user_id="5", now=NOW)
    await asyncio.gather(
        *(recorder.record(message(n, f"number {n}", channel.id)) for n in range(1, 402))
    )
    with serving(recorder.folder) as site:
        shown = {}
        for index in ("1", "200", "201", "401", "9999", "x", "-1"):
            page = await asyncio.to_thread(
                site.get, f"/-/recorder/transcript/{session.id}", message=index
            )
            ids = [int(id) for id in re.findall(r'<article id="m(\d+)"', page)]
            shown[index] = (ids[0], ids[-1], {n for n in links(page) if n.startswith("?")})
    first = (1, 200, {"?message=201"})
    assert shown == {
        "1": first,
        "200": first,
        "201": (201, 400, {"?message=1", "?message=401"}),
        "401": (401, 401, {"?message=201"}),
        "9999": (401, 401, {"?message=201"}),
        "x": first,
        "-1": first,
    }


@pytest.mark.slow
def test_other_machines_have_to_sign_in(world: Path) -> None:
    with serving(world, "--host", "0.0.0.0") as site:
        link = site.url
        token = link.partition("?token=")[2]
        assert token
        open_to_all = Site(re.sub(r"/-/.*", "", link).replace("0.0.0.0", "127.0.0.1"))
        session = Reader(world).find("world")
        for path in ("/", "/recorder", "/recorder/messages", "/recorder/search"):
            assert open_to_all.ask(path)[0] == 403
        assert open_to_all.ask(f"/-/recorder/transcript/{session.id}")[0] == 403
        assert open_to_all.ask_sql("SELECT 1")[0] == 403
    assert [is_loopback(h) for h in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "example")] == [
        *(True, True, True),
        *(False, False),
    ]


def refused(folder: Path, *options: str) -> tuple[int, str]:
    command = (sys.executable, "-m", "recorder", "--data", str(folder), "serve", *options)
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return result.returncode, result.stderr


@pytest.mark.slow
def test_what_cannot_be_served_is_said(world: Path, site: Site, tmp_path: Path) -> None:
    code, says = refused(tmp_path)
    assert code == 3 and "recorder init" in says and "Traceback" not in says
    code, says = refused(world, "--port", site.url.rpartition(":")[2])
    assert code == 2 and "Choose another --port" in says and "Traceback" not in says


def test_without_datasette_a_sentence_says_what_to_install(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner  # noqa: PLC0415

    from recorder.cli.main import main  # noqa: PLC0415

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = CliRunner().invoke(main, ["--data", str(world), "serve"])
    assert result.exit_code == 2
    assert "pip install 'discord-session-recorder[datasette]'" in result.output
