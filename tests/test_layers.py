"""Imports point one way, and each outside library stays in its room."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "recorder"

# From the bottom up; a module imports from its own layer and those below. A package's name
# stands for all its modules.
LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "models"}),
    frozenset({"settings", "formatting"}),
    frozenset({"record"}),
    frozenset({"store"}),
    frozenset({"search", "stats", "formats"}),
    frozenset({"recording"}),
    frozenset({"", "care"}),  # "" is recorder/__init__.py
    frozenset({"bot", "datasette"}),
    frozenset({"cli"}),
    frozenset({"__main__"}),
)
# The rooms that may import an outside library; a folder within a room counts for itself.
ROOMS = {
    "aiohttp": ("bot",),
    "discord": ("bot",),
    "simcord": ("bot",),
    "click": ("cli",),
    "rich": ("cli",),
    "PIL": ("stats.pictures",),
    "jinja2": ("formats.html",),
    "datasette": ("datasette",),
    "cryptography": ("care.sealing", "care.proof_checker"),
    "rfc3161_client": ("care.sealing",),
    "uvicorn": ("datasette",),
    "sqlite3": ("store",),
    "sqlite_utils": ("store",),
}


def read_package() -> dict[str, str]:
    """The source of every module, by its dotted name below the package."""
    modules = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        modules[".".join(part for part in parts if part != "__init__")] = path.read_text("utf-8")
    return modules


def imports(source: str, modules: Mapping[str, str], *, lazy: bool) -> Iterator[str]:
    """The dotted names that a source imports; `lazy` includes those within functions."""
    for node in ast.walk(ast.parse(source)) if lazy else at_import(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                deeper = f"{module}.{alias.name}"
                yield deeper if deeper.removeprefix("recorder.") in modules else module


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """What runs when the module is imported."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from at_import(child)


def layer(room: str) -> int | None:
    return next((number for number, rooms in enumerate(LAYERS) if room in rooms), None)


def faults(modules: Mapping[str, str]) -> list[str]:
    """What breaks a rule, one sentence each."""
    found = []
    graph: dict[str, set[str]] = {name: set() for name in modules}
    for name, source in modules.items():
        room = name.partition(".")[0]
        own = layer(room)
        if own is None:
            found.append(f"{name} is in no layer")
            continue
        for imported in imports(source, modules, lazy=True):
            top, _, rest = imported.partition(".")
            if imported.startswith("."):
                found.append(f"{name} has a relative import")
            elif top == "recorder":
                other = layer(rest.partition(".")[0])
                if other is None or other > own:
                    found.append(f"{name} imports {imported}")
            elif not f"{name}.".startswith(tuple(f"{r}." for r in ROOMS.get(top, (room,)))):
                found.append(f"{name} imports {top}")
        for imported in imports(source, modules, lazy=False):
            below = imported.removeprefix("recorder.")
            if imported != "recorder" and below in modules and below != name:
                graph[name].add(below)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found.append(f"imports go round: {' > '.join(error.args[1])}")
    return found


def test_the_package_keeps_the_rules() -> None:
    modules = read_package()
    assert {"", "errors", "store.database", "bot.cog", "cli.main"} <= modules.keys()
    assert faults(modules) == []


@pytest.mark.parametrize(
    ("name", "source", "fault"),
    [
        ("models", "import recorder.store.database", "models imports recorder.store.database"),
        ("record.jsonl", "from recorder.store.reading import Reader", "record.jsonl imports"),
        ("store.database", "import recorder.search.query", "store.database imports"),
        ("store.reading", "from recorder.recording.writer import W", "store.reading imports"),
        ("store.reading", "from recorder import Session", "store.reading imports recorder"),
        ("search.query", "from recorder.recording import writer", "search.query imports"),
        ("recording.writer", "from recorder.bot.cog import R", "recording.writer imports"),
        ("recording.writer", "def f():\n    import recorder.cli", "recording.writer imports"),
        ("bot.cog", "from recorder.cli.main import main", "bot.cog imports recorder.cli.main"),
        ("search.query", "import discord", "search.query imports discord"),
        ("cli.main", "from discord.ext import commands", "cli.main imports discord"),
        ("bot.cog", "import click", "bot.cog imports click"),
        ("recording.writer", "import rich.progress", "recording.writer imports rich"),
        ("recording.writer", "import sqlite3", "recording.writer imports sqlite3"),
        ("bot.cog", "def f():\n    from sqlite3 import connect", "bot.cog imports sqlite3"),
        ("search.query", "import sqlite_utils", "search.query imports sqlite_utils"),
        ("stats.topics", "import PIL", "stats.topics imports PIL"),
        ("care.backup", "import cryptography.x509", "care.backup imports cryptography"),
        (
            "care.proof_checker",
            "import rfc3161_client",
            "care.proof_checker imports rfc3161_client",
        ),
        ("search.query", "from . import store", "search.query has a relative import"),
        ("helpers", "", "helpers is in no layer"),
        ("recording.writer", "import recorder.helpers", "recording.writer imports"),
        ("errors", "import recorder.models", "imports go round"),
    ],
)
def test_a_broken_rule_is_found(name: str, source: str, fault: str) -> None:
    modules = {
        "errors": "",
        "models": "import recorder.errors",
        "record.jsonl": "import recorder.models",
        "store.database": "import sqlite3",
        "store.reading": "from recorder.store.database import schema",
        "search.query": "",
        "stats.topics": "",
        "stats.pictures.drawing": "import PIL",
        "recording.writer": "",
        "care.backup": "",
        "care.sealing": "def f():\n    from cryptography import x509\n    import rfc3161_client",
        "care.proof_checker": "from cryptography import x509",
        "bot.cog": "",
        "cli.main": "import click",
    }
    assert faults(modules) == []
    found = faults({**modules, name: source})
    assert [sentence for sentence in found if sentence.startswith(fault)] == found != []


def test_no_two_files_have_the_same_name() -> None:
    names = [path.name for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"]
    assert sorted(names) == sorted(set(names))


def test_no_module_imports_a_test_module() -> None:
    paths = list(Path(__file__).parent.rglob("*.py"))
    names = [path.stem for path in paths if path.stem.startswith("test_")]
    assert Path(__file__).stem in names
    importing = re.compile(rf"^ *(?:from|import) .*\b(?:{'|'.join(names)})\b", re.MULTILINE)
    assert not [path for path in paths if importing.search(path.read_text(encoding="utf-8"))]
