"""Documentation that is generated is up to date: ``scripts/docs`` writes it anew."""

from pathlib import Path

import pytest
from cogapp import Cog  # type: ignore[import-untyped]

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", ["cli.md", "commands.md", "schema.md"])
def test_generated_documentation_is_current(name: str) -> None:
    path = ROOT / "docs" / name
    assert Cog().main(["cog", "--check", "-p", "import sys", str(path)]) == 0, "run scripts/docs"
