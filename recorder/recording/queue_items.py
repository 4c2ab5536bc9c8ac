"""The items of the writer's queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from recorder.models import Change, Edit, Message
from recorder.store.journal import Journal

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """Work for the writer thread, in its order among the messages, within the transaction.

    When it raises, its changes to the `Journal` are undone, and its waiter receives the error.
    """

    work: Callable[[Journal], T]


@dataclass(frozen=True, slots=True)
class Update:
    """An edit with the message after it, for sessions that missed the original."""

    message: Message
    edit: Edit

    @property
    def channel_id(self) -> str:
        """The channel of the message."""
        return self.edit.channel_id


@dataclass(frozen=True, slots=True)
class Barrier:
    """Resolved once every earlier item is committed; needs no transaction of its own."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Rewrite the file of a session from the database, and keep a differing one beside it."""

    session_id: str


@dataclass(frozen=True, slots=True)
class Stop:
    """The end of the queue."""


Item = Message | Change | Update | Call[Any] | Barrier | Rewrite | Stop


Waiter = asyncio.Future[Any] | None
