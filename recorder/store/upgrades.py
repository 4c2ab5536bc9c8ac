"""The steps that upgrade a database of an older release.

The step at index n upgrades version n + 1 to n + 2; version 1 is that of the first release. A
released step is never changed, whatever ``schema.sql`` becomes, and its comment says why the
schema changed. A test compares the schema of an upgraded database with a fresh one.
"""

from __future__ import annotations

from collections.abc import Callable
from sqlite3 import Connection

Upgrade = Callable[[Connection], None]

UPGRADES: tuple[Upgrade, ...] = ()
