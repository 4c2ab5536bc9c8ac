"""The configuration of Datasette: titles, facets, hidden tables and canned queries.

Datasette 0.65 reads all of it as metadata; 1.0 reads the configuration from a separate file. The
descriptions of tables and columns come from ``schema.sql``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from recorder.datasette.questions import QUESTIONS
from recorder.store.database import DATABASE_NAME
from recorder.store.public_copy import TABLES
from recorder.store.schema import describe_schema

Tree: TypeAlias = dict[str, Any]

DATABASE = Path(DATABASE_NAME).stem
"""The name that Datasette gives the database of a data folder."""

SETTINGS: Tree = {
    "allow_download": False,
    "default_cache_ttl": 0,  # new messages appear at once
    "facet_time_limit_ms": 1_000,
    "sql_time_limit_ms": 5_000,
    "suggest_facets": False,
    "truncate_cells_html": 500,
}

# Keys, hashes and tables that only the recorder uses.
_INTERNAL = (
    *("lines", "erased_lines", "file_removals", "ledger", "opted_out", "sqlite_sequence"),
    *(f"messages_fts_{part}" for part in ("config", "data", "docsize", "idx")),
)


@dataclass(frozen=True, slots=True)
class _Page:
    """The page of a table or view, sorted by the column `newest` in descending order."""

    title: str
    newest: str
    facets: tuple[str, ...] = ()
    label: str | None = None
    is_searched: bool = False
    is_hidden: bool = False

    def tree(self) -> Tree:
        """Return the configuration of the page, without the title."""
        tree: Tree = {"sort_desc": self.newest}
        if self.facets:
            tree["facets"] = list(self.facets)
        if self.label:
            tree["label_column"] = self.label
        if self.is_searched:
            tree |= {"fts_table": "messages_fts", "fts_pk": "id"}
        if self.is_hidden:
            tree["hidden"] = True
        return tree


_PAGES = {
    "conversation": _Page(
        "Messages with their session", "id", ("type", "author", "channel_id", "session"),
        is_searched=True,
    ),
    "sessions": _Page(
        "Sessions with their durations", "started_at", ("status", "guild_id", "channel_id")
    ),
    "activity": _Page("Activity by quarter of an hour", "quarter", ("session",)),
    "commands": _Page("Commands of bots", "id", ("command", "author", "session")),
    "tagged_moments": _Page("Tagged moments", "timestamp", ("session",)),
    "messages": _Page("Messages", "id", ("type", "author", "channel_id", "session_id")),
    "recording_sessions": _Page(
        "Sessions", "started_at", ("status", "guild_id", "channel_id"), label="name"
    ),
    "session_tags": _Page("Tags", "timestamp", ("tag",)),
    "session_gaps": _Page("Gaps", "started_at", ("reason",)),
    "session_intervals": _Page("Recorded intervals", "started_at", is_hidden=True),
    "session_channels": _Page("Recorded channels", "session_id", ("channel_id",), is_hidden=True),
    "attachments": _Page("Attached files", "message_id", ("problem",), is_hidden=True),
    "auto_recording": _Page("Auto-recording", "place_id", is_hidden=True),
    "erasures": _Page("Erasures", "erased_at", ("reason",), is_hidden=True),
}  # fmt: skip

VIEWS = ("conversation", "sessions", "activity", "commands", "tagged_moments")

_SEARCH: Tree = {
    "title": "Search as in Discord",
    "description": (
        'Words that must all match, "a phrase", prefix*, -not, a OR b, and the filters from: in: '
        "mentions: before: after: during: has: is: type: tag:. Newest messages first."
    ),
    "sql": (
        "SELECT c.session, c.message_index, c.timestamp, c.author, c.text, c.tags, c.discord_url, "
        "c.session_id\n"
        "FROM json_each(recorder_search(:query)) hit "
        "CROSS JOIN conversation c ON c.id = hit.value\n"
        "ORDER BY hit.key"
    ),
    "params": ["query"],
}


def metadata(database: str = DATABASE, *, public: bool = False) -> Tree:
    """Return the metadata of Datasette 0.65, which includes the configuration.

    Parameters
    ----------
    database
        The name that Datasette gives the database: its file name without the suffix.
    public
        For a public copy: without the tables it lacks and the query that needs the plugin.
    """
    pages = _tables()
    tables: Tree = {}
    for item in describe_schema():
        if public and item.name not in (*TABLES, *VIEWS):
            continue
        about: Tree = {"description": item.comment}
        if item.name in _PAGES:
            about["title"] = _PAGES[item.name].title
        if item.columns:
            about["columns"] = item.columns
        tables[item.name] = about | pages.pop(item.name, {})
    if not public:
        tables |= pages
    links = [(name, _PAGES[name].title) for name in VIEWS]
    if not public:
        links.insert(0, ("search", str(_SEARCH["title"])))
    about = {
        "description_html": " · ".join(
            f'<a href="{_encoded(database)}/{name}">{title}</a>' for name, title in links
        )
    }
    return {
        "title": "Recorded sessions",
        **about,
        "databases": {
            database: {**about, "queries": _queries(public=public), "tables": tables},
        },
    }


def configuration() -> Tree:
    """Return the content of ``datasette.yaml`` for 1.0; `metadata` has the descriptions."""
    tables = _tables()
    return {
        "settings": SETTINGS,
        "databases": {DATABASE: {"queries": _queries(public=False), "tables": tables}},
    }


def _encoded(database: str) -> str:
    """Return the name of a database as Datasette writes it in URLs."""
    return "".join(
        chr(byte) if re.match(rb"[\w-]", bytes([byte])) else "+" if byte == 32 else f"~{byte:02X}"
        for byte in database.encode()
    )


def _tables() -> Tree:
    tables: Tree = {name: page.tree() for name, page in _PAGES.items()}
    # Not denied: Datasette 1.0 searches only tables that the visitor may view.
    tables["messages_fts"] = {"hidden": True}
    return tables | {name: {"hidden": True, "allow": False} for name in _INTERNAL}


def _queries(*, public: bool) -> Tree:
    queries: Tree = {} if public else {"search": _SEARCH}
    for question in QUESTIONS:
        queries[question.name] = {"title": question.title, "sql": question.sql.rstrip(";")}
    return queries
