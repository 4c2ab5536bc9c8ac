"""``schema.sql``: its text, its statements, and the comments of its tables and columns."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path


def schema() -> str:
    """Return the text of ``schema.sql``, from the wheel or from the checkout."""
    packaged = resources.files("recorder") / "schema.sql"
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    return (Path(__file__).parents[2] / "schema.sql").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class SchemaItem:
    """A table or view of ``schema.sql`` with the comment above it."""

    name: str
    comment: str
    sql: str

    @property
    def columns(self) -> dict[str, str]:
        """The comments of the columns that have one, by name."""
        comments: dict[str, str] = {}
        name = ""
        for line in self.sql.splitlines()[1:]:
            code, _, comment = line.partition("--")
            words = re.findall(r"\w+", code)
            if words:
                name = words[-1] if self.sql.startswith("CREATE VIEW") else words[0]
            if comment:
                earlier = f"{comments[name]} " if name in comments else ""
                comments[name] = earlier + comment.strip()
        return comments


def describe_schema() -> list[SchemaItem]:
    """Return the tables and views of ``schema.sql`` in its order, with their comments."""
    items = []
    for statement in statements(schema()):
        lines = statement.rpartition("\n\n")[2].splitlines()
        sql = [line for line in lines if not line.startswith("--") and line]
        comment = " ".join(line.removeprefix("--").strip() for line in lines if line[:2] == "--")
        words = sql[0].split()
        kind = next((word for word in ("TABLE", "VIEW") if word in words[:3]), None)
        if kind is not None:
            name = words[words.index(kind) + 1]
            items.append(SchemaItem(name, comment, "\n".join(sql)))
    return items


def statements(script: str) -> Iterator[str]:
    """Yield the single statements of an SQL script (``executescript`` would commit early)."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""
