"""Generated documentation is current; links, paths and settings in it are those of the code."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cogapp import Cog  # type: ignore[import-untyped]

from recorder.settings import Settings

ROOT = Path(__file__).parent.parent

GENERATED = re.findall(r"[\w/]+\.(?:md|yaml)", (ROOT / "scripts/docs").read_text(encoding="utf-8"))
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


def pages(*names: str) -> pytest.MarkDecorator:
    """Run a test for each page of the documentation, or for those named."""
    chosen = [ROOT / name for name in names] or PAGES
    return pytest.mark.parametrize("page", chosen, ids=lambda page: page.name)


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def anchors(page: Path) -> Iterator[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    seen: dict[str, int] = {}
    for heading in re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)  # of a link, its text
        anchor = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
        count = seen[anchor] = seen.get(anchor, -1) + 1
        yield f"{anchor}-{count}" if count else anchor


@pytest.mark.parametrize("name", GENERATED)
def test_generated_documentation_is_current(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert Cog().main(["cog", "--check", "-p", "import sys", name]) == 0, "run scripts/docs"


def test_every_page_with_a_generated_part_is_written_by_the_script() -> None:
    generated = [page.relative_to(ROOT).as_posix() for page in PAGES if "[[[cog" in prose(page)]
    assert set(generated) <= set(GENERATED)


@pages()
def test_links_lead_somewhere(page: Path) -> None:
    text = prose(page)
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", text)
    sources = re.findall(r'<(?:img|a)[^>]*(?:src|href)="(?!https?:)([^"]+)"', text)
    for target in (*links, *sources):
        file, _, anchor = target.partition("#")
        linked = (page.parent / file).resolve() if file else page
        assert linked.is_relative_to(ROOT) and linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


@pages()
def test_files_that_are_named_exist(page: Path) -> None:
    for name in re.findall(r"`((?:recorder|tests|scripts|docs)/[\w./]*)`", prose(page)):
        assert (ROOT / name).exists(), name


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        links = re.findall(r"\]\((?!https?:)([^)#]+\.md)", prose(page))
        waiting += {(page.parent / link).resolve() for link in links} - reached
    assert reached >= set(PAGES)


def test_pictures_have_a_text_and_are_small() -> None:
    pictures = sorted((ROOT / "docs/pictures").iterdir())
    assert pictures
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for picture in pictures:
        assert picture.stat().st_size < 150_000, picture.name
        assert re.search(rf'pictures/{picture.name}"[^>]* alt="[^"]', readme), picture.name


def test_the_settings_are_those_of_the_code() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (?:`(.+?)`)? ?\|", prose(ROOT / "docs/settings.md"), re.MULTILINE
    )
    source = (ROOT / "recorder/settings.py").read_text(encoding="utf-8")
    variables = set(re.findall(r'"(RECORDER_[A-Z_]+|DISCORD_[A-Z_]+)"', source))
    assert {variable for variable, _ in rows} == variables
    defaults = {variable: default for variable, default in rows if default}
    assert Settings.from_environment(defaults) == Settings.from_environment({})
