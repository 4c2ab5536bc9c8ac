"""Documentation that is generated is up to date, and its links lead somewhere."""

import re
from pathlib import Path

import pytest
from cogapp import Cog  # type: ignore[import-untyped]

ROOT = Path(__file__).parent.parent


GENERATED = (
    *("docs/cli.md", "docs/commands.md", "docs/schema.md", "README.md"),
    *("recorder/datasette/metadata.yaml", "recorder/datasette/datasette.yaml"),
)


@pytest.mark.parametrize("name", GENERATED)
def test_generated_documentation_is_current(name: str) -> None:
    path = ROOT / name
    assert Cog().main(["cog", "--check", "-p", "import sys", str(path)]) == 0, "run scripts/docs"


@pytest.mark.parametrize("path", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))])
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", path.read_text(encoding="utf-8")):
        file, _, anchor = target.partition("#")
        found = path.parent / file if file else path
        assert found.exists(), target
        headings = re.findall(r"^#+ (.*)$", found.read_text(encoding="utf-8"), re.MULTILINE)
        assert not anchor or anchor in {heading.lower().replace(" ", "-") for heading in headings}
