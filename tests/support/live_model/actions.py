"""All steps."""

from __future__ import annotations

from .orders import Orders
from .places import Places
from .speech import Speech
from .troubles import Troubles


class Actions(Speech, Places, Orders, Troubles):
    """The steps by their names."""
